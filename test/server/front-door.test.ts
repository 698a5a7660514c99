import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { AsyncServer, type AsyncServerOptions } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { connectTo, gate, guard, leave, openAt, recorder, serve, start, until } from '../support/harness.js'
import { encodeFrame, upgradeRequest, within } from '../support/raw-client.js'

guard()

const GET = 'GET /page HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'

/** A server that answers HTTP requests with what it got, and echoes messages. */
async function serveBoth(options: AsyncServerOptions = {}) {
  const server = await serve({ onmessage: (client, message) => void client.send(message), ...options })
  server.http.on('request', async (incoming: IncomingMessage, response: ServerResponse) => {
    let body = ''
    for await (const chunk of incoming) body += chunk
    response.end(`${incoming.method} ${incoming.url} ${body}`)
  })
  return server
}

describe('a request that is no handshake', () => {
  it.each([
    ['GET', GET],
    ['POST', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello'],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'],
    ['an upgrade to something else', upgradeRequest().replace('Upgrade: websocket', 'Upgrade: h2c')]
  ])('§4.2.1 gets 426 without an HTTP server: %s', async (_, text) => {
    const server = await serve()
    const client = await connectTo(server)
    client.write(text)
    expect((await client.readRest()).toString()).toBe(
      'HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 35\r\n\r\n' +
        'This server speaks WebSocket only.\n'
    )
  })

  it('goes to the HTTP server, whole, in whatever pieces it comes', async () => {
    const server = await serveBoth()
    const body = 'x'.repeat(200_000)
    const text = `POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    for (const size of [1, 10, 70, 1000, text.length]) {
      const client = await connectTo(server)
      const head = text.slice(0, 300)
      for (let at = 0; at < head.length; at += size) {
        client.write(head.slice(at, at + size))
        if (at % 5 === 0) await new Promise(setImmediate)
      }
      client.write(text.slice(300))
      const answer = await client.readHead()
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
      const length = Number(/content-length: (\d+)/i.exec(answer)![1])
      await until(() => client.unread.length === length, 'the body arrived')
      expect(client.unread.toString() === `POST /form ${body}`).toBe(true)
      client.destroy()
    }
  })

  it('works with a client of Node.js, with keep-alive, over plain and TLS', async () => {
    for (const tls of [undefined, await certificate()]) {
      const server = await serveBoth(tls === undefined ? {} : { tls })
      const { Agent: SecureAgent, request: requestSecure } = await import('node:https')
      const agent = tls === undefined ? new Agent({ keepAlive: true }) : new SecureAgent({ keepAlive: true })
      for (let i = 0; i < 3; i++) {
        const body = await new Promise<string>((resolve, reject) => {
          const send = tls === undefined ? request : requestSecure
          const options = {
            port: server.port!,
            host: '127.0.0.1',
            path: `/${i}`,
            agent,
            rejectUnauthorized: false
          }
          send(options, async (response) => {
            let text = ''
            for await (const chunk of response) text += chunk
            resolve(text)
          })
            .on('error', reject)
            .end()
        })
        expect(body).toBe(`GET /${i} `)
      }
      agent.destroy()
    }
  })

  it('may be followed on its connection by a handshake and frames', async () => {
    const { lines, handlers } = recorder()
    const server = await serveBoth(handlers)
    const client = await connectTo(server)
    for (let i = 0; i < 2; i++) {
      client.write(GET)
      await client.readHead()
      await until(() => client.unread.length === 10, 'the body arrived')
      expect(client.unread.toString()).toBe('GET /page ')
      client.discard()
    }
    client.write(Buffer.concat([Buffer.from(upgradeRequest()), encodeFrame(1, Buffer.from('with the head'))]))
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 101 /)
    client.text('behind it')
    await until(() => lines.length === 3, 'both arrived')
    await leave(client, lines, 4)
    expect(lines).toEqual([
      'open',
      'message with the head',
      'message behind it',
      'close 1000 "" clean remote null'
    ])
  })

  it.each([
    [
      'GET',
      'GET /page HTTP/1.1\r\nHost: x\r\nX-Name: J\xf6rg\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n'
    ],
    [
      'POST',
      'POST /page HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tls/1.0\r\nContent-Length: 5\r\n\r\nhello'
    ],
    [
      'POST in chunks',
      'POST /page HTTP/1.1\r\nHost: x\r\nupgrade: a\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
    ],
    [
      'POST to websocket',
      'POST /page HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\nhello'
    ]
  ])('RFC 9110 §7.8 gets its answer although it asks for another Upgrade: %s', async (_, text) => {
    const server = await serveBoth()
    const client = await connectTo(server)
    const expected = text.startsWith('POST') ? 'POST /page hello' : 'GET /page '
    for (let i = 0; i < 2; i++) {
      client.write(text)
      expect(await client.readHead()).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
      await until(() => client.unread.length === expected.length, 'the body arrived')
      expect(client.unread.toString()).toBe(expected)
      client.discard()
    }
  })

  it('drops a client that pipelines a handshake behind a request whose response is under way', async () => {
    const { lines, handlers } = recorder()
    const [asked, answer] = [gate(), gate()]
    const server = await serve(handlers)
    server.http.on('request', async (_, response: ServerResponse) => {
      asked.open()
      await answer.passed
      response.end('late')
    })
    const client = await connectTo(server)
    client.write(`${GET}${upgradeRequest()}`)
    await asked.passed
    expect((await client.readRest()).toString()).toBe('')
    answer.open()
    expect(lines).toEqual([])
  })

  it('§4.2.1 maxHeadBytes and maxHeaderCount hold behind it, too', async () => {
    const limits = { maxHeadBytes: 1000, maxHeaderCount: 40 }
    const fields = Array.from({ length: 41 - 5 }, (_, index) => `X-${index}: x`)
    const hostile = [upgradeRequest('/', fields), upgradeRequest('/', [`X: ${'x'.repeat(1000)}`])]
    for (const text of hostile) {
      const server = await serveBoth(limits)
      const client = await connectTo(server)
      client.write(GET)
      await client.readHead()
      await until(() => client.unread.length === 10, 'the body arrived')
      client.discard()
      client.write(text)
      expect((await client.readRest()).toString()).toMatch(
        /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/
      )
    }
    const server = await serveBoth(limits)
    const client = await connectTo(server)
    client.write(GET)
    await client.readHead()
    await until(() => client.unread.length === 10, 'the body arrived')
    client.discard()
    client.write(upgradeRequest('/', fields.slice(1)))
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 101 /)
  })

  it('§4.4 a broken handshake behind it is refused as ever', async () => {
    const server = await serveBoth({ locations: ['/ws'] })
    const client = await connectTo(server)
    client.write(GET)
    await client.readHead()
    await until(() => client.unread.length === 10, 'the body arrived')
    client.discard()
    client.write(upgradeRequest('/elsewhere'))
    expect((await client.readRest()).toString()).toMatch(/^HTTP\/1\.1 404 Not Found\r\nConnection: close\r\n/)
  })
})

describe('close with streams of other kinds', () => {
  it('drops handshakes under way, and opens nothing any more', async () => {
    const { lines, handlers } = recorder()
    const asked = gate()
    const decision = gate()
    const server = await serve({
      ...handlers,
      onhandshake() {
        asked.open()
        return decision.passed
      }
    })
    const silent = await connectTo(server)
    const reading = await connectTo(server)
    reading.write('GET / HTTP/1.1\r\n')
    const deciding = await connectTo(server)
    deciding.write(upgradeRequest())
    await asked.passed
    const closing = server.close()
    decision.open()
    await closing
    await Promise.all([silent, reading, deciding].map((client) => within(client.closed, 'the end')))
    expect([lines, server.clients.size]).toEqual([[], 0])
  })

  it('waits for a response under way, and closes idle connections at once', async () => {
    const server = await serve({ closeTimeoutMs: 5000 })
    const answer = gate()
    const asked = gate()
    server.http.on('request', async (incoming: IncomingMessage, response: ServerResponse) => {
      if (incoming.url === '/slow') {
        asked.open()
        await answer.passed
      }
      response.end('done')
    })
    const idle = await connectTo(server)
    idle.write(GET)
    await idle.readHead()
    const busy = await connectTo(server)
    busy.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    await asked.passed
    const began = performance.now()
    const closing = server.close()
    await within(idle.closed, 'the end of the idle one')
    answer.open()
    expect(await busy.readHead()).toMatch(/^HTTP\/1\.1 200 OK/)
    await closing
    await within(busy.closed, 'the end')
    expect(performance.now() - began).toBeLessThan(1000)
  })

  it('cuts a response off that takes longer than closeTimeoutMs', async () => {
    const server = await serve({ closeTimeoutMs: 50 })
    const asked = gate()
    server.http.on('request', asked.open)
    const client = await connectTo(server)
    client.write(GET)
    await asked.passed
    await server.close()
    expect(await within(client.closed, 'the end')).toMatch(/fin|reset/)
  })

  it('opens nothing for a handshake on an HTTP connection that outlives it', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers, closeTimeoutMs: 500 })
    const asked = gate()
    server.http.on('request', (_, response: ServerResponse) => {
      response.write('half')
      asked.open()
      setTimeout(() => response.end(), 50)
    })
    const client = await connectTo(server)
    client.write(GET)
    await asked.passed
    const closing = server.close()
    client.write(upgradeRequest())
    await closing
    await within(client.closed, 'the end')
    expect([lines, server.clients.size]).toEqual([[], 0])
  })
})

describe('TLS', () => {
  it('echoes everything, both ways, and closes cleanly', async () => {
    const { lines, handlers } = recorder()
    const tls = await certificate()
    const server = await serve({
      ...handlers,
      tls,
      onhandshake: ({ isSecure }) => void lines.push(`secure ${isSecure}`),
      onmessage: (client, message) => void client.send(message)
    })
    expect(server.url).toBe(`wss://127.0.0.1:${server.port}`)
    const client = await openAt(server, { isSecure: true, headers: ['Origin: https://127.0.0.1'] })
    for (const byteLength of [0, 1, 126, 16_384, 65_536, 1_000_000]) {
      client.binary(Buffer.alloc(byteLength, byteLength))
      const { payload } = await client.readMessage()
      expect(payload.equals(Buffer.alloc(byteLength, byteLength))).toBe(true)
    }
    client.close(1000)
    expect(await client.readClose()).toEqual({ code: 1000, reason: '' })
    client.end()
    await until(() => server.clients.size === 0, 'it is over')
    expect(lines).toEqual(['secure true', 'open', 'close 1000 "" clean remote null'])
  })

  it('still sends to a client that has ended its side', async () => {
    const server = await serve({
      tls: await certificate(),
      onmessage(client) {
        for (let i = 0; i < 20; i++) client.send(Buffer.alloc(100_000, i))
      }
    })
    const client = await openAt(server, { isSecure: true })
    client.socket.allowHalfOpen = true
    client.text('go')
    client.end()
    for (let i = 0; i < 20; i++) {
      expect((await client.readMessage()).payload.equals(Buffer.alloc(100_000, i))).toBe(true)
    }
  })

  it('drops a TLS handshake that stalls, and bytes that are no TLS', async () => {
    const server = await serve({ tls: await certificate(), handshakeTimeoutMs: 60 })
    const silent = await connectTo(server)
    const plain = await connectTo(server)
    plain.write(upgradeRequest())
    await Promise.all([within(silent.closed, 'the end'), within(plain.closed, 'the end')])
    const client = await openAt(server, { isSecure: true })
    expect(client.unread.length).toBe(0)
  })

  it('close drops TLS handshakes under way', async () => {
    const server = await serve({ tls: await certificate(), handshakeTimeoutMs: 0 })
    const silent = await connectTo(server)
    await delay(10)
    await server.close()
    await within(silent.closed, 'the end')
  })
})

describe('a unix socket', () => {
  it('serves without address and port', async () => {
    const seen: unknown[] = []
    const path = join(tmpdir(), `hotsocket-test-${process.pid}.sock`)
    const server = await start(
      new AsyncServer({
        socketPath: path,
        logLevel: 'silent',
        onopen: (client) => void seen.push(client.remoteAddress, client.remotePort),
        onmessage: (client, message) => void client.send(message)
      })
    )
    expect([server.port, server.url]).toEqual([null, `ws+unix://${path}`])
    const client = await openAt(server, { socketPath: path })
    client.text('hi')
    expect(await client.readText()).toBe('hi')
    expect(seen).toEqual([null, null])
  })
})
