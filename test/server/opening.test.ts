import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { AsyncServerOptions, HandshakeRequest } from '../../src/index.js'
import { cleanUp, connectTo, gate, guard, openAt, recorder, serve, until } from '../support/harness.js'
import { encodeFrame, KEY, type RawClient, upgradeRequest, within } from '../support/raw-client.js'

guard()

/** Sends a request and returns all that comes back until the server closes. */
async function answerTo(options: AsyncServerOptions, request: string): Promise<string> {
  const server = await serve(options)
  const client = await connectTo(server)
  client.write(request)
  client.end()
  return (await client.readRest()).toString()
}

/** A response that refuses, as it stands on the wire. */
function refusal(statusLine: string, body: string, ...headers: readonly string[]): string {
  const usual = ['Content-Type: text/plain; charset=utf-8', `Content-Length: ${Buffer.byteLength(body)}`]
  return [`HTTP/1.1 ${statusLine}`, 'Connection: close', ...usual, ...headers, '', body].join('\r\n')
}

const UPGRADE_REQUIRED = (body: string) =>
  [
    'HTTP/1.1 426 Upgrade Required',
    'Connection: Upgrade, close',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body
  ].join('\r\n')

/** The request of `upgradeRequest` without one of its lines, or with another in its place. */
function changed(name: string, line: string | null): string {
  const lines = upgradeRequest().split('\r\n')
  const at = lines.findIndex((one) => one.startsWith(`${name}:`))
  lines.splice(at, 1, ...(line === null ? [] : [line]))
  return lines.join('\r\n')
}

