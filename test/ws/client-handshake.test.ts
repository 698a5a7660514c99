// What a client makes of the answer to its opening handshake (ws.md "Event: 'unexpected-response'", "Event: 'upgrade'",
// "Event: 'redirect'", "followRedirects", "websocket.close()" and "terminate()" before it is open).
import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { guard, until } from '../support/harness.js'
import { encodeFrame } from '../support/raw-client.js'
import {
  acceptAll,
  acceptance,
  acceptFor,
  fieldOf,
  type RawAnswer,
  response,
  serveRaw
} from '../support/raw-server.js'
import { closedPort } from '../support/tcp.js'
import { type ClientOptions, makeClient, nextOf, openClient, record } from './peers.js'
import { original, type Subject, subjects } from './subjects.js'

guard()

const CLOSED_EARLY = 'WebSocket was closed before the connection was established'

/** The events of a client that gets this answer, until it is closed. */
async function eventsOf(
  subject: Subject,
  answer: RawAnswer,
  options: ClientOptions = {},
  protocols: string[] = []
): Promise<string[]> {
  const server = await serveRaw(answer)
  const lines = record(makeClient(subject, server.url, options, protocols))
  await until(() => lines.at(-1)?.startsWith('close') === true, 'it is closed')
  await server.allGone(1)
  return lines
}

const reply =
  (text: string): RawAnswer =>
  (socket) =>
    void socket.write(text)
const accept =
  (...fields: string[]): RawAnswer =>
  (socket, request) =>
    void socket.write(acceptance(request, fields))

describe.each(subjects)('$name: answers that a client refuses', (subject) => {
  const failed = (message: string) => [`error ${message}`, 'close 1006 ""']

  it('another status', async () => {
    expect(await eventsOf(subject, reply(response('401 Unauthorized', ['Content-Length: 0'])))).toEqual(
      failed('Unexpected server response: 401')
    )
  })

  it('another Upgrade', async () => {
    const answer: RawAnswer = (socket, request) =>
      void socket.write(acceptance(request).replace('Upgrade: websocket', 'Upgrade: foo'))
    expect(await eventsOf(subject, answer)).toEqual(failed('Invalid Upgrade header'))
  })

  it('a wrong Sec-WebSocket-Accept, and none', async () => {
    const message = 'Invalid Sec-WebSocket-Accept header'
    const wrong: RawAnswer = (socket, request) =>
      void socket.write(acceptance(request).replace(acceptFor(request), 'CxYS6+NgJSBG74mdgLvGscRvpns='))
    expect(await eventsOf(subject, wrong)).toEqual(failed(message))
    const none: RawAnswer = (socket, request) =>
      void socket.write(acceptance(request).replace(/Sec-WebSocket-Accept.*\r\n/, ''))
    expect(await eventsOf(subject, none)).toEqual(failed(message))
  })

  it('a subprotocol that was not asked for', async () => {
    expect(await eventsOf(subject, accept('Sec-WebSocket-Protocol: a'))).toEqual(
      failed('Server sent a subprotocol but none was requested')
    )
  })

  it('another subprotocol than those asked for', async () => {
    expect(await eventsOf(subject, accept('Sec-WebSocket-Protocol: b'), {}, ['a'])).toEqual(
      failed('Server sent an invalid subprotocol')
    )
  })

  it('no subprotocol though one was asked for', async () => {
    expect(await eventsOf(subject, accept(), {}, ['a'])).toEqual(failed('Server sent no subprotocol'))
  })

  it('extensions though none were offered', async () => {
    expect(
      await eventsOf(subject, accept('Sec-WebSocket-Extensions: permessage-deflate'), {
        perMessageDeflate: false
      })
    ).toEqual(failed('Server sent a Sec-WebSocket-Extensions header but no extension was requested'))
  })

  it('another extension than the one offered', async () => {
    expect(await eventsOf(subject, accept('Sec-WebSocket-Extensions: foo'))).toEqual(
      failed('Server indicated an extension that was not requested')
    )
  })

  it.each(['permessage-deflate; foo', 'permessage-deflate; server_max_window_bits=7'])(
    'the extension %s',
    async (value) => {
      expect(await eventsOf(subject, accept(`Sec-WebSocket-Extensions: ${value}`))).toEqual(
        failed('Invalid Sec-WebSocket-Extensions header')
      )
    }
  )

  it('nothing, and the end', async () => {
    expect(await eventsOf(subject, (socket) => void socket.end())).toEqual([
      'error ECONNRESET',
      'close 1006 ""'
    ])
  })

  it('something that is not HTTP', async () => {
    const [error, close] = await eventsOf(subject, reply('SSH-2.0-OpenSSH_9.2\r\n\r\n'))
    expect([error!.startsWith('error HPE_'), close]).toEqual([true, 'close 1006 ""'])
  })

  it('none at all: nobody listens', async () => {
    const lines = record(makeClient(subject, `ws://127.0.0.1:${await closedPort()}`))
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual(['error ECONNREFUSED', 'close 1006 ""'])
  })
})

