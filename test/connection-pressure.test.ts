import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Connection, Message } from '../src/index.js'
import {
  guard,
  openAt,
  pattern,
  recorder,
  serve,
  serveOne,
  serveOnePausing,
  until
} from './support/harness.js'
import { encodeFrame, within } from './support/raw-client.js'

guard()

const KIB = 1024
/** What is read and echoed before a flush can show that the kernel takes no more. */
const BATCH_BYTES = 360 * KIB
const echo = { onmessage: (client: Connection, message: Message) => void client.send(message) }

/** Stops growing for a while. */
async function settled(value: () => number): Promise<number> {
  for (let before = -1; ; before = value(), await delay(100)) if (value() === before) return before
}

describe('a peer that sends and never reads', () => {
  it('is not read any more once the kernel refuses bytes and more than the low watermark waits; others are answered; all echoes come when it reads', async () => {
    const { server, peer, client } = await serveOne(echo)
    const payload = pattern(64 * KIB)
    const frame = encodeFrame(2, payload)
    const count = 1600
    peer.pause()
    for (let i = 0; i < count; i++) peer.write(frame)
    const unsent = await settled(() => peer.socket.writableLength)
    // 100 MiB were offered: the kernel's buffers take some, the server no more than its watermark and one batch's echo.
    expect(unsent).toBeGreaterThan(50 * KIB * KIB)
    expect(client.bufferedAmount).toBeGreaterThan(64 * KIB)
    expect(client.bufferedAmount).toBeLessThanOrEqual(64 * KIB + BATCH_BYTES)
    const other = await openAt(server)
    for (let i = 0; i < 100; i++) {
      other.text(`${i}`)
      expect(await other.readText()).toBe(`${i}`)
    }
    peer.resume()
    let wrong = 0
    for (let i = 0; i < count; i++) {
      const message = await peer.readMessage()
      if (message.opcode !== 2 || !message.payload.equals(payload)) wrong++
    }
    await until(() => client.bufferedAmount === 0, 'the queue is empty')
    expect([wrong, client.queuedMessages, client.readyState]).toEqual([0, 0, 1])
  })

  it('costs bounded memory', async () => {
    const server = await serve(echo)
    const peers = await Promise.all(Array.from({ length: 10 }, () => openAt(server)))
    const before = process.memoryUsage().arrayBuffers
    const frame = encodeFrame(2, pattern(64 * KIB))
    for (const peer of peers) {
      peer.pause()
      for (let i = 0; i < 500; i++) peer.write(frame)
    }
    const buffered = () => [...server.clients].reduce((sum, client) => sum + client.bufferedAmount, 0)
    await settled(buffered)
    await settled(() => peers.reduce((sum, { socket }) => sum + socket.writableLength, 0))
    // The frame that the test itself writes is one buffer, so what grows is the server's.
    const grown = process.memoryUsage().arrayBuffers - before
    expect(buffered()).toBeLessThanOrEqual(10 * (64 * KIB + BATCH_BYTES))
    // Garbage counts, too, of which V8 lets some 32 MiB come together.
    expect(grown).toBeLessThan(10 * 4 * KIB * KIB)
  })

  it('holds back messages that came in the chunk at hand, and delivers them in order', async () => {
    const seen: string[] = []
    const { peer } = await serveOne({
      lowWatermarkBytes: 1000,
      highWatermarkBytes: 2000,
      onmessage(client, message) {
        seen.push(
          `${message.payload} at ${client.bufferedAmount > 2000 ? 'too much' : 'no more than the mark'}`
        )
        client.send(pattern(1500))
      }
    })
    peer.write(Buffer.concat(Array.from({ length: 100 }, (_, i) => encodeFrame(1, Buffer.from(`${i}`)))))
    for (let i = 0; i < 100; i++) expect((await peer.readMessage()).payload.length).toBe(1500)
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => `${i} at no more than the mark`))
  })
})

