// An echo server in a thread, which ends in one of several ways while it is under load: see life-loop.mjs.
import { parentPort, workerData } from 'node:worker_threads'
import { AsyncServer } from '../../dist/index.js'

const ends = {
  exit: () => process.exit(0),
  throw: () => {
    process.nextTick(() => {
      throw new Error('as the test wants it')
    })
  },
  close: () => {
    void server.close().then(() => process.exit(0))
  },
  terminate: () => {}
}

let left = 50
const server = new AsyncServer({
  host: '127.0.0.1',
  logLevel: 'silent',
  closeTimeoutMs: 20,
  onmessage: (client, message) => {
    client.send(message)
    if (--left === 0) ends[workerData]()
  }
})
await server.listen()
parentPort.postMessage(server.port)