describe.each(subjects)('$name: events of the handshake', (subject) => {
  it('upgrade gives the response before open', async () => {
    const { url } = await serveRaw(accept('Set-Cookie: a=b', 'Set-Cookie: c=d'))
    const socket = makeClient(subject, url)
    const lines = record(socket)
    socket.on('upgrade', ({ statusCode, headers }) =>
      lines.push(`upgrade ${statusCode} ${headers['set-cookie']} ${socket.readyState}`)
    )
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual(['upgrade 101 a=b,c=d 0', 'open'])
  })

  it('a close in upgrade is a close before it is open', async () => {
    const { url } = await serveRaw(accept())
    const socket = makeClient(subject, url)
    const lines = record(socket)
    socket.on('upgrade', () => socket.close())
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual([`error ${CLOSED_EARLY}`, 'close 1006 ""'])
  })

  it('unexpected-response gives the request and the response, and nothing else happens', async () => {
    const { url } = await serveRaw(
      reply(response('401 Unauthorized', ['Content-Length: 3', 'X-A: b'], 'why'))
    )
    const socket = makeClient(subject, url)
    const lines = record(socket)
    const [request, answer] = await nextOf<[ClientRequest, IncomingMessage]>(socket, 'unexpected-response')
    expect([request.getHeader('upgrade'), answer.statusCode, answer.headers['x-a']]).toEqual([
      'websocket',
      401,
      'b'
    ])
    expect(Buffer.concat(await answer.toArray()).toString()).toBe('why')
    expect([lines, socket.readyState]).toEqual([[], 0])
    request.destroy()
  })

  it('frames that come with the response are read, after open', async () => {
    const { url } = await serveRaw((socket, request) => {
      const frame = encodeFrame(1, Buffer.from('early'), { isMasked: false })
      socket.write(Buffer.concat([Buffer.from(acceptance(request)), frame]))
    })
    const lines = record(makeClient(subject, url))
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual(['open', 'text early'])
  })

  it('knows its subprotocol when it is open', async () => {
    const { url } = await serveRaw(accept('Sec-WebSocket-Protocol: b'))
    const socket = await openClient(subject, url, {}, ['a', 'b'])
    expect([socket.protocol, socket.extensions]).toEqual(['b', ''])
  })
})

describe.each(subjects)('$name: ends before it is open', (subject) => {
  it.each(['close', 'terminate'] as const)('%s() right away', async (method) => {
    const { url } = await serveRaw(() => {})
    const socket = makeClient(subject, url)
    const lines = record(socket)
    socket[method]()
    expect([lines, socket.readyState]).toEqual([[], 2])
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual([`error ${CLOSED_EARLY}`, 'close 1006 ""'])
    expect(socket.readyState).toBe(3)
  })

  it.each(['close', 'terminate'] as const)('%s() when the request is sent', async (method) => {
    const server = await serveRaw(() => {})
    const socket = makeClient(subject, server.url)
    const lines = record(socket)
    await until(() => server.requests.length === 1, 'the request came')
    socket[method]()
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual([`error ${CLOSED_EARLY}`, 'close 1006 ""'])
    await server.allGone(1)
  })

  it('send, ping and pong throw', async () => {
    const { url } = await serveRaw(() => {})
    const socket = makeClient(subject, url)
    const error = new Error('WebSocket is not open: readyState 0 (CONNECTING)')
    expect(() => socket.send('a')).toThrow(error)
    expect(() => socket.ping()).toThrow(error)
    expect(() => socket.pong()).toThrow(error)
    socket.pause()
    expect(socket.isPaused).toBe(false)
  })

  it('after a failed handshake a send tells its callback, and counts as buffered', async () => {
    const socket = makeClient(subject, `ws://127.0.0.1:${await closedPort()}`)
    await nextOf(
      socket.on('error', () => {}),
      'close'
    )
    const error = await new Promise((resolve) => socket.send('abc', resolve))
    expect(error).toEqual(new Error('WebSocket is not open: readyState 3 (CLOSED)'))
    expect(socket.bufferedAmount).toBe(3)
  })
})