describe('reading', () => {
  it('stops when a flush shows that the kernel refuses more than the low watermark, though nothing is sent after it', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({ ...handlers, highWatermarkBytes: 100_000_000 })
    peer.pause()
    client.send(Buffer.alloc(20_000_000))
    await delay(20)
    peer.text('held back')
    await delay(50)
    expect(lines).toEqual(['open'])
    peer.resume()
    await until(() => lines.length === 2, 'the message arrived')
    expect([lines[1], client.bufferedAmount <= 64 * KIB]).toEqual(['message held back', true])
  })

  it('goes on while no more than the low watermark waits, whatever the kernel refuses', async () => {
    const { lines, handlers } = recorder()
    const watermarks = { lowWatermarkBytes: 50_000_000, highWatermarkBytes: 50_000_000 }
    const { peer, client } = await serveOne({ ...handlers, ...watermarks })
    peer.pause()
    client.send(Buffer.alloc(20_000_000))
    await delay(20)
    peer.text('not held back')
    await until(() => lines.length === 2, 'the message arrived')
    expect(lines).toEqual(['open', 'message not held back'])
  })

  it("goes on above the low watermark with onslow: 'close'", async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({ ...handlers, onslow: 'close', highWatermarkBytes: 50_000_000 })
    peer.pause()
    client.send(Buffer.alloc(20_000_000))
    await delay(20)
    peer.text('not held back')
    await until(() => lines.length === 2, 'the message arrived')
    expect(lines).toEqual(['open', 'message not held back'])
  })
})

describe('onslow', () => {
  it("'close' closes with 1008 and reports 'slow-consumer'; what was accepted before is sent", async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({ ...handlers, onslow: 'close', highWatermarkBytes: 256 * KIB })
    peer.pause()
    let accepted = 0
    while (client.send(Buffer.alloc(100 * KIB, accepted)) !== 'dropped') {
      accepted++
      await new Promise(setImmediate)
    }
    expect(lines).toEqual(['open', 'error slow-consumer'])
    peer.resume()
    for (let i = 0; i < accepted; i++) {
      expect((await peer.readMessage()).payload.equals(Buffer.alloc(100 * KIB, i))).toBe(true)
    }
    expect(await peer.readClose()).toEqual({ code: 1008, reason: '' })
    peer.close(1008)
    await until(() => lines.length === 3, 'it is over')
    expect(lines[2]).toBe('close 1006 "" unclean local slow-consumer')
  })

  it("'close' drops a peer that never reads after closeTimeoutMs", async () => {
    const options = { onslow: 'close', highWatermarkBytes: 256 * KIB, closeTimeoutMs: 60 } as const
    const { server, peer, client } = await serveOne(options)
    peer.pause()
    while (client.send(Buffer.alloc(500 * KIB)) !== 'dropped') await new Promise(setImmediate)
    const details = await client.closed()
    expect(details).toMatchObject({ code: 1006, wasClean: false, initiator: 'local' })
    expect(details.cause?.code).toBe('slow-consumer')
    expect([server.clients.size, client.bufferedAmount]).toEqual([0, 0])
  })

  it("'close' does not mind much being sent at once to a peer that reads", async () => {
    const { peer, client } = await serveOne({ onslow: 'close', highWatermarkBytes: 1000 })
    for (let i = 0; i < 50; i++) client.send(pattern(10_000))
    for (let i = 0; i < 50; i++) await peer.readMessage()
    expect(client.readyState).toBe(1)
  })
})

describe('drained', () => {
  it('resolves at once at or below the low watermark, later above it, and when the connection is over', async () => {
    const { peer, client } = await serveOne({ lowWatermarkBytes: 10_000 })
    await client.drained()
    client.send(pattern(9990))
    await client.drained()
    peer.pause()
    client.send(Buffer.alloc(20_000_000))
    let isDrained = false
    const drained = Promise.all([client.drained(), client.drained()]).then(() => {
      isDrained = true
    })
    await delay(20)
    expect([isDrained, client.bufferedAmount > 10_000]).toEqual([false, true])
    peer.resume()
    await drained
    expect(client.bufferedAmount).toBeLessThanOrEqual(10_000)
    peer.pause()
    client.send(Buffer.alloc(20_000_000))
    const late = client.drained()
    client.terminate()
    await late
    await client.drained()
  })

  it('lets a sender keep pace with its peer', async () => {
    const { peer, client } = await serveOne()
    let highest = 0
    const payloads = Array.from({ length: 10 }, (_, i) => pattern(100_000, i))
    const sending = (async () => {
      for (let i = 0; i < 400; i++) {
        if (client.send(payloads[i % 10]!) === 'queued') await client.drained()
        highest = Math.max(highest, client.bufferedAmount)
      }
    })()
    for (let i = 0; i < 400; i++) {
      if (i % 100 === 0) await delay(10)
      expect((await peer.readMessage()).payload.equals(payloads[i % 10]!)).toBe(true)
    }
    await sending
    expect(highest).toBeLessThanOrEqual(KIB * KIB + 100_010)
  })
})

