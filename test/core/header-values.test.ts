import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ExtensionOffer } from '../../src/core/extension.js'
import {
  formatExtensions,
  hasToken,
  isAuthority,
  isFieldValue,
  isToken,
  MAX_EXTENSION_OFFERS,
  MAX_EXTENSION_PARAMETERS,
  parseExtensions,
  parseUniqueTokens,
  splitList,
  trimSpace
} from '../../src/core/header-values.js'
import { elapsedMs } from './head-chunks.js'

const EXTENSIONS: [value: string, expected: ExtensionOffer[] | null][] = [
  ['a', [{ name: 'a', parameters: [] }]],
  [
    'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate',
    [
      {
        name: 'permessage-deflate',
        parameters: [
          { name: 'client_max_window_bits', value: null },
          { name: 'server_max_window_bits', value: '10' }
        ]
      },
      { name: 'permessage-deflate', parameters: [] }
    ]
  ],
  ['a;b="c"', [{ name: 'a', parameters: [{ name: 'b', value: 'c' }] }]],
  ['a;b="\\c\\d"', [{ name: 'a', parameters: [{ name: 'b', value: 'cd' }] }]],
  [' \ta ;\tb = c ', [{ name: 'a', parameters: [{ name: 'b', value: 'c' }] }]],
  [
    'a;b;b=1',
    [
      {
        name: 'a',
        parameters: [
          { name: 'b', value: null },
          { name: 'b', value: '1' }
        ]
      }
    ]
  ],
  [
    ', a,, b ,',
    [
      { name: 'a', parameters: [] },
      { name: 'b', parameters: [] }
    ]
  ],
  ['constructor; __proto__=x', [{ name: 'constructor', parameters: [{ name: '__proto__', value: 'x' }] }]],
  ['', null],
  [' , ', null],
  ['a b', null],
  ['a;', null],
  ['a;;b', null],
  [';a', null],
  ['a=b', null],
  ['a;=b', null],
  ['a;b=', null],
  ['a;b==c', null],
  ['a;b=c d', null],
  ['a;b=""', null],
  ['a;b="c d"', null],
  ['a;b="c,d"', null],
  ['a;b="c', null],
  ['a;b="c\\"', null],
  ['a;b="c"d', null],
  ['a;b=c"d"', null],
  ['a;"b"', null],
  ['"a"', null],
  ['\xe9', null],
  ['a;b="\xe9"', null],
  ['a\x00', null]
]

describe('Sec-WebSocket-Extensions', () => {
  it.each(EXTENSIONS)('RFC 6455 §9.1 parses %j', (value, expected) => {
    expect(parseExtensions(value)).toEqual(expected)
  })

  it('bounds the number of offers and parameters', () => {
    const offers = (count: number) => Array(count).fill('a').join(',')
    expect(parseExtensions(offers(MAX_EXTENSION_OFFERS))).toHaveLength(MAX_EXTENSION_OFFERS)
    expect(parseExtensions(offers(MAX_EXTENSION_OFFERS + 1))).toBe(null)
    const parameters = (count: number) => `a${';b=1'.repeat(count)}`
    expect(parseExtensions(parameters(MAX_EXTENSION_PARAMETERS))![0]!.parameters).toHaveLength(
      MAX_EXTENSION_PARAMETERS
    )
    expect(parseExtensions(parameters(MAX_EXTENSION_PARAMETERS + 1))).toBe(null)
    expect(parseExtensions(parameters(10_000))).toBe(null)
  })

  it('what is formatted parses to the same', () => {
    const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}$/)
    const parameter = fc.record({ name: token, value: fc.option(token) })
    const offer = fc.record({ name: token, parameters: fc.array(parameter, { maxLength: 5 }) })
    fc.assert(
      fc.property(fc.array(offer, { minLength: 1, maxLength: 5 }), (offers) => {
        expect(parseExtensions(formatExtensions(offers)!)).toEqual(offers)
      })
    )
  })

  it('formats nothing that is no token', () => {
    expect(formatExtensions([])).toBe('')
    expect(formatExtensions([{ name: 'a\r\nb', parameters: [] }])).toBe(null)
    expect(formatExtensions([{ name: 'a', parameters: [{ name: 'b;c', value: null }] }])).toBe(null)
    expect(formatExtensions([{ name: 'a', parameters: [{ name: 'b', value: '' }] }])).toBe(null)
  })
})

