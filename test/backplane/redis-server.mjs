// Owns a server at a Redis broker, as a process of its own: node redis-server.mjs PORT. Prints its port; each text of a client is
// published as 'news', to which all clients subscribe.
import { createClient } from 'redis'
import { redisBackplane } from '../../dist/adapters/redis.js'
import { AsyncServer } from '../../dist/index.js'

const client = createClient({
  socket: { host: '127.0.0.1', port: Number(process.argv[2]), reconnectStrategy: 20 }
})
const backplane = redisBackplane(client, { heartbeatMs: 200 })
const server = new AsyncServer({
  host: '127.0.0.1',
  onopen: (client) => client.subscribe('news'),
  onmessage: (_, message) => void server.publish('news', message)
})
await server.use(backplane).listen()
await backplane.ready()
console.log(server.port)
process.stdin.on('end', () => void server.close()).resume()
