import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HeadParser,
  MAX_HEAD_BYTES,
  MAX_HEADER_COUNT,
  REQUEST_LINE,
  STATUS_LINE
} from '../../src/core/http-head.js'
import { encodeLatin1 } from '../../src/core/latin1.js'
import { CHUNK_SIZES, cut, elapsedMs, errorCodeOf, type HeadOutcome, replay } from './head-chunks.js'

const GET = 'GET / HTTP/1.1\r\n'
const MALFORMED = { error: 'malformed-request' }

const REQUESTS: [name: string, bytes: string, outcome: HeadOutcome][] = [
  [
    'RFC 6455 §1.2 reads the example request and leaves the rest',
    'GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00\r\n\r\n',
    {
      head: { method: 'GET', target: '/chat', version: '1.1' },
      headers: ['Host', 'server.example.com', 'Upgrade', 'websocket', 'Connection', 'Upgrade'],
      rest: '\x81\x00\r\n\r\n'
    }
  ],
  [
    'reads a head without fields, and HTTP/1.0',
    'M-SEARCH * HTTP/1.0\r\n\r\n',
    { head: { method: 'M-SEARCH', target: '*', version: '1.0' }, headers: [], rest: '' }
  ],
  [
    'RFC 9110 §5.5 trims spaces and tabs around values and keeps them inside',
    `${GET}A:  \t a \t b\t \r\nB:\r\nC: \t \r\n\r\n`,
    {
      head: { method: 'GET', target: '/', version: '1.1' },
      headers: ['A', 'a \t b', 'B', '', 'C', ''],
      rest: ''
    }
  ],
  [
    'RFC 9110 §5.5 takes bytes above 0x7F in values as opaque latin1',
    `${GET}A: \x80\x9f\xa0\xff\r\n\r\n`,
    { head: { method: 'GET', target: '/', version: '1.1' }, headers: ['A', '\x80\x9f\xa0\xff'], rest: '' }
  ],
  [
    'keeps order, spelling and repetition of fields',
    `${GET}__proto__: 1\r\nConstructor: 2\r\n__proto__: 3\r\n\r\n`,
    {
      head: { method: 'GET', target: '/', version: '1.1' },
      headers: ['__proto__', '1', 'Constructor', '2', '__proto__', '3'],
      rest: ''
    }
  ],
  ['waits for the final line', `${GET}Host: a\r\n\r`, null],
  ['RFC 9112 §2.2 refuses a bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', MALFORMED],
  ['RFC 9112 §2.2 refuses a bare LF after a field', `${GET}Host: a\n\r\n`, MALFORMED],
  ['RFC 9112 §2.2 refuses a bare LF as the final line', `${GET}Host: a\r\n\n`, MALFORMED],
  ['RFC 9112 §2.2 refuses a bare CR in a value', `${GET}Host: a\rb\r\n\r\n`, MALFORMED],
  ['RFC 9112 §2.2 refuses two CRs before a LF', `${GET}Host: a\r\r\n\r\n`, MALFORMED],
  ['RFC 9112 §2.2 refuses an empty first line', `\r\n${GET}\r\n`, MALFORMED],
  ['RFC 9112 §2.2 refuses space before the first field', `${GET} Host: a\r\n\r\n`, MALFORMED],
  ['RFC 9110 §5.5 refuses NUL in a value', `${GET}Host: a\0b\r\n\r\n`, MALFORMED],
  ['RFC 9110 §5.5 refuses a control character in a value', `${GET}Host: a\x1bb\r\n\r\n`, MALFORMED],
  ['RFC 9110 §5.5 refuses DEL in a value', `${GET}Host: a\x7fb\r\n\r\n`, MALFORMED],
  ['RFC 9112 §5.2 refuses a folded line', `${GET}Host: a\r\n b\r\n\r\n`, MALFORMED],
  ['RFC 9112 §5.1 refuses space before the colon', `${GET}Host : a\r\n\r\n`, MALFORMED],
  ['RFC 9112 §5.1 refuses a field without a colon', `${GET}Host\r\n\r\n`, MALFORMED],
  ['RFC 9110 §5.1 refuses an empty name', `${GET}: a\r\n\r\n`, MALFORMED],
  ['RFC 9110 §5.6.2 refuses a name that is no token', `${GET}Ho(st: a\r\n\r\n`, MALFORMED],
  ['RFC 9110 §5.6.2 refuses a name that is not ASCII', `${GET}H\xf6st: a\r\n\r\n`, MALFORMED],
  ['RFC 9112 §3 refuses two spaces in the request line', 'GET  / HTTP/1.1\r\n\r\n', MALFORMED],
  ['RFC 9112 §3 refuses a target with a space', 'GET /a b HTTP/1.1\r\n\r\n', MALFORMED],
  ['RFC 9112 §3.2 refuses a target that is not ASCII', 'GET /\xe9 HTTP/1.1\r\n\r\n', MALFORMED],
  ['RFC 9112 §3.2 refuses a control character in the target', 'GET /\0 HTTP/1.1\r\n\r\n', MALFORMED],
  ['RFC 9112 §2.3 refuses a version in small letters', 'GET / http/1.1\r\n\r\n', MALFORMED],
  ['RFC 9112 §2.3 refuses a version with more digits', 'GET / HTTP/1.10\r\n\r\n', MALFORMED],
  ['refuses HTTP/0.9', 'GET /\r\n\r\n', MALFORMED],
  ['refuses what is a TLS hello', '\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03\n', MALFORMED]
]