describe('lists and tokens', () => {
  it('RFC 9110 §5.6.2 knows tokens', () => {
    expect(['a', "!#$%&'*+-.^_`|~09AZaz"].every(isToken)).toBe(true)
    expect(
      ['', ' ', 'a b', 'a,', 'a\n', '\n', 'é', '(', '"', '/', ':', '@', '[', '{', '\x7f'].some(isToken)
    ).toBe(false)
  })

  it('RFC 9110 §5.5 knows field values', () => {
    expect(['', 'a b\tc', '\x80\xff'].every(isFieldValue)).toBe(true)
    expect(['\r', '\n', '\0', '\x7f', 'a\r\nb: c', '\u0100', '😀'].some(isFieldValue)).toBe(false)
  })

  it('RFC 9110 §7.2 knows authorities', () => {
    expect(['a', 'a.example:80', '[::1]', '[::1]:9999', '127.0.0.1:', 'a_b'].every(isAuthority)).toBe(true)
    expect(['', ':80', 'a:b', 'a:123456', 'a/b', 'u@a', 'a b', '[::1', 'a,\nb', 'é'].some(isAuthority)).toBe(
      false
    )
  })

  it('RFC 9110 §5.6.1 drops empty elements of a list', () => {
    expect(splitList(' a ,,\tb\t, ')).toEqual(['a', 'b'])
    expect(splitList('')).toEqual([])
  })

  it('RFC 9110 §5.6.3 trims spaces and tabs and nothing else', () => {
    expect(trimSpace('\t a\xa0 \t')).toBe('a\xa0')
    expect(trimSpace(' \t ')).toBe('')
  })

  it('finds a token in any case, whole', () => {
    expect(hasToken('keep-alive, UPGRADE', 'upgrade')).toBe(true)
    expect(hasToken('upgraded, x-upgrade', 'upgrade')).toBe(false)
    expect(hasToken('h2c, websocket/13', 'websocket')).toBe(false)
    expect(hasToken('', 'upgrade')).toBe(false)
    expect(hasToken(null, 'upgrade')).toBe(false)
  })

  it('RFC 6455 §11.3.4 parses unique tokens', () => {
    expect(parseUniqueTokens('chat, super.chat ,V2')).toEqual(['chat', 'super.chat', 'V2'])
    expect(parseUniqueTokens('constructor,__proto__')).toEqual(['constructor', '__proto__'])
    for (const value of ['', ',', 'a b', 'a,a', 'a;b', '"a"', 'é', 'a,\xa0']) {
      expect(parseUniqueTokens(value)).toBe(null)
    }
  })
})

describe('linear time', () => {
  const N = 1_000_000
  // Quadratic work on a million characters takes minutes; each of these takes some tens of milliseconds.
  const limitMs = 2000
  const hostile: [name: string, value: string][] = [
    ['CVE-2021-32640: b, spaces, x', `b${' '.repeat(N)}x`],
    ['b, tabs, comma', `b${'\t'.repeat(N)},`],
    ['nothing but spaces', ' '.repeat(N)],
    ['nothing but commas', ','.repeat(N)],
    ['commas and spaces', ' ,'.repeat(N / 2)],
    ['one long token', 'a'.repeat(N)],
    ['a long token, then none', `${'a'.repeat(N)}(`],
    ['many equal tokens', 'a,'.repeat(N / 2)],
    ['many parameters', `a${';b'.repeat(N / 2)}`],
    ['many semicolons', `a${';'.repeat(N)}`],
    ['spaces between parameters', `a;b${' '.repeat(N)}c`],
    ['an unterminated quote', `a;b="${'c'.repeat(N)}`],
    ['an unterminated quote of backslashes', `a;b="${'\\'.repeat(N)}`],
    ['a long quoted value', `a;b="${'\\c'.repeat(N / 2)}"`],
    ['many quotes', `a;b=${'"'.repeat(N)}`]
  ]
  it.each(hostile)('%s', (_, value) => {
    expect(elapsedMs(() => parseUniqueTokens(value))).toBeLessThan(limitMs)
    expect(elapsedMs(() => parseExtensions(value))).toBeLessThan(limitMs)
    expect(elapsedMs(() => hasToken(value, 'upgrade'))).toBeLessThan(limitMs)
    expect(elapsedMs(() => isAuthority(value))).toBeLessThan(limitMs)
    expect(elapsedMs(() => trimSpace(value))).toBeLessThan(limitMs)
  })
})
