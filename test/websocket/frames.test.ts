import { describe, expect, it } from 'vitest'
import {
  Connection,
  ControlFrame,
  DeflateMessage,
  Frame,
  Opcode,
  type SendStatus,
  WebSocket,
  type WebSocketOptions
} from '../../src/index.js'
import { cleanUp, guard, openAt, pattern, until } from '../support/harness.js'
import { acceptance, serveRaw } from '../support/raw-server.js'

guard()

/** A frame as a line. */
function show({ opcode, payload, isFinal }: Frame): string {
  const name = ['cont', 'text', 'binary', '', '', '', '', '', 'close', 'ping', 'pong'][opcode]
  return `${name}${isFinal ? '' : '...'} ${Buffer.from(payload).toString('latin1')}`
}

function ended(socket: WebSocket): WebSocket {
  cleanUp(() => socket.terminate())
  return socket
}

async function listening(options: WebSocketOptions = {}): Promise<WebSocket> {
  const server = new WebSocket({ logLevel: 'silent', ...options }).bind({ host: '127.0.0.1' })
  return ended(await server.listen())
}

/** Both ends of a connection, each a WebSocket. */
async function pair(options: WebSocketOptions = {}, client: WebSocketOptions = options) {
  const server = await listening(options)
  const [near, far] = await Promise.all([
    new WebSocket({ logLevel: 'silent', ...client }).connect({ host: '127.0.0.1', port: server.port! }),
    server.accept()
  ])
  return { server, near: ended(near), far: ended(far) }
}

/** An accepted WebSocket, and the raw client at its other end. */
async function acceptRaw(options: WebSocketOptions = {}) {
  const server = await listening(options)
  const peer = await openAt({ port: server.port })
  return { server, peer, socket: ended(await server.accept()) }
}

const continuation = (payload: string, isFinal: boolean) =>
  new Frame(Opcode.CONTINUATION, payload, { isFinal })

