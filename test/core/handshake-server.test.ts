import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  chooseProtocol,
  type HandshakeRequest,
  matchesLocation,
  type RequestOrigin,
  readUpgrade,
  type Upgrade
} from '../../src/core/handshake-server.js'
import { HeadParser, REQUEST_LINE } from '../../src/core/http-head.js'
import { encodeLatin1 } from '../../src/core/latin1.js'
import type { TransportDetails } from '../../src/core/transport-details.js'
import { CHUNK_SIZES, cut, describeError, elapsedMs, readHead } from './head-chunks.js'

const FROM = { remoteAddress: '192.0.2.1', isSecure: false }
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** The fields that every request needs, to be changed one by one. */
const FIELDS: Readonly<Record<string, string>> = {
  Host: 'server.example.com',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13'
}

/** The lines of a sound request, with fields changed (null: left out) and lines added. */
function request(
  changes: Readonly<Record<string, string | null>> = {},
  extra: readonly string[] = [],
  firstLine = 'GET /chat HTTP/1.1'
): string[] {
  const fields = Object.entries({ ...FIELDS, ...changes }).filter(([, value]) => value !== null)
  return [firstLine, ...fields.map(([name, value]) => `${name}: ${value}`), ...extra]
}

function read(lines: readonly string[], from: RequestOrigin = FROM): Upgrade {
  return readUpgrade(readHead(REQUEST_LINE, lines), from)
}

function accepted(lines: readonly string[], from: RequestOrigin = FROM): HandshakeRequest {
  const upgrade = read(lines, from)
  if (upgrade.kind !== 'websocket') throw new Error(`the request is ${upgrade.kind}`)
  return upgrade.request
}

/** What is refused, and why, as one line. */
function refusalOf(lines: readonly string[]): string {
  const upgrade = read(lines)
  return upgrade.kind === 'refused' ? `${upgrade.status} ${describeError(upgrade.error)}` : upgrade.kind
}

/** Everything a request says. */
function contents(request: HandshakeRequest): object {
  const { method, target, path, host, origin, key, protocols, extensions, remoteAddress, isSecure } = request
  const [query, headers] = [[...request.query], [...request.headers]]
  return {
    method,
    target,
    path,
    query,
    headers,
    host,
    origin,
    key,
    protocols,
    extensions,
    remoteAddress,
    isSecure
  }
}

describe.each(CHUNK_SIZES)('in chunks of %s bytes', (size) => {
  it('§4.2.1 reads a whole request', () => {
    const parser = new HeadParser(REQUEST_LINE)
    const lines = request(
      { Upgrade: 'h2c, WebSocket', Connection: 'keep-alive, UPGRADE' },
      [
        'Origin: http://example.com',
        'Sec-WebSocket-Protocol: chat, superchat',
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
        'Sec-WebSocket-Protocol: v3',
        'Sec-WebSocket-Extensions: x',
        'Cookie: a=1',
        'Content-Length: 0'
      ],
      'GET /chat%20room?a=1&b=%C3%A9&a=2 HTTP/1.1'
    )
    let parsed = null
    for (const chunk of cut(encodeLatin1([...lines, '', ''].join('\r\n')), size)) parsed = parser.push(chunk)
    const upgrade = readUpgrade(parsed!.head, { remoteAddress: '192.0.2.1', isSecure: true })
    expect(upgrade.kind === 'websocket' && contents(upgrade.request)).toEqual({
      method: 'GET',
      target: '/chat%20room?a=1&b=%C3%A9&a=2',
      path: '/chat%20room',
      query: [
        ['a', '1'],
        ['b', 'é'],
        ['a', '2']
      ],
      headers: [
        ['host', 'server.example.com'],
        ['upgrade', 'h2c, WebSocket'],
        ['connection', 'keep-alive, UPGRADE'],
        ['sec-websocket-key', KEY],
        ['sec-websocket-version', '13'],
        ['origin', 'http://example.com'],
        ['sec-websocket-protocol', 'chat, superchat, v3'],
        ['sec-websocket-extensions', 'permessage-deflate; client_max_window_bits, x'],
        ['cookie', 'a=1'],
        ['content-length', '0']
      ],
      host: 'server.example.com',
      origin: 'http://example.com',
      key: KEY,
      protocols: ['chat', 'superchat', 'v3'],
      extensions: [
        { name: 'permessage-deflate', parameters: [{ name: 'client_max_window_bits', value: null }] },
        { name: 'x', parameters: [] }
      ],
      remoteAddress: '192.0.2.1',
      isSecure: true
    })
  })
})

