// The client's constructor: its forms, URLs and options (ws.md "new WebSocket(address[, protocols][, options])").
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, type ClientRequest } from 'node:http'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, until } from '../support/harness.js'
import { acceptAll, acceptance, fieldOf, serveRaw } from '../support/raw-server.js'
import {
  type ClientOptions,
  makeClient,
  nextOf,
  openAtRawPeer,
  openClient,
  readFrame,
  record
} from './peers.js'
import { type Subject, subjects } from './subjects.js'

guard()

/** The request that a client sends with these options, as text. */
async function requestOf(
  subject: Subject,
  options: ClientOptions,
  make: (url: string) => string | URL = (url) => url
): Promise<string> {
  const { url, requests } = await serveRaw(acceptAll)
  await openClient(subject, make(url), options)
  return requests[0]!
}

describe.each(subjects)('$name: addresses of a client', (subject) => {
  const { WebSocket } = subject

  it.each([
    ['', 'Invalid URL: '],
    ['foo', 'Invalid URL: foo'],
    ['ws://', 'Invalid URL: ws://'],
    ['ftp://a', 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"'],
    ['ws://a#b', 'The URL contains a fragment identifier'],
    ['ws+unix:', "The URL's pathname is empty"]
  ])('refuses %j', (url, message) => {
    expect(() => new WebSocket(url)).toThrow(new SyntaxError(message))
  })

  it('takes a string or a URL, with http: for ws:', async () => {
    const { url, requests } = await serveRaw(acceptAll)
    for (const address of [
      url,
      new URL(url),
      url.replace('ws:', 'http:'),
      new URL(url.replace('ws:', 'http:'))
    ]) {
      const socket = await openClient(subject, address)
      expect(socket.url).toBe(`${url}/`)
    }
    expect(requests.length).toBe(4)
  })

  it('asks for the path and the query', async () => {
    expect(await requestOf(subject, {}, (url) => `${url}/a%20b?c=d&e`)).toMatch(
      /^GET \/a%20b\?c=d&e HTTP\/1\.1\r\n/
    )
  })

  it.skipIf(process.platform === 'win32')('takes ws+unix: with and without a path of the URL', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hotsocket-'))
    cleanUp(() => rmSync(folder, { recursive: true, force: true }))
    const socketPath = join(folder, 'a')
    const { requests } = await serveRaw(acceptAll, { socketPath })
    await openClient(subject, `ws+unix:${socketPath}`)
    await openClient(subject, `ws+unix:${socketPath}:/a?b`)
    expect(requests.map((request) => request.split('\r\n')[0])).toEqual([
      'GET / HTTP/1.1',
      'GET /a?b HTTP/1.1'
    ])
    expect(fieldOf(requests[0]!, 'Host')).toBe('localhost')
  })

  it('takes wss: and https:, and the options of TLS', async () => {
    const pair = await certificate()
    const { url, requests } = await serveRaw(acceptAll, { tls: pair })
    await openClient(subject, url, { rejectUnauthorized: false })
    await openClient(subject, url.replace('wss:', 'https:'), { ca: pair.cert })
    expect(requests.length).toBe(2)
    const socket = makeClient(subject, url)
    const [error] = await nextOf<[NodeJS.ErrnoException]>(socket, 'error')
    expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  })
})

describe.each(subjects)('$name: subprotocols of a client', (subject) => {
  const { WebSocket } = subject

  it.each([[['a', 'a']], [['a b']], [['']], ['a,b']])('refuses %j', (protocols) => {
    expect(() => new WebSocket('ws://127.0.0.1', protocols)).toThrow(
      new SyntaxError('An invalid or duplicated subprotocol was specified')
    )
  })

  it('asks for what it is given as a string, as a list or as an option', async () => {
    const { url, requests } = await serveRaw((socket, request) =>
      socket.write(acceptance(request, ['Sec-WebSocket-Protocol: b']))
    )
    const made = [
      new WebSocket(url, 'b'),
      new WebSocket(url, ['a', 'b']),
      new WebSocket(url, { protocols: ['b', 'c'] } as object),
      new WebSocket(url, undefined, { protocols: 'b' } as object)
    ]
    for (const socket of made) {
      cleanUp(() => socket.terminate())
      if (socket.readyState !== 1) await once(socket, 'open')
      expect(socket.protocol).toBe('b')
    }
    const asked = requests.map((request) => fieldOf(request, 'Sec-WebSocket-Protocol'))
    expect(asked.sort()).toEqual(['a,b', 'b', 'b', 'b,c'])
  })
})

