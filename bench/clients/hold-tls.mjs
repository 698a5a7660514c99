// Mode hold of bench/native/load, over TLS, for any library's server. Usage: hold-tls.mjs hold NAME=VALUE...
// Names: port, connections, bytes (of one text message, below 126). Stages: open, used (each has had one echo), closed.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { connect } from 'node:tls'

const [, ...pairs] = process.argv.slice(2)
const names = Object.fromEntries(pairs.map((pair) => pair.split('=')))
const [port, connections, bytes] = [names.port, names.connections, names.bytes].map(Number)
/** Handshakes at the same time. */
const PARALLEL = 16

const KEY = 'aG90c29ja2V0LWJlbmNoIQ=='
const REQUEST = [
  ...['GET / HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Upgrade: websocket', 'Connection: Upgrade'],
  ...[`Sec-WebSocket-Key: ${KEY}`, 'Sec-WebSocket-Version: 13', '\r\n']
].join('\r\n')
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

const TEXT = 0x81
const CLOSE = 0x88
/** All zero, so that masking changes nothing. */
const MASK = [0, 0, 0, 0]
const payload = Buffer.alloc(bytes, 'a')
const message = Buffer.concat([Buffer.from([TEXT, 0x80 | bytes, ...MASK]), payload])
const echo = Buffer.concat([Buffer.from([TEXT, bytes]), payload])
/** Code 1000. */
const close = Buffer.from([CLOSE, 0x82, ...MASK, 3, 0xe8])

const lines = createInterface(process.stdin)[Symbol.asyncIterator]()
const sockets = []
while (sockets.length < connections) {
  const few = Math.min(PARALLEL, connections - sockets.length)
  sockets.push(...(await Promise.all(Array.from({ length: few }, open))))
}
await report('open')
for (const socket of sockets) {
  socket.write(message)
  const [reply] = await once(socket, 'data')
  if (!echo.equals(reply)) throw new Error('an echo differs from what was sent')
}
await report('used')
const ends = sockets.map((socket) => once(socket.end(close), 'close'))
await Promise.all(ends)
await report('closed')
process.exit()

async function open() {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(REQUEST)
  const [head] = await once(socket, 'data')
  if (!head.includes(ACCEPT)) throw new Error('a handshake was refused')
  return socket
}

/** Prints a stage and waits for an answer. */
function report(stage) {
  console.log(JSON.stringify({ stage }))
  return lines.next()
}
