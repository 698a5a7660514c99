// What a peer does wrong: the error, the close code it is told, and the limits (ws.md "Error codes", "maxPayload").
import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { guard, until } from '../support/harness.js'
import { closePayload, encodeFrame } from '../support/raw-client.js'
import { nextOf, openAtRawPeer, readFrame, record, serveRawPeer } from './peers.js'
import { type Subject, subjects } from './subjects.js'

guard()

/** One violation: the bytes as a client sends them, and what becomes of them. */
interface Violation {
  readonly what: string
  readonly bytes: Uint8Array
  readonly code: string
  /** How the error's text begins. */
  readonly message: string
  readonly type?: ErrorConstructor
  readonly closeCode?: number
}

const frame = (opcode: number, payload: Uint8Array | string = '', options = {}) =>
  encodeFrame(opcode, Buffer.from(payload as string), options)
/** The head of a masked frame of so many bytes, written as 64 bits, with a key of zeros. */
const longHead = (length: bigint) => {
  const head = Buffer.concat([Buffer.of(0x82, 0xff), Buffer.alloc(12)])
  head.writeBigUInt64BE(length, 2)
  return head
}
const opcode = (what: string, bytes: Uint8Array, value: number): Violation => ({
  what,
  bytes,
  code: 'WS_ERR_INVALID_OPCODE',
  message: `Invalid WebSocket frame: invalid opcode ${value}`
})
const fin = (value: number): Violation => ({
  what: `a fragment of opcode ${value}`,
  bytes: frame(value, '', { fin: false }),
  code: 'WS_ERR_EXPECTED_FIN',
  message: 'Invalid WebSocket frame: FIN must be set'
})
const reserved = (rsv: number): Violation => ({
  what: `a reserved bit 0x${rsv.toString(16)}`,
  bytes: frame(1, 'a', { rsv }),
  code: rsv === 0x40 ? 'WS_ERR_UNEXPECTED_RSV_1' : 'WS_ERR_UNEXPECTED_RSV_2_3',
  message: `Invalid WebSocket frame: ${rsv === 0x40 ? 'RSV1 must be clear' : 'RSV2 and RSV3 must be clear'}`
})
// Of these two, hotsocket's texts say less.
const controlLength = (what: string, bytes: Uint8Array): Violation => ({
  what,
  bytes,
  code: 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
  message: 'Invalid WebSocket frame: invalid payload length'
})
const closeCode = (value: number): Violation => ({
  what: `the close code ${value}`,
  bytes: frame(8, closePayload(value)),
  code: 'WS_ERR_INVALID_CLOSE_CODE',
  message: 'Invalid WebSocket frame: invalid status code'
})
const utf8 = (what: string, bytes: Uint8Array): Violation => ({
  what,
  bytes,
  type: Error,
  code: 'WS_ERR_INVALID_UTF8',
  message: 'Invalid WebSocket frame: invalid UTF-8 sequence',
  closeCode: 1007
})

const VIOLATIONS: readonly Violation[] = [
  opcode('opcode 3', frame(3), 3),
  opcode('opcode 11', frame(11), 11),
  opcode('a continuation of nothing', frame(0), 0),
  opcode('a message within a message', Buffer.concat([frame(1, 'a', { fin: false }), frame(2)]), 2),
  ...[8, 9, 10].map(fin),
  ...[0x40, 0x20, 0x10].map(reserved),
  controlLength('a ping of 126 bytes', frame(9, 'x'.repeat(126))),
  controlLength('a ping of 65536 bytes', frame(9, 'x'.repeat(65_536))),
  controlLength('a close frame of one byte', frame(8, 'x')),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(closeCode),
  utf8('text that is not UTF-8', frame(1, Buffer.of(0x61, 0xff))),
  utf8('text that ends within a character', frame(1, Buffer.of(0xe2, 0x82))),
  utf8('a surrogate', frame(1, Buffer.of(0xed, 0xa0, 0x80))),
  utf8('a reason that is not UTF-8', frame(8, Buffer.of(3, 232, 0xff))),
  {
    what: 'a frame without a mask',
    bytes: frame(1, 'a', { isMasked: false }),
    code: 'WS_ERR_EXPECTED_MASK',
    message: 'Invalid WebSocket frame: MASK must be set'
  }
]

/** The error that a server's socket tells, all its events and what it closes with. */
async function outcome(subject: Subject, bytes: Uint8Array, options: object = {}, headers: string[] = []) {
  const { socket, peer } = await serveRawPeer(subject, options, headers)
  const lines = record(socket)
  const failed = nextOf<[NodeJS.ErrnoException]>(socket, 'error')
  peer.write(bytes)
  const close = await peer.readClose()
  const [error] = await failed
  peer.end()
  await until(() => lines.at(-1)?.startsWith('close') === true, 'it is closed')
  return { error, lines, close }
}

