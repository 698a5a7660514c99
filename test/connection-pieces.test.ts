// Messages that are read as they arrive: by readers and by handlers of pieces.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type AsyncServerOptions, type Connection, DeflateMessage, type MessageReader } from '../src/index.js'
import { gate, guard, openAt, pattern, recorder, serve, serveOne, until } from './support/harness.js'
import { pair } from './support/pair.js'
import { encodeFrame } from './support/raw-client.js'

guard()

/** A raw peer, its connection, and the readers of the messages that it sends. */
async function serveReaders(options: AsyncServerOptions = {}) {
  const readers: MessageReader[] = []
  const { lines, handlers } = recorder()
  const both = await serveOne({
    ...handlers,
    onmessagebegin: (_: Connection, reader: MessageReader) => void readers.push(reader),
    ...options
  })
  const next = async (index = 0): Promise<MessageReader> => {
    await until(() => readers.length > index, 'the message begins')
    return readers[index]!
  }
  return { ...both, readers, next, lines }
}

async function join(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all).toString('latin1')
}

describe('a reader', () => {
  it('gives pieces before the message is whole, and ends with it', async () => {
    const { peer, next } = await serveReaders()
    peer.send(1, 'first ', { fin: false })
    const reader = await next()
    expect([reader.kind, reader.opcode, reader.isWhole]).toEqual(['text', 1, false])
    const pieces = reader[Symbol.asyncIterator]()
    expect(Buffer.from((await pieces.next()).value!).toString()).toBe('first ')
    peer.send(0, '', { fin: false })
    peer.send(0, 'last')
    expect(Buffer.from((await pieces.next()).value!).toString()).toBe('last')
    expect(await pieces.next()).toEqual({ value: undefined, done: true })
    expect(reader.isWhole).toBe(true)
  })

  it('refuses a second read while one waits, which gets all the same', async () => {
    const { peer, next } = await serveReaders()
    peer.send(2, 'a', { fin: false })
    const reader = await next()
    const whole = reader.bytes()
    for (const second of [reader.bytes(), reader.frames().next(), reader.stream().getReader().read()])
      await expect(second).rejects.toMatchObject({ code: 'invalid-argument' })
    peer.send(0, 'b')
    expect(Buffer.from(await whole).toString()).toBe('ab')
    peer.send(2, 'cd', { fin: false })
    for await (const first of await next(1)) {
      peer.send(0, 'e')
      expect(`${first} ${await (await next(1)).text()}`).toBe('99,100 e')
    }
  })

  it('gives the payload of a frame before that is whole', async () => {
    const { peer, next } = await serveReaders()
    const bytes = encodeFrame(2, pattern(100))
    peer.write(bytes.subarray(0, 50))
    const pieces = (await next())[Symbol.asyncIterator]()
    const first = (await pieces.next()).value!
    expect(Buffer.from(first).toString()).toBe(pattern(100).toString().slice(0, first.length))
    expect(first.length).toBeGreaterThan(0)
    peer.write(bytes.subarray(50))
  })

  it('gives frames, whose end needs no next frame', async () => {
    const { peer, next } = await serveReaders()
    peer.send(2, 'abc', { fin: false })
    peer.send(0, '', { fin: false })
    const seen: unknown[] = []
    const frames = (await next()).frames()
    for (let i = 0; i < 2; i++) {
      const { value: frame } = await frames.next()
      seen.push([frame!.byteLength, frame!.isFinal, await join(frame!)])
    }
    // A frame that is not read is skipped.
    peer.send(0, 'skipped', { fin: false })
    await frames.next()
    peer.send(0, 'end')
    const { value: last } = await frames.next()
    seen.push([last!.byteLength, last!.isFinal, await join(last!)])
    expect((await frames.next()).done).toBe(true)
    expect(seen).toEqual([
      [3, false, 'abc'],
      [0, false, ''],
      [3, true, 'end']
    ])
  })

  it('of a frame that was left for the next one takes nothing of that', async () => {
    const { peer, next } = await serveReaders()
    peer.send(2, 'aaa', { fin: false })
    peer.send(0, 'bbb')
    const frames = (await next()).frames()
    const { value: first } = await frames.next()
    const { value: second } = await frames.next()
    expect([await join(first!), await join(second!)]).toEqual(['', 'bbb'])
  })

  it('gives the whole, as bytes and as text, cut inside characters', async () => {
    const { peer, next } = await serveReaders()
    const text = '\ufeff€😀'.repeat(2000)
    for (const byte of Buffer.from(text).subarray(0, 9))
      peer.send(byte === 0xef ? 1 : 0, Buffer.of(byte), { fin: false })
    peer.send(0, Buffer.from(text).subarray(9))
    expect(await (await next()).text()).toBe(text)
    peer.send(2, pattern(70_000))
    expect(Buffer.from(await (await next(1)).bytes()).equals(pattern(70_000))).toBe(true)
    peer.send(2, '')
    expect(await (await next(2)).bytes()).toHaveLength(0)
  })

  it('is a web stream, which may be cancelled', async () => {
    const { peer, next, client } = await serveReaders()
    peer.send(1, 'streamed ', { fin: false })
    const reader = await next()
    peer.send(0, 'text')
    expect(await new Response(reader.stream()).text()).toBe('streamed text')
    peer.send(2, pattern(500_000), { fin: false })
    const stream = (await next(1)).stream().getReader()
    expect((await stream.read()).done).toBe(false)
    const pending = stream.read()
    await stream.cancel()
    await pending
    peer.send(0, pattern(500_000))
    peer.send(1, 'behind')
    expect(await (await next(2)).text()).toBe('behind')
    expect(client.readyState).toBe(1)
  })

  it('that is left, or discarded, lets what follows come', async () => {
    const { peer, next } = await serveReaders()
    peer.send(2, pattern(1_000_000))
    for await (const _ of await next()) break
    peer.send(2, pattern(1_000_000))
    ;(await next(1)).discard()
    expect(await join(await next(1))).toBe('')
    peer.send(1, 'behind')
    expect(await (await next(2)).text()).toBe('behind')
  })

  it('of a connection that dies gives what came, then throws its cause; that is no failure of the handler', async () => {
    const got: string[] = []
    const failed = gate()
    const { peer, client, lines } = await serveReaders({
      async onmessagebegin(_, message) {
        try {
          for await (const piece of message) got.push(Buffer.from(piece).toString())
        } finally {
          failed.open()
        }
      }
    })
    peer.send(1, 'half', { fin: false })
    await until(() => got.length === 1, 'the first piece')
    peer.reset()
    await failed.passed
    await client.closed()
    await delay(5)
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([])
  })

  it('throws if the peer closes amid the message, and stays readable if it is whole', async () => {
    const { peer, next, client } = await serveReaders()
    peer.send(1, 'whole')
    peer.send(1, 'half', { fin: false })
    peer.close(1000)
    const { wasClean } = await client.closed().then(
      (details) => {
        peer.end()
        return details
      },
      () => ({ wasClean: false })
    )
    expect(wasClean).toBe(true)
    expect(await (await next()).text()).toBe('whole')
    await expect((await next(1)).text()).rejects.toMatchObject({ code: 'connection-lost' })
  })

  it('throws what the peer did wrong', async () => {
    const { peer, next, lines } = await serveReaders()
    peer.send(1, 'half', { fin: false })
    const text = (await next()).text()
    peer.send(0, Buffer.of(0xff))
    expect(await peer.readClose()).toMatchObject({ code: 1007 })
    peer.end()
    await expect(text).rejects.toMatchObject({ code: 'invalid-utf8' })
    expect(lines).toContain('error invalid-utf8')
  })

  it('gets a message of permessage-deflate as one frame', async () => {
    const readers: MessageReader[] = []
    const { client } = await pair(
      { extensions: [new DeflateMessage()], onmessagebegin: (_, reader) => void readers.push(reader) },
      { extensions: [new DeflateMessage()] }
    )
    client.send('x'.repeat(400_000), { fragmentSize: 1000 })
    await until(() => readers.length === 1, 'it begins')
    const sizes: number[] = []
    for await (const { byteLength } of readers[0]!.frames()) sizes.push(byteLength)
    expect(sizes).toEqual([400_000])
  })
})

