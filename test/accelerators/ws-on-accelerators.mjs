// Owns a server and a client of `ws` in a process where `bufferutil` and `utf-8-validate` are hotsocket's: run in a folder whose
// node_modules has them. Prints as JSON what both ends saw, what the accelerators were asked, and what they got wrong.
import { once } from 'node:events'
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)

/** Lengths around those where ws calls an accelerator, and where a frame's header gets longer. */
const LENGTHS = [0, 1, 31, 32, 47, 48, 49, 125, 126, 127, 1000, 65_535, 65_536, 65_537, 1_048_576]
/** Shortest payload, in bytes, that ws does not mask, unmask or validate itself. */
const MASK_MIN_BYTES = 48
const UNMASK_MIN_BYTES = 32
const VALIDATE_MIN_BYTES = 32

const calls = { mask: 0, unmask: 0, isValidUTF8: 0 }
const wrong = []

const bufferutil = require('bufferutil')
const isValidUTF8 = require('utf-8-validate')
const isOurs =
  bufferutil === require('hotsocket/bufferutil') && isValidUTF8 === require('hotsocket/utf-8-validate')
watch()
// What ws takes from Node.js where it is there, in place of the packages.
Object.assign(require('node:buffer'), { isUtf8: undefined })
Object.assign(require('node:http'), { websocketMask: undefined, websocketUnmask: undefined })
const { WebSocket, WebSocketServer } = require('ws')

const { tier } = await import(require.resolve('hotsocket/kernels'))
const report = {
  isOurs,
  tier,
  plain: await converse(false),
  deflated: await converse(true),
  invalidFromClient: await sendInvalid('client'),
  invalidFromServer: await sendInvalid('server'),
  wrong
}
console.log(JSON.stringify(report))

/** Counts the calls, and compares what they do with the simplest code that does the same. */
function watch() {
  const { mask, unmask } = bufferutil
  bufferutil.mask = (source, key, output, offset, length) => {
    calls.mask += 1
    const expected = Buffer.from(output)
    const bytes = Buffer.from(source)
    for (let i = 0; i < length; i++) expected[offset + i] = bytes[i] ^ key[i & 3]
    mask(source, key, output, offset, length)
    if (!expected.equals(output)) wrong.push(`mask, ${length} bytes at ${offset}`)
  }
  bufferutil.unmask = (buffer, key) => {
    calls.unmask += 1
    const expected = buffer.map((byte, i) => byte ^ key[i & 3])
    unmask(buffer, key)
    if (!buffer.equals(expected)) wrong.push(`unmask, ${buffer.length} bytes`)
  }
  require.cache[require.resolve('utf-8-validate')].exports = (buffer) => {
    calls.isValidUTF8 += 1
    const isValid = isValidUTF8(buffer)
    if (isValid !== (Buffer.compare(Buffer.from(buffer.toString()), buffer) === 0))
      wrong.push(`isValidUTF8, ${buffer.length} bytes`)
    return isValid
  }
}

/** Opens a server and a client, and closes both when `talk` is over. */
async function withPair(perMessageDeflate, talk) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate })
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`, { perMessageDeflate })
  const [[peer]] = await Promise.all([once(server, 'connection'), once(client, 'open')])
  try {
    return await talk(client, peer)
  } finally {
    client.terminate()
    server.close()
    await once(server, 'close')
  }
}

/** Sends messages of all lengths and kinds, fragments, a ping and a close frame; the server echoes. */
async function converse(isDeflating) {
  const before = { ...calls }
  const needed = { mask: 0, unmask: 0, isValidUTF8: 0 }
  const expectCalls = (byteLength, isText) => {
    if (byteLength >= MASK_MIN_BYTES) needed.mask += 1
    if (byteLength >= UNMASK_MIN_BYTES) needed.unmask += 1
    if (isText && byteLength >= VALIDATE_MIN_BYTES) needed.isValidUTF8 += 2
  }
  const talk = async (client, peer) => {
    peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }))
    let echoCount = 0
    for (const [data, bytes] of messages()) {
      const isText = typeof data === 'string'
      // How long a deflated message is, nobody knows before.
      expectCalls(isDeflating ? 0 : bytes.length, isText)
      client.send(data)
      const [echo, isBinary] = await once(client, 'message')
      if (echo.equals(bytes) && isBinary !== isText) echoCount += 1
    }
    const pieces = ['é'.repeat(100), '€'.repeat(1000), '😀'.repeat(20_000)]
    for (const [i, piece] of pieces.entries()) client.send(piece, { fin: i === pieces.length - 1 })
    const [joined] = await once(client, 'message')
    client.ping(Buffer.alloc(100, 'p'))
    const [pong] = await once(client, 'pong')
    client.close(4000, 'ü'.repeat(50))
    const [[serverCode, reason], [code]] = await Promise.all([once(peer, 'close'), once(client, 'close')])
    return {
      echoCount,
      isJoined: joined.toString() === pieces.join(''),
      pong: pong.toString() === 'p'.repeat(100),
      closes: [serverCode, reason.toString() === 'ü'.repeat(50), code]
    }
  }
  const { echoCount, ...rest } = await withPair(isDeflating && { threshold: 0 }, talk)
  const made = Object.fromEntries(Object.keys(calls).map((name) => [name, calls[name] - before[name]]))
  const missing = Object.keys(needed).filter((name) => made[name] === 0 || made[name] < needed[name])
  return { lostCount: messages().length - echoCount, missing, ...rest }
}

/** What is sent, with the bytes that have to arrive. */
function messages() {
  return LENGTHS.flatMap((length) => {
    const text = 'aé€😀'.repeat(length / 10 + 1)
    const cut = [...text.slice(0, length / 2)]
      .filter((character) => !/^[\ud800-\udfff]$/.test(character))
      .join('')
    const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 7 + length) & 0xff))
    const memory = new Uint8Array(length + 5)
    memory.set(bytes, 3)
    return [
      [cut, Buffer.from(cut)],
      ['x'.repeat(length), Buffer.alloc(length, 'x')],
      [Buffer.from(bytes), bytes],
      [memory.subarray(3, 3 + length), bytes],
      [memory.slice(3, 3 + length).buffer, bytes]
    ]
  })
}

/** Sends a text that is no UTF-8; returns the close codes of both sides and the receiver's error. */
function sendInvalid(from) {
  return withPair(false, async (client, peer) => {
    const [sender, receiver] = from === 'client' ? [client, peer] : [peer, client]
    sender.send(Buffer.alloc(1000, '€').fill(0xff, 999), { binary: false })
    const [[error], [code], [ownCode]] = await Promise.all([
      new Promise((resolve) => receiver.once('error', (...values) => resolve(values))),
      new Promise((resolve) => sender.once('close', (...values) => resolve(values))),
      new Promise((resolve) => receiver.once('close', (...values) => resolve(values)))
    ])
    return { error: error.code, code, ownCode }
  })
}
