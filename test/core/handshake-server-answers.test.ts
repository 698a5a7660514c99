// The second half of the tests of handshake-server.ts: what it writes.
import { describe, expect, it } from 'vitest'
import { type Acceptance, encodeAccept, encodeRefusal } from '../../src/core/handshake-server.js'
import { decodeLatin1 } from '../../src/core/latin1.js'
import { describeError, errorOf } from './head-chunks.js'

describe('§4.2.2 the answer that opens', () => {
  const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

  it('is the shortest that is allowed', () => {
    expect(decodeLatin1(encodeAccept({ acceptKey: accept }))).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
    )
  })

  it('names subprotocol, extensions and further headers', () => {
    const bytes = encodeAccept({
      acceptKey: accept,
      protocol: 'chat',
      extensions: [
        {
          name: 'permessage-deflate',
          parameters: [
            { name: 'server_no_context_takeover', value: null },
            { name: 'server_max_window_bits', value: '10' }
          ]
        },
        { name: 'x', parameters: [] }
      ],
      headers: { 'Set-Cookie': ['a=1', 'b=2'], Server: 'caf\xe9' }
    })
    expect(decodeLatin1(bytes).split('\r\n')).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
      'Sec-WebSocket-Protocol: chat',
      'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_max_window_bits=10, x',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2',
      'Server: caf\xe9',
      '',
      ''
    ])
  })

  it.each<[fault: string, acceptance: Partial<Acceptance>]>([
    ['the subprotocol "a\\r\\nb" is not a token', { protocol: 'a\r\nb' }],
    ['the subprotocol "" is not a token', { protocol: '' }],
    ['the name or a parameter of an extension', { extensions: [{ name: 'a\r\n', parameters: [] }] }],
    ['the value of header X', { headers: { X: 'a\r\nb: c' } }],
    ['the header Sec-WebSocket-Accept belongs to the handshake', { headers: { 'Sec-WebSocket-Accept': 'a' } }]
  ])('is refused: %s', (fault, acceptance) => {
    expect(describeError(errorOf(() => encodeAccept({ acceptKey: accept, ...acceptance })))).toBe(
      `invalid-argument: ${fault}`
    )
  })
})

describe('the answer that refuses', () => {
  const text = (refusal: Parameters<typeof encodeRefusal>[0]) =>
    Buffer.from(encodeRefusal(refusal)).toString('utf8')

  it('has its reason as body by default', () => {
    expect(text({ status: 400 })).toBe(
      'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
        'Content-Length: 16\r\n\r\n400 Bad Request\n'
    )
  })

  it('§4.4 and RFC 9110 §15.5.22: with 426 names the protocol and its version', () => {
    expect(text({ status: 426 })).toBe(
      'HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\n' +
        '426 Upgrade Required\n'
    )
  })

  it('counts the bytes of its body, not the characters', () => {
    expect(text({ status: 401, headers: { 'WWW-Authenticate': 'Basic' }, body: 'é😀' })).toBe(
      'HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
        'Content-Length: 6\r\nWWW-Authenticate: Basic\r\n\r\né😀'
    )
  })

  it('keeps the type that is given, and gives bytes none', () => {
    expect(text({ status: 403, headers: { 'content-type': 'application/json' }, body: '{}' })).toBe(
      'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\ncontent-type: application/json\r\n\r\n{}'
    )
    expect(text({ status: 403, body: new Uint8Array([0x61]) })).toBe(
      'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 1\r\n\r\na'
    )
  })

  it('RFC 9110 §8.6 sends no length and no body with 204 and 304', () => {
    expect(text({ status: 204, body: 'x' })).toBe('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')
    expect(text({ status: 304 })).toBe('HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n')
  })

  it('RFC 9112 §4 takes a status without a known reason', () => {
    expect(text({ status: 499, body: '' })).toBe(
      'HTTP/1.1 499 \r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\n\r\n'
    )
  })

  it('names a status or a header that cannot be sent', () => {
    for (const status of [0, 101, 199, 600, 400.5, Number.NaN]) {
      expect(describeError(errorOf(() => encodeRefusal({ status })))).toBe(
        `invalid-argument: the status ${status} is not in 200-599`
      )
    }
    expect(
      describeError(errorOf(() => encodeRefusal({ status: 400, headers: { 'Content-Length': '1' } })))
    ).toBe('invalid-argument: the header Content-Length belongs to the handshake')
    expect(
      describeError(errorOf(() => encodeRefusal({ status: 302, headers: { Location: '/\r\nX: y' } })))
    ).toBe('invalid-argument: the value of header Location')
  })
})
