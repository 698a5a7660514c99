// A handshake and a conversation over a pair of arrays: the protocol alone, without a socket or a clock.
// Run it with: node docs/examples/core-over-arrays.mjs
import {
  acceptKey,
  DEFAULT_LIMITS,
  encodeAccept,
  encodeRequest,
  HeadParser,
  makeKey,
  OutputBytes,
  Protocol,
  REQUEST_LINE,
  readResponse,
  readUpgrade,
  STATUS_LINE
} from 'hotsocket/core'
import { environment } from 'hotsocket/kernels'

// The transport: what one side puts in, the other takes out.
const toServer = []
const toClient = []

// The client asks for a WebSocket.
const key = makeKey(environment.randomBytes(16))
toServer.push(encodeRequest({ host: 'example.com', target: '/chat', key, protocols: ['chat'] }))

// The server reads the request, and answers.
const request = new HeadParser(REQUEST_LINE).push(toServer.shift())
const upgrade = readUpgrade(request.head, { remoteAddress: null, isSecure: false })
if (upgrade.kind !== 'websocket') throw new Error(`no WebSocket: ${upgrade.kind}`)
console.log(`server: request for ${upgrade.request.path}, protocols ${upgrade.request.protocols.join(', ')}`)
toClient.push(encodeAccept({ acceptKey: acceptKey(upgrade.request.key, environment.sha1), protocol: 'chat' }))

// The client checks the answer.
const response = new HeadParser(STATUS_LINE).push(toClient.shift())
const expected = { acceptKey: acceptKey(key, environment.sha1), protocols: ['chat'], extensions: [] }
console.log(`client: open, protocol ${readResponse(response.head, expected).protocol}`)

// From here on both sides are the same: a Protocol, its output, and a handler for what arrives.
function open(role, handler) {
  const output = new OutputBytes()
  const settings = { role, limits: DEFAULT_LIMITS, environment }
  const ignored = { handlePing() {}, handlePong() {}, handleError() {}, handleFinish() {} }
  const protocol = new Protocol(settings, output, { ...ignored, ...handler })
  return { output, protocol }
}

const server = open('server', {
  handleMessage(message) {
    console.log(`server: got ${describe(message.payload)}`)
    server.protocol.send(message)
  },
  handlePing: () => console.log('server: got a ping, which is answered already')
})
const client = open('client', {
  handleMessage: (message) => console.log(`client: got ${describe(message.payload)}`),
  handlePong: (_payload, roundTripMs) =>
    console.log(`client: got the pong, ${roundTripMs === null ? 'unasked' : 'in time'}`)
})

function describe(payload) {
  return typeof payload === 'string' ? `"${payload}"` : `${payload.length} bytes`
}

// Carries bytes until both sides are quiet.
function exchange() {
  do {
    toServer.push(...client.output.take())
    for (const bytes of toServer.splice(0)) server.protocol.receiveBytes(bytes)
    toClient.push(...server.output.take())
    for (const bytes of toClient.splice(0)) client.protocol.receiveBytes(bytes)
  } while (client.output.pendingBytes + server.output.pendingBytes > 0)
}

client.protocol.send('hello, wörld 👋')
client.protocol.send(new Uint8Array(1000))
client.protocol.send('sent in frames of four bytes', { fragmentSize: 4 })
client.protocol.sendPing(new Uint8Array([1, 2, 3]))
exchange()

client.protocol.close(1000, 'done')
exchange()
for (const [name, { protocol }] of Object.entries({ server, client })) {
  const { code, reason, wasClean, initiator } = protocol.end()
  console.log(
    `${name}: closed with ${code} "${reason}", ${wasClean ? 'clean' : 'not clean'}, begun by ${initiator}`
  )
}
