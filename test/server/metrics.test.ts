// What `server.metrics()` tells, against what was on the wire.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type AsyncServer, DeflateMessage, type ServerMetrics } from '../../src/index.js'
import { cleanUp, connectTo, guard, openAt, serve, serveOne, until } from '../support/harness.js'
import { random } from '../support/random.js'
import { encodeFrame, upgradeRequest } from '../support/raw-client.js'

guard()

/** Length of the answer to a handshake without extensions. */
const ANSWER_BYTES =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: '
    .length + '0123456789012345678901234567\r\n\r\n'.length

describe('metrics', () => {
  it('of a new server are all zero', async () => {
    const server = await serve()
    const { atMs, eventLoop, batches, ...rest } = server.metrics()
    expect(Math.abs(Date.now() - atMs)).toBeLessThan(2000)
    expect(eventLoop.share).toBeGreaterThan(0)
    expect(batches === null).toBe(server.tier !== 'engine')
    expect(rest).toEqual({
      clients: 0,
      handshakes: {},
      messages: { in: 0, out: 0, refused: 0, unsent: 0, publicationsDropped: 0 },
      bytes: { in: 0, out: 0 },
      queue: { bytes: 0, publicationBytes: 0, clients: 0, oldestMs: 0 },
      topics: 0,
      backplane: null,
      closes: [],
      roundTripsMs: { buckets: expect.any(Array), count: 0, sum: 0 },
      compression: {
        plainBytesOut: 0,
        codedBytesOut: 0,
        codedBytesIn: 0,
        plainBytesIn: 0,
        ratioOut: null,
        ratioIn: null
      }
    })
  })

  it('count messages and every byte on the wire, both ways, of open connections and of those that are over', async () => {
    const server = await serve({ onmessage: (client, message) => void client.send(message) })
    const payloads = [0, 1, 125, 126, 65_535, 65_536, 300_000].map((length) => 'x'.repeat(length))
    const headers = payloads.map(({ length }) => (length < 126 ? 2 : length < 65_536 ? 4 : 10))
    const payloadBytes = payloads.reduce((sum, { length }) => sum + length, 0)
    const out = payloadBytes + headers.reduce((sum, length) => sum + length, 0)
    for (const round of [1, 2]) {
      const client = await openAt(server)
      for (const payload of payloads) client.text(payload)
      // A message of three frames, with a ping between them.
      client.send(2, 'ab', { fin: false })
      client.send(9, 'now')
      client.send(0, 'cd', { fin: false })
      client.send(0, 'ef')
      for (const payload of payloads) expect((await client.readText()) === payload).toBe(true)
      expect((await client.readFrame()).opcode).toBe(10)
      expect((await client.readMessage()).payload.toString()).toBe('abcdef')
      client.close(1000)
      await client.readClose()
      client.end()
      await until(() => server.clients.size === 0, 'it is over')
      const { messages, bytes, closes, handshakes } = server.metrics()
      expect({ messages, bytes, closes, handshakes }).toEqual({
        messages: { in: 8 * round, out: 8 * round, refused: 0, unsent: 0, publicationsDropped: 0 },
        bytes: {
          in: round * (out + 4 * payloads.length + (8 + 9 + 8 + 8) + 8),
          out: round * (ANSWER_BYTES + out + 5 + 8 + 4)
        },
        closes: [{ initiator: 'remote', code: 1000, count: round }],
        handshakes: { accepted: round }
      })
    }
  })

  it('count every byte wherever the bytes are cut', async () => {
    const { server, peer } = await serveOne()
    const draw = random(7)
    const frames: Buffer[] = []
    for (let index = 0; index < 120; index++) {
      const length = [0, 1, 5, 125, 126, 1000, 70_000][draw(7)]!
      frames.push(encodeFrame(draw(8) === 0 && length < 126 ? 9 : 2, Buffer.alloc(length)))
    }
    const bytes = Buffer.concat(frames)
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(bytes.length, from + 1 + draw(draw(3) === 0 ? 40_000 : 20))
      peer.write(bytes.subarray(from, to))
      from = to
      if (draw(4) === 0) await new Promise(setImmediate)
    }
    await until(() => server.metrics().bytes.in >= bytes.length, 'all has come')
    expect(server.metrics().bytes.in).toBe(bytes.length)
  })

  it('count messages that come, and go, piece by piece', async () => {
    const { server, peer, client } = await serveOne({ onmessagebegin: () => {} })
    peer.text('one')
    peer.send(1, 'tw', { fin: false })
    peer.send(0, 'o')
    const writer = client.beginMessage('text')
    await writer.write('abc')
    await writer.end('def')
    expect(await peer.readText()).toBe('abcdef')
    await until(() => server.metrics().messages.in === 2, 'both have come')
    expect(server.metrics().messages).toMatchObject({ in: 2, out: 1 })
  })

  it('tell what waits for a client that does not read, since when, and what is lost with it', async () => {
    const { server, peer, client } = await serveOne()
    peer.pause()
    for (let index = 0; index < 40; index++) {
      client.send(new Uint8Array(1024 * 1024))
      await new Promise(setImmediate)
    }
    await until(() => server.metrics().queue.clients === 1, 'the kernel refuses bytes')
    const before = server.metrics().queue
    expect(before.bytes).toBe(client.bufferedAmount)
    await until(() => server.metrics().queue.oldestMs >= before.oldestMs + 20, 'it grows older')
    const { queuedMessages } = client
    client.terminate()
    await until(() => server.clients.size === 0, 'it is over')
    client.send('too late')
    const { queue, messages, closes } = server.metrics()
    expect(queue).toEqual({ bytes: 0, publicationBytes: 0, clients: 0, oldestMs: 0 })
    expect(messages).toMatchObject({ out: 40, unsent: queuedMessages, refused: 1 })
    expect(closes).toEqual([{ initiator: 'local', code: 1006, count: 1 }])
  })

  it('no longer tell of a client that has caught up', async () => {
    const { server, peer, client } = await serveOne()
    peer.pause()
    for (let index = 0; index < 20; index++) {
      client.send(new Uint8Array(1024 * 1024))
      await new Promise(setImmediate)
    }
    await until(() => server.metrics().queue.clients === 1, 'the kernel refuses bytes')
    peer.resume()
    await until(() => server.metrics().queue.bytes === 0, 'all is sent')
    expect(server.metrics().queue).toEqual({ bytes: 0, publicationBytes: 0, clients: 0, oldestMs: 0 })
  })

  it('tell round-trip times', async () => {
    const { server, peer, client } = await serveOne()
    const pong = client.ping('x')
    expect(await peer.readFrame()).toMatchObject({ opcode: 9 })
    peer.send(10, 'x')
    const roundTripMs = await pong
    peer.send(10, 'nobody asked')
    peer.text('behind it')
    await until(() => server.metrics().messages.in === 1, 'all has come')
    const { roundTripsMs } = server.metrics()
    expect(roundTripsMs.count).toBe(1)
    expect(Math.abs(roundTripsMs.sum - roundTripMs)).toBeLessThan(5)
    for (const { upTo, count } of roundTripsMs.buckets) expect(count).toBe(roundTripsMs.sum <= upTo ? 1 : 0)
  })

  it('tell how well messages compress, and count what is sent to many once', async () => {
    const server = await serve({
      extensions: [new DeflateMessage()],
      onmessage: (_, message) => void server.broadcast(message)
    })
    const headers = ['Sec-WebSocket-Extensions: permessage-deflate']
    const clients = [await openAt(server, { headers }), await openAt(server, { headers })]
    const plain = Buffer.from('to be or not to be, '.repeat(100))
    const deflated = deflateRawSync(plain, { finishFlush: 2 }).subarray(0, -4)
    clients[0]!.send(1, deflated, { rsv: 0x40 })
    const answers = await Promise.all(clients.map((client) => client.readFrame()))
    const { compression } = server.metrics()
    const codedBytesOut = answers[0]!.payload.length
    expect(answers[1]!.payload).toEqual(answers[0]!.payload)
    expect(compression).toEqual({
      codedBytesIn: deflated.length,
      plainBytesIn: plain.length,
      plainBytesOut: plain.length,
      codedBytesOut,
      ratioIn: deflated.length / plain.length,
      ratioOut: codedBytesOut / plain.length
    })
  })

  it('tell what of publications waits outside of the queues for clients that do not keep up', async () => {
    const { server, peer, client } = await serveOne({ overflow: 'drop-oldest' })
    client.subscribe('a')
    peer.pause()
    await until(() => {
      client.send(new Uint8Array(64 * 1024))
      return client.bufferedAmount > 1024 * 1024
    }, 'the kernel refuses bytes')
    const { bytes } = server.metrics().queue
    for (let index = 0; index < 10; index++) server.publish('a', new Uint8Array(1000))
    expect(server.metrics().queue).toMatchObject({ bytes, publicationBytes: 10 * (1000 + 64) })
    peer.resume()
    await until(() => server.metrics().queue.bytes === 0, 'all is sent')
    expect(server.metrics().queue.publicationBytes).toBe(0)
  })

  it('count subscriptions and dropped publications', async () => {
    const { server, peer, client } = await serveOne({ overflow: 'drop-newest' })
    client.subscribe('a/+')
    client.subscribe('b')
    expect(server.metrics().topics).toBe(2)
    expect(server.publish('b', 'taken')).toBe(1)
    expect(server.metrics().messages).toMatchObject({ out: 1, publicationsDropped: 0 })
    peer.pause()
    await until(() => {
      client.send(new Uint8Array(64 * 1024))
      return client.bufferedAmount > 1024 * 1024
    }, 'the kernel refuses bytes')
    const { out } = server.metrics().messages
    for (const topic of ['a/x', 'b', 'b', 'nobody']) expect(server.publish(topic, 'dropped')).toBe(0)
    expect(server.metrics().messages).toMatchObject({ out, refused: 0, unsent: 0, publicationsDropped: 3 })
    client.terminate()
    await until(() => server.clients.size === 0, 'it is over')
    expect(server.publish('b', 'nobody')).toBe(0)
    expect(server.metrics()).toMatchObject({ topics: 0, messages: { publicationsDropped: 3 } })
  })

  it.runIf(process.env.HOTSOCKET_TIER === 'engine')(
    'tell the sizes of the batches of the engine',
    async () => {
      const { server, peer } = await serveOne()
      const before = server.metrics().batches!
      peer.write(Buffer.concat(Array.from({ length: 700 }, () => encodeFrame(1, Buffer.from('x')))))
      await until(() => server.metrics().messages.in === 700, 'all have come')
      const { rows, records } = server.metrics().batches!
      expect(rows.count).toBeGreaterThan(before.rows.count)
      expect(rows.sum - before.rows.sum).toBeGreaterThanOrEqual(700)
      expect(records.count).toBeGreaterThanOrEqual(before.records.count)
    }
  )
})

