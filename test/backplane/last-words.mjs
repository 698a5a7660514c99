// Owns a server that publishes much, closes, and ends its process at once: node last-words.mjs hub, or redis PORT, or nats PORT.
import { connect } from '@nats-io/transport-node'
import { createClient } from 'redis'
import { memoryBackplane } from '../../dist/adapters/memory.js'
import { natsBackplane } from '../../dist/adapters/nats.js'
import { redisBackplane } from '../../dist/adapters/redis.js'
import { AsyncServer } from '../../dist/index.js'

const [name, port] = process.argv.slice(2)
const make = {
  hub: () => memoryBackplane(process),
  redis: () => redisBackplane(createClient({ socket: { host: '127.0.0.1', port: Number(port) } })),
  nats: async () => natsBackplane(await connect({ servers: `127.0.0.1:${port}` }))
}
const backplane = await make[name]()
const server = new AsyncServer({ logLevel: 'silent' }).use(backplane)
while (backplane.state !== 'connected') await new Promise(setImmediate)
await backplane.ready()
for (let i = 0; i < 100; i++) server.publish('news', `${i} ${'x'.repeat(100_000)}`)
await server.close()
process.exit()