describe.each(subjects)('$name: redirects', (subject) => {
  const to = (location: string, status = '302 Found') =>
    response(status, [`Location: ${location}`, 'Content-Length: 0'])

  it('are unexpected unless the option says otherwise', async () => {
    expect(await eventsOf(subject, reply(to('ws://127.0.0.1:1/')))).toEqual([
      'error Unexpected server response: 302',
      'close 1006 ""'
    ])
  })

  it.each(['301 Moved Permanently', '302 Found', '307 Temporary Redirect', '308 Permanent Redirect'])(
    'are followed: %s',
    async (status) => {
      const { url, requests } = await serveRaw((socket, request, index) => {
        if (index === 0) socket.end(to('/b?c', status))
        else acceptAll(socket, request, index)
      })
      const socket = await openClient(subject, `${url}/a`, { followRedirects: true })
      expect(requests.map((request) => request.split('\r\n')[0])).toEqual([
        'GET /a HTTP/1.1',
        'GET /b?c HTTP/1.1'
      ])
      expect(socket.url).toBe(`${url}/b?c`)
    }
  )

  it('come as the event redirect first, with the request', async () => {
    const { url, requests } = await serveRaw((socket, request, index) => {
      if (index === 0) socket.end(to('/b'))
      else acceptAll(socket, request, index)
    })
    const socket = makeClient(subject, url, { followRedirects: true, headers: { Cookie: 'a=b' } })
    const seen: unknown[] = []
    socket.on('redirect', (target, request) => {
      seen.push(target, request.getHeader('cookie'))
      request.removeHeader('cookie')
    })
    await once(socket, 'open')
    expect([seen, requests.map((request) => fieldOf(request, 'cookie'))]).toEqual([
      [`${url}/b`, 'a=b'],
      ['a=b', null]
    ])
  })

  it('end when there are too many', async () => {
    const server = await serveRaw((socket) => void socket.end(to('/')))
    const lines = record(makeClient(subject, server.url, { followRedirects: true, maxRedirects: 2 }))
    await until(() => lines.length === 2, 'both events')
    expect([lines, server.requests.length]).toEqual([
      ['error Maximum redirects exceeded', 'close 1006 ""'],
      3
    ])
  })

  it.each([
    ['http://', 'Invalid URL: http://'],
    ['ftp://a', 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"'],
    ['/a#b', 'The URL contains a fragment identifier']
  ])('end at the address %s', async (location, message) => {
    const { url } = await serveRaw((socket) => void socket.end(to(location)))
    const lines = record(makeClient(subject, url, { followRedirects: true }))
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual([`error ${message}`, 'close 1006 ""'])
  })

  // ws throws where nobody can catch it.
  it.runIf(subject !== original)('fail where the agent of the program does not go', async () => {
    const { url } = await serveRaw((socket) => void socket.end(to('wss://127.0.0.1:1/')))
    const lines = record(makeClient(subject, url, { followRedirects: true, agent: new Agent() }))
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual(['error ERR_INVALID_PROTOCOL', 'close 1006 ""'])
  })

  it('keep credentials from another host, unless somebody listens to redirect', async () => {
    for (const isHeard of [false, true]) {
      const second = await serveRaw(acceptAll)
      const first = await serveRaw((socket) => void socket.end(to(`${second.url}/`)))
      const socket = makeClient(subject, first.url.replace('//', '//a:b@'), {
        followRedirects: true,
        headers: { Cookie: 'c=d', 'X-A': 'b' }
      })
      if (isHeard) socket.on('redirect', () => {})
      await once(socket, 'open')
      const fields = ['authorization', 'cookie', 'x-a']
      expect(fields.map((name) => fieldOf(first.requests[0]!, name))).toEqual(['Basic YTpi', 'c=d', 'b'])
      expect(fields.map((name) => fieldOf(second.requests[0]!, name))).toEqual(
        isHeard ? ['Basic YTpi', 'c=d', 'b'] : [null, null, 'b']
      )
    }
  })
})
