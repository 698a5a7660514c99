// What goes wrong in an opening handshake: each is one typed error, in time, and no socket is left.
import { getEventListeners } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connect, type ErrorCode, WebSocketError } from '../../src/index.js'
import { guard, until } from '../support/harness.js'
import { acceptance, acceptFor, type RawAnswer, response, serveRaw } from '../support/raw-server.js'

guard()

/** The error that `connect` rejects with. */
async function faultOf(promise: Promise<unknown>): Promise<WebSocketError> {
  const error = await promise.then(
    () => new Error('it opened'),
    (fault: unknown) => fault
  )
  if (error instanceof WebSocketError) return error
  throw error
}

const say =
  (text: string | Buffer | ((request: string) => string)): RawAnswer =>
  (socket, request) =>
    void socket.write(typeof text === 'function' ? text(request) : text, 'latin1')

const head = (request: string, ...fields: string[]) =>
  response('101 Switching Protocols', [...fields, `Sec-WebSocket-Accept: ${acceptFor(request)}`])

describe('an answer that is no WebSocket', () => {
  it.each<[string, ErrorCode, RawAnswer]>([
    ['a wrong accept key', 'wrong-accept', say(acceptance('Sec-WebSocket-Key: x\r\n'))],
    ['no accept key', 'wrong-accept', say(response('101 x', ['Upgrade: websocket', 'Connection: Upgrade']))],
    [
      'a subprotocol that was not offered',
      'unrequested-protocol',
      say((one) => acceptance(one, ['Sec-WebSocket-Protocol: c']))
    ],
    [
      'two subprotocols',
      'unrequested-protocol',
      say((one) => acceptance(one, ['Sec-WebSocket-Protocol: a, b']))
    ],
    [
      'an extension that was not offered',
      'unrequested-extension',
      say((one) => acceptance(one, ['Sec-WebSocket-Extensions: permessage-deflate']))
    ],
    [
      'malformed extensions',
      'malformed-response',
      say((one) => acceptance(one, ['Sec-WebSocket-Extensions: ;']))
    ],
    ['another upgrade', 'malformed-response', say((one) => head(one, 'Upgrade: h2c', 'Connection: Upgrade'))],
    ['no Upgrade', 'malformed-response', say((one) => head(one, 'Connection: Upgrade'))],
    ['no Connection', 'malformed-response', say((one) => head(one, 'Upgrade: websocket'))],
    ['HTTP/1.0', 'malformed-response', say((one) => acceptance(one).replace('/1.1', '/1.0'))],
    ['no HTTP', 'malformed-response', say('220 smtp.example.com ESMTP\r\n')],
    ['binary noise', 'malformed-response', say(Buffer.from([0x15, 3, 3, 0, 2, 2, 0x46]))],
    ['a bare LF in a field', 'malformed-response', say((one) => acceptance(one, ['A: b\nC: d']))],
    ['a NUL in a field', 'malformed-response', say((one) => acceptance(one, ['A: b\0']))],
    [
      'a head without end',
      'head-too-big',
      (socket) => void socket.write(`HTTP/1.1 101 x\r\n${'A: b\r\n'.repeat(20_000)}`)
    ],
    [
      'one long field',
      'head-too-big',
      (socket) => void socket.write(`HTTP/1.1 101 x\r\nA: ${'b'.repeat(200_000)}`)
    ],
    [
      'too many fields',
      'too-many-headers',
      say((one) =>
        acceptance(
          one,
          Array.from({ length: 200 }, (_, i) => `A${i}: b`)
        )
      )
    ],
    [
      'too many fields in a refusal',
      'too-many-headers',
      say(
        response(
          '403 x',
          Array.from({ length: 200 }, (_, i) => `A${i}: b`)
        )
      )
    ],
    ['an end without an answer', 'connect-failed', (socket) => void socket.end()],
    ['a reset', 'connect-failed', (socket) => void socket.resetAndDestroy()],
    ['an end amid the head', 'connect-failed', (socket) => void socket.end('HTTP/1.1 101 Swi')],
    ['silence', 'handshake-timeout', () => {}],
    ['half a head, then silence', 'handshake-timeout', say('HTTP/1.1 101 x\r\nUpgrade: web')],
    [
      'hints without end',
      'handshake-timeout',
      (socket) => {
        const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), 10)
        socket.on('close', () => clearInterval(timer))
      }
    ],
    [
      'one byte at a time, too slowly',
      'handshake-timeout',
      (socket, request) => {
        const bytes = [...acceptance(request)]
        const timer = setInterval(() => socket.write(bytes.shift() ?? ' '), 20)
        socket.on('close', () => clearInterval(timer))
      }
    ]
  ])('%s: %s', async (_, code, answer) => {
    const server = await serveRaw(answer)
    const begin = performance.now()
    const error = await faultOf(connect(server.url, { protocols: ['a', 'b'], handshakeTimeoutMs: 300 }))
    expect([error.code, error.closeCode]).toEqual([code, null])
    expect(performance.now() - begin).toBeLessThan(2000)
    await server.allGone(1)
  })
})

