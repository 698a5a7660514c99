// Owns what each runtime is asked to do: serve echoes from dist/, speak to itself in raw bytes over TCP, end by itself. Prints
// one JSON object. Plain JavaScript and node: modules only, so that Node.js, Bun and Deno run it as it is.
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { AsyncServer } from '../../dist/index.js'
import { kernels } from '../../dist/kernels/index.js'

const OPCODE = { text: 1, binary: 2, close: 8 }
const MEBIBYTE = 1024 * 1024
const LATE_MESSAGES = 256
const LATE_BYTES = 16 * MEBIBYTE
const MASKING_KEY = [0x37, 0xfa, 0x21, 0x3d]
const REQUEST = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n'
].join('\r\n')

/** Echoes, and notes what it is told. */
class EchoServer extends AsyncServer {
  sentCount = 0
  closes = []
  errors = []

  onmessage(client, message) {
    client.send(message)
  }

  onsent() {
    this.sentCount++
  }

  onclose(_client, code) {
    this.closes.push(code)
  }

  onerror(_client, error) {
    this.errors.push(error.code)
  }
}

/** A WebSocket client that uses nothing of the library. */
class RawClient {
  #socket
  #bytes = Buffer.alloc(0)
  #onbytes = () => {}
  /** Resolves when the server has ended the connection. */
  ended

  async open(port) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#onbytes()
    })
    this.ended = once(this.#socket, 'end')
    await once(this.#socket, 'connect')
    this.#socket.write(REQUEST)
    await this.#until(() => this.#bytes.includes('\r\n\r\n'))
    return this.#take(this.#bytes.indexOf('\r\n\r\n') + 4)
      .toString()
      .split('\r\n')[0]
  }

  write(bytes) {
    this.#socket.write(bytes)
  }

  end(bytes) {
    this.#socket.end(bytes)
  }

  pause() {
    this.#socket.pause()
  }

  resume() {
    this.#socket.resume()
  }

  /** Waits for one frame of the server. */
  async read() {
    await this.#until(() => this.#bytes.length >= 10 || this.#bytes.length >= 2 + (this.#bytes[1] ?? 0))
    const shortLength = this.#bytes[1]
    const headerLength = shortLength < 126 ? 2 : shortLength === 126 ? 4 : 10
    const length =
      shortLength < 126
        ? shortLength
        : shortLength === 126
          ? this.#bytes.readUInt16BE(2)
          : Number(this.#bytes.readBigUInt64BE(2))
    await this.#until(() => this.#bytes.length >= headerLength + length)
    const frame = this.#take(headerLength + length)
    return { head: frame[0], payload: frame.subarray(headerLength) }
  }

  #take(byteLength) {
    const taken = this.#bytes.subarray(0, byteLength)
    this.#bytes = this.#bytes.subarray(byteLength)
    return taken
  }

  async #until(isThere) {
    while (!isThere()) {
      await new Promise((resolve) => {
        this.#onbytes = resolve
      })
    }
  }
}

function encodeFrame(opcode, payload) {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[0] = 0x80 | opcode
  head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127)
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  const masked = Buffer.from(payload)
  for (let index = 0; index < length; index++) masked[index] ^= MASKING_KEY[index & 3]
  return Buffer.concat([head, Buffer.from(MASKING_KEY), masked])
}

function isEcho(frame, opcode, payload) {
  return frame.head === (0x80 | opcode) && frame.payload.equals(payload)
}

