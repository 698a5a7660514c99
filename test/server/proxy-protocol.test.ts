import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { AsyncServer, type AsyncServerOptions, type HandshakeRequest } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, connectTo, guard, openAt, serve, until } from '../support/harness.js'
import { addition, block } from '../support/proxy-headers.js'
import { encodeFrame, RawClient, upgradeRequest } from '../support/raw-client.js'

guard()

const LINE = Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 4711 80\r\n')
const BLOCK = block(0x21, 0x11, [1, 2, 3, 4, 5, 6, 7, 8, 0x12, 0x67, 0, 80])
const SECURE = block(0x21, 0x11, [
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  0x12,
  0x67,
  0,
  80,
  ...addition(0x20, '\x01\0\0\0\0')
])

/** A server that says to its clients who they are. */
const serveProxied = (options: AsyncServerOptions = {}) =>
  serve({
    proxyProtocol: true,
    onhandshake: ({ remoteAddress, isSecure }: HandshakeRequest) => ({
      headers: { 'X-Seen': `${remoteAddress} ${isSecure}` }
    }),
    onopen: (client) => void client.send(`${client.remoteAddress} ${client.remotePort}`),
    onmessage: (client, message) => void client.send(message),
    ...options
  })

/** Writes bytes in pieces, each in a turn of its own, so that most arrive alone. */
async function writeInPieces(client: RawClient, bytes: Buffer, pieceBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    client.write(bytes.subarray(at, at + pieceBytes))
    if (pieceBytes < bytes.length) await delay(0)
  }
}

async function expectOpen(
  client: RawClient,
  seen = '1.2.3.4 false',
  address = '1.2.3.4 4711'
): Promise<void> {
  const head = await client.readHead()
  expect(head).toMatch(/^HTTP\/1.1 101 /)
  expect(head).toContain(`X-Seen: ${seen}\r\n`)
  expect(await client.readText()).toBe(address)
}