describe('§4.1 a status other than 101', () => {
  it('is an error with status, headers and body', async () => {
    const fields = ['Content-Type: text/plain', 'Content-Length: 9', 'X-A: 1', 'X-A: 2']
    const server = await serveRaw(say(response('403 Not You', fields, 'go away!\n')))
    const error = await faultOf(connect(server.url))
    expect(error.code).toBe('unexpected-status')
    expect(error.message).toContain('403 Not You')
    const { status, reason, headers, body } = error.response!
    expect([status, reason, headers.get('content-type'), headers.getAll('x-a')]).toEqual([
      403,
      'Not You',
      'text/plain',
      ['1', '2']
    ])
    expect(Buffer.from(body).toString()).toBe('go away!\n')
    await server.allGone(1)
  })

  it.each([
    [
      'a body without end',
      'Transfer-Encoding: chunked',
      (socket: { write(text: string): unknown }) => socket.write('fff\r\nabc')
    ],
    [
      'a long body',
      'Content-Length: 1000000',
      (socket: { write(text: string): unknown }) => socket.write('abc'.repeat(30_000))
    ]
  ])('of %s it keeps the beginning', async (_, field, write) => {
    const server = await serveRaw((socket) => {
      socket.write(response('500 x', [field]))
      write(socket)
    })
    const error = await faultOf(connect(server.url, { maxBodyBytes: 100, handshakeTimeoutMs: 300 }))
    expect([error.code, error.response!.status]).toEqual(['unexpected-status', 500])
    const text = Buffer.from(error.response!.body).toString()
    expect(text).toBe('abc'.repeat(40).slice(0, field.startsWith('C') ? 100 : 3))
    await server.allGone(1)
  })

  it('a body that breaks off is still a refusal', async () => {
    const server = await serveRaw(
      (socket) => void socket.end(response('503 x', ['Content-Length: 100'], 'abc'))
    )
    const error = await faultOf(connect(server.url))
    expect([error.code, Buffer.from(error.response!.body).toString()]).toEqual(['unexpected-status', 'abc'])
    await server.allGone(1)
  })

  it.each([200, 204, 301, 302, 400, 401, 407, 426, 599])(
    '%i is a refusal, by default also a redirect',
    async (status) => {
      const server = await serveRaw(say(response(`${status} x`, ['Content-Length: 0', 'Location: /'])))
      expect(await faultOf(connect(server.url))).toMatchObject({
        code: 'unexpected-status',
        response: { status }
      })
      await server.allGone(1)
    }
  )

  it('maxBodyBytes 0 keeps none', async () => {
    const server = await serveRaw(say(response('403 x', ['Content-Length: 3'], 'abc')))
    expect((await faultOf(connect(server.url, { maxBodyBytes: 0 }))).response!.body.length).toBe(0)
  })
})

