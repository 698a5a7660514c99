// Against the text of the WHATWG standard (WebSockets, "The WebSocket interface", "Feedback from the protocol").
import { describe, expect, it } from 'vitest'
import { CloseEvent, ErrorEvent, WebSocket } from '../../src/adapters/standard.js'
import { type AsyncServerOptions, WebSocketError } from '../../src/index.js'
import { cleanUp, guard, pattern, serve, until } from '../support/harness.js'
import { acceptance, type RawAnswer, serveRaw } from '../support/raw-server.js'

guard()

const TYPES = ['open', 'message', 'error', 'close'] as const

function nameOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return error instanceof DOMException ? `DOMException ${error.name}` : String(error)
  }
  return 'none'
}

/** Records events as lines. */
function record(socket: WebSocket): string[] {
  const lines: string[] = []
  for (const type of TYPES)
    socket.addEventListener(type, (event) => {
      const state = `${type} ${socket.readyState}`
      if (event instanceof CloseEvent)
        lines.push(`${state} ${event.code} "${event.reason}" ${event.wasClean}`)
      else if (event instanceof MessageEvent) lines.push(`${state} ${event.data}`)
      else lines.push(state)
    })
  return lines
}

function open(url: string, protocols?: ConstructorParameters<typeof WebSocket>[1]): WebSocket {
  const socket = new WebSocket(url, protocols)
  cleanUp(async () => {
    socket.close()
    await until(() => socket.readyState === WebSocket.CLOSED, 'it is closed')
  })
  return socket
}

const serveEcho = (options: AsyncServerOptions = {}) =>
  serve({ onmessage: (client, message) => void client.send(message), ...options })

const opened = (socket: WebSocket) => until(() => socket.readyState === WebSocket.OPEN, 'it is open')
const closed = (socket: WebSocket) => until(() => socket.readyState === WebSocket.CLOSED, 'it is closed')