describe('pause and resume', () => {
  it('holds back messages of the chunk at hand and those that come, until resume', async () => {
    const { lines, peer, client } = await serveOnePausing()
    peer.write(Buffer.concat(['a', 'b', 'c'].map((text) => encodeFrame(1, Buffer.from(text)))))
    await until(() => lines.length === 2, 'the first message arrived')
    peer.text('d')
    await delay(20)
    expect([lines, client.isPaused]).toEqual([['open', 'a'], true])
    for (const expected of ['b', 'c', 'd']) {
      client.resume()
      await until(() => lines.at(-1) === expected, `${expected} arrived`)
      await delay(2)
      expect(lines.at(-1)).toBe(expected)
    }
  })

  it('may be called from every handler, in any order', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({
      ...handlers,
      onopen(client) {
        client.pause()
        client.resume()
        client.resume()
        client.pause()
        setTimeout(() => client.resume(), 10)
      },
      onmessage(client, message) {
        lines.push(`${message.payload}`)
        client.pause()
        client.resume()
        client.send(message)
      },
      onping(client) {
        client.pause()
        setImmediate(() => client.resume())
      },
      onsent(client) {
        client.pause()
        queueMicrotask(() => client.resume())
      }
    })
    const texts = Array.from({ length: 200 }, (_, i) => `${i}`)
    const frames = texts.flatMap((text) => [
      encodeFrame(1, Buffer.from(text)),
      encodeFrame(9, Buffer.from(text))
    ])
    peer.write(Buffer.concat(frames))
    const received: string[] = []
    while (received.length < 400) {
      const { opcode, payload } = await peer.readFrame()
      received.push(`${opcode} ${payload}`)
    }
    expect(received.filter((line) => line.startsWith('1 '))).toEqual(texts.map((text) => `1 ${text}`))
    expect([lines, client.isPaused]).toEqual([texts, false])
  })

  it('while paused in onopen, holds back what came with the handshake', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers, onopen: (client) => client.pause() })
    const peer = await openAt(server)
    peer.text('a')
    await delay(20)
    expect(lines).toEqual([])
    for (const client of server.clients) client.resume()
    await until(() => lines.length === 1, 'the message arrived')
    expect(lines).toEqual(['message a'])
  })

  it('stops a peer that goes on sending, after what the kernel takes', async () => {
    const { peer, client } = await serveOne()
    const frame = encodeFrame(2, new Uint8Array(64 * KIB))
    client.pause()
    for (let i = 0; i < 1600; i++) peer.write(frame)
    const unsent = await settled(() => peer.socket.writableLength)
    expect(unsent).toBeGreaterThan(50 * KIB * KIB)
  })

  it('§5.5.1 delivers what came before the close frame of a peer that went while it was paused', async () => {
    const { lines, peer, client } = await serveOnePausing()
    const frames = ['a', 'b', 'c'].map((text) => encodeFrame(1, Buffer.from(text)))
    peer.write(Buffer.concat([...frames, encodeFrame(8, Uint8Array.of(3, 232))]))
    peer.end()
    await until(() => lines.length === 2, 'the first message arrived')
    await delay(20)
    expect(lines).toEqual(['open', 'a'])
    while (client.readyState === 1) {
      client.resume()
      await delay(2)
    }
    await client.closed()
    expect(lines).toEqual(['open', 'a', 'b', 'c', 'close 1000 "" clean remote null'])
  })

  it('§7.1.5 notices after resume that the peer went without a close frame while it was paused', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({
      ...handlers,
      onmessage(client, message) {
        lines.push(`${message.payload}`)
        if (message.payload === 'a') client.pause()
      }
    })
    peer.write(Buffer.concat(['a', 'b'].map((text) => encodeFrame(1, Buffer.from(text)))))
    peer.end()
    await delay(30)
    expect(lines).toEqual(['open', 'a'])
    client.resume()
    await within(client.closed(), 'the end')
    expect(lines).toEqual(['open', 'a', 'b', 'close 1006 "" unclean remote connection-lost'])
  })
})
