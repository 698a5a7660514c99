// An echo server whose first message throws behind the handler's back; the process catches it. Prints its port, then what
// it caught.
import { AsyncServer } from '../../dist/index.js'

process.on('uncaughtException', (error) => console.log(error.message))

let messageCount = 0
const server = new AsyncServer({
  host: '127.0.0.1',
  logLevel: 'silent',
  onmessage: (client, message) => {
    client.send(message)
    if (++messageCount > 1) return
    process.nextTick(() => {
      throw new Error('nextTick')
    })
    queueMicrotask(() => {
      throw new Error('microtask')
    })
  }
})
await server.listen()
console.log(server.port)
