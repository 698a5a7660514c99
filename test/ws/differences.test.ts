// Where hotsocket/ws does something else than ws, on purpose: docs/FROM-WS.md tells why. Each test says what either does, so that
// a difference that is none any more is noticed.
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { connectTo, guard, until } from '../support/harness.js'
import { closePayload, encodeFrame, upgradeRequest } from '../support/raw-client.js'
import { acceptance, fieldOf, serveRaw } from '../support/raw-server.js'
import {
  inside,
  makeClient,
  nextOf,
  openAtRawPeer,
  readFrame,
  record,
  serveRawPeer,
  serveWs,
  untidy
} from './peers.js'
import { original, type Subject, subjects } from './subjects.js'

guard()

const deflateOffer = ['Sec-WebSocket-Extensions: permessage-deflate']

describe.each(subjects)('$name: what differs', (subject: Subject) => {
  /** What ws does, and what hotsocket does. */
  const either = <Value>(ofWs: Value, ofHotsocket: Value) => (subject === original ? ofWs : ofHotsocket)

  it('a server lets both sides forget their windows after each message: connections need less memory', async () => {
    const { port } = await serveWs(subject, { perMessageDeflate: true })
    const peer = await connectTo({ port })
    peer.write(upgradeRequest('/', deflateOffer))
    expect(fieldOf(await peer.readHead(), 'Sec-WebSocket-Extensions')).toBe(
      either(
        'permessage-deflate',
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
      )
    )
  })

  it('an offer with an unknown parameter is declined (RFC 7692 §7), not refused', async () => {
    const { port } = await serveWs(subject, { perMessageDeflate: true })
    const peer = await connectTo({ port })
    peer.write(upgradeRequest('/', ['Sec-WebSocket-Extensions: permessage-deflate; foo']))
    const head = await peer.readHead()
    expect([head.split('\r\n')[0], fieldOf(head, 'Sec-WebSocket-Extensions')]).toEqual([
      either('HTTP/1.1 400 Bad Request', 'HTTP/1.1 101 Switching Protocols'),
      null
    ])
  })

  it('messages that are sent by fragments are not compressed', async () => {
    const { socket, peer } = await serveRawPeer(
      subject,
      { perMessageDeflate: { threshold: 0 } },
      deflateOffer
    )
    socket.send('a'.repeat(50), { fin: false })
    socket.send('b', { fin: true })
    expect([(await peer.readFrame()).rsv, (await peer.readFrame()).rsv]).toEqual([either(0x40, 0), 0])
  })

  it('data that cannot be inflated breaks the protocol: 1002', async () => {
    const { socket, peer } = await serveRawPeer(subject, { perMessageDeflate: true }, deflateOffer)
    const failed = nextOf<[NodeJS.ErrnoException]>(socket, 'error')
    peer.send(2, Buffer.of(7, 7, 7, 7), { rsv: 0x40 })
    await failed
    expect((await peer.readClose()).code).toBe(either(1007, 1002))
  })

  it.each([
    ['a length of 2^53 is too long as any other', 2n ** 53n, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
    ['a length of 2^63 is against RFC 6455 §5.2', 2n ** 63n, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1002]
  ])('%s', async (_, length, code, closeCode) => {
    const { socket, peer } = await serveRawPeer(subject)
    const failed = nextOf<[NodeJS.ErrnoException]>(socket, 'error')
    const head = Buffer.concat([Buffer.of(0x82, 0xff), Buffer.alloc(12)])
    head.writeBigUInt64BE(length, 2)
    peer.write(head)
    expect((await failed)[0].code).toBe(either('WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', code))
    expect((await peer.readClose()).code).toBe(either(1009, closeCode))
  })

  it('binaryType "fragments" gives one Buffer: fragments are gathered as they come', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    untidy(socket).binaryType = 'fragments'
    const message = once(socket, 'message')
    peer.send(2, 'ab', { fin: false })
    peer.send(0, 'c')
    expect((await message)[0]).toEqual(either([Buffer.from('ab'), Buffer.from('c')], [Buffer.from('abc')]))
  })

  it('pings are answered while it is closing (RFC 6455 §5.5.2)', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    socket.close(1000)
    await peer.readClose()
    peer.send(9, 'p')
    peer.close(1000)
    expect(await peer.readRest()).toEqual(either(Buffer.of(), Buffer.from([0x8a, 1, 0x70])))
  })

  it('a client leaves it to the server to end the connection (RFC 6455 §7.1.1)', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const lines = record(socket)
    peer.write(encodeFrame(8, closePayload(1000), { isMasked: false }))
    await readFrame(peer)
    let hasEnded = false
    void peer.ended.then(() => {
      hasEnded = true
    })
    if (subject === original) await peer.ended
    else await new Promise(setImmediate)
    expect(hasEnded).toBe(either(true, false))
    peer.socket.end()
    await until(() => lines.length === 1, 'it is closed')
    expect(lines).toEqual(['close 1000 ""'])
  })

  it('after terminate come no messages that have arrived already', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    socket.once('message', () => socket.terminate())
    peer.write(Buffer.concat([encodeFrame(1, Buffer.from('a')), encodeFrame(1, Buffer.from('b'))]))
    await until(() => lines.at(-1)?.startsWith('close') === true, 'it is closed')
    expect(lines).toEqual([...either(['text a', 'text b'], ['text a']), 'close 1006 ""'])
  })

  it('a reason that is not UTF-8 is an error whatever skipUTF8Validation says', async () => {
    const { socket, peer } = await serveRawPeer(subject, { skipUTF8Validation: true })
    const lines = record(socket)
    peer.send(8, Buffer.of(3, 232, 0xfe))
    await peer.readFrame()
    peer.end()
    await until(() => lines.at(-1)?.startsWith('close') === true, 'it is closed')
    expect(lines).toEqual(either(['close 1000 "\xfe"'], ['error WS_ERR_INVALID_UTF8', 'close 1006 ""']))
  })

  it('the parameter mask of ping and pong has no effect', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    socket.ping('a', false)
    expect((await readFrame(peer)).key === null).toBe(either(true, false))
  })

  it('_sender.sendFrame takes whole messages that are neither masked nor compressed', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const list = subject.Sender.frame(Buffer.from('a'), { opcode: 1, fin: true, mask: true })
    const send = () => inside(socket)._sender.sendFrame(list)
    if (subject !== original) return expect(send).toThrow(TypeError)
    send()
    expect(`${(await readFrame(peer)).payload}`).toBe('a')
  })

  it('a length that is not encoded in the fewest bytes is refused (RFC 6455 §5.2)', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    peer.write(Buffer.from([0x81, 0xfe, 0, 1, 0, 0, 0, 0, 0x61]))
    await until(() => lines.length > 0, 'it is judged')
    expect(lines[0]).toBe(either('text a', 'error WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'))
  })

  it('a header is judged when all of it is there', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    peer.write(Buffer.of(0x83, 0x80))
    if (subject === original) await until(() => lines.length > 0, 'it is judged')
    else await new Promise((resolve) => setTimeout(resolve, 20))
    expect(lines.length > 0).toBe(either(true, false))
    peer.write(Buffer.alloc(4))
    await until(() => lines.length === 2, 'it is over')
    expect(lines).toEqual(['error WS_ERR_INVALID_OPCODE', 'close 1006 ""'])
  })

  it('empty elements of Sec-WebSocket-Extensions are skipped (RFC 9110 §5.6.1)', async () => {
    const { url } = await serveRaw((socket, request) =>
      socket.write(acceptance(request, ['Sec-WebSocket-Extensions: permessage-deflate, ,']))
    )
    const lines = record(makeClient(subject, url))
    await until(() => lines.length > 0, 'it is judged')
    expect(lines[0]).toBe(either('error Invalid Sec-WebSocket-Extensions header', 'open'))
  })

  it('a ping may overtake fragments (RFC 6455 §5.4)', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    socket.send('a', { fin: false })
    socket.send('b', { fin: true })
    socket.ping()
    const opcodes = []
    for (let i = 0; i < 3; i++) opcodes.push((await peer.readFrame()).opcode)
    expect(opcodes).toEqual(either([1, 0, 9], [9, 1, 0]))
  })

  it('_socket counts no bytes where the engine reads and writes', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const message = once(socket, 'message')
    peer.text('x'.repeat(1000))
    await message
    await new Promise((resolve) => socket.send('x'.repeat(2000), resolve))
    const { bytesRead, bytesWritten } = inside(socket)._socket
    const isOnEngine = subject !== original && process.env.HOTSOCKET_TIER === 'engine'
    expect([bytesRead > 1000, bytesWritten > 2000]).toEqual(isOnEngine ? [false, false] : [true, true])
  })
})