describe('the interface', () => {
  it('has the constants on the class and on objects', async () => {
    const { url } = await serve()
    const socket = open(url!)
    for (const [value, name] of (['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const).entries()) {
      expect([WebSocket[name], WebSocket.prototype[name], socket[name]]).toEqual([value, value, value])
    }
    expect(socket).toBeInstanceOf(EventTarget)
    expect(Object.keys(WebSocket.prototype)).toEqual(
      expect.arrayContaining(['url', 'send', 'close', 'onopen', 'OPEN'])
    )
  })

  it('begins with these values', async () => {
    const { url } = await serve()
    const socket = open(`${url!}/a?b`)
    expect([
      socket.readyState,
      socket.bufferedAmount,
      socket.extensions,
      socket.protocol,
      socket.binaryType
    ]).toEqual([0, 0, '', '', 'blob'])
    expect([socket.url, socket.onopen, socket.onmessage, socket.onerror, socket.onclose]).toEqual([
      `${url}/a?b`,
      null,
      null,
      null,
      null
    ])
  })

  it.each([
    ['http://127.0.0.1:1/x', 'ws://127.0.0.1:1/x'],
    ['HTTPS://127.0.0.1:443', 'wss://127.0.0.1/'],
    ['ws://127.0.0.1:80/a b', 'ws://127.0.0.1/a%20b']
  ])('serializes %s as %s', async (given, expected) => {
    const socket = open(given)
    expect(socket.url).toBe(expected)
    socket.close()
    await closed(socket)
  })

  it.each(['', 'x', '/path', 'ftp://a/', 'ws://a/#', 'ws://a/#b', 'ws://a b/', 'mailto:a@b'])(
    'refuses the URL %j',
    (url) => {
      expect(nameOf(() => new WebSocket(url))).toBe('DOMException SyntaxError')
    }
  )

  it.each<[unknown]>([[''], ['a b'], ['a,b'], [['a', 'a']], [['a', '']], ['é'], [{ protocols: ['a', 'a'] }]])(
    'refuses the subprotocols %j',
    (protocols) => {
      expect(nameOf(() => new WebSocket('ws://127.0.0.1:1', protocols as string))).toBe(
        'DOMException SyntaxError'
      )
    }
  )
})

describe('the events', () => {
  it('come as open, message, close, each in its state', async () => {
    const server = await serveEcho({ onopen: (client) => void client.send('first') })
    const socket = open(server.url!)
    const lines = record(socket)
    await until(() => lines.length === 2, 'the first message')
    socket.send('second')
    await until(() => lines.length === 3, 'the echo')
    socket.close(3000, 'bye')
    expect(socket.readyState).toBe(WebSocket.CLOSING)
    await closed(socket)
    expect(lines).toEqual(['open 1', 'message 1 first', 'message 1 second', 'close 3 3000 "" true'])
  })

  it('a server that closes: CLOSING, then close with its code and reason', async () => {
    const server = await serve({ onopen: (client) => void client.close(4001, 'größer') })
    const socket = open(server.url!)
    const lines = record(socket)
    await closed(socket)
    expect(lines).toEqual(['open 1', 'close 3 4001 "größer" true'])
  })

  it.each<[string, RawAnswer]>([
    ['refuses', (socket) => void socket.end('HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n')],
    ['breaks off', (socket) => void socket.end()],
    ['answers with a wrong key', (socket) => void socket.write(acceptance('Sec-WebSocket-Key: x\r\n'))],
    [
      'chooses a subprotocol that was not offered',
      (socket, request) => void socket.write(acceptance(request, ['Sec-WebSocket-Protocol: c']))
    ],
    ['chooses none of those that were offered', (socket, request) => void socket.write(acceptance(request))]
  ])('a server that %s: error, then close with 1006', async (_, answer) => {
    const server = await serveRaw(answer)
    const socket = open(server.url, ['a', 'b'])
    const lines = record(socket)
    await closed(socket)
    expect(lines).toEqual(['error 3', 'close 3 1006 "" false'])
    expect([socket.protocol, socket.extensions]).toEqual(['', ''])
    await server.allGone(1)
  })

  it('a connection that is lost, or broken: error, then close with 1006 (RFC 6455 §7.2.1)', async () => {
    for (const bytes of [null, Buffer.from([0x83, 0])]) {
      const server = await serveRaw((socket, request) => {
        socket.write(acceptance(request))
        if (bytes === null) setTimeout(() => socket.destroy(), 20)
        else socket.write(bytes)
      })
      const socket = open(server.url, { closeTimeoutMs: 50 })
      const lines = record(socket)
      await closed(socket)
      expect(lines).toEqual(['open 1', 'error 3', 'close 3 1006 "" false'])
    }
  })

  it('an error tells more than in browsers', async () => {
    const server = await serveRaw((socket) => void socket.end('HTTP/1.1 418 Teapot\r\n\r\n'))
    const socket = open(server.url)
    const errors: unknown[] = []
    socket.onerror = (event) => void errors.push(event)
    await closed(socket)
    const [event] = errors as [ErrorEvent]
    expect(event).toBeInstanceOf(ErrorEvent)
    expect(event.error).toBeInstanceOf(WebSocketError)
    expect(event.error).toMatchObject({ code: 'unexpected-status', response: { status: 418 } })
    expect(event.message).toContain('418 Teapot')
  })

  it('handlers as attributes keep their place, and null takes them out', async () => {
    const server = await serve()
    const socket = open(server.url!)
    const lines: string[] = []
    socket.onopen = () => void lines.push('old')
    socket.addEventListener('open', () => void lines.push('listener'))
    socket.onopen = function (event) {
      lines.push(`new ${this === socket} ${event.type} ${event.target === socket}`)
    }
    socket.onclose = () => void lines.push('never')
    socket.onclose = null
    socket.onerror = 5 as unknown as null
    expect([socket.onclose, socket.onerror]).toEqual([null, null])
    await opened(socket)
    socket.close()
    await closed(socket)
    expect(lines).toEqual(['new true open true', 'listener'])
  })

  it('a subprotocol is there when open fires', async () => {
    const server = await serve({ protocols: ['b'] })
    const socket = open(server.url!, ['a', 'b'])
    const seen: string[] = []
    socket.onopen = () => void seen.push(socket.protocol)
    await opened(socket)
    expect(seen).toEqual(['b'])
    const single = open(server.url!, 'b')
    await opened(single)
    expect(single.protocol).toBe('b')
  })
})

describe('messages', () => {
  it('come as strings, blobs or array buffers, with the origin of the URL', async () => {
    const server = await serveEcho()
    const socket = open(`${server.url!}/path`)
    const events: MessageEvent[] = []
    socket.onmessage = (event) => void events.push(event)
    await opened(socket)
    socket.send('é')
    socket.send(Uint8Array.of(1, 2, 3))
    await until(() => events.length === 2, 'both came')
    socket.binaryType = 'arraybuffer'
    socket.binaryType = 'nothing' as 'blob'
    expect(socket.binaryType).toBe('arraybuffer')
    socket.send(Uint8Array.of(1, 2, 3).buffer)
    socket.send(pattern(100_000))
    await until(() => events.length === 4, 'all came')
    const [text, blob, buffer, long] = events.map(({ data }) => data)
    expect(events.map(({ origin }) => origin)).toEqual(Array(4).fill(new URL(server.url!).origin))
    expect(text).toBe('é')
    expect(blob).toBeInstanceOf(Blob)
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(Uint8Array.of(1, 2, 3))
    expect(buffer).toBeInstanceOf(ArrayBuffer)
    expect(new Uint8Array(buffer)).toEqual(Uint8Array.of(1, 2, 3))
    expect(pattern(100_000).equals(new Uint8Array(long))).toBe(true)
  })

  it('send takes what the data is at the call, in order, blobs too', async () => {
    const got: unknown[] = []
    const server = await serve({
      onmessage: (_, { payload }) => void got.push(typeof payload === 'string' ? payload : payload[0])
    })
    const socket = open(server.url!)
    await opened(socket)
    const short = Uint8Array.of(1)
    const long = new Uint8Array(100_000).fill(2)
    socket.send(short)
    socket.send(long)
    short.fill(9)
    long.fill(9)
    socket.send(new Blob([Uint8Array.of(3)]))
    socket.send('four')
    const view = Uint8Array.of(0, 5, 0)
    socket.send(new DataView(view.buffer, 1, 1))
    view.fill(9)
    socket.send(6 as unknown as string)
    socket.close()
    await closed(socket)
    await until(() => got.length === 6, 'all came')
    expect(got).toEqual([1, 2, 3, 'four', 5, '6'])
  })

  it('bufferedAmount counts payload bytes, falls when they are sent, and never at the end', async () => {
    const server = await serve()
    const socket = open(server.url!)
    expect(nameOf(() => socket.send('x'))).toBe('DOMException InvalidStateError')
    expect(socket.bufferedAmount).toBe(0)
    await opened(socket)
    socket.send('漢')
    socket.send(new Uint8Array(10))
    socket.send(new Blob(['abcd']))
    expect(socket.bufferedAmount).toBe(17)
    await until(() => socket.bufferedAmount === 0, 'all is sent')
    socket.close()
    socket.send('12345')
    expect(socket.bufferedAmount).toBe(5)
    await closed(socket)
    socket.send(new Uint8Array(7))
    expect(socket.bufferedAmount).toBe(12)
  })

  it('that come while it closes are not told', async () => {
    const server = await serveEcho()
    const socket = open(server.url!)
    const lines = record(socket)
    await opened(socket)
    socket.send('one')
    socket.close()
    await closed(socket)
    expect(lines).toEqual(['open 1', 'close 3 1005 "" true'])
  })
})

describe('close', () => {
  it.each([0, 999, 1001, 1005, 1006, 2999, 5000, 65_536, -1, Number.NaN])(
    'refuses the code %d',
    async (code) => {
      const server = await serve()
      const socket = open(server.url!)
      expect(nameOf(() => socket.close(code))).toBe('DOMException InvalidAccessError')
      expect(socket.readyState).toBe(WebSocket.CONNECTING)
    }
  )

  it.each(['x'.repeat(124), '漢'.repeat(42)])('refuses a reason of more than 123 bytes', async (reason) => {
    const server = await serve()
    const socket = open(server.url!)
    expect(nameOf(() => socket.close(1000, reason))).toBe('DOMException SyntaxError')
  })

  it.each<[[number?, string?], number, string]>([
    [[], 1005, ''],
    [[1000], 1000, ''],
    [[3000, '漢'.repeat(41)], 3000, '漢'.repeat(41)],
    [[4999, 'x'], 4999, 'x']
  ])('close(%j) sends that code, and nothing else', async (given, code, reason) => {
    const ends: unknown[] = []
    const server = await serve({ onclose: (_, code, reason) => void ends.push(code, reason) })
    const socket = open(server.url!)
    await opened(socket)
    socket.close(...given)
    socket.close(3001, 'too late')
    await closed(socket)
    await until(() => ends.length === 2, 'the server noticed')
    expect(ends).toEqual([code, reason])
  })

  it('before it is open: CLOSING at once, then error and close with 1006', async () => {
    const server = await serveRaw(() => {})
    const socket = open(server.url)
    const lines = record(socket)
    await until(() => server.requests.length === 1, 'the request came')
    socket.close(1000, 'never mind')
    expect([socket.readyState, lines]).toEqual([WebSocket.CLOSING, []])
    await closed(socket)
    expect(lines).toEqual(['error 3', 'close 3 1006 "" false'])
    await server.allGone(1)
    const atOnce = open(server.url)
    atOnce.close()
    const late = record(atOnce)
    await closed(atOnce)
    expect(late).toEqual(['error 3', 'close 3 1006 "" false'])
  })

  it('sends what was sent before, also a blob', async () => {
    const got: unknown[] = []
    const server = await serve({
      onmessage: (_, { payload }) => void got.push(payload.length),
      onclose: (_, code) => void got.push(code)
    })
    const socket = open(server.url!)
    await opened(socket)
    socket.send(new Blob([new Uint8Array(3_000_000)]))
    socket.close(1000)
    await until(() => got.length === 2, 'both came')
    expect(got).toEqual([3_000_000, 1000])
  })
})

describe('beyond the standard', () => {
  it('takes options of connect', async () => {
    const seen: unknown[] = []
    const server = await serve({
      onhandshake: ({ headers }) => void seen.push(headers.get('x-a')),
      protocols: ['p']
    })
    const socket = open(server.url!, { headers: { 'X-A': '1' }, protocols: ['p'] })
    await opened(socket)
    expect([seen, socket.protocol]).toEqual([['1'], 'p'])
  })

  it('a signal fails it while it connects', async () => {
    const server = await serveRaw(() => {})
    const control = new AbortController()
    const socket = open(server.url, { signal: control.signal })
    const lines = record(socket)
    await until(() => server.requests.length === 1, 'the request came')
    control.abort()
    await closed(socket)
    expect(lines).toEqual(['error 3', 'close 3 1006 "" false'])
  })
})

describe('CloseEvent', () => {
  it('has the defaults of the standard', () => {
    const { type, wasClean, code, reason, cancelable } = new CloseEvent('close')
    expect([type, wasClean, code, reason, cancelable]).toEqual(['close', false, 0, '', false])
    const full = new CloseEvent('x', { wasClean: true, code: 4000, reason: 'r', cancelable: true })
    expect([full.wasClean, full.code, full.reason, full.cancelable]).toEqual([true, 4000, 'r', true])
  })
})