describe('a server that is not there', () => {
  it('refuses: connect-failed, with the cause', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await until(() => server.listening, 'it listens')
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    const error = await faultOf(connect(`ws://user:secret@127.0.0.1:${port}/x`))
    expect(error).toMatchObject({ code: 'connect-failed', cause: { code: 'ECONNREFUSED' } })
    expect(error.message).toBe(
      `the server cannot be reached: ws://127.0.0.1:${port}: nothing listens there (ECONNREFUSED)`
    )
  })

  it('has no name: connect-failed, with the cause of the lookup', async () => {
    const lookup = (_name: string, _options: object, callback: (error: Error) => void) =>
      callback(Object.assign(new Error('getaddrinfo ENOTFOUND nowhere.invalid'), { code: 'ENOTFOUND' }))
    const error = await faultOf(connect('ws://nowhere.invalid/', { lookup: lookup as never }))
    expect(error).toMatchObject({ code: 'connect-failed', cause: { code: 'ENOTFOUND' } })
    expect(error.message).toContain('ws://nowhere.invalid: there is no such name (ENOTFOUND)')
  })

  it('has no such unix socket', async () => {
    const error = await faultOf(connect('ws+unix:///nowhere/at/all.sock:/'))
    expect(error).toMatchObject({ code: 'connect-failed', cause: { code: 'ENOENT' } })
  })

  it('is looked up for ever: handshake-timeout', async () => {
    const error = await faultOf(connect('ws://slow.invalid/', { lookup: () => {}, handshakeTimeoutMs: 30 }))
    expect(error.code).toBe('handshake-timeout')
  })
})

describe('abort', () => {
  it('before it begins', async () => {
    const server = await serveRaw(() => {})
    const reason = new Error('mine')
    const error = await faultOf(connect(server.url, { signal: AbortSignal.abort(reason) }))
    expect([error.code, error.cause === reason, server.sockets.size]).toEqual(['aborted', true, 0])
  })

  it('amid the handshake, and amid the body of a refusal', async () => {
    for (const answer of [() => {}, say(response('403 x', ['Content-Length: 5'], 'abc'))]) {
      const server = await serveRaw(answer)
      const control = new AbortController()
      const fault = faultOf(connect(server.url, { signal: control.signal }))
      await until(() => server.requests.length === 1, 'the request came')
      await new Promise((resolve) => setTimeout(resolve, 20))
      control.abort('because')
      expect(await fault).toMatchObject({ code: 'aborted', cause: 'because' })
      await server.allGone(1)
    }
  })

  it('has no effect on an open connection, and leaves no listener behind', async () => {
    const server = await serveRaw((socket, request) => void socket.write(acceptance(request)))
    const control = new AbortController()
    const connection = await connect(server.url, { signal: control.signal })
    expect(getEventListeners(control.signal, 'abort')).toEqual([])
    control.abort()
    expect(connection.readyState).toBe(1)
    connection.terminate()
  })

  it('handshakeTimeoutMs 0 waits for as long as it takes', async () => {
    const server = await serveRaw((socket, request) =>
      setTimeout(() => socket.write(acceptance(request)), 100)
    )
    const connection = await connect(server.url, { handshakeTimeoutMs: 0 })
    expect(connection.readyState).toBe(1)
    connection.terminate()
  })
})

describe('onhandshake', () => {
  it('sees the headers of the answer', async () => {
    const server = await serveRaw(
      say((one) => acceptance(one, ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'Sec-WebSocket-Protocol: b']))
    )
    const seen: unknown[] = []
    const connection = await connect(server.url, {
      protocols: ['a', 'b'],
      onhandshake: ({ headers, protocol }) => void seen.push(headers.getAll('set-cookie'), protocol)
    })
    expect(seen).toEqual([['a=1', 'b=2'], 'b'])
    connection.terminate()
  })

  it('refuses by throwing', async () => {
    const server = await serveRaw(say(acceptance))
    const cause = new Error('no cookie')
    const error = await faultOf(
      connect(server.url, {
        onhandshake: () => {
          throw cause
        }
      })
    )
    expect([error.code, error.cause === cause]).toEqual(['handler-failed', true])
    expect(error.message).toContain('onhandshake: no cookie')
    await server.allGone(1)
  })
})
