// Owns a server on a hub, in a thread of `serveWorkers` or a worker of `node:cluster`: clients subscribe and publish by JSON.
import cluster from 'node:cluster'
import { memoryBackplane } from '../../dist/adapters/memory.js'
import { AsyncServer } from '../../dist/index.js'

/** `hub`: what `memoryBackplane` takes. */
export function server({ hub }) {
  const backplane = memoryBackplane(hub, { heartbeatMs: 100 })
  return new AsyncServer({
    host: '127.0.0.1',
    logLevel: 'silent',
    closeTimeoutMs: 100,
    async onmessage(client, { payload }) {
      const { subscribe, publish, message } = JSON.parse(payload)
      if (subscribe !== undefined) client.subscribe(subscribe)
      if (publish !== undefined) this.publish(publish, message)
      await backplane.ready()
      client.send(
        JSON.stringify({ server: backplane.serverId, servers: backplane.serverCount(), pid: process.pid })
      )
    }
  }).use(backplane)
}

if (cluster.isWorker) {
  const one = await server({ hub: process }).listen()
  process.send({ port: one.port })
  process.once('message', function onmessage(message) {
    if (message !== 'close') process.once('message', onmessage)
    else void one.close().then(() => process.disconnect())
  })
}
