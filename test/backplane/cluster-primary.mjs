// Owns the primary of a cluster whose workers share a hub and a port: prints the port for each worker as a line of JSON, and how
// many members the hub has when one has ended. Standard input: lines 'kill PID' (of a worker) and 'close'; its end ends all.
import cluster from 'node:cluster'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { MemoryHub } from '../../dist/adapters/memory.js'

const tell = (fact) => console.log(JSON.stringify(fact))
const hub = new MemoryHub()
cluster.setupPrimary({
  exec: join(import.meta.dirname, 'hub-server.mjs'),
  // The hub must not care which it is.
  serialization: process.argv[2]
})
for (let i = 0; i < 2; i++) {
  const worker = cluster.fork()
  hub.join(worker)
  worker.on('message', ({ port }) => {
    if (port !== undefined) tell({ port })
  })
}
cluster.on('exit', () => setImmediate(() => tell({ members: hub.memberCount })))
for await (const line of createInterface(process.stdin)) {
  const pid = Number(line.split(' ')[1])
  for (const worker of Object.values(cluster.workers)) {
    if (line === 'close') worker.send('close')
    else if (worker.process.pid === pid) worker.process.kill('SIGKILL')
  }
}
for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL')