const RESPONSES: [name: string, bytes: string, outcome: HeadOutcome][] = [
  [
    'RFC 6455 §1.2 reads the example response and leaves the rest',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00',
    {
      head: { version: '1.1', status: 101, reason: 'Switching Protocols' },
      headers: ['Upgrade', 'websocket'],
      rest: '\x81\x00'
    }
  ],
  [
    'RFC 9112 §4 reads an empty reason',
    'HTTP/1.1 101 \r\n\r\n',
    { head: { version: '1.1', status: 101, reason: '' }, headers: [], rest: '' }
  ],
  [
    'accepts a status line without the space before an empty reason',
    'HTTP/1.0 404\r\n\r\n',
    { head: { version: '1.0', status: 404, reason: '' }, headers: [], rest: '' }
  ],
  ['RFC 9112 §4 refuses a status of two digits', 'HTTP/1.1 10 A\r\n\r\n', { error: 'malformed-response' }],
  ['RFC 9112 §4 refuses a status of four digits', 'HTTP/1.1 1010 A\r\n\r\n', { error: 'malformed-response' }],
  [
    'RFC 9112 §4 refuses a control character in the reason',
    'HTTP/1.1 101 \x07\r\n\r\n',
    { error: 'malformed-response' }
  ],
  [
    'RFC 9112 §5.2 refuses a folded line',
    'HTTP/1.1 101 A\r\nA: a\r\n b\r\n\r\n',
    { error: 'malformed-response' }
  ]
]

