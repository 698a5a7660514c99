// An echo server on ws, or on what WS_MODULE names in its place. Usage: ws.mjs VARIANT. Prints its port.
import { createServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createRequire } from 'node:module'
import { answerHarness } from './answer-harness.mjs'

const { WS_MODULE = 'ws' } = process.env
const { WebSocketServer } = await import(WS_MODULE)
const require = createRequire(import.meta.url)
const host = '127.0.0.1'

const subscribers = new Map()
let subscriptionCount = 0
let sentCount = 0
const onsent = () => {
  sentCount += 1
}
const echoPayload = (client, data, isBinary) => client.send(isBinary ? data : data.toString())

/** `echo`: what is done with a message; `options`: of the WebSocketServer. The names are explained in harness/cases.mjs. */
const VARIANTS = {
  payload: {},
  received: { echo: (client, data, isBinary) => client.send(data, { binary: isBinary }) },
  reported: {
    echo: (client, data, isBinary) => client.send(isBinary ? data : data.toString(), onsent)
  },
  attached: {},
  tls: {},
  deflate: deflate({}),
  'deflate-1': deflate({ zlibDeflateOptions: { level: 1 } }),
  'deflate-6': deflate({ zlibDeflateOptions: { level: 6 } }),
  'deflate-takeover': deflate({}),
  all: publishing(1),
  'all-deflate': { ...publishing(1), ...deflate({}) },
  topics: publishing(10),
  subscribed: { open: subscribeToTen },
  counted: {
    ...deflate({}),
    echo: (client, data, isBinary) =>
      data.length > 1024
        ? client.send(String(data.length), { compress: false })
        : echoPayload(client, data, isBinary)
  }
}

/** What a server does that publishes what it gets: its subscribers' sets, and the bytes it got to each of them. */
function publishing(topicCount) {
  const topics = Array.from({ length: topicCount }, () => new Set())
  let openCount = 0
  let publicationCount = 0
  return {
    open: (client) => topics[openCount++ % topicCount].add(client),
    echo(client, data, isBinary) {
      // Who publishes does not subscribe.
      if (publicationCount === 0) for (const topic of topics) topic.delete(client)
      for (const one of topics[publicationCount++ % topicCount]) one.send(data, { binary: isBinary })
    }
  }
}

/** As applications do it: a map of sets, and each connection's own list, for its end. */
function subscribeToTen(client) {
  const mine = Array.from({ length: 10 }, () => `prices/${(subscriptionCount++ * 7) % 1000}`)
  for (const topic of mine) {
    const clients = subscribers.get(topic) ?? new Set()
    subscribers.set(topic, clients.add(client))
  }
  client.on('close', () => {
    for (const topic of mine) subscribers.get(topic).delete(client)
  })
}

/** Everything is compressed. Contexts are kept unless the client asks for none. */
function deflate(settings) {
  return { options: { perMessageDeflate: { threshold: 0, ...settings } } }
}

const variant = process.argv[2]
const { open, echo = echoPayload, options = {} } = VARIANTS[variant]
const http = await { attached: createServer, tls: createSecureServer }[variant]?.()
const server = new WebSocketServer({
  ...(http === undefined ? { host, port: 0 } : { server: http }),
  ...options
})
server.on('connection', (client) => {
  open?.(client)
  client.on('message', (data, isBinary) => echo(client, data, isBinary))
  client.on('error', () => client.terminate())
})
server.on('listening', () => {
  answerHarness(async () => ({ ...(WS_MODULE === 'ws' ? describe() : await describeFace()), sentCount }))
  console.log(server.address().port)
})
http?.listen(0, host)

async function createSecureServer() {
  return createHttpsServer(await certify())
}

/** Which addons ws has really loaded: it takes those that are there, and prefers Node's isUtf8 to utf-8-validate. */
function describe() {
  const addons = ['bufferutil', 'utf-8-validate'].map((name) => {
    const isLoaded = Object.keys(require.cache).some((file) => file.includes(name) && file.endsWith('.node'))
    return `${name} ${require(`${name}/package.json`).version}${isLoaded ? '' : ' (there, not used)'}`
  })
  return { description: `ws ${require('ws/package.json').version} with ${addons.join(' and ')}` }
}

async function describeFace() {
  const { AsyncServer } = await import('hotsocket')
  const { tier } = new AsyncServer()
  const { version } = require('../../package.json')
  return { description: `${WS_MODULE} ${version}, tier ${tier}`, tier }
}

/** Loaded only where it is needed: what else is in memory makes each collection of garbage longer. */
async function certify() {
  const { makeCertificate } = await import('./certificate.mjs')
  return makeCertificate()
}
