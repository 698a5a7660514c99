// Owns tRPC's job over WebSocket: calls, a subscription, keep-alive, and clients that are told to reconnect.
import { on, once } from 'node:events'
import { createServer } from 'node:http'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import { initTRPC, tracked } from '@trpc/server'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import WebSocket, { WebSocketServer } from 'ws'
import { inbox, listen, report, whose } from './support.mjs'

const t = initTRPC.create()
const router = t.router({
  hello: t.procedure.input(String).query(({ input }) => `Hello, ${input}`),
  fail: t.procedure.mutation(() => Promise.reject(new Error('not here'))),
  count: t.procedure.input(Number).subscription(async function* ({ input }) {
    for (let count = 1; count <= input; count++) yield tracked(String(count), count)
  })
})

const http = createServer()
const server = new WebSocketServer({ server: http })
const handler = applyWSSHandler({
  wss: server,
  router,
  keepAlive: { enabled: true, pingMs: 50, pongWaitMs: 5000 }
})
const url = `ws://127.0.0.1:${await listen(http)}`
const opened = inbox()
const socket = createWSClient({ url, WebSocket, onOpen: () => opened.push('open'), retryDelayMs: () => 10 })
const client = createTRPCClient({ links: [wsLink({ client: socket })] })

const result = { ws: whose('@trpc/server', '@trpc/client') }
result.query = await client.hello.query('grüße')
result.failed = await client.fail.mutate().catch(({ message }) => message)
result.opened = [await opened.next()]
result.counted = await new Promise((resolve, onError) => {
  const counts = []
  client.count.subscribe(100, {
    onData: ({ data }) => counts.push(data),
    onComplete: () => resolve(counts.length),
    onError
  })
})
// Its keep-alive is a message of its own.
const [connection] = server.clients
for await (const [data] of on(connection, 'message')) if (`${data}` === 'PONG') break
const gone = once(connection, 'close')
handler.broadcastReconnectNotification()
result.opened.push(await opened.next())
result.again = await client.hello.query('again')
await gone
const [next] = server.clients
const left = once(next, 'close')
await socket.close()
await left
server.close()
http.close()
report(result)
