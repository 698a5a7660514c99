// An echo server on ws. Usage: ws.mjs VARIANT. Prints its port.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { WebSocketServer } from 'ws'
import { answerHarness } from './answer-harness.mjs'

const require = createRequire(import.meta.url)
const host = '127.0.0.1'

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
  deflate: deflate({}),
  'deflate-1': deflate({ zlibDeflateOptions: { level: 1 } }),
  'deflate-6': deflate({ zlibDeflateOptions: { level: 6 } }),
  'deflate-takeover': deflate({}),
  all: publishing(1),
  'all-deflate': { ...publishing(1), ...deflate({}) },
  topics: publishing(10),
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

/** Everything is compressed. Contexts are kept unless the client asks for none. */
function deflate(settings) {
  return { options: { perMessageDeflate: { threshold: 0, ...settings } } }
}

const variant = process.argv[2]
const { open, echo = echoPayload, options = {} } = VARIANTS[variant]
const http = variant === 'attached' ? createServer() : null
const server = new WebSocketServer({ ...(http === null ? { host, port: 0 } : { server: http }), ...options })
server.on('connection', (client) => {
  open?.(client)
  client.on('message', (data, isBinary) => echo(client, data, isBinary))
  client.on('error', () => client.terminate())
})
server.on('listening', () => {
  answerHarness(() => ({ description: describe(), sentCount }))
  console.log(server.address().port)
})
http?.listen(0, host)

/** Which addons ws has really loaded: it takes those that are there, and prefers Node's isUtf8 to utf-8-validate. */
function describe() {
  const addons = ['bufferutil', 'utf-8-validate'].map((name) => {
    const isLoaded = Object.keys(require.cache).some((file) => file.includes(name) && file.endsWith('.node'))
    return `${name} ${require(`${name}/package.json`).version}${isLoaded ? '' : ' (there, not used)'}`
  })
  return `ws ${require('ws/package.json').version} with ${addons.join(' and ')}`
}
