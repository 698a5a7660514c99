// An echo server on hotsocket. Usage: hotsocket.mjs VARIANT; HOTSOCKET_TIER chooses the tier. Prints its port.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { AsyncServer, DeflateMessage } from '../../dist/index.js'
import { answerHarness } from './answer-harness.mjs'

const { version } = createRequire(import.meta.url)('../../package.json')
const host = '127.0.0.1'

let subscriptionCount = 0
let sentCount = 0
const onsent = () => {
  sentCount += 1
}
const onmessage = (client, message) => client.send(message.payload)

/** Memory for the contexts of all, as ws has it. */
const TAKEOVER = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  maxContextBytes: 2 ** 33
}

/** Options of the server. The names are explained in harness/cases.mjs. */
const VARIANTS = {
  payload: { onmessage },
  received: { onmessage: (client, message) => client.send(message) },
  reported: { onmessage, onsent },
  attached: { onmessage },
  tls: { onmessage },
  deflate: { onmessage, ...deflate({}) },
  'deflate-1': { onmessage, ...deflate({ level: 1 }) },
  'deflate-6': { onmessage, ...deflate({ level: 6 }) },
  'deflate-takeover': { onmessage, ...deflate(TAKEOVER) },
  all: publishing(1),
  'all-deflate': { ...publishing(1), ...deflate({}) },
  topics: publishing(10),
  subscribed: { onmessage, onopen: subscribeToTen },
  counted: {
    ...deflate({}),
    onmessage: (client, message) =>
      message.bytes.length > 1024
        ? client.send(String(message.bytes.length), { compress: false })
        : onmessage(client, message)
  }
}

/** The handlers of a server that publishes what it gets. */
function publishing(topicCount) {
  let openCount = 0
  let publicationCount = 0
  return {
    onopen: (client) => client.subscribe(`topic/${openCount++ % topicCount}`),
    onmessage(client, message) {
      // Who publishes does not subscribe.
      if (publicationCount === 0) for (const topic of client.topics) client.unsubscribe(topic)
      server.publish(`topic/${publicationCount++ % topicCount}`, message.payload)
    }
  }
}

function subscribeToTen(client) {
  for (let i = 0; i < 10; i++) client.subscribe(`prices/${(subscriptionCount++ * 7) % 1000}`)
}

function deflate(settings) {
  return { extensions: [new DeflateMessage({ thresholdBytes: 0, ...settings })] }
}

const variant = process.argv[2]
const server = new AsyncServer({
  ...VARIANTS[variant],
  ...(variant === 'tls' && { tls: await certify() }),
  host,
  // The peers send no pings of their own, either.
  pingIntervalMs: 0
})
const port = variant === 'attached' ? await listenAttached() : await listen()
answerHarness(() => ({
  description: `hotsocket ${version}, tier ${server.tier}`,
  tier: server.tier,
  sentCount
}))
console.log(port)

async function listen() {
  await server.listen()
  return server.port
}

async function listenAttached() {
  const http = createServer()
  server.attach(http)
  await once(http.listen(0, host), 'listening')
  return http.address().port
}

/** Loaded only where it is needed: what else is in memory makes each collection of garbage longer. */
async function certify() {
  const { makeCertificate } = await import('./certificate.mjs')
  return makeCertificate()
}