describe('what nobody reads', () => {
  it('stops the reading above the low watermark; pings are answered up to there', async () => {
    const { peer, next, client } = await serveReaders({ lowWatermarkBytes: 20_000 })
    const whole = Buffer.concat(
      Array.from({ length: 400 }, (_, i) =>
        encodeFrame(i === 0 ? 2 : 0, pattern(50_000, i), { fin: i === 399 })
      )
    )
    const before = process.memoryUsage().arrayBuffers
    peer.write(whole)
    const reader = await next()
    await until(() => peer.socket.writableLength > 1_000_000, 'the peer is stopped')
    await delay(50)
    expect(peer.socket.writableLength).toBeGreaterThan(1_000_000)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(6_000_000)
    let at = 0
    for await (const piece of reader) {
      at += piece.length
      if (at % 7 === 0) await delay(1)
    }
    expect([at, client.readyState]).toEqual([20_000_000, 1])
  })

  it('counts empty frames, too', async () => {
    const { peer, next } = await serveReaders({ lowWatermarkBytes: 6400 })
    peer.write(
      Buffer.concat(
        Array.from({ length: 60_000 }, (_, i) => encodeFrame(i === 0 ? 2 : 0, Buffer.of(), { fin: false }))
      )
    )
    peer.send(9, 'behind')
    const reader = await next()
    await delay(100)
    expect(peer.unread).toHaveLength(0)
    const rest = join(reader)
    expect((await peer.readFrame()).opcode).toBe(10)
    peer.send(0, 'end')
    expect(await rest).toBe('end')
  })

  it('does not keep close from ending in order, and cannot be read to the end then', async () => {
    const { peer, next, client } = await serveReaders({
      lowWatermarkBytes: 1000,
      highWatermarkBytes: 100_000
    })
    peer.send(2, pattern(3_000_000))
    const reader = await next()
    await delay(20)
    const closed = client.close(1000)
    expect(await peer.readClose()).toMatchObject({ code: 1000 })
    peer.close(1000)
    peer.end()
    expect(await closed).toMatchObject({ wasClean: true })
    await expect(join(reader)).rejects.toMatchObject({ code: 'not-open' })
  })

  it('does not stop the reading where no reader was given to anybody', async () => {
    const lines: string[] = []
    const { peer } = await serveOne({
      onframebegin: (_, byteLength, isFinal) => void lines.push(`frame ${byteLength} ${isFinal}`),
      onframeend: () => void lines.push('frame end'),
      onmessageend: (client) => void client.send('got it')
    })
    for (let i = 0; i < 5; i++) {
      peer.send(2, pattern(300_000))
      expect(await peer.readText()).toBe('got it')
    }
    expect(lines).toEqual(Array.from({ length: 5 }, () => ['frame 300000 true', 'frame end']).flat())
  })
})