describe('what a request knows of its transport', () => {
  it('is what it was given', () => {
    const details = { encrypted: false } as TransportDetails
    const transport = { transportDetails: () => details, channelId: (type: string) => Buffer.from(type) }
    const known = accepted(request(), { ...FROM, transport })
    expect([known.transportDetails(), String(known.channelId('tls-unique'))]).toEqual([details, 'tls-unique'])
  })

  it('is nothing otherwise', () => {
    const known = accepted(request())
    expect(known.transportDetails()).toBeNull()
    expect(() => known.channelId('tls-exporter')).toThrow(
      expect.objectContaining({ code: 'no-channel-id', message: expect.stringContaining('nothing is known') })
    )
  })
})

describe('what is no request for a WebSocket is left to HTTP', () => {
  it.each<[name: string, lines: string[]]>([
    ['a plain GET', ['GET / HTTP/1.1', 'Host: a']],
    ['a GET without any header', ['GET / HTTP/1.1']],
    ['an upgrade to something else', request({ Upgrade: 'h2c' })],
    ['an upgrade to a versioned websocket', request({ Upgrade: 'websocket/13' })],
    ['no Upgrade', request({ Upgrade: null })],
    ['§4.2.1 rule 1: another method', request({}, [], 'POST /chat HTTP/1.1')],
    ['§4.2.1 rule 1: a method in small letters', request({}, [], 'get /chat HTTP/1.1')],
    ['§4.2.1 rule 1: HTTP/1.0, in which Upgrade is ignored', request({}, [], 'GET /chat HTTP/1.0')],
    ['§4.2.1 rule 1: HTTP/2.0', request({}, [], 'GET /chat HTTP/2.0')]
  ])('%s', (_, lines) => {
    expect(read(lines)).toEqual({ kind: 'http' })
  })
})

