// Owns Socket.IO's job: its server and its clients, over WebSocket alone and upgraded from polling. Parameters: 'wsEngine' gives
// the server the class by that option; 'deflate' switches permessage-deflate on, with which no frames are prepared.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import ws from 'ws'
import { inbox, listen, pattern, report, whose } from './support.mjs'

const parameters = process.argv.slice(2)
const isDeflated = parameters.includes('deflate')
const http = createServer()
const server = new Server(http, {
  connectionStateRecovery: { maxDisconnectionDuration: 60_000 },
  perMessageDeflate: isDeflated ? { threshold: 64 } : false,
  ...(parameters.includes('wsEngine') && { wsEngine: ws.Server })
})
const ends = inbox()
const prepared = new WeakSet()
let preparedCount = 0
server.on('connection', (socket) => {
  socket.on('join', (room, done) => done(void socket.join(room)))
  socket.on('echo', (...values) => values.pop()(...values))
  socket.on('say', (number) => socket.emit('said', number))
  socket.on('tell others', (text) => socket.broadcast.emit('told', text))
  socket.on('disconnect', (reason) => ends.push(reason))
})

/** Counts the frames of `prepared` that a connection gets past its send(). */
function countPrepared(socket) {
  const sender = socket.conn.transport.socket._sender
  const { sendFrame } = sender
  sender.sendFrame = function (frame, ...values) {
    if (prepared.has(frame)) preparedCount++
    return sendFrame.call(this, frame, ...values)
  }
}

/** Calls `broadcast` and notes the frames that are made meanwhile: the adapter makes one for all. */
function preparing(broadcast) {
  const { frame } = ws.Sender
  ws.Sender.frame = (...values) => {
    const made = frame(...values)
    prepared.add(made)
    return made
  }
  broadcast()
  ws.Sender.frame = frame
}

async function connect(options) {
  const client = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnectionDelay: 100, ...options })
  const inboxes = { news: inbox(), told: inbox(), said: inbox() }
  for (const [name, { push }] of Object.entries(inboxes)) client.on(name, (...values) => push(values))
  await once(client, 'connect')
  return { client, ...inboxes }
}

const port = await listen(http)
const direct = await connect({ transports: ['websocket'] })
const upgraded = await connect({})
if (upgraded.client.io.engine.transport.name !== 'websocket') await once(upgraded.client.io.engine, 'upgrade')
const result = { ws: whose('engine.io', 'engine.io-client', 'socket.io-adapter') }
result.transports = [direct, upgraded].map(({ client }) => client.io.engine.transport.name)
const [someSocket] = await server.fetchSockets().then(() => server.sockets.sockets.values())
result.address = someSocket.handshake.address
result.extensions = someSocket.conn.transport.socket.extensions

const bytes = pattern(100_000)
const [text, number, echoedBytes] = await new Promise((resolve) =>
  direct.client.emit('echo', 'grüße', 42, bytes, (...values) => resolve(values))
)
result.echo = [text, number, bytes.equals(echoedBytes)]

for (let i = 0; i < 1000; i++) upgraded.client.emit('say', i)
const said = []
for (let i = 0; i < 1000; i++) said.push((await upgraded.said.next())[0])
result.isInOrder = said.every((value, i) => value === i)

// The connection that has come over polling has its WebSocket by now.
for (const socket of server.sockets.sockets.values()) countPrepared(socket)
await direct.client.emitWithAck('join', 'blue')
await upgraded.client.emitWithAck('join', 'blue')
const long = 'long '.repeat(20_000)
preparing(() => server.to('blue').emit('news', 'short', long))
result.room = [await direct.news.next(), await upgraded.news.next()].map(([first, second]) => [
  first,
  second === long
])
server.to('blue').emit('news', bytes)
result.binaryRoom = [await direct.news.next(), await upgraded.news.next()].map(([first]) =>
  bytes.equals(first)
)
direct.client.emit('tell others', 'hello')
result.told = (await upgraded.told.next())[0]
result.preparedCount = preparedCount

for (const { client } of [direct, upgraded]) client.on('ask', (question, answer) => answer(`${question}!`))
result.answers = await server.timeout(10_000).to('blue').emitWithAck('ask', 'well')

// A connection that is lost: what was sent meanwhile comes after the reconnection.
const { id } = direct.client
const disconnected = once(direct.client, 'disconnect')
direct.client.io.engine.transport.ws.terminate()
result.lost = [(await disconnected)[0], await ends.next()]
server.to('blue').emit('news', 'missed')
await once(direct.client, 'connect')
result.recovered = [direct.client.recovered, direct.client.id === id, (await direct.news.next())[0]]

direct.client.disconnect()
result.ends = [await ends.next()]
const closed = once(upgraded.client, 'disconnect')
upgraded.client.io.reconnection(false)
await server.close()
result.ends.push((await closed)[0])
report(result)
