// The attacks that servers of this kind have suffered, each under the name of its advisory where it has one.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { AsyncServer, AsyncServerOptions } from '../../src/index.js'
import {
  collectGarbage,
  connectTo,
  guard,
  openAt,
  recorder,
  serve,
  serveOne,
  until
} from '../support/harness.js'
import { encodeFrame, upgradeRequest, within } from '../support/raw-client.js'

guard()

const MIB = 1024 * 1024

/** Whether somebody else is still served while an attack goes on. */
async function expectServed(server: AsyncServer): Promise<void> {
  const peer = await openAt(server)
  peer.text('is anybody there?')
  expect(await peer.readText()).toBe('is anybody there?')
}

function serveEcho(options: AsyncServerOptions = {}): Promise<AsyncServer> {
  return serve({ onmessage: (client, message) => void client.send(message), ...options })
}

/** Sends a request and returns the status line of the answer. */
async function statusOf(server: AsyncServer, ...headers: readonly string[]): Promise<string> {
  const client = await connectTo(server)
  client.write(upgradeRequest('/', headers))
  const [line] = (await client.readHead()).split('\r\n')
  client.destroy()
  return line!
}

describe('heads', () => {
  it('ws CVE-2024-37890: 2 000 headers with the Upgrade behind them are refused', async () => {
    const server = await serveEcho()
    const client = await connectTo(server)
    const headers = Array.from({ length: 2000 }, (_, i) => `X${i}: 1`)
    client.write(['GET / HTTP/1.1', ...headers, upgradeRequest().slice(16)].join('\r\n'))
    client.end()
    expect((await client.readRest()).toString()).toMatch(/^HTTP\/1\.1 431 /)
    await expectServed(server)
  })

  it('tungstenite CVE-2023-43669: 20 MB of headers cost no memory and no time', async () => {
    const server = await serveEcho()
    const client = await connectTo(server)
    const began = performance.now()
    client.write('GET / HTTP/1.1\r\n')
    const line = Buffer.from(`X: ${'x'.repeat(65_530)}\r\n`)
    for (let i = 0; i < 320; i++) client.write(line)
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 431 /)
    await expectServed(server)
    expect(performance.now() - began).toBeLessThan(3000)
  })

  it('tungstenite CVE-2023-43669: 15 KiB of head in 1-byte packets are read in linear time', async () => {
    const server = await serveEcho()
    const client = await connectTo(server)
    const request = upgradeRequest('/', [`X: ${'x'.repeat(15_000)}`])
    const began = performance.now()
    for (let at = 0; at < request.length; at++) {
      client.write(request[at]!)
      if (at % 16 === 0) await new Promise(setImmediate)
    }
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 101 /)
    expect(performance.now() - began).toBeLessThan(5000)
  })

  it('ws CVE-2021-32640: a hostile Sec-WebSocket-Protocol is parsed in linear time', async () => {
    const server = await serveEcho({ maxHeadBytes: MIB })
    const began = performance.now()
    expect(await statusOf(server, `Sec-WebSocket-Protocol: b${' '.repeat(300_000)}x`)).toMatch(/400/)
    expect(await statusOf(server, `Sec-WebSocket-Protocol: ${','.repeat(300_000)}`)).toMatch(/400/)
    expect(performance.now() - began).toBeLessThan(1000)
  })

  it('a subprotocol that is not ASCII is refused', async () => {
    const server = await serveEcho()
    expect(await statusOf(server, 'Sec-WebSocket-Protocol: ch\xe4t')).toBe('HTTP/1.1 400 Bad Request')
  })

  it.each([
    ['constructor', 'constructor', '101'],
    ['__proto__', '__proto__; __proto__=1', '101'],
    ['an unterminated quote', 'x; a="b', '400'],
    ['10 000 parameters', `x; ${'a=1;'.repeat(10_000)}b`, '400'],
    ['commas', ','.repeat(50_000), '400']
  ])('ws 3.3.1: Sec-WebSocket-Extensions of %s is answered in linear time', async (_, value, status) => {
    const server = await serveEcho({ maxHeadBytes: MIB })
    const began = performance.now()
    expect(await statusOf(server, `Sec-WebSocket-Extensions: ${value}`)).toContain(` ${status} `)
    expect(performance.now() - began).toBeLessThan(1000)
  })

  it('slow bytes of a head: the handshake ends in time, and places stay free for others', async () => {
    const server = await serveEcho({ handshakeTimeoutMs: 100, maxConnections: 5 })
    const slow = await Promise.all(Array.from({ length: 20 }, () => connectTo(server)))
    const dripping = setInterval(() => {
      for (const client of slow) client.write('G')
    }, 10)
    await delay(30)
    await expectServed(server)
    await within(Promise.all(slow.map((client) => client.closed)), 'their end', 2000)
    clearInterval(dripping)
  })

  it('request smuggling: two lengths, a folded line, a bare LF or a body open nothing', async () => {
    const server = await serveEcho()
    for (const line of [
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
      'X: a\r\n b',
      'X: a\nY: b',
      'Host: b'
    ]) {
      expect(await statusOf(server, line)).toBe('HTTP/1.1 400 Bad Request')
    }
  })
})