describe('handlers of pieces', () => {
  it('are told everything once, in order; onmessage is not called', async () => {
    const lines: string[] = []
    const { peer } = await serveOne({
      onmessagebegin: (_, { kind }) => void lines.push(`begin ${kind}`),
      onframebegin: (_, byteLength, isFinal) => void lines.push(`frame ${byteLength} ${isFinal}`),
      onframedata: (_, bytes) => void lines.push(`data ${Buffer.from(bytes)}`),
      onframeend: () => void lines.push('frame end'),
      onmessageend: () => void lines.push('end'),
      onmessage: () => void lines.push('message'),
      onping: (_, payload) => void lines.push(`ping ${Buffer.from(payload)}`)
    })
    peer.send(1, 'ab', { fin: false })
    peer.send(9, 'p')
    peer.send(0, 'c')
    peer.send(2, '')
    await until(() => lines.filter((line) => line === 'end').length === 2, 'both came')
    expect(lines).toEqual([
      ...[
        'begin text',
        'frame 2 false',
        'data ab',
        'frame end',
        'ping p',
        'frame 1 true',
        'data c',
        'frame end',
        'end'
      ],
      ...['begin binary', 'frame 0 true', 'frame end', 'end']
    ])
  })

  it('of a connection of their own, set in onopen, are called like those of the server', async () => {
    const lines: string[] = []
    const server = await serve({
      onopen(client) {
        client.onframedata = (bytes) => lines.push(`data ${Buffer.from(bytes)}`)
        client.onmessageend = () => client.pause()
      }
    })
    const peer = await openAt(server)
    peer.text('a')
    peer.text('b')
    await until(() => lines.length > 0, 'the first came')
    await delay(10)
    expect(lines).toEqual(['data a'])
    const [client] = server.clients
    client!.resume()
    await until(() => lines.length === 2, 'the second came')
  })

  it('that throw, or reject, end their own connection only', async () => {
    for (const name of [
      'onmessagebegin',
      'onframebegin',
      'onframedata',
      'onframeend',
      'onmessageend'
    ] as const) {
      for (const fail of [
        () => {
          throw new Error(name)
        },
        () => Promise.reject(new Error(name))
      ]) {
        const { lines, handlers } = recorder()
        const { peer } = await serveOne({ ...handlers, [name]: fail })
        peer.text('a')
        expect(await peer.readClose()).toMatchObject({ code: 1011 })
        expect(lines).toEqual(['open', 'error handler-failed'])
      }
    }
  })

  it('may pause, and the end that came meanwhile waits for what is held back', async () => {
    const { lines, handlers } = recorder()
    let pauses = true
    const { peer, client } = await serveOne({
      ...handlers,
      onframedata(client, bytes) {
        lines.push(`data ${Buffer.from(bytes)}`)
        client.pause()
        if (!pauses) client.resume()
      }
    })
    for (const text of ['a', 'b', 'c']) peer.text(text)
    peer.close(1000)
    peer.end()
    await until(() => lines.length === 2, 'the first came')
    await delay(20)
    expect(lines).toEqual(['open', 'data a'])
    pauses = false
    client.resume()
    await until(() => lines.length === 5, 'it is over')
    expect(lines.slice(2)).toEqual(['data b', 'data c', 'close 1000 "" clean remote null'])
  })
})
