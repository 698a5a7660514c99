// What a socket sends (ws.md "websocket.send(data[, options][, callback])", "ping", "pong", "bufferedAmount").
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { guard, pattern, until } from '../support/harness.js'
import { openAtRawPeer, openPair, readFrame, serveRawPeer, untidy } from './peers.js'
import { subjects } from './subjects.js'

guard()

const bytes = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])
const KINDS: [kind: string, data: unknown, opcode: number, payload: Uint8Array | string][] = [
  ['a string', 'Grüße €', 1, 'Grüße €'],
  ['an empty string', '', 1, ''],
  ['a number', 5.5, 1, '5.5'],
  ['zero', 0, 1, '0'],
  ['a Buffer', Buffer.from(bytes), 2, bytes],
  ['an empty Buffer', Buffer.alloc(0), 2, ''],
  ['a Uint8Array in the middle of its buffer', bytes.subarray(2, 5), 2, bytes.subarray(2, 5)],
  ['a Float32Array', new Float32Array([1]), 2, Uint8Array.from([0, 0, 128, 63])],
  ['a DataView', new DataView(bytes.buffer, 1, 3), 2, bytes.subarray(1, 4)],
  ['an ArrayBuffer', bytes.buffer, 2, bytes],
  ['an array of numbers', [1, 2, 300], 2, Uint8Array.from([1, 2, 44])],
  ['what Buffer.from takes', { type: 'Buffer', data: [7, 8] }, 2, Uint8Array.from([7, 8])],
  ['a Blob', new Blob(['ab', bytes.slice(0, 2)]), 2, Uint8Array.from([97, 98, 1, 2])],
  ['an empty Blob', new Blob([]), 2, ''],
  ['undefined', undefined, 2, ''],
  ['null', null, 2, '']
]

describe.each(subjects)('$name: the frames of a server’s socket', (subject) => {
  it.each(KINDS)('of %s', async (_, data, opcode, payload) => {
    const { socket, peer } = await serveRawPeer(subject)
    untidy(socket).send(data)
    const frame = await peer.readFrame()
    expect(frame).toEqual({ fin: true, rsv: 0, opcode, payload: Buffer.from(payload as string) })
  })

  it.each([125, 126, 65_535, 65_536, 1_000_000])('of %i bytes', async (byteLength) => {
    const { socket, peer } = await serveRawPeer(subject)
    const payload = pattern(byteLength)
    socket.send(payload)
    socket.send(payload.toString('latin1'))
    expect((await peer.readFrame()).payload.equals(payload)).toBe(true)
    const text = await peer.readFrame()
    expect([text.opcode, text.payload.equals(payload)]).toEqual([1, true])
  })

  it('in the order of the calls, also after a Blob', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    untidy(socket).send(new Blob(['first']))
    socket.send('second')
    socket.ping('third')
    socket.close(1000, 'fourth')
    const payloads = []
    for (let i = 0; i < 4; i++) payloads.push((await peer.readFrame()).payload.toString('latin1'))
    expect(payloads).toEqual(['first', 'second', 'third', '\x03\xe8fourth'])
  })

  it('with the options binary, fin and mask', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    socket.send('a', { binary: true })
    socket.send(Buffer.from('b'), { binary: false })
    socket.send('c', { fin: false })
    socket.send('d', { fin: false })
    socket.send(Buffer.from('e'), { fin: true })
    socket.send('f')
    const frames = []
    for (let i = 0; i < 6; i++) frames.push(await peer.readFrame())
    expect(frames.map(({ fin, opcode, payload }) => `${fin} ${opcode} ${payload}`)).toEqual([
      ...['true 2 a', 'true 1 b', 'false 1 c', 'false 0 d', 'true 0 e', 'true 1 f']
    ])
  })

  it('may be pings between the fragments of a message', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    socket.send('a', { fin: false })
    const first = await peer.readFrame()
    socket.ping('p')
    const second = await peer.readFrame()
    socket.send('b', { fin: true })
    const third = await peer.readFrame()
    expect([first, second, third].map(({ opcode, payload }) => `${opcode}${payload}`)).toEqual([
      '1a',
      '9p',
      '0b'
    ])
  })

  it('throws where the data is of no use', async () => {
    const { socket } = await serveRawPeer(subject)
    for (const data of [true, {}, () => {}, Symbol('a')]) {
      expect(() => untidy(socket).send(data, {})).toThrow(TypeError)
    }
    expect(socket.readyState).toBe(1)
  })
})

describe.each(subjects)('$name: the frames of a client’s socket', (subject) => {
  it.each(KINDS)('of %s', async (_, data, opcode, payload) => {
    const { socket, peer } = await openAtRawPeer(subject, { perMessageDeflate: false })
    untidy(socket).send(data)
    const { key, ...frame } = await readFrame(peer)
    expect(key).not.toBe(null)
    expect(frame).toEqual({ fin: true, rsv: 0, opcode, payload: Buffer.from(payload as string) })
  })

  it('leaves the bytes it is given as they are', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const payload = pattern(1000)
    const before = Buffer.from(payload)
    socket.send(payload)
    socket.ping(payload.subarray(0, 9))
    await readFrame(peer)
    await readFrame(peer)
    expect(payload).toEqual(before)
  })

  it('without a mask when it is told so', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    socket.send('a', { mask: false })
    const frame = await readFrame(peer)
    expect([frame.key, frame.opcode, `${frame.payload}`]).toEqual([null, 1, 'a'])
  })
})