describe('origins', () => {
  it('vite CVE-2025-24010, webpack-dev-server CVE-2025-30360: cross-site pages are refused by default', async () => {
    const server = await serveEcho()
    const origins = [
      'https://evil.test',
      'http://127.0.0.1.evil.test',
      'http://evil.test:80',
      'http://127.0.0.1:1',
      'null',
      'file://',
      'http://127.0.0.1@evil.test'
    ]
    for (const origin of origins) {
      expect([origin, await statusOf(server, `Origin: ${origin}`)]).toEqual([
        origin,
        'HTTP/1.1 403 Forbidden'
      ])
    }
    expect(await statusOf(server, 'Origin: http://127.0.0.1')).toContain(' 101 ')
  })

  it('a wildcard of trustedOrigins does not match more than it says', async () => {
    const server = await serveEcho({ trustedOrigins: ['https://*.example.com'] })
    const status = async (origin: string) => (await statusOf(server, `Origin: ${origin}`)).slice(9, 12)
    expect(await status('https://a.example.com')).toBe('101')
    for (const origin of [
      'https://example.com',
      'https://evilexample.com',
      'https://a.example.com.evil.test'
    ]) {
      expect([origin, await status(origin)]).toEqual([origin, '403'])
    }
  })
})

describe('frames', () => {
  it('ws CVE-2016-10542: there is a limit of message size by default, which fires at the header', async () => {
    const { lines, handlers } = recorder()
    const { peer } = await serveOne({ ...handlers })
    const length = Buffer.alloc(8)
    length.writeBigUInt64BE(BigInt(64 * MIB + 1))
    peer.write(Buffer.concat([Buffer.from([0x82, 0xff]), length, Buffer.alloc(4)]))
    expect(await peer.readClose()).toEqual({ code: 1009, reason: '' })
    expect(lines).toEqual(['open', 'error frame-too-big'])
  })

  it('ws CVE-2026-48779, CVE-2026-62389: endless empty and 1-byte fragments end at the limit, in bounded memory', async () => {
    for (const payload of ['', 'x']) {
      const { lines, handlers } = recorder()
      const { peer } = await serveOne({ ...handlers })
      collectGarbage()
      const before = process.memoryUsage()
      const fragment = encodeFrame(0, Buffer.from(payload), { fin: false })
      const fragments = Buffer.concat(Array.from({ length: 1000 }, () => fragment))
      peer.send(1, payload, { fin: false })
      for (let i = 0; i < 70; i++) peer.write(fragments)
      expect(await peer.readClose()).toEqual({ code: 1008, reason: '' })
      const after = process.memoryUsage()
      expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(
        30 * MIB
      )
      expect(lines).toEqual(['open', 'error too-many-fragments'])
    }
  })

  it('undici CVE-2026-1528: a 64-bit length overflows nothing', async () => {
    for (const [bytes, code] of [
      ['ffffffffffffffff', 1002],
      ['8000000000000000', 1002],
      ['7fffffffffffffff', 1009],
      ['0020000000000001', 1009]
    ] as const) {
      const { peer } = await serveOne()
      peer.write(Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.from(bytes, 'hex'), Buffer.alloc(4)]))
      expect(await peer.readClose()).toEqual({ code, reason: '' })
    }
  })

  it('engine.io CVE-2022-21676: an RSV2 or RSV3 frame right behind the handshake harms nobody', async () => {
    const server = await serveEcho({ onerror: () => {} })
    for (const rsv of [0x20, 0x10, 0x30]) {
      const client = await connectTo(server)
      client.write(Buffer.concat([Buffer.from(upgradeRequest()), encodeFrame(1, Buffer.from('x'), { rsv })]))
      await client.readHead()
      expect(await client.readClose()).toEqual({ code: 1002, reason: '' })
    }
    await expectServed(server)
  })

  it('a ping flood of a peer that does not read its pongs is answered in bounded memory', async () => {
    const { server, peer, client } = await serveOne({
      onmessage: (client, message) => void client.send(message)
    })
    peer.pause()
    client.send(Buffer.alloc(20 * MIB))
    await delay(20)
    const stuck = client.bufferedAmount
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => encodeFrame(9, Buffer.alloc(125, 1))))
    for (let i = 0; i < 50; i++) peer.write(pings)
    peer.send(9, 'the newest')
    await delay(200)
    expect(client.bufferedAmount - stuck).toBeLessThanOrEqual(64 * 127)
    await expectServed(server)
    peer.resume()
    let last = ''
    while (last !== 'the newest') {
      const { opcode, payload } = await peer.readMessage()
      if (opcode === 10) last = payload.toString()
    }
  })

  it('a close flood is read and dropped; the peer is gone after closeTimeoutMs', async () => {
    const { lines, handlers } = recorder()
    const { server, peer } = await serveOne({ ...handlers, closeTimeoutMs: 100 })
    const closes = Buffer.concat(Array.from({ length: 1000 }, () => encodeFrame(8, Buffer.from([3, 232]))))
    const flood = setInterval(() => peer.write(closes), 1)
    peer.socket.allowHalfOpen = true
    await until(() => server.clients.size === 0, 'it is gone', 3000)
    clearInterval(flood)
    expect(lines).toEqual(['open', 'close 1000 "" clean remote null'])
    expect(peer.unread.subarray(0, 4).toString('hex')).toBe('880203e8')
  })
})

