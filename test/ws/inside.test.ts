// What is documented nowhere and used by programs all the same: Sender.frame and socket._sender.sendFrame (engine.io, broadcasts
// that frame once), Receiver, socket._socket.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { guard, pattern } from '../support/harness.js'
import { closePayload, encodeFrame } from '../support/raw-client.js'
import { inside, nextOf, openPair, serveRawPeer } from './peers.js'
import { type FrameRequest, original, subjects } from './subjects.js'

guard()

const joined = (list: readonly (Buffer | string)[]) =>
  Buffer.concat(list.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))

describe.each(subjects)('$name: Sender.frame', ({ Sender }) => {
  it.each<[string, FrameRequest]>([
    ['a text', { opcode: 1, fin: true }],
    ['a fragment', { opcode: 2, fin: false }],
    ['a compressed message', { opcode: 1, fin: true, rsv1: true }],
    ['a prepared frame of engine.io', { opcode: 1, fin: true, mask: false, readOnly: false }],
    ['a ping', { opcode: 9, fin: true, readOnly: true }],
    [
      'a masked text',
      { opcode: 1, fin: true, mask: true, generateMask: (key) => void key.set([5, 6, 7, 8]) }
    ],
    [
      'a masked text that must stay as it is',
      { opcode: 1, fin: true, mask: true, readOnly: true, generateMask: (key) => void key.set([9, 0, 9, 1]) }
    ],
    [
      'a text with a key of zeros',
      { opcode: 1, fin: true, mask: true, generateMask: (key) => void key.fill(0) }
    ]
  ])('writes %s as ws does', (_, options) => {
    for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
      const frame = joined(Sender.frame(pattern(length), options))
      const expected = joined(original.Sender.frame(pattern(length), options))
      expect(frame.equals(expected)).toBe(true)
      const text = joined(Sender.frame(pattern(length).toString(), options))
      expect(text.equals(expected)).toBe(true)
    }
  })

  it('leaves read-only bytes as they are', () => {
    const payload = pattern(100)
    Sender.frame(payload, { opcode: 2, fin: true, mask: true, readOnly: true })
    expect(payload).toEqual(pattern(100))
  })
})

describe.each(subjects)('$name: _sender', (subject) => {
  const { Sender } = subject

  it('sends prepared frames, in order with others, and calls back', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const list = Sender.frame(Buffer.from('prepared'), { opcode: 1, fin: true, mask: false })
    socket.send('before')
    await new Promise<void>((resolve) => {
      inside(socket)._sender.sendFrame(list, () => resolve())
      inside(socket)._sender.sendFrame(list)
      socket.send('after')
    })
    const texts = []
    for (let i = 0; i < 4; i++) texts.push(await peer.readText())
    expect(texts).toEqual(['before', 'prepared', 'prepared', 'after'])
  })

  it('sends one prepared frame to many', async () => {
    const { server, socket, client, port } = await openPair(subject)
    const other = new subject.WebSocket(`ws://127.0.0.1:${port}`)
    await once(other, 'open')
    const list = Sender.frame(Buffer.from('a'.repeat(300)), { opcode: 2, fin: true, mask: false })
    const both = Promise.all([once(client, 'message'), once(other, 'message')])
    for (const each of server.clients) inside(each)._sender.sendFrame(list)
    expect((await both).map(([data, isBinary]) => [`${data}`, isBinary])).toEqual(
      Array(2).fill(['a'.repeat(300), true])
    )
    expect(server.clients.has(socket)).toBe(true)
    other.terminate()
  })
})