describe('a broken request is refused', () => {
  const malformed = (detail: string) => `400 malformed-request: ${detail} (RFC 6455 §4.2.1)`
  const host = malformed('Host is missing or malformed')
  const key = malformed('Sec-WebSocket-Key is missing or not 16 bytes in base64')
  const connection = malformed('Connection has no "upgrade"')
  const target = malformed('the request target')
  const protocol = malformed('Sec-WebSocket-Protocol')
  const extensions = malformed('Sec-WebSocket-Extensions')

  it.each<[name: string, lines: string[], refusal: string]>([
    ['§4.2.1 rule 2: no Host', request({ Host: null }), host],
    ['§4.2.1 rule 2: an empty Host', request({ Host: '' }), host],
    ['§4.2.1 rule 2: a Host with a path', request({ Host: 'a/b' }), host],
    ['§4.2.1 rule 2: a Host with user info', request({ Host: 'a@b' }), host],
    ['§4.2.1 rule 2: two Hosts', request({}, ['host: b']), malformed('host appears more than once')],
    ['§4.2.1 rule 4: no Connection', request({ Connection: null }), connection],
    ['§4.2.1 rule 4: no upgrade in Connection', request({ Connection: 'keep-alive, xupgrade' }), connection],
    ['§4.2.1 rule 5: no key', request({ 'Sec-WebSocket-Key': null }), key],
    ['§4.2.1 rule 5: an empty key', request({ 'Sec-WebSocket-Key': '' }), key],
    ['§4.2.1 rule 5: 15 bytes', request({ 'Sec-WebSocket-Key': btoa('x'.repeat(15)) }), key],
    ['§4.2.1 rule 5: 17 bytes', request({ 'Sec-WebSocket-Key': btoa('x'.repeat(17)) }), key],
    ['§4.2.1 rule 5: no padding', request({ 'Sec-WebSocket-Key': KEY.slice(0, 22) }), key],
    ['§4.2.1 rule 5: not canonical', request({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZR==' }), key],
    [
      '§11.3.1 two keys',
      request({}, [`Sec-WebSocket-Key: ${KEY}`]),
      malformed('sec-websocket-key appears more than once')
    ],
    [
      '§4.2.1 rule 6: no version',
      request({ 'Sec-WebSocket-Version': null }),
      '426 wrong-version: none (RFC 6455 §4.4)'
    ],
    ['§4.4 version 8', request({ 'Sec-WebSocket-Version': '8' }), '426 wrong-version: 8 (RFC 6455 §4.4)'],
    [
      '§4.4 a list',
      request({ 'Sec-WebSocket-Version': '13, 8' }),
      '426 wrong-version: 13, 8 (RFC 6455 §4.4)'
    ],
    [
      '§4.4 version 013',
      request({ 'Sec-WebSocket-Version': '013' }),
      '426 wrong-version: 013 (RFC 6455 §4.4)'
    ],
    [
      '§4.4 another version without a key: the version is what is told',
      request({ 'Sec-WebSocket-Version': '0', 'Sec-WebSocket-Key': null }),
      '426 wrong-version: 0 (RFC 6455 §4.4)'
    ],
    [
      '§11.3.5 two versions',
      request({}, ['Sec-WebSocket-Version: 13']),
      malformed('sec-websocket-version appears more than once')
    ],
    [
      'RFC 6454 §7.3 two origins',
      request({}, ['Origin: http://a', 'Origin: http://b']),
      malformed('origin appears more than once')
    ],
    ['a body by length', request({}, ['Content-Length: 5']), malformed('it has a body')],
    [
      'a body by two lengths',
      request({}, ['Content-Length: 0', 'Content-Length: 0']),
      malformed('it has a body')
    ],
    ['a body in chunks', request({}, ['Transfer-Encoding: chunked']), malformed('it has a body')],
    ['§4.1 a target that is no path', request({}, [], 'GET chat HTTP/1.1'), target],
    ['§4.1 the target of OPTIONS', request({}, [], 'GET * HTTP/1.1'), target],
    ['§4.1 a target of another scheme', request({}, [], 'GET ftp://a/ HTTP/1.1'), target],
    ['§4.1 an absolute target without host', request({}, [], 'GET http:///a HTTP/1.1'), target],
    ['§4.1 an absolute target with user info', request({}, [], 'GET http://u@a/ HTTP/1.1'), target],
    ['§3 a fragment', request({}, [], 'GET /a#b HTTP/1.1'), target],
    ['§3 a fragment behind a query', request({}, [], 'GET /a?b#c HTTP/1.1'), target],
    ['§4.2.1 rule 8: an empty list of subprotocols', request({ 'Sec-WebSocket-Protocol': '' }), protocol],
    ['§4.2.1 rule 8: a subprotocol twice', request({ 'Sec-WebSocket-Protocol': 'a, b, a' }), protocol],
    [
      '§4.2.1 rule 8: a subprotocol twice in two headers',
      request({}, ['Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: a']),
      protocol
    ],
    ['§4.2.1 rule 8: a subprotocol that is no token', request({ 'Sec-WebSocket-Protocol': 'a b' }), protocol],
    [
      '§4.2.1 rule 8: a subprotocol that is not ASCII',
      request({ 'Sec-WebSocket-Protocol': 'caf\xe9' }),
      protocol
    ],
    ['§9.1 an empty list of extensions', request({ 'Sec-WebSocket-Extensions': '' }), extensions],
    ['§9.1 an unterminated quote', request({ 'Sec-WebSocket-Extensions': 'a; b="c' }), extensions],
    [
      '§9.1 a quoted value that is no token',
      request({ 'Sec-WebSocket-Extensions': 'a; b="c d"' }),
      extensions
    ],
    ['§9.1 a parameter without extension', request({ 'Sec-WebSocket-Extensions': ';a' }), extensions]
  ])('%s', (_, lines, refusal) => {
    expect(refusalOf(lines)).toBe(refusal)
  })

  it('§4.4 quotes no more of a version than a line', () => {
    expect(refusalOf(request({ 'Sec-WebSocket-Version': '1'.repeat(10_000) }))).toBe(
      `426 wrong-version: ${'1'.repeat(20)} (RFC 6455 §4.4)`
    )
  })
})

describe('the target of a request', () => {
  it.each<[target: string, path: string, query: string, host: string]>([
    ['/', '/', '', 'server.example.com'],
    ['/?', '/', '', 'server.example.com'],
    ['/a//b/../c', '/a//b/../c', '', 'server.example.com'],
    ['//evil.com/a', '//evil.com/a', '', 'server.example.com'],
    ['/a?b=/c?d', '/a', 'b=%2Fc%3Fd', 'server.example.com'],
    ['/%00%ff', '/%00%ff', '', 'server.example.com'],
    ['http://other.com', '/', '', 'other.com'],
    ['HTTPS://other.com:444?a=b', '/', 'a=b', 'other.com:444'],
    ['ws://[::1]:80/a?b=c', '/a', 'b=c', '[::1]:80'],
    ['wss://a/', '/', '', 'a']
  ])('%s', (target, path, query, host) => {
    const found = accepted(request({}, [], `GET ${target} HTTP/1.1`))
    expect([found.target, found.path, found.query.toString(), found.host]).toEqual([
      target,
      path,
      query,
      host
    ])
  })
})

describe('a sound request', () => {
  it('offers nothing and has no origin if it does not say so', () => {
    const { origin, protocols, extensions } = accepted(request())
    expect([origin, protocols, extensions]).toEqual([null, [], []])
  })

  it('§4.2.1 may come from an IPv6 host with a port, its names in any case', () => {
    const lines = request({ Host: '[::1]:9999', Upgrade: 'WEBSOCKET', Connection: 'upgrade' })
    expect(accepted(lines.map((line) => line.replace(/^[^:]+:/, (name) => name.toUpperCase()))).host).toBe(
      '[::1]:9999'
    )
  })

  it('may name its extensions __proto__ and constructor', () => {
    const { extensions, protocols } = accepted(
      request({
        'Sec-WebSocket-Extensions': 'constructor; __proto__=1, __proto__',
        'Sec-WebSocket-Protocol': '__proto__, constructor'
      })
    )
    expect(protocols).toEqual(['__proto__', 'constructor'])
    expect(extensions).toEqual([
      { name: 'constructor', parameters: [{ name: '__proto__', value: '1' }] },
      { name: '__proto__', parameters: [] }
    ])
  })
})

describe('hostile requests', () => {
  const limits = { maxHeadBytes: 1 << 20, maxHeaderCount: 10_000 }
  const hostile: [name: string, header: string, value: string][] = [
    ['CVE-2021-32640: b, 32 000 spaces, x', 'Sec-WebSocket-Protocol', `b${' '.repeat(32_000)}x`],
    ['16 000 commas', 'Sec-WebSocket-Protocol', ','.repeat(16_000)],
    ['ws 3.3.1: 10 000 parameters', 'Sec-WebSocket-Extensions', `a${'; b=1'.repeat(10_000)}`],
    ['10 000 offers', 'Sec-WebSocket-Extensions', 'permessage-deflate,'.repeat(10_000)],
    ['ws 3.3.1: an unterminated quote', 'Sec-WebSocket-Extensions', `a; b="${'\\"'.repeat(50_000)}`]
  ]
  it.each(hostile)('%s', (_, header, value) => {
    const bytes = encodeLatin1([...request({ [header]: value }), '', ''].join('\r\n'))
    const { head } = new HeadParser(REQUEST_LINE, limits).push(bytes)!
    let upgrade: Upgrade | null = null
    const time = elapsedMs(() => {
      upgrade = readUpgrade(head, FROM)
    })
    expect(upgrade).toMatchObject({ kind: 'refused', status: 400 })
    expect(time).toBeLessThan(500)
  })

  it('a target of a megabyte takes linear time', () => {
    for (const target of [`/${'?'.repeat(1e6)}`, `http://${'a'.repeat(1e6)}`, `http://${'a'.repeat(1e6)}#`]) {
      const bytes = encodeLatin1([...request({}, [], `GET ${target} HTTP/1.1`), '', ''].join('\r\n'))
      const { head } = new HeadParser(REQUEST_LINE, { maxHeadBytes: 2e6 }).push(bytes)!
      expect(elapsedMs(() => readUpgrade(head, FROM))).toBeLessThan(500)
    }
  })

  it('no values whatever make it throw', () => {
    const value = fc.oneof(
      fc.constantFrom('websocket', 'upgrade', '13', KEY, 'a', 'a, b', 'a; b="c"', '0', '"', ';', ''),
      fc.stringMatching(/^[!-~\x80-\xff]{0,20}$/)
    )
    const names = [
      ...Object.keys(FIELDS),
      'Sec-WebSocket-Protocol',
      'Sec-WebSocket-Extensions',
      'Content-Length',
      'Origin'
    ]
    const changes = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 })
    const target = fc.stringMatching(/^[!-~]{1,20}$/)
    fc.assert(
      fc.property(changes, target, (changed, path) => {
        const upgrade = read(request(changed, [], `GET ${path} HTTP/1.1`))
        expect(['http', 'websocket', 'refused']).toContain(upgrade.kind)
        if (upgrade.kind === 'websocket') contents(upgrade.request)
      }),
      { numRuns: 1000 }
    )
  })
})

describe('policies', () => {
  it('a location matches exactly, and no list matches all', () => {
    expect(matchesLocation('/a', undefined)).toBe(true)
    expect(matchesLocation('/a', ['/b', '/a'])).toBe(true)
    expect(['/a/', '/A', '/%61', '/', ''].some((path) => matchesLocation(path, ['/a']))).toBe(false)
    expect(matchesLocation('/a', [])).toBe(false)
  })

  it("§4.2.2 chooses the first of the client's subprotocols that the server supports", () => {
    expect(chooseProtocol(['c', 'b', 'a'], ['a', 'b'])).toBe('b')
    expect(chooseProtocol(['A'], ['a'])).toBe(null)
    expect(chooseProtocol([], ['a'])).toBe(null)
    expect(chooseProtocol(['a'], [])).toBe(null)
  })
})
