// What a socket tells about what it receives (ws.md "Event: 'message'", "Event: 'ping'", "websocket.binaryType", "pause()",
// "autoPong", "allowSynchronousEvents", "skipUTF8Validation").
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { RawData } from 'ws'
import { guard, pattern, until } from '../support/harness.js'
import { encodeFrame } from '../support/raw-client.js'
import { openAtRawPeer, openPair, readFrame, record, serveRawPeer, untidy } from './peers.js'
import { subjects } from './subjects.js'

guard()

const frame = (opcode: number, payload: Uint8Array | string = '', fin = true) =>
  encodeFrame(opcode, Buffer.from(payload as string), { fin })

describe.each(subjects)('$name: messages', (subject) => {
  it('are a Buffer and whether they are binary', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const seen: [RawData, boolean][] = []
    socket.on('message', (data, isBinary) => seen.push([data, isBinary]))
    peer.text('Grüße €')
    peer.binary(Uint8Array.of(0, 255))
    peer.text('')
    peer.binary(Uint8Array.of())
    await until(() => seen.length === 4, 'all came')
    expect(seen.every(([data]) => Buffer.isBuffer(data))).toBe(true)
    expect(seen).toEqual([
      [Buffer.from('GrÃ¼Ã\x9fe â\x82¬', 'latin1'), false],
      [Buffer.of(0, 255), true],
      [Buffer.of(), false],
      [Buffer.of(), true]
    ])
  })

  it('are joined from their fragments, with pings between them', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    peer.write(Buffer.concat([frame(1, 'a', false), frame(9, 'p'), frame(0, 'b', false), frame(0, 'c')]))
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual(['ping p', 'text abc'])
  })

  it.each([125, 126, 65_535, 65_536, 1_000_000])('of %i bytes', async (byteLength) => {
    const { socket, peer } = await serveRawPeer(subject)
    const payload = pattern(byteLength)
    const message = once(socket, 'message')
    peer.binary(payload)
    expect(payload.equals((await message)[0])).toBe(true)
  })

  it('keep their bytes after the event', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const kept: Buffer[] = []
    socket.on('message', (data) => kept.push(data as Buffer))
    for (let i = 0; i < 200; i++) peer.binary(pattern(100, i))
    await until(() => kept.length === 200, 'all came')
    expect(kept.every((data, i) => data.equals(pattern(100, i)))).toBe(true)
  })

  it('that come in one piece can be sent back from the listener', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    peer.write(Buffer.concat([frame(1, 'a'), frame(2, 'b'), frame(1, 'c')]))
    const seen = []
    for (let i = 0; i < 3; i++) {
      const { opcode, payload } = await peer.readFrame()
      seen.push(`${opcode}${payload}`)
    }
    expect(seen).toEqual(['1a', '2b', '1c'])
  })
})

