// Messages that are sent piece by piece over sockets, among others.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  DeflateFrame,
  DeflateMessage,
  type Message,
  type MessageWriter,
  type WebSocketError
} from '../src/index.js'
import { guard, pattern, recorder, serveOne, until } from './support/harness.js'
import { pair } from './support/pair.js'
import { encodeFrame } from './support/raw-client.js'

guard()

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: WebSocketError) => error.code
  )

describe('a writer', () => {
  it('sends each piece as a frame, and resolves end when the kernel has it', async () => {
    const { peer, client } = await serveOne()
    const writer = client.beginMessage('text')
    expect(writer.kind).toBe('text')
    expect(await writer.write('ab')).toBe('sent')
    expect(await peer.readFrame()).toMatchObject({ fin: false, opcode: 1, payload: Buffer.from('ab') })
    expect([await writer.write(''), await writer.write(Buffer.from('c'))]).toEqual(['sent', 'sent'])
    expect(await peer.readFrame()).toMatchObject({ fin: false, opcode: 0, payload: Buffer.from('c') })
    expect(await writer.end('d')).toBe('sent')
    expect(await peer.readFrame()).toMatchObject({ fin: true, opcode: 0, payload: Buffer.from('d') })
    expect(client.queuedMessages).toBe(0)
  })

  it('may end at once, and its second end says the same', async () => {
    const { peer, client } = await serveOne()
    const writer = client.beginMessage()
    const ends = [writer.end(), writer.end(), writer.end('')]
    expect(await Promise.all(ends)).toEqual(['sent', 'sent', 'sent'])
    expect(await peer.readFrame()).toMatchObject({ fin: true, opcode: 2, payload: Buffer.of() })
    expect(await codeOf(writer.end('more'))).toBe('invalid-argument')
    expect(await codeOf(writer.write('more'))).toBe('invalid-argument')
    client.send('next')
    expect(await peer.readText()).toBe('next')
  })

  it('takes calls without waiting in their order, frames and their pieces too', async () => {
    const { peer, client } = await serveOne()
    const writer = client.beginMessage()
    const results = [writer.write('1')]
    const frame = writer.frame(4)
    results.push(frame('ab'), frame('cd'), writer.write('2'))
    const last = writer.frame(1, true)
    results.push(last('e'), writer.end())
    await Promise.all(results)
    const got = []
    for (let i = 0; i < 4; i++) got.push(await peer.readFrame())
    expect(got.map(({ fin, payload }) => [fin, `${payload}`])).toEqual([
      [false, '1'],
      [false, 'abcd'],
      [false, '2'],
      [true, 'e']
    ])
  })

  it('refuses what is wrong, and goes on as if it had not been called', async () => {
    const { peer, client } = await serveOne()
    expect(() => client.beginMessage('blob' as 'text')).toThrow("'text' or 'binary'")
    const writer = client.beginMessage('text')
    expect(() => writer.frame(1.5)).toThrow('whole number')
    expect(await codeOf(writer.write(5 as unknown as string))).toBe('invalid-argument')
    expect(await codeOf(writer.end(null as unknown as string))).toBe('invalid-argument')
    expect(await codeOf(writer.write(Buffer.of(0xff)))).toBe('invalid-argument')
    const frame = writer.frame(2)
    expect(await codeOf(frame('abc'))).toBe('invalid-argument')
    expect(await codeOf(writer.write('between'))).toBe('invalid-argument')
    const second = writer.frame(3)
    expect(await codeOf(second('x'))).toBe('invalid-argument')
    await frame('ab')
    const third = writer.frame(1)
    expect(await codeOf(frame('x'))).toBe('invalid-argument')
    await third('c')
    await writer.end('d')
    expect(await peer.readText()).toBe('abcd')
  })

  it('of text takes characters in halves; one whose other half does not come is U+FFFD', async () => {
    const { peer, client } = await serveOne()
    const writer = client.beginMessage('text')
    for (const unit of '😀€'.split('')) await writer.write(unit)
    await writer.write('\ud83d')
    await writer.write(Buffer.from('x'))
    await writer.write('\ud83d')
    await writer.end()
    expect(await peer.readText()).toBe('😀€\ufffdx\ufffd')
  })

  it('cuts pieces by autoFragmentBytes, as send does', async () => {
    const { peer, client } = await serveOne({ autoFragmentBytes: 4 })
    const writer = client.beginMessage('text')
    await writer.write('abcdefghi')
    await writer.end('jklm')
    const sizes: number[] = []
    for (let frame = await peer.readFrame(); ; frame = await peer.readFrame()) {
      sizes.push(frame.payload.length)
      if (frame.fin) break
    }
    expect(sizes).toEqual([4, 4, 1, 4])
    client.send('0123456789')
    client.send('0123')
    client.send('0123456789', { fragmentSize: 9 })
    for (const frameCount of [3, 1, 2]) expect(await peer.readMessage()).toMatchObject({ frameCount })
  })

  it('is a web stream', async () => {
    const { peer, client } = await serveOne()
    const body = new Blob(['piped ', 'text']).stream()
    await body.pipeTo(client.beginMessage('text').stream())
    expect(await peer.readText()).toBe('piped text')
  })

  it('as a web stream gives the message up with a chunk that cannot be sent, so that no other waits for its end', async () => {
    const lines: string[] = []
    const onerror = (_: unknown, { code }: WebSocketError) => void lines.push(`error ${code}`)
    const { peer, client } = await serveOne({ onerror })
    const chunks = ReadableStream.from(['a', Uint8Array.of(0xff)])
    expect(await codeOf(chunks.pipeTo(client.beginMessage('text').stream()))).toBe('invalid-argument')
    expect(client.send('behind')).toBe('dropped')
    expect((await peer.readRest()).toString('latin1')).toContain('\x88\x02\x03\xf3')
    peer.end()
    await client.closed()
    expect(lines).toEqual(['error handler-failed'])
    const other = await serveOne({ onerror })
    const cut = other.client.beginMessage('text').stream().getWriter()
    await cut.write(Uint8Array.of(0xc3))
    expect(await codeOf(cut.close())).toBe('invalid-argument')
    expect(other.client.send('behind')).toBe('dropped')
    other.peer.destroy()
  })

  it('with permessage-deflate is not compressed; with a hook for frames it sends whole ones', async () => {
    const got: Message[] = []
    const onmessage = (_: unknown, message: Message) => void got.push(message)
    const one = await pair(
      { extensions: [new DeflateMessage()], onmessage },
      { extensions: [new DeflateMessage()] }
    )
    const frame = one.client.beginMessage('text').frame(1000, true)
    await frame('x'.repeat(400))
    await frame('x'.repeat(600))
    one.client.send('y'.repeat(1000))
    await until(() => got.length === 2, 'both came')
    const two = await pair(
      { extensions: [new DeflateFrame()], onmessage },
      { extensions: [new DeflateFrame()] }
    )
    const writer = two.client.beginMessage('text')
    expect(await codeOf(writer.frame(3)('abc'))).toBe('invalid-argument')
    await writer.write('z'.repeat(500))
    await writer.end('z'.repeat(500))
    await until(() => got.length === 3, 'the third came')
    expect(got.map(({ payload }) => payload)).toEqual(['x', 'y', 'z'].map((letter) => letter.repeat(1000)))
  })
})

