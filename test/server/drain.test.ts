import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  AsyncServer,
  type AsyncServerOptions,
  type Connection,
  type DrainOptions,
  Server
} from '../../src/index.js'
import {
  cleanUp,
  connectTo,
  gate,
  guard,
  listenHttp,
  openAt,
  serve,
  start,
  until
} from '../support/harness.js'
import { RawClient, upgradeRequest } from '../support/raw-client.js'

guard()

/** Answers the close frame as a good client does. Resolves with its code. */
async function leave(client: RawClient): Promise<number> {
  const { code } = await client.readClose()
  client.close(code)
  client.end()
  return code
}

async function openMany(server: AsyncServer, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (let index = 0; index < count; index++) clients.push(await openAt(server))
  await until(() => server.clients.size === count, 'all are open')
  return clients
}

const left = (clients: number) => ({
  clients,
  left: clients,
  dropped: 0,
  unsentMessages: 0,
  durationMs: expect.any(Number)
})

describe('drain', () => {
  it('accepts nothing more, asks everybody to leave with 1012, and resolves when all have gone', async () => {
    const closes: string[] = []
    const server = await serve({
      onclose: (_, code, reason, { wasClean }) => void closes.push(`${code} "${reason}" ${wasClean}`)
    })
    const { port } = server
    const clients = await openMany(server, 3)
    const drained = server.drain({ jitterMs: 0, reason: 'new version' })
    expect([server.url, server.port]).toEqual([null, null])
    await expect(RawClient.connect(port!)).rejects.toThrow('ECONNREFUSED')
    expect(await Promise.all(clients.map(leave))).toEqual([1012, 1012, 1012])
    expect(await drained).toEqual(left(3))
    expect(closes).toEqual(['1012 "" true', '1012 "" true', '1012 "" true'])
  })

  it('sends what is queued before the close frame, however long a client takes to read it', async () => {
    const server = await serve({ closeTimeoutMs: 400 })
    const [slow, quick] = (await openMany(server, 2)) as [RawClient, RawClient]
    slow.pause()
    const messages = Array.from({ length: 64 }, (_, index) => `${index} ${'x'.repeat(256 * 1024)}`)
    const [client] = server.clients
    for (const message of messages) client!.send(message)
    await until(() => client!.bufferedAmount > 1024 * 1024, 'the kernel refuses bytes')
    const drained = server.drain({ jitterMs: 0 })
    expect(await leave(quick)).toBe(1012)
    await until(() => server.clients.size === 1, 'the quick one has gone')
    // Longer than closeTimeoutMs: its time begins when it has got everything.
    await delay(600)
    expect(server.clients.size).toBe(1)
    slow.resume()
    for (const message of messages) expect((await slow.readText()) === message).toBe(true)
    expect(await leave(slow)).toBe(1012)
    expect(await drained).toEqual(left(2))
  })

  it('sends the publications that wait for a slow subscriber', async () => {
    const server = await serve({ overflow: 'drop-oldest', maxOverflowBytes: 64 * 1024 * 1024 })
    const [slow] = (await openMany(server, 1)) as [RawClient]
    const [client] = server.clients
    client!.subscribe('news')
    slow.pause()
    const messages = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat(64 * 1024)}`)
    for (const message of messages) {
      server.publish('news', message)
      await new Promise(setImmediate)
    }
    await until(() => client!.bufferedAmount > 64 * 1024, 'the kernel refuses bytes')
    const drained = server.drain({ jitterMs: 0 })
    slow.resume()
    for (const message of messages) expect((await slow.readText()) === message).toBe(true)
    expect(await leave(slow)).toBe(1012)
    expect(await drained).toEqual(left(1))
  })

  it('spreads the close frames over jitterMs, in an order left to chance', async () => {
    const server = await serve()
    const clients = await openMany(server, 40)
    const times: { index: number; atMs: number }[] = []
    const beganAt = performance.now()
    const drained = server.drain({ jitterMs: 400 })
    await Promise.all(
      clients.map(async (client, index) => {
        await leave(client)
        times.push({ index, atMs: performance.now() - beganAt })
      })
    )
    const { durationMs } = await drained
    expect(durationMs).toBeGreaterThanOrEqual(380)
    // At half of the time about half of them: a burst would have all or none.
    const early = times.filter(({ atMs }) => atMs < 200).length
    expect(early).toBeLessThan(30)
    expect(times.filter(({ atMs }) => atMs >= 300).length).toBeGreaterThan(3)
    expect(times.map(({ index }) => index)).not.toEqual(clients.map((_, index) => index))
  })

  it('drops who does not answer after closeTimeoutMs, and counts it', async () => {
    const server = await serve({ closeTimeoutMs: 50 })
    const [good, deaf] = (await openMany(server, 2)) as [RawClient, RawClient]
    const drained = server.drain({ jitterMs: 0 })
    await leave(good)
    expect(await deaf.readClose()).toEqual({ code: 1012, reason: '' })
    expect(await drained).toMatchObject({ clients: 2, left: 1, dropped: 1 })
  })

  it('drops who does not read when the time is over, and tells how many messages are lost', async () => {
    const unsent: string[] = []
    const server = await serve({ onunsent: (_, message) => void unsent.push(`${message.bytes.length}`) })
    const [deaf] = (await openMany(server, 1)) as [RawClient]
    deaf.pause()
    const [client] = server.clients
    for (let index = 0; index < 3; index++) {
      client!.send(new Uint8Array(16 * 1024 * 1024))
      await new Promise(setImmediate)
    }
    await until(() => client!.bufferedAmount > 1024 * 1024, 'the kernel refuses bytes')
    const result = await server.drain({ deadlineMs: 200, jitterMs: 0 })
    expect(result).toMatchObject({ clients: 1, left: 0, dropped: 1 })
    expect(result.unsentMessages).toBe(unsent.length)
    expect(unsent.length).toBeGreaterThan(0)
    expect(result.durationMs).toBeGreaterThanOrEqual(200)
    expect(result.durationMs).toBeLessThan(2000)
  })

  it('lets a handshake that is being decided end, and asks that client, too', async () => {
    const { passed, open } = gate()
    const server = await serve({ onhandshake: () => passed })
    const client = await connectTo(server)
    client.write(upgradeRequest())
    await until(() => server.metrics().bytes.in === 0 && server.clients.size === 0, 'it is there')
    await delay(50)
    const drained = server.drain({ jitterMs: 0 })
    await delay(50)
    open()
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 101 /)
    expect(await leave(client)).toBe(1012)
    expect(await drained).toEqual(left(1))
  })

  it('takes nothing more from HTTP servers that it is attached to, and leaves them as they are', async () => {
    const http = await listenHttp(createServer())
    const server = new AsyncServer({ logLevel: 'silent' })
    cleanUp(() => server.close())
    server.attach(http)
    const client = await openAt(http)
    const drained = server.drain({ jitterMs: 0 })
    expect(await leave(client)).toBe(1012)
    expect(await drained).toEqual(left(1))
    expect(await (await fetch(`http://127.0.0.1:${http.port}/x`)).text()).toBe('GET /x')
    expect(() => server.attach(http)).toThrow('the server was closed')
  })

  it('goes on when it is called again; close cuts it short', async () => {
    const server = await serve({ closeTimeoutMs: 50 })
    const [client] = (await openMany(server, 1)) as [RawClient]
    const drained = server.drain({ jitterMs: 3_600_000, deadlineMs: 3_600_000 })
    const again = server.drain({ code: 1001 })
    await delay(30)
    expect(server.clients.size).toBe(1)
    const closed = server.close(1001, 'now')
    expect(await client.readClose()).toEqual({ code: 1001, reason: 'now' })
    client.close(1001)
    client.end()
    await closed
    expect(await drained).toEqual(left(1))
    expect(await again).toBe(await drained)
    expect(await server.drain()).toBe(await drained)
  })

  it('is the end of run, and logs what it does', async () => {
    const lines: string[] = []
    const log = (line: string) => void lines.push(line)
    const logger = { error: log, warn: log, info: log, debug: log }
    const server = new AsyncServer({ host: '127.0.0.1', logger, logLevel: 'info' })
    const running = server.run()
    await until(() => server.port !== null, 'it listens')
    const client = await openAt(server)
    await until(() => server.clients.size === 1, 'it is open')
    const drained = server.drain({ jitterMs: 0, deadlineMs: 5000 })
    await leave(client)
    await drained
    await running
    expect(lines.slice(1).map((line) => line.replace(/\d+ ms:/, 'N ms:'))).toEqual([
      'draining 1 connections within 5000 ms',
      'drained in N ms: 1 clients left, 0 were dropped, 0 messages were not sent'
    ])
  })

  it('is what SIGTERM does if run is told so; SIGINT closes', async () => {
    for (const [signal, code] of [
      ['SIGTERM', 1012],
      ['SIGINT', 1001]
    ] as const) {
      const server = new AsyncServer({ host: '127.0.0.1', logLevel: 'silent' })
      const running = server.run({ drain: { jitterMs: 0, deadlineMs: 20_000 } })
      await until(() => server.port !== null, 'it listens')
      const client = await openAt(server)
      await until(() => server.clients.size === 1, 'it is open')
      expect(process.listenerCount(signal)).toBe(1)
      process.emit(signal, signal)
      // A second one would end the process.
      expect(process.listenerCount(signal)).toBe(0)
      expect(await leave(client)).toBe(code)
      await running
    }
    await expect(new AsyncServer().run({ drain: { jitterMs: -1 } })).rejects.toThrow(
      'jitterMs must be an integer'
    )
  })

  it('of a server without clients, or that never listened, is over at once', async () => {
    const result = await new AsyncServer().drain()
    expect(result).toEqual(left(0))
    expect(result.durationMs).toBeLessThan(500)
  })

  it('loses no message of any client while messages are in flight to all of them', async () => {
    const sent = new Map<Connection, number>()
    const server = await serve({ highWatermarkBytes: 256 * 1024 })
    const peers = await openMany(server, 20)
    const got = peers.map(() => [] as number[])
    const read = peers.map(async (peer, index) => {
      for (;;) {
        const { opcode, payload } = await peer.readMessage()
        if (opcode === 8) break
        got[index]!.push(payload.readUInt32BE(0))
      }
      peer.close(1012)
      peer.end()
    })
    const feed = setInterval(() => {
      for (const client of server.clients) {
        const number = sent.get(client) ?? 0
        const message = Buffer.alloc(40_000)
        message.writeUInt32BE(number)
        if (client.send(message) !== 'dropped') sent.set(client, number + 1)
      }
    }, 2)
    cleanUp(() => clearInterval(feed))
    await until(() => got.every((numbers) => numbers.length > 5), 'messages flow')
    expect(await server.drain({ jitterMs: 300 })).toEqual(left(20))
    clearInterval(feed)
    await Promise.all(read)
    const expected = [...sent.values()].map((count) => Array.from({ length: count }, (_, index) => index))
    expect(got).toEqual(expected)
  })

  it.each([
    [{ deadlineMs: -1 }, 'deadlineMs must be an integer'],
    [{ jitterMs: 1.5 }, 'jitterMs must be an integer'],
    [{ deadlineMs: 1000, jitterMs: 1001 }, 'jitterMs (1001) must be at most deadlineMs (1000)'],
    [{ code: 1006 }, 'close code must be'],
    [{ reason: 'x'.repeat(124) }, 'at most 123 bytes'],
    [{ deadline: 5 }, 'there is no option "deadline"']
  ])('refuses %o, and goes on serving', async (options, text) => {
    const server = await serve()
    await expect(server.drain(options as DrainOptions)).rejects.toThrow(text)
    expect(await openAt(server)).toBeInstanceOf(RawClient)
  })
})

