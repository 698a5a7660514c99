import { describe, expect, it } from 'vitest'
import { encodeHead, type HeaderSource, listHeaders } from '../../src/core/head-writer.js'
import { HeaderFields } from '../../src/core/header-fields.js'
import { decodeLatin1 } from '../../src/core/latin1.js'
import { errorOf } from './head-chunks.js'

describe('header fields of an application', () => {
  it('come as an object, in which an array repeats a field', () => {
    expect(listHeaders({ 'X-A': '1', 'Set-Cookie': ['a=1', 'b=2'], 'X-None': [] })).toEqual([
      ['X-A', '1'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2']
    ])
  })

  it('come as pairs, as of Headers, a Map or HeaderFields', () => {
    const expected = [
      ['a', '1'],
      ['b', '2']
    ]
    const sources: HeaderSource[] = [
      new Headers({ a: '1', b: '2' }),
      new Map(Object.entries({ a: '1', b: '2' })),
      new HeaderFields(['A', '1', 'B', '2']),
      [
        ['a', '1'],
        ['b', '2']
      ]
    ]
    for (const source of sources) expect(listHeaders(source)).toEqual(expected)
  })

  it.each<[fault: string, source: HeaderSource]>([
    ['the value of header X-A', { 'X-A': 'a\r\nX-B: b' }],
    ['the value of header X-A', { 'X-A': 'a\n' }],
    ['the value of header X-A', { 'X-A': 'a\r' }],
    ['the value of header X-A', { 'X-A': 'a\0' }],
    ['the value of header X-A', { 'X-A': 'ž' }],
    ['the value of header X-A', { 'X-A': ['fine', 'č'] }],
    ['the value of header X-A', { 'X-A': 1 as unknown as string }],
    ['the value of header X-A', { 'X-A': undefined as unknown as string }],
    ['the header name "X-A: b\\r\\nX-B" is not a token', { 'X-A: b\r\nX-B': 'a' }],
    ['the header name "" is not a token', { '': 'a' }],
    ['the header Connection belongs to the handshake', { Connection: 'close' }],
    ['the header upgrade belongs to the handshake', { upgrade: 'h2c' }],
    ['the header Content-Length belongs to the handshake', [['Content-Length', '1']]],
    ['the header Transfer-Encoding belongs to the handshake', { 'Transfer-Encoding': 'chunked' }],
    ['the header HOST belongs to the handshake', { HOST: 'a' }],
    ['the header Sec-WebSocket-Accept belongs to the handshake', { 'Sec-WebSocket-Accept': 'a' }],
    ['the header sec-websocket-extensions belongs to the handshake', { 'sec-websocket-extensions': 'a' }]
  ])('are refused: %s', (fault, source) => {
    const error = errorOf(() => listHeaders(source))
    expect([error.code, error.message]).toEqual(['invalid-argument', `an argument is not valid: ${fault}`])
  })
})

it('encodes a head in latin1 and leaves out what is null', () => {
  const head = encodeHead('HTTP/1.1 200 OK', [
    ['A', 'é'],
    ['B', null],
    ['C', '']
  ])
  expect(decodeLatin1(head)).toBe('HTTP/1.1 200 OK\r\nA: é\r\nC: \r\n\r\n')
})