describe.each(subjects)('$name: binaryType', (subject) => {
  it('nodebuffer, arraybuffer, fragments and blob decide what binary messages are', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const next = async (type: string) => {
      untidy(socket).binaryType = type
      expect(socket.binaryType).toBe(type)
      const message = once(socket, 'message')
      peer.write(Buffer.concat([frame(2, 'ab', false), frame(0, 'c')]))
      const [data, isBinary] = await message
      expect(isBinary).toBe(true)
      return data
    }
    expect(await next('nodebuffer')).toEqual(Buffer.from('abc'))
    const buffer = await next('arraybuffer')
    expect([buffer instanceof ArrayBuffer, buffer.byteLength, `${Buffer.from(buffer)}`]).toEqual([
      true,
      3,
      'abc'
    ])
    const fragments: Buffer[] = await next('fragments')
    expect([fragments.every(Buffer.isBuffer), Buffer.concat(fragments)]).toEqual([true, Buffer.from('abc')])
    const blob: Blob = await next('blob')
    expect([blob instanceof Blob, blob.size, await blob.text()]).toEqual([true, 3, 'abc'])
  })

  it('leaves text a Buffer', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    for (const type of ['arraybuffer', 'fragments', 'blob']) {
      untidy(socket).binaryType = type
      const message = once(socket, 'message')
      peer.write(Buffer.concat([frame(1, 'ab', false), frame(0, 'c')]))
      expect(await message).toEqual([Buffer.from('abc'), false])
    }
  })

  it('gives an empty message of each kind', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const seen: unknown[] = []
    for (const type of ['nodebuffer', 'arraybuffer', 'fragments']) {
      untidy(socket).binaryType = type
      const message = once(socket, 'message')
      peer.binary(Uint8Array.of())
      seen.push((await message)[0])
    }
    expect(seen).toEqual([Buffer.of(), new ArrayBuffer(0), []])
  })

  it('stays what it was when it is set to something else', async () => {
    const { socket } = await serveRawPeer(subject)
    untidy(socket).binaryType = 'arraybuffer'
    untidy(socket).binaryType = 'foo'
    expect(socket.binaryType).toBe('arraybuffer')
  })

  it('may be set on a client before it is open', async () => {
    const { server, socket, client } = await openPair(subject)
    const early = new subject.WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`)
    early.binaryType = 'arraybuffer'
    server.once('connection', (other) => other.send(Buffer.from('a')))
    const [data] = await once(early, 'message')
    expect(data).toBeInstanceOf(ArrayBuffer)
    for (const each of [early, socket, client]) each.terminate()
  })
})

describe.each(subjects)('$name: pings', (subject) => {
  it('are answered and told', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    peer.send(9, 'a')
    const { opcode, payload } = await peer.readFrame()
    expect([opcode, `${payload}`]).toEqual([10, 'a'])
    peer.send(10, 'b')
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual(['ping a', 'pong b'])
  })

  it('are answered by a client with a mask', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const lines = record(socket)
    peer.write(encodeFrame(9, Buffer.from('a'), { isMasked: false }))
    const { opcode, payload, key } = await readFrame(peer)
    expect([opcode, `${payload}`, key !== null, lines]).toEqual([10, 'a', true, ['ping a']])
  })

  it('are told and not answered with autoPong: false, on both sides', async () => {
    const off = { autoPong: false, perMessageDeflate: false }
    const { socket, peer } = await serveRawPeer(subject, off)
    const told = once(socket, 'ping')
    peer.send(9, 'a')
    await told
    socket.send('next')
    expect((await peer.readFrame()).opcode).toBe(1)
    const client = await openAtRawPeer(subject, off)
    const heard = once(client.socket, 'ping')
    client.peer.write(encodeFrame(9, Buffer.from('a'), { isMasked: false }))
    await heard
    client.socket.send('next')
    expect((await readFrame(client.peer)).opcode).toBe(1)
  })

  it('give a Buffer, which is empty when nothing came', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const told = once(socket, 'ping')
    peer.send(9)
    expect(await told).toEqual([Buffer.of()])
  })
})

describe.each(subjects)('$name: pause and resume', (subject) => {
  it('hold back what comes, and let it go in order', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    socket.pause()
    expect(socket.isPaused).toBe(true)
    for (let i = 0; i < 5; i++) peer.text(`${i}`)
    // Its own ping is answered after the messages were sent: they have arrived, too.
    socket.ping()
    expect((await peer.readFrame()).opcode).toBe(9)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(lines).toEqual([])
    socket.resume()
    expect(socket.isPaused).toBe(false)
    await until(() => lines.length === 5, 'all came')
    expect(lines).toEqual(['text 0', 'text 1', 'text 2', 'text 3', 'text 4'])
  })

  it('do nothing when it is closed', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    peer.close(1000)
    peer.end()
    await once(socket, 'close')
    socket.pause()
    expect(socket.isPaused).toBe(false)
    socket.resume()
    expect(socket.isPaused).toBe(false)
  })

  it('push back on the sender', async () => {
    const { socket, client } = await openPair(subject)
    socket.pause()
    let written = 0
    const chunk = Buffer.alloc(1 << 20)
    for (let i = 0; i < 48; i++) client.send(chunk, () => written++)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(written).toBeLessThan(48)
    expect(client.bufferedAmount).toBeGreaterThan(0)
    let received = 0
    socket.on('message', () => received++)
    socket.resume()
    await until(() => received === 48 && written === 48, 'all came')
  })

  it('give what had come before an end, when they are resumed', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    socket.pause()
    peer.text('a')
    peer.text('b')
    peer.close(1000)
    peer.end()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(lines).toEqual([])
    socket.resume()
    await until(() => lines.length === 3, 'it is closed')
    expect(lines).toEqual(['text a', 'text b', 'close 1000 ""'])
  })
})

describe.each(subjects)('$name: allowSynchronousEvents', (subject) => {
  it.each([true, false])('%s: events of one piece come in the same tick or not', async (isAllowed) => {
    const { socket, peer } = await serveRawPeer(subject, { allowSynchronousEvents: isAllowed })
    const lines: string[] = []
    for (const event of ['message', 'ping', 'pong']) {
      socket.on(event, () => {
        lines.push(event)
        queueMicrotask(() => lines.push('microtask'))
      })
    }
    peer.write(Buffer.concat([frame(1, 'a'), frame(9), frame(10), frame(2, 'b')]))
    await until(() => lines.length === 8, 'all came')
    const apart = ['message', 'microtask', 'ping', 'microtask', 'pong', 'microtask', 'message', 'microtask']
    if (isAllowed) expect(lines.toSorted()).toEqual(apart.toSorted())
    else expect(lines).toEqual(apart)
  })
})

describe.each(subjects)('$name: text that is not UTF-8', (subject) => {
  it('is given as it is when skipUTF8Validation says so', async () => {
    const { socket, peer } = await serveRawPeer(subject, { skipUTF8Validation: true })
    const message = once(socket, 'message')
    peer.send(1, Buffer.of(0xff, 0x41))
    expect(await message).toEqual([Buffer.of(0xff, 0x41), false])
  })
})