describe('the end', () => {
  it('finds writers told: dropped, and their web stream errored', async () => {
    const { client, peer } = await serveOne()
    const begun = client.beginMessage()
    const waiting = client.beginMessage('text')
    await begun.write('a')
    const pending = waiting.write('never')
    const rest = waiting.stream().getWriter()
    rest.closed.catch(() => {})
    client.terminate()
    expect([await pending, await begun.write('b'), await begun.end(), await waiting.end('c')]).toEqual(
      Array(4).fill('dropped')
    )
    expect(await codeOf(rest.write('x'))).toBe('not-open')
    const late = client.beginMessage()
    expect([await late.write('x'), await late.end()]).toEqual(['dropped', 'dropped'])
    expect(await codeOf(late.frame(1)('x'))).toBe('dropped')
    late.abort()
    begun.abort()
    peer.destroy()
  })

  it('by close waits for the writer', async () => {
    const { peer, client } = await serveOne()
    const writer = client.beginMessage('text')
    await writer.write('a')
    const closed = client.close(1000)
    expect(client.send('no')).toBe('dropped')
    await writer.write('b')
    expect(await writer.end('c')).toBe('sent')
    expect(await peer.readText()).toBe('abc')
    expect(await peer.readClose()).toMatchObject({ code: 1000 })
    peer.close(1000)
    peer.end()
    expect(await closed).toMatchObject({ wasClean: true })
  })

  it('by close does not wait for ever', async () => {
    const { client } = await serveOne({ closeTimeoutMs: 50 })
    const writer = client.beginMessage('text')
    await writer.write('a')
    expect(await client.close(1000)).toMatchObject({ wasClean: false, cause: { code: 'close-timeout' } })
    expect(await writer.write('b')).toBe('dropped')
  })

  it('by the peer’s close cuts it short', async () => {
    const { peer, client } = await serveOne()
    const writer = client.beginMessage('text')
    await writer.write('a')
    await peer.readFrame()
    peer.close(4000)
    expect(await peer.readClose()).toMatchObject({ code: 4000 })
    peer.end()
    expect(await client.closed()).toMatchObject({ code: 4000, wasClean: false })
    expect(await writer.end()).toBe('dropped')
  })

  it('by abort is a close frame with 1011 between frames, and none amid one', async () => {
    for (const isInFrame of [false, true]) {
      const { lines, handlers } = recorder()
      const { peer, client } = await serveOne(handlers)
      const writer = client.beginMessage()
      if (isInFrame) await writer.frame(10)('abc')
      else await writer.write('abc')
      await writer.stream().abort(new Error('no more'))
      const rest = await peer.readRest()
      expect(rest.toString('latin1').includes('\x88\x02\x03\xf3')).toBe(!isInFrame)
      expect(await writer.write('x')).toBe('dropped')
      peer.end()
      await client.closed()
      expect(lines.filter((line) => line.startsWith('error'))).toEqual(['error handler-failed'])
    }
  })
})