describe('proxyProtocol', () => {
  it.each<[string, Buffer, number]>([
    ['v1 at once', LINE, 10_000],
    ['v1 byte by byte', LINE, 1],
    ['v2 at once', BLOCK, 10_000],
    ['v2 byte by byte', BLOCK, 1],
    ['v2 in pieces of 20', BLOCK, 20]
  ])('tells who the client is, with frames right behind: %s', async (_, header, pieceBytes) => {
    const server = await serveProxied()
    const client = await connectTo(server)
    const text = encodeFrame(1, Buffer.from('hello'))
    await writeInPieces(client, Buffer.concat([header, Buffer.from(upgradeRequest()), text]), pieceBytes)
    await expectOpen(client)
    expect(await client.readText()).toBe('hello')
    client.text('later')
    expect(await client.readText()).toBe('later')
  })

  it('the address stays to the end, and after it', async () => {
    const closed: unknown[] = []
    const server = await serveProxied({
      onclose: (client) => void closed.push(client.remoteAddress, client.remotePort)
    })
    const client = await connectTo(server)
    client.write(Buffer.concat([LINE, Buffer.from(upgradeRequest())]))
    await expectOpen(client)
    client.reset()
    await until(() => closed.length === 2, 'it is over')
    expect(closed).toEqual(['1.2.3.4', 4711])
  })

  it('a proxy that speaks for itself is the client; one that ended TLS says so', async () => {
    const server = await serveProxied()
    for (const header of [Buffer.from('PROXY UNKNOWN\r\n'), block(0x20, 0, [])]) {
      const client = await connectTo(server)
      client.write(Buffer.concat([header, Buffer.from(upgradeRequest())]))
      await expectOpen(client, '127.0.0.1 false', `127.0.0.1 ${client.socket.localPort}`)
    }
    const client = await connectTo(server)
    client.write(Buffer.concat([SECURE, Buffer.from(upgradeRequest('/', ['Origin: https://127.0.0.1']))]))
    await expectOpen(client, '1.2.3.4 true')
  })

  it.each<[string, Buffer | string]>([
    ['no header', upgradeRequest()],
    ['a wrong one', `PROXY TCP4 1.2.3.4 5.6.7.8 4711\r\n${upgradeRequest()}`],
    ['one too long', `PROXY UNKNOWN ${'x'.repeat(100_000)}`],
    ['a block too long', block(0x21, 0x11, Array(60_000).fill(0))],
    ['TLS', Buffer.from([0x16, 3, 1, 2, 0, 1])],
    ['half a header', 'PROXY TC']
  ])('drops without a word who sends %s and ends', async (_, bytes) => {
    const server = await serveProxied()
    const client = await connectTo(server)
    client.write(bytes)
    client.end()
    expect((await client.readRest()).toString()).toBe('')
    const other = await connectTo(server)
    other.write(Buffer.concat([LINE, Buffer.from(upgradeRequest())]))
    await expectOpen(other)
  })

  it('a second header is no request', async () => {
    const server = await serveProxied()
    const client = await connectTo(server)
    client.write(Buffer.concat([LINE, LINE, Buffer.from(upgradeRequest())]))
    expect((await client.readHead()).split('\r\n')[0]).toBe('HTTP/1.1 400 Bad Request')
  })

  it('a header that does not come is waited for no longer than handshakeTimeoutMs', async () => {
    const server = await serveProxied({ handshakeTimeoutMs: 30 })
    for (const bytes of ['', 'PROXY', BLOCK.subarray(0, 14)]) {
      const client = await connectTo(server)
      client.write(bytes)
      expect(await client.readHead()).toMatch(/^HTTP\/1.1 408 /)
    }
  })

  it('a list names those who must send it; of others it is no request', async () => {
    const server = await serveProxied({ proxyProtocol: ['127.0.0.2'] })
    const own = async (localAddress: string, bytes: Buffer[]) => {
      const client = await connectTo(server, { localAddress })
      client.write(Buffer.concat(bytes))
      return client
    }
    const request = Buffer.from(upgradeRequest())
    await expectOpen(await own('127.0.0.2', [LINE, request]))
    const direct = await own('127.0.0.1', [request])
    await expectOpen(direct, '127.0.0.1 false', `127.0.0.1 ${direct.socket.localPort}`)
    expect(await (await own('127.0.0.1', [LINE, request])).readHead()).toMatch(/^HTTP\/1.1 400 /)
    expect((await (await own('127.0.0.2', [request])).readRest()).length).toBe(0)
  })

  it('is no proxy that trustProxy counts: whom it speaks for is the first', async () => {
    for (const [trustProxy, seen] of [
      [0, '1.2.3.4'],
      [1, '9.9.9.9']
    ] as const) {
      const server = await serveProxied({ trustProxy })
      const client = await connectTo(server)
      const request = upgradeRequest('/', ['X-Forwarded-For: 6.6.6.6, 9.9.9.9'])
      client.write(Buffer.concat([LINE, Buffer.from(request)]))
      await expectOpen(client, `${seen} false`, `${seen} ${trustProxy === 0 ? 4711 : null}`)
    }
  })

  it('trustProxy goes on from there', async () => {
    const server = await serveProxied({ trustProxy: ['1.2.3.4'] })
    const client = await connectTo(server)
    const request = upgradeRequest('/', ['X-Forwarded-For: 6.6.6.6, 9.9.9.9', 'X-Forwarded-Proto: https'])
    client.write(Buffer.concat([LINE, Buffer.from(request)]))
    await expectOpen(client, '9.9.9.9 true', '9.9.9.9 null')
  })

  it('HTTP requests see who the client is, and so does an upgrade behind them, whose transport is the proxy', async () => {
    const ports: unknown[] = []
    const server = await serveProxied({
      onhandshake(request) {
        ports.push(request.transportDetails()?.remotePort)
        return { headers: { 'X-Seen': `${request.remoteAddress} ${request.isSecure}` } }
      },
      onopen(client) {
        ports.push(client.transportDetails()?.remotePort)
        client.send(`${client.remoteAddress} ${client.remotePort}`)
      }
    })
    server.http.on('request', ({ socket }: IncomingMessage, response: ServerResponse) =>
      response.end(`${socket.remoteAddress} ${socket.remotePort}`)
    )
    const client = await connectTo(server)
    client.write(Buffer.concat([LINE, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')]))
    const head = await client.readHead()
    await until(() => client.unread.length >= 12, 'the body arrived')
    expect([head.split('\r\n')[0], client.unread.toString()]).toEqual(['HTTP/1.1 200 OK', '1.2.3.4 4711'])
    client.discard()
    client.write(upgradeRequest())
    await expectOpen(client)
    expect(ports).toEqual([client.socket.localPort, client.socket.localPort])
  })

  it('works on unix sockets', async () => {
    const socketPath = join(
      tmpdir(),
      `hotsocket-proxy-${process.pid}-${process.env.HOTSOCKET_TIER ?? ''}.sock`
    )
    await serveProxied({ socketPath })
    const client = await RawClient.connect(0, { socketPath })
    cleanUp(() => client.destroy())
    client.write(Buffer.concat([LINE, Buffer.from(upgradeRequest())]))
    await expectOpen(client)
  })

  it('is not asked of what comes from an HTTP server that reads requests itself', async () => {
    const server = await serveProxied()
    const http = createServer()
    server.attach(http)
    http.listen(0, '127.0.0.1')
    await until(() => http.listening, 'it listens')
    cleanUp(() => http.close())
    const client = await openAt({ port: (http.address() as AddressInfo).port })
    expect(await client.readText()).toBe(`127.0.0.1 ${client.socket.localPort}`)
  })

  it('does not go with tls, and says so', async () => {
    const tls = await certificate()
    expect(() => new AsyncServer({ tls, proxyProtocol: true })).toThrow('proxyProtocol does not go with tls')
    expect(() => new AsyncServer({ tls, proxyProtocol: ['::1'] })).toThrow(
      'proxyProtocol does not go with tls'
    )
    expect(() => new AsyncServer({ tls, proxyProtocol: false })).not.toThrow()
  })
})