describe('peers that do not behave', () => {
  it('half-open peers are dropped by the keepalive', async () => {
    const server = await serveEcho({ pingIntervalMs: 30, pongTimeoutMs: 30 })
    const peers = await Promise.all(Array.from({ length: 20 }, () => openAt(server)))
    // They neither read nor write any more, as if the cable was cut.
    for (const peer of peers) peer.pause()
    await until(() => server.clients.size === 0, 'all are gone', 3000)
  })

  it('a client that never reads holds up neither the server nor its close', async () => {
    const { server, peer } = await serveOne({
      closeTimeoutMs: 100,
      onmessage: (client, message) => void client.send(message)
    })
    peer.pause()
    const frame = encodeFrame(2, Buffer.alloc(MIB))
    for (let i = 0; i < 40; i++) peer.write(frame)
    await delay(100)
    await expectServed(server)
    await within(server.close(), 'the close', 2000)
  })

  it('ws#1617: hundreds that disconnect in the middle of everything leave nothing behind', async () => {
    const server = await serveEcho()
    for (let round = 0; round < 10; round++) {
      const peers = await Promise.all(Array.from({ length: 30 }, () => openAt(server)))
      for (const [index, peer] of peers.entries()) {
        peer.binary(Buffer.alloc(100_000))
        peer.write(encodeFrame(1, Buffer.alloc(50_000, 65), { fin: false }).subarray(0, 20_000 + index))
        if (index % 2 === 0) peer.reset()
        else peer.destroy()
      }
    }
    await until(() => server.clients.size === 0, 'all are gone')
    await expectServed(server)
  })
})
