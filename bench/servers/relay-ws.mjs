// A server on ws that has subscribers, or publishes to those of another, as applications write it: see relay-roles.mjs. The broker's
// client is the one that hotsocket gets.
import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { connect } from '@nats-io/transport-node'
import { createClient } from 'redis'
import { brokerPort, runRelay } from './relay-roles.mjs'

const { WebSocketServer } = await import(process.env.WS_MODULE ?? 'ws')
const host = '127.0.0.1'
const CHANNEL = 'topic'

/** `publish(bytes)`, and `subscribe(deliver)`, which resolves when the broker has confirmed it. */
const BROKERS = { redis: openRedis, nats: openNats, memory: openPort }

await runRelay(new URL(import.meta.url), serve, () => {
  const { port1, port2 } = new MessageChannel()
  return [port1, port2]
})

async function serve(role, link) {
  const broker = await BROKERS[process.argv[2]](link)
  const server = new WebSocketServer({ host, port: 0 })
  await once(server, 'listening')
  if (role === 'publisher') {
    server.on('connection', (client) => client.on('message', (data) => broker.publish(data)))
  } else {
    await broker.subscribe((data) => {
      for (const client of server.clients) client.send(data, { binary: false })
    })
  }
  return { port: server.address().port, ready: async () => {} }
}

async function openRedis() {
  const client = createClient({ socket: { host, port: brokerPort } })
  await client.connect()
  return {
    publish: (bytes) => client.publish(CHANNEL, bytes),
    subscribe: (deliver) => client.subscribe(CHANNEL, deliver, true)
  }
}

async function openNats() {
  const connection = await connect({ servers: `${host}:${brokerPort}` })
  return {
    publish: (bytes) => connection.publish(CHANNEL, bytes),
    subscribe(deliver) {
      connection.subscribe(CHANNEL, { callback: (_error, { data }) => deliver(data) })
      return connection.flush()
    }
  }
}

function openPort(port) {
  return {
    // A copy, as ws cuts messages out of larger buffers, which would be sent whole.
    publish: (bytes) => port.postMessage(Uint8Array.from(bytes)),
    subscribe: (deliver) => port.on('message', deliver)
  }
}