describe('other messages', () => {
  it('wait for the writer, in order, and are reported in order', async () => {
    const reports: unknown[] = []
    const { peer, client } = await serveOne({
      onsent: (_, { payload }) => void reports.push(payload),
      onunsent: () => void reports.push('unsent')
    })
    client.send('0')
    const writer = client.beginMessage('text')
    expect(client.send('1', { sent: () => void reports.push('callback 1') })).toBe('queued')
    const second = client.beginMessage('text')
    client.send('2')
    expect([client.queuedMessages, client.bufferedAmount >= 2]).toEqual([5, true])
    await writer.write('a')
    await delay(5)
    expect(reports).toEqual(['0'])
    void writer.end('b').then(() => reports.push('writer'))
    void second.end('c').then(() => reports.push('second'))
    const texts: string[] = []
    for (let i = 0; i < 5; i++) texts.push(await peer.readText())
    expect(texts).toEqual(['0', 'ab', '1', 'c', '2'])
    await until(() => reports.length === 6, 'all is reported')
    expect(reports.filter((report) => report !== 'writer' && report !== 'second')).toEqual([
      '0',
      '1',
      'callback 1',
      '2'
    ])
    expect(client.queuedMessages).toBe(0)
  })

  it('count the same if nobody is told', async () => {
    const { client, peer } = await serveOne()
    const writer = client.beginMessage()
    client.send('x')
    expect(client.queuedMessages).toBe(2)
    await writer.end('y')
    expect([await peer.readMessage(), await peer.readText()]).toMatchObject([{ opcode: 2 }, 'x'])
    expect(client.queuedMessages).toBe(0)
  })

  it('that wait are reported as unsent if the connection ends before', async () => {
    const reports: unknown[] = []
    const { client } = await serveOne({
      onsent: (_, { payload }) => void reports.push(`sent ${payload}`),
      onunsent: (_, { payload }, { code }) => void reports.push(`unsent ${payload} ${code}`)
    })
    const writer = client.beginMessage()
    client.send('1')
    await writer.write('a')
    const ended = writer.frame(5, true)('abc')
    client.terminate()
    await client.closed()
    expect(reports).toEqual(['unsent 1 connection-lost'])
    await ended
    expect(await writer.end()).toBe('dropped')
  })

  it('that wait, however many bytes, keep neither the writer waiting nor what feeds it', async () => {
    const { peer, client } = await serveOne({
      async onmessagebegin(client, message) {
        const writer = client.beginMessage(message.kind)
        for await (const piece of message) await writer.write(piece)
        await writer.end()
      }
    })
    const size = 40_000_000
    const bytes = encodeFrame(2, pattern(size))
    peer.pause()
    peer.write(bytes.subarray(0, size / 2))
    await until(() => client.bufferedAmount > 65_536, 'the writer waits')
    for (let i = 0; i < 4; i++) client.send(Buffer.alloc(500_000, i))
    peer.write(bytes.subarray(size / 2))
    peer.resume()
    const { payload } = await peer.readMessage()
    expect(payload.equals(pattern(size))).toBe(true)
    for (let i = 0; i < 4; i++) expect((await peer.readMessage()).payload[0]).toBe(i)
  })

  it('keep it from nothing that recv feeds', async () => {
    const { peer, client } = await serveOne({
      async onopen(client) {
        const writer = client.beginMessage('text')
        for (let i = 0; i < 3; i++) await writer.write((await client.recv()).bytes)
        await writer.end()
      }
    })
    peer.text('a')
    await until(() => client.queuedMessages === 1, 'the writer is there')
    client.send('x'.repeat(2_000_000))
    await delay(5)
    peer.text('b')
    peer.text('c')
    expect([await peer.readText(), (await peer.readText()).length]).toEqual(['abc', 2_000_000])
  })
})

