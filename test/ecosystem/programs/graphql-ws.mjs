// Owns graphql-ws' job: a query, a subscription, a failing one, one that is ended by the client, and the end of the server.
import { createServer } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { GraphQLError, GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { createClient } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import WebSocket, { WebSocketServer } from 'ws'
import { inbox, listen, report, whose } from './support.mjs'

const ended = inbox()
const closes = inbox()
const type = GraphQLInt
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: {
      hello: {
        type: GraphQLString,
        args: { name: { type: GraphQLString } },
        resolve: (_, { name }) => `Hello, ${name}`
      }
    }
  }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      count: { type, args: { to: { type } }, subscribe: (_, { to }) => countTo(to) },
      fail: { type, subscribe: () => Promise.reject(new GraphQLError('not here')) }
    }
  })
})

async function* countTo(to) {
  let count = 0
  try {
    while (count < to) {
      yield { count: ++count }
      // So that the server hears of the end of a subscription meanwhile.
      if (count % 10 === 0) await setImmediate()
    }
  } finally {
    ended.push(count === to ? 'whole' : 'cut short')
  }
}

const http = createServer()
const server = new WebSocketServer({ server: http, path: '/graphql' })
const disposable = useServer(
  { schema, onConnect: ({ connectionParams }) => connectionParams.token === 'secret' },
  server
)
const url = `ws://127.0.0.1:${await listen(http)}/graphql`

function connect(token) {
  const on = { closed: ({ code, reason, wasClean }) => closes.push([code, reason, wasClean]) }
  return createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { token },
    retryAttempts: 0,
    lazy: true,
    on
  })
}

async function collect(client, query, isEnough = () => false) {
  const values = []
  for await (const { data, errors } of client.iterate({ query })) {
    values.push(data ?? errors.map(({ message }) => message))
    if (isEnough(values)) break
  }
  return values
}

const result = { ws: whose('graphql-ws') }
const client = connect('secret')
result.query = await collect(client, '{ hello(name: "grüße") }')
result.closedIdle = await closes.next()
const [counted, said] = await Promise.all([
  collect(client, 'subscription { count(to: 500) }'),
  collect(client, '{ hello(name: "meanwhile") }')
])
result.subscription = [
  counted.length,
  counted.every(({ count }, index) => count === index + 1),
  said,
  await ended.next()
]
result.failed = await collect(client, 'subscription { fail }').catch((errors) =>
  errors.map(({ message }) => message)
)
result.ended = [
  await collect(client, 'subscription { count(to: 1000000) }', ({ length }) => length === 3),
  await ended.next()
]
await closes.next()
result.forbidden = await collect(connect('wrong'), '{ hello(name: "x") }').catch(({ code, reason }) => [
  code,
  reason
])
await closes.next()

const held = collect(client, 'subscription { count(to: 1000000) }').catch(({ code, reason }) => [
  code,
  reason
])
await new Promise((resolve) => client.on('connected', resolve))
await disposable.dispose()
result.disposed = [await held, await ended.next()]
http.close()
report(result)
