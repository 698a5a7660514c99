// A server on hotsocket that has subscribers, or publishes to those of another: see relay-roles.mjs. HOTSOCKET_TIER chooses the tier.
import { connect } from '@nats-io/transport-node'
import { createClient } from 'redis'
import { MemoryHub, memoryBackplane } from '../../dist/adapters/memory.js'
import { natsBackplane } from '../../dist/adapters/nats.js'
import { redisBackplane } from '../../dist/adapters/redis.js'
import { AsyncServer } from '../../dist/index.js'
import { brokerPort, runRelay } from './relay-roles.mjs'

const host = '127.0.0.1'

const BACKPLANES = {
  redis: () => redisBackplane(createClient({ socket: { host, port: brokerPort } })),
  nats: async () => natsBackplane(await connect({ servers: `${host}:${brokerPort}` })),
  memory: memoryBackplane
}

const ROLES = {
  publisher: {
    onmessage(_client, message) {
      this.publish('topic', message.payload)
    }
  },
  subscribers: {
    onopen: (client) => client.subscribe('topic')
  }
}

await runRelay(new URL(import.meta.url), serve, () => {
  const hub = new MemoryHub()
  return [hub.connect(), hub.connect()]
})

async function serve(role, link) {
  const backplane = await BACKPLANES[process.argv[2]](link)
  // The peers send no pings, either.
  const server = new AsyncServer({ ...ROLES[role], host, pingIntervalMs: 0 })
  await server.use(backplane).listen()
  return { port: server.port, ready: () => backplane.ready() }
}