describe('drain of a Server', () => {
  async function serveOneSequential(options: AsyncServerOptions) {
    const server = await start(new Server({ host: '127.0.0.1', logLevel: 'silent', ...options }))
    const peer = await openAt(server)
    await until(() => server.clients.size === 1, 'it is open')
    return { server, peer }
  }

  it('lets a handler at work end, so that its answer goes out', async () => {
    const { passed, open } = gate()
    const { server, peer } = await serveOneSequential({
      async onmessage(client, message) {
        client.send('begun')
        await passed
        client.send(`answer to ${message.payload}`)
      }
    })
    peer.text('question')
    expect(await peer.readText()).toBe('begun')
    const drained = server.drain({ jitterMs: 0, deadlineMs: 20_000 })
    await delay(50)
    open()
    expect(await peer.readText()).toBe('answer to question')
    expect(await leave(peer)).toBe(1012)
    expect(await drained).toEqual(left(1))
  })

  it('waits no longer when a handler waits for the next message', async () => {
    const got: unknown[] = []
    const { server, peer } = await serveOneSequential({
      async onopen(client) {
        for await (const { payload } of client) {
          client.send('begun')
          await delay(30)
          got.push(payload)
          client.send(payload)
        }
        got.push('end')
      }
    })
    peer.text('one')
    expect(await peer.readText()).toBe('begun')
    const drained = server.drain({ jitterMs: 0, deadlineMs: 20_000 })
    expect(await peer.readText()).toBe('one')
    expect(await leave(peer)).toBe(1012)
    expect(await drained).toMatchObject(left(1))
    expect(got).toEqual(['one', 'end'])
  })

  it('asks a client whose handler does not end after half of the time', async () => {
    const { passed, open } = gate()
    cleanUp(open)
    const { server, peer } = await serveOneSequential({ onopen: () => passed })
    const result = server.drain({ jitterMs: 0, deadlineMs: 400 })
    expect(await leave(peer)).toBe(1012)
    expect(await result).toEqual(left(1))
    expect((await result).durationMs).toBeGreaterThanOrEqual(200)
  })

  it('sends what was published to a client while its handler was at work', async () => {
    const { passed, open } = gate()
    const { server, peer } = await serveOneSequential({
      onopen: (client) => client.subscribe('news'),
      onmessage: () => passed
    })
    peer.text('question')
    await until(() => server.metrics().messages.in === 1, 'its handler is at work')
    const drained = server.drain({ jitterMs: 0, deadlineMs: 20_000 })
    await delay(50)
    expect(server.publish('news', 'late')).toBe(1)
    open()
    expect(await peer.readText()).toBe('late')
    expect(await leave(peer)).toBe(1012)
    expect(await drained).toEqual(left(1))
  })
})