describe.each(CHUNK_SIZES)('in chunks of %s bytes', (size) => {
  it.each(REQUESTS)('%s', (_, text, outcome) => {
    expect(replay(REQUEST_LINE, cut(encodeLatin1(text), size))).toEqual(outcome)
  })

  it.each(RESPONSES)('%s', (_, text, outcome) => {
    expect(replay(STATUS_LINE, cut(encodeLatin1(text), size))).toEqual(outcome)
  })

  it('RFC 9110 §5.4 takes a head of exactly the limit, and not a byte more', () => {
    const fits = padded(MAX_HEAD_BYTES)
    expect(replay(REQUEST_LINE, cut(fits, size))).toMatchObject({ head: { target: '/' }, rest: '' })
    expect(replay(REQUEST_LINE, cut(padded(MAX_HEAD_BYTES + 1), size))).toEqual({ error: 'head-too-big' })
  })

  it('does not count the bytes behind the head', () => {
    const bytes = encodeLatin1(`${GET}\r\n${'x'.repeat(64)}`)
    expect(replay(REQUEST_LINE, cut(bytes, size), { maxHeadBytes: 18 })).toMatchObject({
      rest: 'x'.repeat(64)
    })
    expect(replay(REQUEST_LINE, cut(bytes, size), { maxHeadBytes: 17 })).toEqual({ error: 'head-too-big' })
  })

  it('takes as many fields as the limit, and not one more', () => {
    const head = (count: number) => encodeLatin1(`${GET}${'a:b\r\n'.repeat(count)}\r\n`)
    const fits = replay(REQUEST_LINE, cut(head(MAX_HEADER_COUNT), size))
    expect(fits).toMatchObject({ headers: Array(MAX_HEADER_COUNT).fill(['a', 'b']).flat() })
    expect(replay(REQUEST_LINE, cut(head(MAX_HEADER_COUNT + 1), size))).toEqual({ error: 'too-many-headers' })
    expect(replay(REQUEST_LINE, cut(head(2), size), { maxHeaderCount: 1 })).toEqual({
      error: 'too-many-headers'
    })
  })

  it('gives back every byte it received', () => {
    const bytes = encodeLatin1(`${GET}Host: a\r\n\r\nbody`)
    const parser = new HeadParser(REQUEST_LINE)
    const pushed: Uint8Array[] = []
    for (const chunk of cut(bytes, size)) {
      pushed.push(chunk.slice())
      if (parser.push(chunk) !== null) break
      chunk.fill(0)
    }
    expect(Buffer.from(parser.takeBytes()).equals(Buffer.concat(pushed))).toBe(true)
    expect(parser.takeBytes()).toEqual(new Uint8Array(0))
  })
})

describe('a head parser', () => {
  it('copies nothing if the head comes in one chunk', () => {
    const chunk = encodeLatin1(`${GET}\r\nrest`)
    const parser = new HeadParser(REQUEST_LINE)
    const rest = parser.push(chunk)!.rest
    expect([rest.buffer, rest.byteOffset, rest.length]).toEqual([chunk.buffer, chunk.length - 4, 4])
    expect(parser.takeBytes()).toEqual(chunk)
    expect(new HeadParser(REQUEST_LINE).takeBytes()).toEqual(new Uint8Array(0))
  })

  it('gives back an unfinished head', () => {
    const parser = new HeadParser(REQUEST_LINE)
    parser.push(encodeLatin1('GET /'))
    parser.push(encodeLatin1(' HTTP'))
    expect(parser.takeBytes()).toEqual(encodeLatin1('GET / HTTP'))
  })

  it('takes no chunk after the head, and none after an error', () => {
    const done = new HeadParser(REQUEST_LINE)
    done.push(encodeLatin1(`${GET}\r\n`))
    expect(() => done.push(new Uint8Array(1))).toThrow('push on a head parser that is done')
    const failed = new HeadParser(REQUEST_LINE)
    expect(errorCodeOf(() => failed.push(encodeLatin1('\n')))).toBe('malformed-request')
    expect(() => failed.push(new Uint8Array(1))).toThrow('push on a head parser that is failed')
  })

  it('says what is malformed, and that its source is RFC 6455 §4.2.1', () => {
    const parser = new HeadParser(REQUEST_LINE)
    expect(() => parser.push(encodeLatin1(`${GET}Cookie: \0\r\n\r\n`))).toThrow(
      'the handshake request is malformed: the value of Cookie (RFC 6455 §4.2.1)'
    )
  })

  it('knows of too many headers before the head ends', () => {
    const parser = new HeadParser(REQUEST_LINE, { maxHeaderCount: 1 })
    expect(errorCodeOf(() => parser.push(encodeLatin1(`${GET}a:b\r\nc:d\r\n`)))).toBe('too-many-headers')
  })

  it('knows of too big a head at the last byte that could have ended it', () => {
    const parser = new HeadParser(REQUEST_LINE)
    expect(parser.push(encodeLatin1(GET + 'a'.repeat(MAX_HEAD_BYTES - GET.length - 1)))).toBe(null)
    expect(errorCodeOf(() => parser.push(encodeLatin1('a')))).toBe('head-too-big')
  })
})