describe('backpressure', () => {
  it('of a peer that does not read stops the writer, and memory stays small', async () => {
    const { peer, client } = await serveOne()
    peer.pause()
    const writer = client.beginMessage()
    const chunk = pattern(64_000)
    let count = 0
    let isOver = false
    const writing = (async () => {
      while (!isOver) {
        await writer.write(chunk)
        count++
      }
      await writer.end()
    })()
    let last = -1
    await until(() => {
      const isStill = count === last
      last = count
      return isStill && client.bufferedAmount > 65_536
    }, 'the writer waits')
    expect(client.bufferedAmount).toBeLessThan(1_200_000)
    isOver = true
    peer.resume()
    const { payload } = await peer.readMessage()
    await writing
    expect(payload.length).toBe(count * 64_000)
    expect(payload.subarray(-64_000).equals(chunk)).toBe(true)
  })

  it('holds for frames in pieces of a client, too', async () => {
    let received = 0
    const { client, atServer } = await pair({
      onframedata(_, bytes) {
        received += bytes.length
      }
    })
    atServer.pause()
    const writer = client.beginMessage()
    const frame = writer.frame(30_000_000, true)
    const chunk = pattern(100_000)
    const results: Promise<unknown>[] = []
    let written = 0
    const writing = (async () => {
      for (; written < 300; written++) results.push(Promise.resolve(await frame(chunk)))
    })()
    await until(() => client.bufferedAmount > 65_536, 'the writer waits')
    await delay(20)
    expect(written).toBeLessThan(300)
    atServer.resume()
    await writing
    expect(await writer.end()).toBe('sent')
    await until(() => received === 30_000_000, 'all came')
  })
})

describe('mask', () => {
  it('true of a server, and false of a client, is refused by peers that keep to the protocol', async () => {
    for (const isServer of [true, false]) {
      const { lines, handlers } = recorder()
      const { client, atServer } = await pair(isServer ? {} : handlers, isServer ? handlers : {})
      const sender = isServer ? atServer : client
      sender.send('right', { mask: !isServer })
      const writer: MessageWriter = sender.beginMessage('text', { mask: isServer })
      await writer.end('wrong')
      await until(() => lines.some((line) => line.startsWith('close')), 'it is over')
      expect(lines.filter((line) => line !== 'open').slice(0, 2)).toEqual([
        'message right',
        `error ${isServer ? 'masked-frame' : 'unmasked-frame'}`
      ])
    }
  })
})