describe.each(subjects)('$name: pings and pongs', (subject) => {
  it.each([
    [undefined, ''],
    ['hé', 'hé'],
    [5, '5'],
    [Buffer.from('b'), 'b'],
    [[99, 100], 'cd'],
    [new Blob(['e']), 'e'],
    ['x'.repeat(125), 'x'.repeat(125)]
  ])('carry %j', async (data, text) => {
    const { socket, peer } = await serveRawPeer(subject)
    untidy(socket).ping(data)
    untidy(socket).pong(data)
    for (const opcode of [9, 10]) {
      const frame = await peer.readFrame()
      expect([frame.opcode, frame.fin, `${frame.payload}`]).toEqual([opcode, true, text])
    }
  })

  it('take no more than 125 bytes', async () => {
    const { socket } = await serveRawPeer(subject)
    const error = new RangeError('The data size must not be greater than 125 bytes')
    expect(() => socket.ping('x'.repeat(126))).toThrow(error)
    expect(() => socket.pong(Buffer.alloc(126))).toThrow(error)
  })

  it('call back, whichever parameters are left out', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const results = await Promise.all([
      new Promise((resolve) => untidy(socket).ping(resolve)),
      new Promise((resolve) => untidy(socket).ping('a', resolve)),
      new Promise((resolve) => socket.ping('b', false, resolve)),
      new Promise((resolve) => untidy(socket).pong(resolve)),
      new Promise((resolve) => untidy(socket).pong('c', resolve)),
      new Promise((resolve) => socket.pong('d', false, resolve))
    ])
    expect(results.map((error) => error ?? undefined)).toEqual(Array(6).fill(undefined))
    const seen = []
    for (let i = 0; i < 6; i++) {
      const { opcode, payload } = await peer.readFrame()
      seen.push(`${opcode}${payload}`)
    }
    expect(seen).toEqual(['9', '9a', '9b', '10', '10c', '10d'])
  })
})

describe.each(subjects)('$name: callbacks of send', (subject) => {
  it('come in order when the data is written, after send has returned', async () => {
    const { socket, client } = await openPair(subject)
    const lines: string[] = []
    const done = new Promise<void>((resolve) => {
      socket.send('a', (error) => lines.push(`a ${error ?? ''}`))
      socket.send('b', { binary: true }, (error) => {
        lines.push(`b ${error ?? ''}`)
        resolve()
      })
      lines.push('returned')
    })
    await Promise.all([done, once(client, 'message')])
    expect(lines).toEqual(['returned', 'a ', 'b '])
  })

  it('get an error when the socket is not open any more; nothing throws', async () => {
    const { socket, client } = await openPair(subject)
    socket.close()
    expect(socket.readyState).toBe(2)
    const told: string[] = []
    socket.send('a', (error) => told.push(`send ${error!.message}`))
    socket.ping('a', false, (error) => told.push(`ping ${error.message}`))
    socket.pong('a', false, (error) => told.push(`pong ${error.message}`))
    socket.send('nobody is told')
    expect(told).toEqual([])
    await once(client, 'close')
    await until(() => socket.readyState === 3, 'it is closed')
    const error = await new Promise<Error | undefined>((resolve) => socket.send('b', resolve))
    const closing = 'WebSocket is not open: readyState 2 (CLOSING)'
    expect(told).toEqual([`send ${closing}`, `ping ${closing}`, `pong ${closing}`])
    expect(error!.message).toBe('WebSocket is not open: readyState 3 (CLOSED)')
  })

  it('get an error when the socket is lost before the data is written', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    peer.pause()
    const megabyte = Buffer.alloc(1 << 20)
    const results: (Error | undefined | null)[] = []
    for (let i = 0; i < 32; i++) socket.send(megabyte, (error) => results.push(error))
    expect(socket.bufferedAmount).toBeGreaterThan(1 << 20)
    socket.terminate()
    await until(() => results.length === 32, 'all were told')
    expect(results.at(-1)).toBeInstanceOf(Error)
  })
})

describe.each(subjects)('$name: bufferedAmount', (subject) => {
  it('is 0 when all was written, and counts frames that were not', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    await new Promise((resolve) => socket.send('a', resolve))
    expect(socket.bufferedAmount).toBe(0)
    peer.pause()
    const sent = 16 << 20
    for (let i = 0; i < 16; i++) socket.send(Buffer.alloc(1 << 20))
    expect(socket.bufferedAmount).toBeGreaterThan(1 << 20)
    expect(socket.bufferedAmount).toBeLessThanOrEqual(sent + 16 * 10)
    peer.resume()
    await until(() => socket.bufferedAmount === 0, 'all is written')
  })

  it('counts what is sent when it is closed', async () => {
    const { socket, client } = await openPair(subject)
    client.close()
    await once(socket, 'close')
    const before = socket.bufferedAmount
    socket.send('hé')
    expect(socket.bufferedAmount - before).toBe(3)
  })
})