describe('hostile heads', () => {
  it('CVE-2024-37890: 2 000 headers are refused, whatever stands behind them', () => {
    const bytes = encodeLatin1(`${GET}${'a:\r\n'.repeat(2000)}Upgrade: websocket\r\n\r\n`)
    expect(replay(REQUEST_LINE, [bytes])).toEqual({ error: 'too-many-headers' })
  })

  it('CVE-2023-43669: 20 MB of headers are refused in no time, in one chunk and in many', () => {
    const flood = new Uint8Array(20_000_000).fill(0x61)
    flood.set(encodeLatin1(`${GET}a: `), 0)
    expect(
      elapsedMs(() => expect(replay(REQUEST_LINE, [flood])).toEqual({ error: 'head-too-big' }))
    ).toBeLessThan(500)
    const chunks = cut(flood.subarray(0, 1_000_000), 4096)
    expect(replay(REQUEST_LINE, chunks)).toEqual({ error: 'head-too-big' })
  })

  it('CVE-2023-43669: a head in 1-byte packets takes linear time', () => {
    const run = (byteLength: number) => {
      const chunks = cut(padded(byteLength), 1)
      return elapsedMs(() => replay(REQUEST_LINE, chunks, { maxHeadBytes: byteLength }))
    }
    run(1 << 14)
    // Rescanning from the start would look at 2^39 bytes.
    expect(run(1 << 20)).toBeLessThan(5000)
  })

  it('takes empty chunks without end', () => {
    const parser = new HeadParser(REQUEST_LINE)
    for (let i = 0; i < 10_000; i++) expect(parser.push(new Uint8Array(0))).toBe(null)
    expect(parser.push(encodeLatin1(`${GET}\r\n`))).not.toBe(null)
  })
})

describe('properties of a head parser', () => {
  /** Text that comes near to a head: what parsers stumble over, and noise. */
  const piece = fc.oneof(
    fc.constantFrom(
      'GET / HTTP/1.1',
      'HTTP/1.1 101 OK',
      '\r\n',
      '\r',
      '\n',
      ':',
      ' ',
      '\t',
      'Host: a',
      '\r\n\r\n',
      '\0'
    ),
    fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 12
    })
  )
  const text = fc.oneof(
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
    fc.array(piece, { maxLength: 20 }).map((pieces) => `${GET}${pieces.join('')}\r\n\r\n`)
  )

  it('no cutting of any bytes changes the result, and every error is a WebSocketError', () => {
    const limits = { maxHeadBytes: 96, maxHeaderCount: 4 }
    fc.assert(
      fc.property(text, fc.array(fc.nat(20), { minLength: 1 }), (bytes, sizes) => {
        for (const format of [REQUEST_LINE, STATUS_LINE]) {
          const whole = replay<object>(format, [encodeLatin1(bytes)], limits)
          expect(replay<object>(format, cutUnevenly(encodeLatin1(bytes), sizes), limits)).toEqual(whole)
        }
      }),
      { numRuns: 2000 }
    )
  })

  it('every sound head comes back as it was written', () => {
    const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
    const value = fc.stringMatching(/^(?:[\x21-\x7e](?:[\t -~]{0,20}[\x21-\x7e])?)?$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), fc.nat(8), (fields, size) => {
        const lines = fields.map(([key, text]) => `${key}:${text}\r\n`).join('')
        expect(replay(REQUEST_LINE, cut(encodeLatin1(`${GET}${lines}\r\n.`), size + 1))).toEqual({
          head: { method: 'GET', target: '/', version: '1.1' },
          headers: fields.flat(),
          rest: '.'
        })
      })
    )
  })
})

/** Cuts bytes into chunks of the sizes given, over and over; some may be empty. */
function cutUnevenly(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  const usable = sizes.some((size) => size > 0) ? sizes : [1]
  for (let from = 0, i = 0; from < bytes.length; i++) {
    const size = usable[i % usable.length]!
    chunks.push(bytes.slice(from, from + size))
    from += size
  }
  return chunks
}

/** A whole head of so many bytes. */
function padded(byteLength: number): Uint8Array {
  const [before, after] = [`${GET}a: `, '\r\n\r\n']
  return encodeLatin1(before + 'x'.repeat(byteLength - before.length - after.length) + after)
}