describe('frames that are received', () => {
  it('§5.4, §5.5 come one by one as they were sent, control frames between them', async () => {
    const { peer, socket } = await acceptRaw()
    peer.send(Opcode.TEXT, 'Hel', { fin: false })
    peer.send(Opcode.PING, 'p')
    peer.send(Opcode.CONTINUATION, '', { fin: false })
    peer.send(Opcode.PONG, 'q')
    peer.send(Opcode.CONTINUATION, 'lo')
    peer.send(Opcode.BINARY, pattern(70_000))
    const frames = await socket.recvn(6)
    expect(frames.slice(0, 5).map(show)).toEqual(['text... Hel', 'ping p', 'cont... ', 'pong q', 'cont lo'])
    expect(pattern(70_000).equals(frames[5]!.payload)).toBe(true)
    expect(frames[1]).toBeInstanceOf(ControlFrame)
    // The ping is answered already.
    expect(await peer.readFrame()).toMatchObject({ opcode: Opcode.PONG, payload: Buffer.from('p') })
  })

  it.each([1, 7, 4096])('in chunks of %i bytes are the same', async (chunkBytes) => {
    const { peer, socket } = await acceptRaw()
    const bytes: Buffer[] = []
    peer.write = (chunk) => void bytes.push(Buffer.from(chunk as Uint8Array))
    peer.send(Opcode.BINARY, pattern(300), { fin: false })
    peer.send(Opcode.CONTINUATION, pattern(4000, 1))
    const all = Buffer.concat(bytes)
    peer.socket.setNoDelay(true)
    for (let at = 0; at < all.length; at += chunkBytes) peer.socket.write(all.subarray(at, at + chunkBytes))
    const frames = await socket.recvn(2)
    expect(frames.map(({ opcode, isFinal }) => [opcode, isFinal])).toEqual([
      [Opcode.BINARY, false],
      [Opcode.CONTINUATION, true]
    ])
    expect(pattern(300).equals(frames[0]!.payload)).toBe(true)
    expect(pattern(4000, 1).equals(frames[1]!.payload)).toBe(true)
  })

  it('that arrived before anybody asked are not lost', async () => {
    const server = await listening()
    const peer = await openAt({ port: server.port })
    peer.text('one')
    peer.send(Opcode.PING, 'two')
    peer.close(3000, 'bye')
    peer.end()
    const socket = ended(await server.accept())
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect((await socket.recvn(5)).map(show)).toEqual(['text one', 'ping two', 'close \x0b\xb8bye'])
    await expect(socket.recv()).rejects.toMatchObject({ code: 'not-open' })
  })

  it('behind the handshake of a client are not lost', async () => {
    const server = await serveRaw((peer, request) => {
      peer.write(Buffer.concat([Buffer.from(acceptance(request), 'latin1'), Buffer.from([0x81, 1, 65])]))
    })
    const socket = ended(await new WebSocket().connect(server.url))
    expect(show(await socket.recv())).toBe('text A')
  })

  it('§5.5.1 end with the close frame, code and reason', async () => {
    const { near, far } = await pair()
    far.send(new Frame(Opcode.TEXT, 'last'))
    const closed = far.close(4000, 'over')
    const lines: string[] = []
    for await (const frame of near) {
      lines.push(show(frame))
      if (frame instanceof ControlFrame) expect(frame.unpackClose()).toEqual({ code: 4000, reason: 'over' })
    }
    expect(lines).toEqual(['text last', 'close \x0f\xa0over'])
    expect(await closed).toMatchObject({ code: 4000, wasClean: true, initiator: 'local' })
    await expect(near.recv()).rejects.toMatchObject({ code: 'not-open' })
    expect(show(await far.recv())).toBe('close \x0f\xa0')
    await expect(far.recv()).rejects.toMatchObject({ code: 'not-open' })
  })

  it('end with the cause, if the end is not clean', async () => {
    const { peer, socket } = await acceptRaw()
    const waiting = socket.recv()
    peer.socket.destroy()
    await expect(waiting).rejects.toMatchObject({ code: 'connection-lost' })
    await expect(socket.recv()).rejects.toMatchObject({ code: 'connection-lost' })
    const drain = async () => {
      for await (const frame of socket) show(frame)
    }
    await expect(drain()).rejects.toMatchObject({ code: 'connection-lost' })
  })

  it('end where the peer broke a rule, with what it sent before', async () => {
    const { peer, socket } = await acceptRaw({ closeTimeoutMs: 50 })
    peer.text('fine')
    peer.send(Opcode.CONTINUATION, 'of nothing')
    expect((await socket.recvn(3)).map(show)).toEqual(['text fine'])
    await expect(socket.recv()).rejects.toMatchObject({ code: 'unexpected-continuation' })
    expect(await peer.readClose()).toMatchObject({ code: 1002 })
  })

  it('§8.1 must be UTF-8 where they are text, over the borders of frames', async () => {
    const { peer, socket } = await acceptRaw({ closeTimeoutMs: 50 })
    const [first, second] = [Buffer.of(0xe6), Buffer.of(0xbc, 0xa2)]
    peer.send(Opcode.TEXT, first, { fin: false })
    peer.send(Opcode.CONTINUATION, second)
    peer.send(Opcode.TEXT, first, { fin: false })
    peer.send(Opcode.CONTINUATION, 'x')
    const frames = await socket.recvn(3)
    expect(Buffer.concat(frames.slice(0, 2).map(({ payload }) => payload)).toString()).toBe('漢')
    await expect(socket.recv()).rejects.toMatchObject({ code: 'invalid-utf8' })
  })

  it('recvn takes its frames in one piece beside other recvs, and wants a number', async () => {
    const { peer, socket } = await acceptRaw()
    const results = Promise.all([socket.recv(), socket.recvn(2), socket.recv()])
    for (const text of ['a', 'b', 'c', 'd']) peer.text(text)
    expect((await results).flat().map(show)).toEqual(['text a', 'text b', 'text c', 'text d'])
    for (const wrong of [0, -1, 1.5, Number.NaN])
      await expect(socket.recvn(wrong)).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  it('that nobody receives stop the reading: what waits is bounded', async () => {
    const { peer, socket } = await acceptRaw({ lowWatermarkBytes: 16_384 })
    await Promise.all([socket.recv(), peer.text('first')])
    const frame = pattern(8192)
    let count = 0
    while (peer.socket.writableLength < 4 * 2 ** 20 && count < 4096) {
      peer.binary(frame)
      count++
      if (count % 64 === 0) await new Promise(setImmediate)
    }
    // The kernel's buffers are full, and the rest waits at the sender.
    expect(peer.socket.writableLength).toBeGreaterThan(2 ** 20)
    for (let i = 0; i < count; i++) {
      const { payload } = await socket.recv()
      if (!frame.equals(payload)) throw new Error(`frame ${i} is another`)
    }
    peer.text('last')
    expect(show(await socket.recv())).toBe('text last')
  })

  it('after close of our own are told until the close frame; of a flood only so much is kept, and the gap told', async () => {
    const { peer, socket } = await acceptRaw({ highWatermarkBytes: 65_536 })
    const closed = socket.close(1000)
    for (let i = 0; i < 64; i++) peer.binary(pattern(8192))
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
    peer.close(1000)
    peer.end()
    expect(await closed).toMatchObject({ wasClean: true })
    const lines: string[] = []
    const reading = async () => {
      for await (const frame of socket) lines.push(show(frame))
    }
    await expect(reading()).rejects.toMatchObject({ code: 'not-open', message: /were dropped$/ })
    await expect(socket.recv()).rejects.toMatchObject({ code: 'not-open', message: /were dropped$/ })
    expect(lines.length).toBeGreaterThan(2)
    expect(lines.length).toBeLessThan(20)
    expect(lines.filter((line) => line.startsWith('close'))).toEqual([])
  })
})

describe('frames that are sent', () => {
  it('§5.4 go out as they were given, control frames between them', async () => {
    const { peer, socket } = await acceptRaw()
    const statuses: SendStatus[] = [
      socket.send(
        new Frame(Opcode.TEXT, 'Hel', { isFinal: false }),
        new ControlFrame(Opcode.PING, 'p'),
        continuation('', false)
      ),
      socket.send(new ControlFrame(Opcode.PONG, 'q'), continuation('lo', true)),
      socket.send(new Frame(Opcode.BINARY, pattern(70_000)))
    ]
    expect(statuses).toEqual(['sent', 'sent', 'sent'])
    const lines: string[] = []
    for (let i = 0; i < 5; i++) {
      const { opcode, payload, fin } = await peer.readFrame()
      lines.push(show(new Frame(opcode, payload, { isFinal: fin })))
    }
    expect(lines).toEqual(['text... Hel', 'ping p', 'cont... ', 'pong q', 'cont lo'])
    const { payload, opcode, fin } = await peer.readFrame()
    expect([opcode, fin, pattern(70_000).equals(payload)]).toEqual([2, true, true])
  })

  it('§5.4 of Frame.fragment arrive in the same pieces, masked or not', async () => {
    const { near, far } = await pair()
    const frames = new Frame(Opcode.TEXT, 'Hello, frames').fragment(5)
    for (const [from, to] of [
      [near, far],
      [far, near]
    ] as const) {
      from.send(...frames)
      expect((await to.recvn(3)).map(show)).toEqual(['text... Hello', 'cont... , fra', 'cont mes'])
    }
  })

  it('§5.4-§5.6 that must not stand there are refused, and nothing is sent', async () => {
    const { near, far } = await pair()
    const text = (payload: string | Uint8Array, isFinal = true) =>
      new Frame(Opcode.TEXT, payload, { isFinal })
    const wrong: [RegExp, ...Frame[]][] = [
      [/none has begun/, continuation('x', true)],
      [/has not ended/, text('x', false), text('y')],
      [/none has begun/, text('x'), continuation('y', true)],
      [/reserved bits/, new Frame(Opcode.TEXT, 'x', { rsv: 0x40 })],
      [/UTF-8/, text(Buffer.of(0xff))],
      [/UTF-8/, text(Buffer.of(0xe6))],
      [/UTF-8/, text(Buffer.of(0xe6), false), continuation('x', false)],
      [/fragmented/, new Frame(Opcode.PING, 'x', { isFinal: false })],
      [/at most 125/, new Frame(Opcode.PING, pattern(126))],
      [/opcode 11/, new Frame(11)],
      [/one byte/, new ControlFrame(Opcode.CLOSE, 'x')],
      [/must not be sent/, new ControlFrame(Opcode.CLOSE, Buffer.of(0x03, 0xee))],
      [/not string/, 'x' as unknown as Frame]
    ]
    for (const [pattern, ...frames] of wrong) {
      expect(() => near.send(text('never'), ...frames)).toThrow(pattern)
      expect(() => near.send(...frames)).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }) as unknown as Error
      )
    }
    near.send(text('begun', false))
    expect(() => near.send(text('x'))).toThrow(/has not ended/)
    near.send(continuation('ended', true))
    expect((await far.recvn(2)).map(show)).toEqual(['text... begun', 'cont ended'])
  })

  it('with an opcode that no extension has are refused', async () => {
    const { near } = await pair()
    expect(() => near.send(new Frame(3, 'x'))).toThrow(/opcode/)
  })

  it('§5.5.1 a close frame begins the closing handshake, amid a message, too', async () => {
    for (const payload of [Buffer.of(0x0f, 0xa0, 0x68, 0x69), Buffer.alloc(0)]) {
      const { peer, socket } = await acceptRaw()
      const frames = [
        new Frame(Opcode.TEXT, 'half', { isFinal: false }),
        new ControlFrame(Opcode.CLOSE, payload)
      ]
      expect(socket.send(...frames)).toBe('sent')
      expect(await peer.readFrame()).toMatchObject({ opcode: 1, fin: false })
      expect(await peer.readFrame()).toMatchObject({ opcode: 8, payload: Buffer.from(payload) })
      expect(socket.send(new Frame(Opcode.TEXT, 'late'))).toBe('dropped')
      expect(socket.send(new ControlFrame(Opcode.CLOSE))).toBe('dropped')
      peer.close(1000)
      expect(show(await socket.recv())).toBe('close \x03\xe8')
      await expect(socket.recv()).rejects.toMatchObject({ code: 'not-open' })
    }
  })

  it('§5.5.1 close goes amid a message, too', async () => {
    const { near, far } = await pair()
    near.send(new Frame(Opcode.BINARY, 'half', { isFinal: false }))
    const [details, frames] = await Promise.all([near.close(3001, 'enough'), far.recvn(3)])
    expect(details).toMatchObject({ wasClean: true, code: 3001 })
    expect(frames.map(show)).toEqual(['binary... half', 'close \x0b\xb9enough'])
    await expect(near.close(999)).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  it('are dropped once the peer has closed, amid a message, too', async () => {
    const { near, far } = await pair()
    near.send(new Frame(Opcode.TEXT, 'half', { isFinal: false }))
    const [frame] = await Promise.all([far.recv(), near.recv().catch(() => null), far.close()])
    expect(show(frame)).toBe('text... half')
    await until(() => near.readyState === 3, 'it is over')
    expect(near.send(continuation('rest', true))).toBe('dropped')
  })

  it('tell when they wait: drained', async () => {
    const { peer, socket } = await acceptRaw()
    peer.pause()
    let status: SendStatus = 'sent'
    for (let i = 0; i < 999 && status === 'sent'; i++) {
      status = socket.send(new Frame(Opcode.BINARY, Buffer.alloc(2 ** 18)))
      await new Promise(setImmediate)
    }
    expect(status).toBe('queued')
    expect(socket.bufferedAmount).toBeGreaterThan(65_536)
    peer.resume()
    await socket.drained()
    expect(socket.bufferedAmount).toBeLessThanOrEqual(65_536)
  })
})

describe('extensions', () => {
  const deflate = () => new DeflateMessage({ thresholdBytes: 0 })

  it('RFC 7692: messages come decoded, as one frame each; one of several frames is sent as it is', async () => {
    const { near, far } = await pair({ extensions: [deflate()] })
    const text = 'the same again, '.repeat(40)
    near.send(new Frame(Opcode.TEXT, text))
    near.send(...new Frame(Opcode.BINARY, 'abcdef').fragment(4))
    near.send(new ControlFrame(Opcode.PING, 'x'))
    expect((await far.recvn(3)).map(show)).toEqual([`text ${text}`, 'binary abcdef', 'ping x'])
  })

  it('that work in slices keep the order of whole and fragmented messages, and of the close frame', async () => {
    const { near, far } = await pair({ extensions: [deflate()] })
    const long = pattern(3_000_000)
    const statuses = [
      near.send(new Frame(Opcode.BINARY, long)),
      near.send(...new Frame(Opcode.TEXT, 'abcdef').fragment(4)),
      near.send(new Frame(Opcode.TEXT, 'after')),
      near.send(new Frame(Opcode.TEXT, 'half', { isFinal: false }))
    ]
    expect(statuses).toEqual(['queued', 'queued', 'queued', 'queued'])
    const closed = near.close()
    const [first, ...rest] = await far.recvn(5)
    expect(long.equals(first!.payload)).toBe(true)
    expect(rest.map(show)).toEqual(['text abcdef', 'text after', 'close \x03\xe8'])
    expect(await closed).toMatchObject({ wasClean: true })
  })
})

describe('a Connection made of a WebSocket', () => {
  it('gets the messages that arrived before, and the request', async () => {
    const server = await listening()
    const peer = await openAt({ port: server.port }, { path: '/where' })
    peer.text('early')
    const socket = await server.accept()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const lines: string[] = []
    class Echo extends Connection {
      override onopen() {
        lines.push(`open ${this.request?.path} ${this.data}`)
      }
      override onmessage(message: { payload: string | Uint8Array }) {
        lines.push(`message ${message.payload}`)
        this.send(message.payload)
      }
      override onclose(code: number) {
        lines.push(`close ${code}`)
      }
    }
    const over = new Echo(socket).receiveForever()
    expect(await peer.readText()).toBe('early')
    peer.text('late')
    expect(await peer.readText()).toBe('late')
    peer.close(1000)
    expect(await over).toMatchObject({ code: 1000, wasClean: true })
    expect(lines).toEqual(['open /where undefined', 'message early', 'message late', 'close 1000'])
  })

  it('may pause in onopen, and may be told piece by piece', async () => {
    const { peer, socket } = await acceptRaw()
    peer.text('x')
    const lines: string[] = []
    const connection = new Connection(socket, {
      onopen: (client) => client.pause(),
      onframedata: (_, bytes) => void lines.push(Buffer.from(bytes).toString())
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(lines).toEqual([])
    connection.resume()
    await until(() => lines.length === 1, 'it arrived')
    expect(lines).toEqual(['x'])
    connection.terminate()
  })

  it('is made of a client, too, and has recv', async () => {
    const { near, far } = await pair()
    const connection = new Connection(near)
    far.send(new Frame(Opcode.TEXT, 'one'), new Frame(Opcode.TEXT, 'two'))
    expect((await connection.recv()).payload).toBe('one')
    expect((await connection.recv()).payload).toBe('two')
    connection.send('back')
    expect(show(await far.recv())).toBe('text back')
    expect(await connection.close()).toMatchObject({ wasClean: true })
  })

  it('is made once, and of one that is open and unused', async () => {
    const { near, far, server } = await pair()
    far.send(new Frame(Opcode.TEXT, 'x'))
    const wrong = { code: 'wrong-state' }
    const make = (socket: WebSocket) => () => new Connection(socket)
    const throwing = (socket: WebSocket) =>
      expect(make(socket)).toThrow(expect.objectContaining(wrong) as Error)
    throwing(far)
    throwing(server)
    throwing(new WebSocket())
    const connection = new Connection(near)
    throwing(near)
    await expect(near.recv()).rejects.toMatchObject(wrong)
    expect(() => near.send()).toThrow(/a Connection was made/)
    await connection.close()
  })
})