describe('onhandshake', () => {
  it('§4.2.2 without one, accepts with the right Sec-WebSocket-Accept and nothing else', async () => {
    const server = await serve()
    const client = await connectTo(server)
    client.write(upgradeRequest())
    expect(await client.readHead()).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
    )
  })

  it('gets path, query, headers, subprotocols, host, origin and remote address', async () => {
    let seen: HandshakeRequest | null = null
    const onhandshake = (request: HandshakeRequest) => {
      seen = request
    }
    const server = await serve({ onhandshake, trustedOrigins: '*' })
    const headers = ['Origin: https://a.test', 'X-Twice: 1', 'X-Twice: 2', 'Sec-WebSocket-Protocol: a, b']
    await openAt(server, { path: '/chat/room?name=J%C3%B6rg&x=1&x=2', headers })
    const request = seen as HandshakeRequest | null
    expect(request).toMatchObject({
      method: 'GET',
      target: '/chat/room?name=J%C3%B6rg&x=1&x=2',
      path: '/chat/room',
      host: '127.0.0.1',
      origin: 'https://a.test',
      key: KEY,
      protocols: ['a', 'b'],
      extensions: [],
      remoteAddress: '127.0.0.1',
      isSecure: false
    })
    expect([...request!.query]).toEqual([
      ['name', 'Jörg'],
      ['x', '1'],
      ['x', '2']
    ])
    expect(request!.headers.get('x-twice')).toBe('1, 2')
  })

  it.each([
    ['at once', <Value>(value: Value) => value],
    ['later', async <Value>(value: Value) => delay(5, value)]
  ] as const)('accepts with protocol, headers and data: %s', async (_, settle) => {
    const seen: unknown[] = []
    const server = await serve<{ user: string }>({
      onhandshake: () =>
        settle({ protocol: 'b', headers: { 'Set-Cookie': ['a=1', 'b=2'] }, data: { user: 'Ada' } }),
      onopen: (client) => void seen.push(client.data, client.protocol)
    })
    const client = await connectTo(server)
    client.write(upgradeRequest('/', ['Sec-WebSocket-Protocol: a, b']))
    expect(await client.readHead()).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: b\r\n' +
        'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n'
    )
    await until(() => seen.length > 0, 'onopen was called')
    expect(seen).toEqual([{ user: 'Ada' }, 'b'])
  })

  it.each([
    ['at once', <Value>(value: Value) => value],
    ['later', async <Value>(value: Value) => delay(5, value)]
  ] as const)('denies with status, headers and body: %s', async (_, settle) => {
    const { lines, handlers } = recorder()
    const denial = { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="x"' }, body: 'who?\n' }
    const answer = await answerTo({ ...handlers, onhandshake: () => settle(denial) }, upgradeRequest())
    expect(answer).toBe(refusal('401 Unauthorized', 'who?\n', 'WWW-Authenticate: Basic realm="x"'))
    expect(lines).toEqual([])
  })

  it.each<[string, () => never | Promise<never> | object]>([
    [
      'throws',
      () => {
        throw new Error('secret')
      }
    ],
    ['rejects', () => Promise.reject(new Error('secret'))],
    ['chooses a subprotocol that was not offered', () => ({ protocol: 'x' })],
    ['gives a header that breaks its line', () => ({ headers: { 'X-A': 'a\r\nX-B: b' } })],
    ['gives a status out of range', () => ({ status: 101 })],
    ['returns what is no decision', () => false as unknown as object],
    ['returns a string', () => 'no' as unknown as object],
    ['returns null', () => null as unknown as object],
    ['returns an array', () => []],
    ['returns the response of a framework', () => new Response(null, { status: 401 })],
    ['returns an object of a class', () => new Headers({ status: '401' })],
    ['misspells status', () => ({ statusCode: 401 })],
    ['denies and accepts at once', () => ({ status: 401, data: 1 })],
    ['gives a body and no status', () => ({ body: 'no' })]
  ])('§4.2.2 answers 500 without the details if it %s', async (_, onhandshake) => {
    const logged: string[] = []
    const log = (text: string) => void logged.push(text)
    const logger = { error: log, warn: log, info: log, debug: log }
    const options = { onhandshake, logger, logLevel: 'error' } as const
    const answer = await answerTo(options, upgradeRequest())
    expect(answer).toBe(refusal('500 Internal Server Error', '500 Internal Server Error\n'))
    expect(logged).toEqual([expect.stringContaining('onhandshake failed, the client gets 500: ')])
  })

  it('waits for a thenable that is no Promise of this realm', async () => {
    const thenable = {
      // biome-ignore lint/suspicious/noThenProperty: a promise of another library is what is tested.
      then: (resolve: (decision: { status: number }) => void) => void setTimeout(resolve, 2, { status: 403 })
    }
    const onhandshake = () => thenable as unknown as Promise<{ status: number }>
    const answer = await answerTo({ onhandshake }, upgradeRequest())
    expect(answer).toBe(refusal('403 Forbidden', '403 Forbidden\n'))
  })

  it.each<[string, (client: RawClient) => void, readonly string[]]>([
    ['opens nothing for a client that was lost', (client) => client.reset(), []],
    [
      'opens and closes for a client that ended its side',
      (client) => client.end(),
      ['open', 'close 1006 "" unclean remote connection-lost']
    ]
  ])('%s while it decided', async (_, go, expected) => {
    const { lines, handlers } = recorder()
    const [asked, decision] = [gate(), gate()]
    const onhandshake = () => {
      asked.open()
      return decision.passed
    }
    const server = await serve({ ...handlers, onhandshake })
    const client = await connectTo(server)
    client.write(upgradeRequest())
    await asked.passed
    go(client)
    await delay(20)
    decision.open()
    await client.closed
    await until(() => server.clients.size === 0, 'it is over')
    expect(lines).toEqual(expected)
  })
})

describe('client.request', () => {
  it.each([
    [false, [true, true, false]],
    [true, [true, true, true]]
  ])(
    'with keepRequest %s is there in onopen, its first turn, and later: %j',
    async (keepRequest, expected) => {
      const seen: boolean[] = []
      const server = await serve({
        keepRequest,
        onopen(client) {
          seen.push(client.request !== null, client.request?.path === '/x')
        },
        onmessage: (client) => void seen.push(client.request !== null)
      })
      const client = await openAt(server, { path: '/x' })
      client.text('')
      await until(() => seen.length === 3, 'the message arrived')
      expect(seen).toEqual(expected)
    }
  )
})