describe('handshakes', () => {
  /** Sends a request and returns the answer's status. */
  async function ask(server: AsyncServer, request: string): Promise<string> {
    const client = await connectTo(server)
    client.write(request)
    return (await client.readHead()).slice(9, 12)
  }

  it('are counted by outcome, and each is told on hotsocket:server:handshake', async () => {
    const told: unknown[] = []
    const listen = (message: unknown) => {
      const { outcome, remoteAddress, request } = message as {
        outcome: string
        remoteAddress: string
        request: { path: string } | null
      }
      // Of a socket that is gone the engine knows no address any more.
      told.push([outcome, outcome === 'lost' || remoteAddress, request?.path ?? null])
    }
    subscribe('hotsocket:server:handshake', listen)
    cleanUp(() => unsubscribe('hotsocket:server:handshake', listen))
    const server = await serve({
      locations: ['/', '/no', '/fail', '/wait'],
      handshakeTimeoutMs: 200,
      onhandshake({ path }) {
        if (path === '/no') return { status: 402 }
        if (path === '/fail') throw new Error('no database')
        return path === '/wait' ? new Promise<undefined>(() => {}) : undefined
      }
    })
    expect(await ask(server, upgradeRequest('/'))).toBe('101')
    expect(await ask(server, upgradeRequest('/no'))).toBe('402')
    expect(await ask(server, upgradeRequest('/x'))).toBe('404')
    expect(await ask(server, upgradeRequest('/fail'))).toBe('500')
    expect(await ask(server, upgradeRequest('/', ['Origin: http://evil.example']))).toBe('403')
    expect(await ask(server, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('426')
    const lost = await connectTo(server)
    lost.write('GET / HTTP/1.1\r\nUpgr')
    await until(() => lost.socket.bytesWritten > 0, 'it is written')
    lost.end()
    await until(() => server.metrics().handshakes.lost === 1, 'it is lost')
    // Somebody who only looks whether the port is open.
    const looking = await connectTo(server)
    looking.end()
    await looking.closed
    expect(await ask(server, upgradeRequest('/wait'))).toBe('503')
    expect(server.metrics().handshakes).toEqual({
      accepted: 1,
      'handshake-denied': 1,
      'unknown-location': 1,
      'handler-failed': 1,
      'untrusted-origin': 1,
      lost: 1,
      'handshake-timeout': 1
    } satisfies ServerMetrics['handshakes'])
    expect(told).toEqual([
      ['accepted', '127.0.0.1', '/'],
      ['handshake-denied', '127.0.0.1', '/no'],
      ['unknown-location', '127.0.0.1', '/x'],
      ['handler-failed', '127.0.0.1', '/fail'],
      ['untrusted-origin', '127.0.0.1', '/'],
      ['lost', true, null],
      ['handshake-timeout', '127.0.0.1', '/wait']
    ])
  })
})

describe('channels', () => {
  it('tell of the beginning, the faults and the end of each connection', async () => {
    const told: unknown[] = []
    const names = ['open', 'close', 'error'].map((name) => `hotsocket:connection:${name}`)
    const listen = (message: unknown, name: string | symbol) => {
      const { connection, request, details, error } = message as {
        connection: { id: string }
        request?: { path: string }
        details?: { code: number }
        error?: { code: string }
      }
      told.push([name, connection.id, request?.path ?? details?.code ?? error?.code])
    }
    for (const name of names) {
      subscribe(name, listen)
      cleanUp(() => unsubscribe(name, listen))
    }
    const { server, peer, client } = await serveOne()
    const { id } = client
    peer.send(1, 'unmasked', { isMasked: false })
    await until(() => server.clients.size === 0, 'it has failed')
    expect(told).toEqual([
      ['hotsocket:connection:open', id, '/'],
      ['hotsocket:connection:error', id, 'unmasked-frame'],
      ['hotsocket:connection:close', id, 1006]
    ])
  })
})