describe.each(subjects)('$name: _socket', (subject) => {
  it('knows the addresses of both ends', async () => {
    const { socket, client, port } = await openPair(subject)
    const [ours, theirs] = [inside(socket)._socket, inside(client)._socket]
    expect([ours.remoteAddress, ours.remoteFamily, ours.localPort]).toEqual(['127.0.0.1', 'IPv4', port])
    expect([theirs.remoteAddress, theirs.remotePort, theirs.localPort]).toEqual([
      ...['127.0.0.1', port, ours.remotePort]
    ])
  })

  it('is the socket of the request', async () => {
    const { server, port } = await openPair(subject)
    const connection = once(server, 'connection')
    const client = new subject.WebSocket(`ws://127.0.0.1:${port}`)
    const [socket, request] = await connection
    const socketOf = inside(socket)._socket
    expect([socketOf.remotePort, socketOf.remoteAddress]).toEqual([
      request.socket.remotePort,
      request.socket.remoteAddress
    ])
    client.on('error', () => {}).terminate()
  })

  it('takes the settings of a TCP socket', async () => {
    const { socket } = await openPair(subject)
    const { _socket } = inside(socket)
    for (const set of [
      () => _socket.setNoDelay(true),
      () => _socket.setKeepAlive(true, 1000),
      () => _socket.setTimeout(0)
    ]) {
      expect(set).not.toThrow()
    }
  })

  it('tells its end, and ends the connection when it is destroyed', async () => {
    const { socket, client } = await openPair(subject)
    const ended = once(inside(socket)._socket, 'close')
    const closed = nextOf(client, 'close')
    inside(socket)._socket.destroy()
    await ended
    expect(await closed).toEqual([1006, Buffer.of()])
    expect(socket.readyState).toBe(3)
  })

  it('ends the connection when it is ended', async () => {
    const { socket, client } = await openPair(subject)
    const closed = nextOf(client, 'close')
    inside(socket)._socket.end()
    expect(await closed).toEqual([1006, Buffer.of()])
  })

  it('does not time out while messages come', async () => {
    const { socket, client } = await openPair(subject)
    let hasTimedOut = false
    inside(socket)._socket.setTimeout(300, () => {
      hasTimedOut = true
    })
    for (const start = Date.now(); Date.now() - start < 500; ) {
      const message = once(socket, 'message')
      client.send('busy')
      await message
    }
    expect(hasTimedOut).toBe(false)
  })

  it('is null before the client is open', async () => {
    const { port } = await openPair(subject)
    const client = new subject.WebSocket(`ws://127.0.0.1:${port}`)
    expect(inside(client)._socket).toBe(null)
    await once(client, 'open')
    expect((inside(client)._socket as Socket).remotePort).toBe(port)
    client.terminate()
  })
})

describe.each(subjects)('$name: Receiver', ({ Receiver }) => {
  const frame = (opcode: number, payload: string, options = {}) =>
    encodeFrame(opcode, Buffer.from(payload), options)

  it('reads the frames that are written to it', async () => {
    const receiver = new Receiver({ isServer: true })
    const seen: unknown[] = []
    receiver.on('message', (data, isBinary) => seen.push(`${data}`, isBinary))
    receiver.on('ping', (data) => seen.push(`ping ${data}`))
    receiver.on('pong', (data) => seen.push(`pong ${data}`))
    const concluded = nextOf<[number, Buffer]>(receiver, 'conclude')
    const bytes = Buffer.concat([frame(1, 'a'), frame(2, 'b'), frame(9, 'c'), frame(10, 'd')])
    for (const byte of bytes) receiver.write(Buffer.of(byte))
    receiver.write(encodeFrame(8, closePayload(1000, 'over')))
    expect(await concluded).toEqual([1000, Buffer.from('over')])
    expect(seen).toEqual(['a', false, 'b', true, 'ping c', 'pong d'])
  })

  it('reads what servers send, too, with the options it is given', async () => {
    const receiver = new Receiver({ binaryType: 'arraybuffer', maxPayload: 3 })
    const message = once(receiver, 'message')
    receiver.write(frame(2, 'abc', { isMasked: false }))
    const [data] = await message
    expect(data).toBeInstanceOf(ArrayBuffer)
    const failed = nextOf<[NodeJS.ErrnoException]>(receiver, 'error')
    receiver.write(frame(2, 'abcd', { isMasked: false }))
    expect((await failed)[0].code).toBe('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
  })
})
