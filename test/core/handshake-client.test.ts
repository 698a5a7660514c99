import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import { encodeRequest, type OpeningRequest, readResponse } from '../../src/core/handshake-client.js'
import { acceptKey } from '../../src/core/handshake-key.js'
import { encodeAccept, readUpgrade } from '../../src/core/handshake-server.js'
import { HeadParser, REQUEST_LINE, STATUS_LINE } from '../../src/core/http-head.js'
import { decodeLatin1, encodeLatin1 } from '../../src/core/latin1.js'
import { CHUNK_SIZES, cut, errorOf, readHead } from './head-chunks.js'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
const EXPECTED = {
  acceptKey: ACCEPT,
  protocols: ['chat', 'v2'],
  extensions: [
    { name: 'permessage-deflate', parameters: [] },
    { name: 'x', parameters: [] }
  ]
}
const FIELDS: Readonly<Record<string, string>> = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Accept': ACCEPT
}

/** The lines of a sound response, with fields changed (null: left out) and lines added. */
function response(
  changes: Readonly<Record<string, string | null>> = {},
  extra: readonly string[] = [],
  firstLine = 'HTTP/1.1 101 Switching Protocols'
): string[] {
  const fields = Object.entries({ ...FIELDS, ...changes }).filter(([, value]) => value !== null)
  return [firstLine, ...fields.map(([name, value]) => `${name}: ${value}`), ...extra]
}

function read(lines: readonly string[], expected = EXPECTED): object {
  return readResponse(readHead(STATUS_LINE, lines), expected)
}

describe('§4.1 the request', () => {
  const sound: OpeningRequest = { host: 'server.example.com', target: '/chat', key: KEY }

  it('is the shortest that is allowed', () => {
    expect(decodeLatin1(encodeRequest(sound))).toBe(
      'GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`
    )
  })

  it('names subprotocols, extensions, origin and further headers', () => {
    const bytes = encodeRequest({
      host: '[::1]:9999',
      target: '/a?b=c%20d',
      key: KEY,
      protocols: ['chat', 'v2'],
      extensions: [
        { name: 'permessage-deflate', parameters: [{ name: 'client_max_window_bits', value: null }] },
        { name: 'permessage-deflate', parameters: [] }
      ],
      origin: 'http://example.com',
      headers: { Authorization: 'Basic YTpi', Cookie: 'a=1' }
    })
    expect(decodeLatin1(bytes).split('\r\n')).toEqual([
      'GET /a?b=c%20d HTTP/1.1',
      'Host: [::1]:9999',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${KEY}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: chat, v2',
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, permessage-deflate',
      'Origin: http://example.com',
      'Authorization: Basic YTpi',
      'Cookie: a=1',
      '',
      ''
    ])
  })

  it.each<[fault: string, changes: Partial<OpeningRequest>]>([
    ['the host ""', { host: '' }],
    ['the host "a\\r\\nb"', { host: 'a\r\nb' }],
    ['the host "a/b"', { host: 'a/b' }],
    ['the request target ""', { target: '' }],
    ['the request target "a"', { target: 'a' }],
    ['the request target "/a b"', { target: '/a b' }],
    ['the request target "/a\\r\\nX: y"', { target: '/a\r\nX: y' }],
    ['the request target "/a\\n"', { target: '/a\n' }],
    ['the request target "/a#b"', { target: '/a#b' }],
    ['the request target "/é"', { target: '/é' }],
    ['the key is not 16 bytes in base64', { key: 'a' }],
    ['a subprotocol is not a token', { protocols: ['a', 'b c'] }],
    ['a subprotocol is not a token', { protocols: [''] }],
    ['a subprotocol is listed twice', { protocols: ['a', 'a'] }],
    ['the name or a parameter of an extension', { extensions: [{ name: '', parameters: [] }] }],
    ['the origin', { origin: 'http://a\r\nX: y' }],
    ['the header Host belongs to the handshake', { headers: { Host: 'a' } }],
    ['the value of header X', { headers: { X: 'a\nb' } }]
  ])('is refused: %s', (fault, changes) => {
    const error = errorOf(() => encodeRequest({ ...sound, ...changes }))
    expect([error.code, error.message]).toEqual(['invalid-argument', `an argument is not valid: ${fault}`])
  })
})

describe.each(CHUNK_SIZES)('in chunks of %s bytes', (size) => {
  it('§4.1 takes a whole response', () => {
    const lines = response({ Upgrade: 'WebSocket', Connection: 'keep-alive, upgrade' }, [
      'Sec-WebSocket-Protocol: v2',
      'Sec-WebSocket-Extensions: x, permessage-deflate; server_max_window_bits="10"'
    ])
    const parser = new HeadParser(STATUS_LINE)
    let parsed = null
    for (const chunk of cut(encodeLatin1([...lines, '', ''].join('\r\n')), size)) parsed = parser.push(chunk)
    expect(readResponse(parsed!.head, EXPECTED)).toEqual({
      protocol: 'v2',
      extensions: [
        { name: 'x', parameters: [] },
        { name: 'permessage-deflate', parameters: [{ name: 'server_max_window_bits', value: '10' }] }
      ]
    })
  })
})