async function exchange(port) {
  const client = new RawClient()
  const status = await client.open(port)
  const text = Buffer.from('Hello, κόσμε 🌍')
  client.write(encodeFrame(OPCODE.text, text))
  const isText = isEcho(await client.read(), OPCODE.text, text)
  // Split in the middle of the frame's header and of a code point.
  const split = encodeFrame(OPCODE.text, text)
  client.write(split.subarray(0, 3))
  await sleep(5)
  client.write(split.subarray(3, 18))
  await sleep(5)
  client.write(split.subarray(18))
  const isSplitText = isEcho(await client.read(), OPCODE.text, text)
  const binary = Buffer.alloc(MEBIBYTE)
  for (let index = 0; index < MEBIBYTE; index++) binary[index] = (index * 31 + (index >> 8)) & 0xff
  client.write(encodeFrame(OPCODE.binary, binary))
  const isBinary = isEcho(await client.read(), OPCODE.binary, binary)
  client.write(Buffer.concat(Array.from({ length: 1000 }, () => encodeFrame(OPCODE.text, text))))
  let burst = 0
  while (burst < 1000 && isEcho(await client.read(), OPCODE.text, text)) burst++
  client.write(encodeFrame(OPCODE.close, Buffer.from([0x03, 0xe8])))
  const { head, payload } = await client.read()
  await client.ended
  return { status, isText, isSplitText, isBinary, burst, close: [head, ...payload] }
}

/** §5.1: a frame that is not masked. */
async function breakRule(port) {
  const client = new RawClient()
  await client.open(port)
  client.write(Buffer.from([0x81, 0x01, 0x61]))
  const { head, payload } = await client.read()
  await client.ended
  return [head, payload.readUInt16BE(0)]
}

/** RFC 6455 §7.1.5: a client that ends its sending side, in the middle of a frame. */
async function hangUp(port) {
  const client = new RawClient()
  await client.open(port)
  client.end(encodeFrame(OPCODE.text, Buffer.from('Hello')).subarray(0, 8))
  await client.ended
}

/** A client that does not read for a while. Returns whether bytes had to wait, and how many came. */
async function readLate(server) {
  const client = new RawClient()
  await client.open(server.port)
  client.pause()
  const [connection] = server.clients
  const payload = Buffer.alloc(LATE_BYTES / LATE_MESSAGES, 'x')
  for (let count = 0; count < LATE_MESSAGES; count++) connection.send(payload)
  await sleep(50)
  const hadToWait = connection.bufferedAmount > 0
  client.resume()
  let byteLength = 0
  for (let count = 0; count < LATE_MESSAGES; count++) byteLength += (await client.read()).payload.length
  return { client, late: { hadToWait, byteLength } }
}

/** Whether an open connection without traffic costs no processor: a loop that spins shows. */
async function rest() {
  const before = process.cpuUsage()
  await sleep(200)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 < 150
}

/** RFC 6455 §7.4.1: a server that goes away says so. */
async function leave(server, client) {
  const farewell = client.read()
  const closed = server.close()
  const { payload } = await farewell
  client.write(encodeFrame(OPCODE.close, payload))
  await Promise.all([closed, client.ended])
  return payload.readUInt16BE(0)
}

/** A message deflated and inflated by this runtime's kernels, without the tail of RFC 7692 §7.2.1. */
function roundTrip() {
  const payload = Buffer.from('Hello'.repeat(1000))
  const deflater = kernels.createDeflater()
  const inflater = kernels.createInflater(15)
  const deflated = deflater.deflate(payload, true)
  const inflated = inflater.inflate(deflated, true, payload.length)
  deflater.close()
  inflater.close()
  return inflated !== null && Buffer.from(inflated).equals(payload)
}

const server = new EchoServer({ host: '127.0.0.1', port: 0, logLevel: 'silent' })
await server.listen()
const { port } = server
const echoed = await exchange(port)
const violation = await breakRule(port)
await hangUp(port)
const { client, late } = await readLate(server)
const isAtRest = await rest()
const farewell = await leave(server, client)
const { tier, sentCount, closes, errors } = server
const isInflated = roundTrip()
console.log(
  JSON.stringify({
    tier,
    ...echoed,
    violation,
    late,
    isAtRest,
    farewell,
    isInflated,
    sentCount,
    closes,
    errors
  })
)