describe.each(subjects)('$name: options of a client', (subject) => {
  const { WebSocket } = subject

  it('sends the fields that the handshake needs', async () => {
    const request = await requestOf(subject, { perMessageDeflate: false })
    const fields = ['Sec-WebSocket-Version', 'Connection', 'Upgrade', 'Sec-WebSocket-Extensions', 'Origin']
    expect(fields.map((name) => fieldOf(request, name))).toEqual(['13', 'Upgrade', 'websocket', null, null])
    expect(fieldOf(request, 'Host')).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(fieldOf(request, 'Sec-WebSocket-Key')).toMatch(/^[+/0-9A-Za-z]{22}==$/)
  })

  it('takes options in the place of subprotocols, and sends headers', async () => {
    const { url, requests } = await serveRaw(acceptAll)
    const socket = new WebSocket(url, { headers: { 'X-A': 'b', Cookie: 'c=d' } })
    cleanUp(() => socket.terminate())
    await once(socket, 'open')
    expect([fieldOf(requests[0]!, 'X-A'), fieldOf(requests[0]!, 'Cookie')]).toEqual(['b', 'c=d'])
  })

  it('sends the Host it is given', async () => {
    expect(fieldOf(await requestOf(subject, { headers: { Host: 'example.com' } }), 'Host')).toBe(
      'example.com'
    )
  })

  it('sends the origin by the name that belongs to the version', async () => {
    const request = await requestOf(subject, { origin: 'http://a.example' })
    expect(fieldOf(request, 'Origin')).toBe('http://a.example')
    const older = await requestOf(subject, { origin: 'http://a.example', protocolVersion: 8 })
    expect(
      ['Sec-WebSocket-Version', 'Sec-WebSocket-Origin', 'Origin'].map((name) => fieldOf(older, name))
    ).toEqual(['8', 'http://a.example', null])
  })

  it('refuses an unknown version', () => {
    expect(() => new WebSocket('ws://127.0.0.1', { protocolVersion: 7 })).toThrow(
      new RangeError('Unsupported protocol version: 7 (supported versions: 8, 13)')
    )
  })

  it('sends credentials of the URL or of the option auth', async () => {
    const byUrl = await requestOf(subject, {}, (url) => url.replace('//', '//a%3A:b%20c@'))
    expect(fieldOf(byUrl, 'Authorization')).toBe(`Basic ${Buffer.from('a::b c').toString('base64')}`)
    const byOption = await requestOf(subject, { auth: 'd:e' })
    expect(fieldOf(byOption, 'Authorization')).toBe(`Basic ${Buffer.from('d:e').toString('base64')}`)
    const byBoth = await requestOf(subject, { auth: 'd:e' }, (url) => url.replace('//', '//a:b@'))
    expect(fieldOf(byBoth, 'Authorization')).toBe(`Basic ${Buffer.from('a:b').toString('base64')}`)
  })

  it('lets finishRequest change the request; nothing is sent until it ends it', async () => {
    const { url, requests } = await serveRaw(acceptAll)
    const given: unknown[] = []
    let request: ClientRequest | undefined
    const socket = makeClient(subject, url, {
      finishRequest(made, websocket) {
        given.push(websocket)
        request = made
        made.on('socket', (tcp) =>
          tcp.on('connect', () => {
            made.setHeader('X-Port', tcp.localPort!)
            made.end()
          })
        )
      }
    })
    await once(socket, 'open')
    expect(given).toEqual([socket])
    expect(request!.getHeader('upgrade')).toBe('websocket')
    expect(fieldOf(requests[0]!, 'X-Port')).toMatch(/^\d+$/)
  })

  it('goes where the URL says, whatever options of http.request say', async () => {
    const elsewhere = { socketPath: '/nowhere', path: '/other', host: 'nowhere', port: 1 } as ClientOptions
    expect((await requestOf(subject, elsewhere)).split('\r\n')[0]).toBe('GET / HTTP/1.1')
  })

  it('connects by createConnection', async () => {
    const { url, port, requests } = await serveRaw(acceptAll)
    const seen: unknown[] = []
    await openClient(subject, 'ws://a.invalid:1234/b', {
      createConnection(options: { host: string; port: string }) {
        seen.push(options.host, Number(options.port))
        return createConnection({ host: '127.0.0.1', port })
      }
    })
    expect([url.endsWith(`:${port}`), seen, requests[0]!.split('\r\n')[0]]).toEqual([
      true,
      ['a.invalid', 1234],
      'GET /b HTTP/1.1'
    ])
  })

  it('connects by an agent', async () => {
    const { port, requests } = await serveRaw(acceptAll)
    class Redirecting extends Agent {
      override createConnection() {
        return createConnection({ host: '127.0.0.1', port })
      }
    }
    const agent = new Redirecting()
    cleanUp(() => agent.destroy())
    await openClient(subject, 'ws://a.invalid/', { agent })
    expect(fieldOf(requests[0]!, 'Host')).toBe('a.invalid')
  })

  it('gives up a handshake that takes too long', async () => {
    const server = await serveRaw(() => {})
    const socket = makeClient(subject, server.url, { handshakeTimeout: 50 })
    const lines = record(socket)
    await until(() => lines.length === 2, 'both events')
    expect(lines).toEqual(['error Opening handshake has timed out', 'close 1006 ""'])
    await server.allGone(1)
  })

  it('masks with the keys of generateMask', async () => {
    const { socket, peer } = await openAtRawPeer(subject, {
      generateMask: (key) => void key.set([1, 2, 3, 4])
    })
    socket.send('abc')
    const frame = await readFrame(peer)
    expect([[...frame.key!], `${frame.payload}`]).toEqual([[1, 2, 3, 4], 'abc'])
  })

  it('takes a new key for each message by itself', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const keys = new Set<string>()
    for (let i = 0; i < 8; i++) {
      socket.send('a')
      keys.add((await readFrame(peer)).key!.toString('hex'))
    }
    expect(keys.size).toBeGreaterThan(6)
  })

  it('does not change the options it is given', async () => {
    const { url } = await serveRaw(acceptAll)
    const options = Object.freeze({ headers: Object.freeze({ a: 'b' }), perMessageDeflate: true, host: 'c' })
    const socket = new WebSocket(url, options)
    cleanUp(() => socket.terminate())
    await once(socket, 'open')
    expect(options).toEqual({ headers: { a: 'b' }, perMessageDeflate: true, host: 'c' })
  })
})