describe('§4.1 the response', () => {
  it('may agree to nothing that was offered', () => {
    expect(read(response())).toEqual({ protocol: null, extensions: [] })
  })

  it.each<[name: string, lines: string[], code: string, detail: string]>([
    ['rule 1: a redirect', response({}, [], 'HTTP/1.1 302 Found'), 'unexpected-status', '302 Found'],
    ['rule 1: a refusal', ['HTTP/1.1 401'], 'unexpected-status', '401'],
    ['rule 1: 200', response({}, [], 'HTTP/1.1 200 OK'), 'unexpected-status', '200 OK'],
    ['HTTP/1.0', response({}, [], 'HTTP/1.0 101 A'), 'malformed-response', 'the version is HTTP/1.0'],
    ['rule 2: no Upgrade', response({ Upgrade: null }), 'malformed-response', 'Upgrade is not "websocket"'],
    [
      'rule 2: Upgrade to else',
      response({ Upgrade: 'h2c' }),
      'malformed-response',
      'Upgrade is not "websocket"'
    ],
    [
      'rule 2: Upgrade to more',
      response({ Upgrade: 'websocket, h2c' }),
      'malformed-response',
      'Upgrade is not "websocket"'
    ],
    [
      'rule 3: no Connection',
      response({ Connection: null }),
      'malformed-response',
      'Connection has no "upgrade"'
    ],
    [
      'rule 3: Connection: close',
      response({ Connection: 'close' }),
      'malformed-response',
      'Connection has no "upgrade"'
    ],
    ['rule 4: no accept', response({ 'Sec-WebSocket-Accept': null }), 'wrong-accept', ''],
    ['rule 4: another accept', response({ 'Sec-WebSocket-Accept': KEY }), 'wrong-accept', ''],
    [
      'rule 4: accept in other case',
      response({ 'Sec-WebSocket-Accept': ACCEPT.toLowerCase() }),
      'wrong-accept',
      ''
    ],
    ['§11.3.3 accept twice', response({}, [`Sec-WebSocket-Accept: ${ACCEPT}`]), 'wrong-accept', ''],
    [
      'rule 5: another extension',
      response({}, ['Sec-WebSocket-Extensions: x, y']),
      'unrequested-extension',
      'y'
    ],
    [
      'rule 5: __proto__',
      response({}, ['Sec-WebSocket-Extensions: __proto__']),
      'unrequested-extension',
      '__proto__'
    ],
    [
      '§9.1 a malformed extension',
      response({}, ['Sec-WebSocket-Extensions: x; "']),
      'malformed-response',
      'Sec-WebSocket-Extensions'
    ],
    [
      'rule 6: another subprotocol',
      response({}, ['Sec-WebSocket-Protocol: v3']),
      'unrequested-protocol',
      '"v3"'
    ],
    [
      'rule 6: in other case',
      response({}, ['Sec-WebSocket-Protocol: Chat']),
      'unrequested-protocol',
      '"Chat"'
    ],
    ['rule 6: an empty one', response({}, ['Sec-WebSocket-Protocol:']), 'unrequested-protocol', '""'],
    [
      'rule 6: two of them',
      response({}, ['Sec-WebSocket-Protocol: chat, v2']),
      'unrequested-protocol',
      '"chat, v2"'
    ],
    [
      '§11.3.4 two headers of them',
      response({}, ['Sec-WebSocket-Protocol: chat', 'Sec-WebSocket-Protocol: v2']),
      'unrequested-protocol',
      '"chat, v2"'
    ]
  ])('%s', (_, lines, code, detail) => {
    const error = errorOf(() => read(lines))
    const message = new WebSocketError(error.code, detail === '' ? {} : { detail }).message
    expect([error.code, error.message]).toEqual([code, message])
  })

  it('rules 5 and 6: nothing may be chosen where nothing was offered', () => {
    const bare = { ...EXPECTED, protocols: [], extensions: [] }
    expect(errorOf(() => read(response({}, ['Sec-WebSocket-Protocol: chat']), bare)).code).toBe(
      'unrequested-protocol'
    )
    expect(errorOf(() => read(response({}, ['Sec-WebSocket-Extensions: x']), bare)).code).toBe(
      'unrequested-extension'
    )
  })

  it('quotes no more of a hostile response than a line', () => {
    const long = 'a'.repeat(10_000)
    for (const name of ['Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions']) {
      expect(errorOf(() => read(response({}, [`${name}: ${long}`]))).message.length).toBeLessThan(250)
    }
  })
})

it('both roles agree with each other, whatever is offered', () => {
  const sha1 = (text: string) => createHash('sha1').update(text).digest('base64')
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}$/)
  const parameter = fc.record({ name: token, value: fc.option(token) })
  const offer = fc.record({ name: token, parameters: fc.array(parameter, { maxLength: 4 }) })
  const target = fc.stringMatching(/^\/[!"$-~]{0,20}$/)
  fc.assert(
    fc.property(
      fc.uniqueArray(token, { maxLength: 5 }),
      fc.array(offer, { maxLength: 4 }),
      target,
      (protocols, extensions, path) => {
        const bytes = encodeRequest({ host: 'a', target: path, key: KEY, protocols, extensions })
        const upgrade = readUpgrade(new HeadParser(REQUEST_LINE).push(bytes)!.head, {
          remoteAddress: null,
          isSecure: false
        })
        if (upgrade.kind !== 'websocket') throw new Error(upgrade.kind)
        const { request } = upgrade
        expect([request.target, request.protocols, request.extensions]).toEqual([path, protocols, extensions])
        const protocol = request.protocols.at(-1) ?? null
        const accept = acceptKey(request.key, sha1)
        const answer = encodeAccept({ acceptKey: accept, protocol, extensions: request.extensions })
        const { head } = new HeadParser(STATUS_LINE).push(answer)!
        expect(readResponse(head, { acceptKey: ACCEPT, protocols, extensions })).toEqual({
          protocol,
          extensions
        })
      }
    )
  )
})
