import { createServer, type Server as HttpServer, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { AsyncServer, type AsyncServerOptions, type AttachOptions } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import {
  cleanUp,
  connectTo,
  gate,
  guard,
  leave,
  listenHttp,
  openAt,
  recorder,
  until
} from '../support/harness.js'
import { encodeFrame, RawClient, upgradeRequest, within } from '../support/raw-client.js'

guard()

const GET = 'GET /page HTTP/1.1\r\nHost: x\r\n\r\n'
const H2C = GET.replace('\r\n\r\n', '\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n')

/** A server of ours, attached. It echoes and puts its name before. */
function attach(
  http: HttpServer,
  name: string,
  options?: AttachOptions,
  serverOptions: AsyncServerOptions = {}
) {
  const server = new AsyncServer({
    logLevel: 'silent',
    onmessage: (client, { payload }) => void client.send(`${name}: ${payload}`),
    ...serverOptions
  })
  cleanUp(() => server.close())
  return { server, detach: server.attach(http, options) }
}

/** What the server at a path answers to 'hi'. */
async function ask(http: { port: number }, path: string): Promise<string> {
  const client = await openAt(http, { path })
  client.text('hi')
  return client.readText()
}

/** Reads one response with a body from a connection that stays open. */
async function readResponse(client: RawClient): Promise<string> {
  const head = await client.readHead()
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  await until(() => client.unread.length >= length, 'the body arrived')
  const body = client.unread.subarray(0, length).toString()
  client.discard()
  return `${head.slice(9, 12)} ${body}`
}

describe('attach', () => {
  it('takes handshakes, with frames that came with the head; pages go on', async () => {
    const { lines, handlers } = recorder()
    const http = await listenHttp()
    const { server } = attach(http, 'a', {}, handlers)
    const client = await connectTo(http)
    client.write(GET)
    expect(await readResponse(client)).toBe('200 GET /page')
    const [first, second] = ['with the head', 'in halves'].map((text) => encodeFrame(1, Buffer.from(text)))
    client.write(Buffer.concat([Buffer.from(upgradeRequest()), first!, second!.subarray(0, 5)]))
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 101 /)
    client.write(second!.subarray(5))
    await until(() => lines.length === 3, 'both arrived')
    const [connection] = server.clients
    expect([connection?.remoteAddress, connection?.remotePort]).toEqual([
      '127.0.0.1',
      client.socket.localPort
    ])
    await leave(client, lines, 4)
    expect(lines).toEqual([
      'open',
      'message with the head',
      'message in halves',
      'close 1000 "" clean remote null'
    ])
    expect([server.port, server.url]).toEqual([null, null])
  })

  it.runIf(process.env.HOTSOCKET_TIER === 'engine')('hands plain sockets to the engine', async () => {
    const http = await listenHttp()
    attach(http, 'a')
    expect(await ask(http, '/')).toBe('a: hi')
    // Node.js has nothing left of it: its HTTP server counts no connection.
    const count = await new Promise((resolve) =>
      http.getConnections((_, connections) => resolve(connections))
    )
    expect(count).toBe(0)
  })

  it('serves an https.Server, half-open connections included', async () => {
    const http = await listenHttp(createSecureServer(await certificate()))
    const secure: boolean[] = []
    attach(http, 'a', undefined, { onhandshake: ({ isSecure }) => void secure.push(isSecure) })
    const client = await openAt(http, { isSecure: true })
    client.socket.allowHalfOpen = true
    client.text('hi')
    client.end()
    expect(await client.readText()).toBe('a: hi')
    expect(secure).toEqual([true])
    const page = await connectTo(http, { isSecure: true })
    for (const text of [GET, H2C, GET]) {
      page.write(text)
      expect(await readResponse(page)).toBe('200 GET /page')
    }
  })

  it('shares one HTTP server among several servers, each with its paths, and its listening one', async () => {
    const http = await listenHttp()
    const { server } = attach(http, 'a', { path: '/a' }, { host: '127.0.0.1', locations: ['/own'] })
    attach(http, 'b', { path: ['/b', '/bb'] })
    attach(http, 'c', {}, { locations: ['/c'] })
    attach(http, 'late', { path: '/a' })
    const answers = await Promise.all(['/a?x=1', '/b', '/bb', '/c'].map((path) => ask(http, path)))
    expect(answers).toEqual(['a: hi', 'b: hi', 'b: hi', 'c: hi'])
    await server.listen()
    expect(await ask({ port: server.port! }, '/own')).toBe('a: hi')
  })

  it.each([
    ['§4.2.2 an unknown path gets 404', upgradeRequest('/x'), /^HTTP\/1\.1 404 /],
    ['§4.4 a wrong version gets 426', upgradeRequest('/a').replace(': 13', ': 8'), /^HTTP\/1\.1 426 /],
    ['§4.2.1 a malformed key gets 400', upgradeRequest('/a').replace('dGhl', ''), /^HTTP\/1\.1 400 /],
    [
      '§10.2 an untrusted origin gets 403',
      upgradeRequest('/a', ['Origin: http://evil.example']),
      /^HTTP\/1\.1 403 /
    ]
  ])('%s, and no socket hangs', async (_, request, answer) => {
    const http = await listenHttp()
    attach(http, 'a', { path: '/a' }, { closeTimeoutMs: 50 })
    const client = await connectTo(http)
    client.write(request)
    expect((await client.readRest()).toString()).toMatch(answer)
    // One that does not go by itself is dropped.
    const silent = await connectTo(http)
    silent.socket.allowHalfOpen = true
    silent.write(request)
    await within(silent.ended, 'the end')
    await until(() => silent.socket.destroyed || silent.socket.readableEnded, 'it is over')
  })

  it('leaves handshakes at other paths untouched to other listeners', async () => {
    const http = await listenHttp()
    attach(http, 'a', { path: '/a' })
    const heads: string[] = []
    http.on('upgrade', ({ url }, stream: Duplex, head: Buffer) => {
      if (url === '/a') return
      heads.push(head.toString())
      stream.end('HTTP/1.1 418 \r\nConnection: close\r\n\r\n')
    })
    const client = await connectTo(http)
    client.write(`${upgradeRequest('/other')}head`)
    expect((await client.readRest()).toString()).toBe('HTTP/1.1 418 \r\nConnection: close\r\n\r\n')
    const other = await connectTo(http)
    other.write(H2C)
    expect((await other.readRest()).toString()).toMatch(/ 418 /)
    expect([heads, await ask(http, '/a')]).toEqual([['head', ''], 'a: hi'])
  })

  it('RFC 9110 §7.8 a wish for another protocol is ignored: the page comes', async () => {
    const http = await listenHttp()
    attach(http, 'a')
    const client = await connectTo(http)
    for (const text of [H2C, H2C, GET]) {
      client.write(text)
      expect(await readResponse(client)).toBe('200 GET /page')
    }
    client.write(upgradeRequest())
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 101 /)
  })

  it('RFC 9112 §9.3.2 drops a handshake that is pipelined behind a response under way', async () => {
    const { lines, handlers } = recorder()
    const http = createServer()
    const [asked, answer] = [gate(), gate()]
    http.prependListener('request', (_, response: ServerResponse) => {
      const end = response.end.bind(response)
      response.end = ((body: string) => {
        asked.open()
        void answer.passed.then(() => end(body))
        return response
      }) as typeof response.end
    })
    const { port } = await listenHttp(http)
    attach(http, 'a', {}, handlers)
    const client = await connectTo({ port })
    client.write(`${GET}${upgradeRequest()}`)
    await asked.passed
    expect((await client.readRest()).toString()).toBe('')
    answer.open()
    expect(lines).toEqual([])
  })

  it('ends with detach: connections live on, and Node.js treats upgrades as before', async () => {
    const http = await listenHttp()
    const { server, detach } = attach(http, 'a', { path: '/a' })
    const { detach: detachOther } = attach(http, 'b', { path: '/b' })
    const client = await openAt(http, { path: '/a' })
    detach()
    detach()
    expect(await ask(http, '/b')).toBe('b: hi')
    await expect(RawClient.open(http.port, { path: '/a' })).rejects.toThrow('404')
    detachOther()
    expect(http.listenerCount('upgrade')).toBe(0)
    await expect(RawClient.open(http.port, { path: '/a' })).rejects.toThrow('200')
    client.text('still')
    expect([await client.readText(), server.clients.size]).toEqual(['a: still', 1])
  })

  it('ends with close: clients get 1001, handshakes under way are dropped, the HTTP server lives on', async () => {
    const http = await listenHttp()
    const asked = gate()
    const { server } = attach(http, 'a', undefined, {
      onhandshake({ path }) {
        if (path !== '/slow') return
        asked.open()
        return new Promise(() => {})
      }
    })
    const client = await openAt(http)
    const slow = await connectTo(http)
    slow.write(upgradeRequest('/slow'))
    await asked.passed
    const closing = server.close()
    expect((await client.readClose()).code).toBe(1001)
    client.close(1001)
    client.end()
    await closing
    await within(slow.closed, 'the end')
    expect(http.listenerCount('upgrade')).toBe(0)
    const page = await connectTo(http)
    page.write(GET)
    expect(await readResponse(page)).toBe('200 GET /page')
    expect(() => server.attach(http)).toThrow(expect.objectContaining({ code: 'listen-failed' }))
  })

  it('is free of the time limits of the HTTP server', async () => {
    const http = await listenHttp(createServer({ keepAliveTimeout: 20 }))
    http.timeout = 20
    attach(http, 'a')
    const client = await openAt(http)
    await delay(80)
    client.text('hi')
    expect(await client.readText()).toBe('a: hi')
  })

  it('counts maxConnections over its port and all HTTP servers', async () => {
    const [first, second] = [await listenHttp(), await listenHttp()]
    const { server } = attach(first, 'a', {}, { maxConnections: 1 })
    server.attach(second)
    await openAt(first)
    await expect(RawClient.open(second.port)).rejects.toThrow('503')
  })

  it.each([
    [{ path: 'a' }, "path must begin with '/', not string a"],
    [
      { path: ['/a', 'b'] },
      "path must be a path that begins with '/' or a list of paths that begin with '/', which item 1 (string b) is not"
    ],
    [{ paths: '/a' }, 'attach has no option "paths"; there is path']
  ])('names a wrong option: %j', (options, text) => {
    const server = new AsyncServer()
    expect(() => server.attach(createServer(), options as AttachOptions)).toThrow(text)
  })

  it('refuses what is no HTTP server', () => {
    const server = new AsyncServer()
    expect(() => server.attach({} as HttpServer)).toThrow('attach takes an http.Server or https.Server, not')
    for (const { http } of [server, new AsyncServer()]) {
      expect(() => server.attach(http)).toThrow('server.http has its handshakes taken already')
    }
  })
})