describe.each(subjects)('$name: violations at a server', (subject) => {
  it.each(VIOLATIONS)('$what', async ({ bytes, code, message, type = RangeError, closeCode = 1002 }) => {
    const { error, lines, close } = await outcome(subject, bytes)
    expect([error.constructor, error.code, error.message.slice(0, message.length)]).toEqual([
      ...[type, code, message]
    ])
    expect([lines, close]).toEqual([[`error ${code}`, 'close 1006 ""'], { code: closeCode, reason: '' }])
  })

  it('tell what came before them, and nothing of what comes after', async () => {
    const bytes = Buffer.concat([frame(1, 'before'), frame(9, 'p'), frame(3), frame(1, 'after')])
    const { socket, peer } = await serveRawPeer(subject, { autoPong: false })
    const lines = record(socket)
    peer.write(bytes)
    expect(await peer.readClose()).toEqual({ code: 1002, reason: '' })
    peer.text('later')
    peer.end()
    await until(() => lines.length === 4, 'it is closed')
    expect(lines).toEqual(['text before', 'ping p', 'error WS_ERR_INVALID_OPCODE', 'close 1006 ""'])
  })

  it('in one connection leave others alone', async () => {
    const { server, peer, socket } = await serveRawPeer(subject)
    const client = new subject.WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`)
    await nextOf(client, 'open')
    socket.on('error', () => {})
    peer.write(frame(3))
    await peer.readClose()
    const pong = nextOf(client, 'pong')
    client.ping()
    await pong
    client.terminate()
  })
})

describe.each(subjects)('$name: violations at a client', (subject) => {
  it('a frame with a mask', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const lines = record(socket)
    const failed = nextOf<[NodeJS.ErrnoException]>(socket, 'error')
    peer.write(frame(1, 'a'))
    const close = await readFrame(peer)
    const [error] = await failed
    peer.socket.end()
    await until(() => lines.length === 2, 'it is closed')
    expect([error.constructor, error.message, close.payload]).toEqual([
      RangeError,
      'Invalid WebSocket frame: MASK must be clear',
      closePayload(1002)
    ])
    expect(lines).toEqual(['error WS_ERR_UNEXPECTED_MASK', 'close 1006 ""'])
  })

  it.each(VIOLATIONS.filter(({ code }) => code === 'WS_ERR_INVALID_UTF8' || code === 'WS_ERR_EXPECTED_FIN'))(
    '$what',
    async ({ bytes, code, closeCode = 1002 }) => {
      const { socket, peer } = await openAtRawPeer(subject)
      const lines = record(socket)
      peer.write(unmasked(bytes))
      expect((await readFrame(peer)).payload).toEqual(closePayload(closeCode))
      peer.socket.end()
      await until(() => lines.length === 2, 'it is closed')
      expect(lines).toEqual([`error ${code}`, 'close 1006 ""'])
    }
  )
})

describe.each(subjects)('$name: limits', (subject) => {
  const tooLong = ['error WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'close 1006 ""']

  it('maxPayload: a message of that length is taken, a longer one is not, nor are longer fragments', async () => {
    const { socket, peer } = await serveRawPeer(subject, { maxPayload: 10 })
    const message = nextOf(socket, 'message')
    peer.write(frame(2, 'x'.repeat(10)))
    expect(await message).toEqual([Buffer.from('x'.repeat(10)), true])
    const whole = await outcome(subject, frame(2, 'x'.repeat(11)), { maxPayload: 10 })
    expect([whole.error.constructor, whole.error.message, whole.close, whole.lines]).toEqual([
      RangeError,
      'Max payload size exceeded',
      { code: 1009, reason: '' },
      tooLong
    ])
    const fragments = Buffer.concat([frame(2, 'x'.repeat(6), { fin: false }), frame(0, 'x'.repeat(5))])
    expect((await outcome(subject, fragments, { maxPayload: 10 })).lines).toEqual(tooLong)
  })

  it('maxPayload is 100 MiB unless it is set, told by the head alone; 0 is no limit', async () => {
    expect((await outcome(subject, longHead(100n * 1024n * 1024n + 1n))).lines).toEqual(tooLong)
    const { socket, peer } = await serveRawPeer(subject, { maxPayload: 0 })
    const lines = record(socket)
    const payload = Buffer.alloc(105 * 1024 * 1024)
    const came = new Promise<number>((resolve) =>
      socket.on('message', (data) => resolve((data as Buffer).length))
    )
    peer.write(frame(9, 'before'))
    peer.write(Buffer.concat([longHead(BigInt(payload.length)), payload]))
    expect(await came).toBe(payload.length)
    expect(lines[0]).toBe('ping before')
  })

  it('maxPayload counts what is inflated', async () => {
    const compressed = deflateRawSync(Buffer.alloc(5000))
    const { lines, close } = await outcome(
      subject,
      frame(2, compressed, { rsv: 0x40 }),
      { maxPayload: 4999, perMessageDeflate: true },
      ['Sec-WebSocket-Extensions: permessage-deflate']
    )
    expect([lines, close.code]).toEqual([tooLong, 1009])
  })

  it('maxFragments: a message of more frames is refused', async () => {
    const fragments = (count: number) =>
      Buffer.concat(
        Array.from({ length: count }, (_, i) => frame(i === 0 ? 1 : 0, 'a', { fin: i === count - 1 }))
      )
    const { socket, peer } = await serveRawPeer(subject, { maxFragments: 3 })
    const message = nextOf(socket, 'message')
    peer.write(fragments(3))
    expect(await message).toEqual([Buffer.from('aaa'), false])
    const { error, lines, close } = await outcome(subject, fragments(4), { maxFragments: 3 })
    expect([error.constructor, error.message, close.code, lines]).toEqual([
      RangeError,
      'Too many message fragments',
      1008,
      ['error WS_ERR_TOO_MANY_BUFFERED_PARTS', 'close 1006 ""']
    ])
  })
})

/** The same frame as a server sends it. */
function unmasked(bytes: Uint8Array): Buffer {
  const [first, second] = bytes as unknown as [number, number]
  const payload = Buffer.from(bytes.subarray(6))
  for (let i = 0; i < payload.length; i++) payload[i]! ^= bytes[2 + (i & 3)]!
  return Buffer.concat([Buffer.of(first, second & 0x7f), payload])
}