describe('a request that is refused', () => {
  it.each([
    ['Sec-WebSocket-Key', null, 'Sec-WebSocket-Key is missing or not 16 bytes in base64'],
    [
      'Sec-WebSocket-Key',
      'Sec-WebSocket-Key: short',
      'Sec-WebSocket-Key is missing or not 16 bytes in base64'
    ],
    ['Connection', 'Connection: keep-alive', 'Connection has no "upgrade"'],
    ['Host', null, 'Host is missing or malformed'],
    ['Host', 'Host : x', 'the name of a header field']
  ])('§4.2.1 gets 400: %s %j', async (name, line, fault) => {
    const body = `the handshake request is malformed: ${fault} (RFC 6455 §4.2.1)\n`
    expect(await answerTo({}, changed(name, line))).toBe(refusal('400 Bad Request', body))
  })

  it.each([
    ['8', '8'],
    ['', '']
  ])('§4.4 gets 426 and the version spoken: version %j', async (version, told) => {
    const body = `the client asks for a version of the protocol other than 13: ${told} (RFC 6455 §4.4)\n`
    const request = changed('Sec-WebSocket-Version', `Sec-WebSocket-Version: ${version}`)
    expect(await answerTo({}, request)).toBe(UPGRADE_REQUIRED(body))
  })

  it('§10.2 gets 403 from a page of another host, by default', async () => {
    const answer = await answerTo({}, upgradeRequest('/', ['Origin: https://evil.test']))
    expect(answer).toBe(refusal('403 Forbidden', '403 Forbidden\n'))
  })

  it('§4.2.2 gets 404 at a path that is not served', async () => {
    const answer = await answerTo({ locations: ['/a', '/b'] }, upgradeRequest('/A?x=/a'))
    const body = 'nothing is served at the path of the request: /A (RFC 6455 §4.2.2)\n'
    expect(answer).toBe(refusal('404 Not Found', body))
  })

  it('§4.2.2 gets 431 for too long a head, and for too many headers', async () => {
    const long = upgradeRequest('/', [`X-Long: ${'x'.repeat(300)}`])
    expect(await answerTo({ maxHeadBytes: 300 }, long)).toMatch(/^HTTP\/1\.1 431 /)
    expect(await answerTo({ maxHeaderCount: 4 }, upgradeRequest())).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('gets 503 above maxConnections, handshakes under way included; a place that gets free is given again', async () => {
    const decision = gate()
    const server = await serve({
      maxConnections: 2,
      onhandshake: ({ path }) => (path === '/slow' ? decision.passed : undefined)
    })
    const first = await openAt(server)
    const slow = await connectTo(server)
    slow.write(upgradeRequest('/slow'))
    await delay(20)
    const refused = await connectTo(server)
    refused.write(upgradeRequest())
    refused.end()
    const answer = (await refused.readRest()).toString()
    expect(answer).toBe(refusal('503 Service Unavailable', '503 Service Unavailable\n'))
    first.close()
    await first.closed
    await until(() => server.clients.size === 0, 'the first one is gone')
    decision.open()
    await slow.readHead()
    await openAt(server)
    expect(server.clients.size).toBe(2)
  })
})

describe('timing and chunks', () => {
  it('takes a head in 1-byte packets, with a frame behind it', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers })
    const client = await connectTo(server)
    const bytes = Buffer.concat([Buffer.from(upgradeRequest()), encodeFrame(1, Buffer.from('hi'))])
    for (const byte of bytes) {
      client.write(Uint8Array.of(byte))
      await new Promise(setImmediate)
    }
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 101 /)
    await until(() => lines.length === 2, 'the message arrived')
    expect(lines).toEqual(['open', 'message hi'])
  })

  it.each([
    ['at once', (): undefined => undefined],
    ['later', (): Promise<void> => delay(20)]
  ] as const)('§4.1 takes frames pipelined right behind the request, decided %s', async (_, onhandshake) => {
    const server = await serve({
      onhandshake,
      onmessage: (client, message) => void client.send(message)
    })
    const client = await connectTo(server)
    const texts = ['one', 'zwei', '三', 'x'.repeat(70_000)]
    const frames = texts.map((text) => encodeFrame(1, Buffer.from(text)))
    client.write(Buffer.concat([Buffer.from(upgradeRequest()), ...frames]))
    await client.readHead()
    expect([
      await client.readText(),
      await client.readText(),
      await client.readText(),
      await client.readText()
    ]).toEqual(texts)
  })

  it('takes everything from a client that ends its side right behind its frames', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers, onhandshake: () => delay(20) })
    const client = await connectTo(server)
    client.write(upgradeRequest())
    client.text('a')
    client.close(1000)
    client.end()
    await client.readHead()
    expect(await client.readClose()).toEqual({ code: 1000, reason: '' })
    await until(() => lines.length === 3, 'it is over')
    expect(lines).toEqual(['open', 'message a', 'close 1000 "" clean remote null'])
  })

  it('answers 408 to a request that is not whole in time, and then drops a peer that stays', async () => {
    const server = await serve({ handshakeTimeoutMs: 60 })
    const client = await connectTo(server)
    client.socket.allowHalfOpen = true
    client.write('GET / HTTP/1.1\r\nHost: x\r\n')
    const began = performance.now()
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    const elapsedMs = performance.now() - began
    expect([elapsedMs > 50, elapsedMs < 2000]).toEqual([true, true])
    await within(client.ended, 'the end of the answer')
    // A socket whose peer has ended notices a reset when it writes.
    const writing = setInterval(() => client.write('X: nobody hears this\r\n'), 20)
    cleanUp(() => clearInterval(writing))
    expect(await within(client.closed, 'the reset')).toBe('reset')
  })

  it('drops a peer that stays after it was refused, after closeTimeoutMs, without a handshakeTimeoutMs too', async () => {
    const server = await serve({ handshakeTimeoutMs: 0, closeTimeoutMs: 60, locations: ['/a'] })
    const client = await connectTo(server)
    client.socket.allowHalfOpen = true
    client.write(upgradeRequest())
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/)
    await within(client.ended, 'the end of the answer')
    const writing = setInterval(() => client.write('X: nobody hears this\r\n'), 20)
    cleanUp(() => clearInterval(writing))
    expect(await within(client.closed, 'the reset')).toBe('reset')
  })

  it('logs what a refused stranger is not told', async () => {
    const logged: string[] = []
    const log = (text: string) => void logged.push(text)
    const logger = { error: log, warn: log, info: log, debug: log }
    await answerTo({ logger, logLevel: 'info' }, upgradeRequest('/', ['Origin: https://evil.test']))
    expect(logged).toContain(
      'refused a handshake of 127.0.0.1 (untrusted-origin): the Origin of the request is not trusted: ' +
        'https://evil.test at host 127.0.0.1; the option trustedOrigins can allow it (RFC 6455 §10.2)'
    )
  })

  it('answers 503 if onhandshake takes too long, and ignores what it decides then', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers, handshakeTimeoutMs: 40, onhandshake: () => delay(120) })
    const client = await connectTo(server)
    client.write(upgradeRequest())
    expect((await client.readRest()).toString()).toMatch(/^HTTP\/1\.1 503 /)
    await delay(120)
    expect(lines).toEqual([])
  })

  it('reads a long refused request to its end, so that the answer is not lost in a reset', async () => {
    const server = await serve({ maxHeadBytes: 1000 })
    const client = await connectTo(server)
    client.write(`GET / HTTP/1.1\r\nX: ${'x'.repeat(3_000_000)}`)
    client.end()
    expect((await client.readRest()).toString()).toMatch(/^HTTP\/1\.1 431 /)
    expect(await client.closed).toBe('fin')
  })

  it('holds nothing of clients that connect and say nothing, once they are gone', async () => {
    const server = await serve({ handshakeTimeoutMs: 0 })
    const clients = await Promise.all(Array.from({ length: 50 }, () => connectTo(server)))
    for (const client of clients) client.destroy()
    cleanUp(() => Promise.all(clients.map((client) => client.closed)))
    await openAt(server)
    expect(server.clients.size).toBe(1)
  })
})
