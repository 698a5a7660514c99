import { describe, expect, it } from 'vitest'
import { parseChallenges, parseCredentials, quote } from '../../src/auth/challenges.js'

const read = (...values: string[]) =>
  parseChallenges(values).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

describe('WWW-Authenticate', () => {
  it.each([
    ['Basic realm="x"', [['basic', { realm: 'x' }]]],
    ['Basic', [['basic', {}]]],
    ['Negotiate YII=', [['negotiate', {}]]],
    [
      'Negotiate YII=, Basic realm=x',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }]
      ]
    ],
    ['Basic realm="a, Digest realm=b"', [['basic', { realm: 'a, Digest realm=b' }]]],
    ['Basic realm="a\\"b\\\\c"', [['basic', { realm: 'a"b\\c' }]]],
    [
      ', ,Basic , Newauth realm="apps", type=1,\ttitle="Login to \\"apps\\"" , ',
      [
        ['basic', {}],
        ['newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }]
      ]
    ],
    [
      'Digest REALM="a" , nonce = "b",qop="auth,auth-int",Basic realm="c"',
      [
        ['digest', { realm: 'a', nonce: 'b', qop: 'auth,auth-int' }],
        ['basic', { realm: 'c' }]
      ]
    ],
    ['Digest realm="a", realm="b"', [['digest', { realm: 'a' }]]],
    ['', []],
    ['"', []],
    ['Basic realm="open', [['basic', {}]]],
    ['Basic realm="a" nonce="b", Digest realm="c"', [['basic', { realm: 'a' }]]],
    ['Basic __proto__="a"', [['basic', Object.fromEntries([['__proto__', 'a']])]]]
  ])('RFC 9110 §11.6.1 reads %s', (value, expected) => {
    expect(read(value)).toEqual(expected)
  })

  it('reads several fields; a mistake in one does not spoil the others', () => {
    expect(read('Digest realm="a', 'Basic realm="b"')).toEqual([
      ['digest', {}],
      ['basic', { realm: 'b' }]
    ])
  })

  it.each([
    ['a, '.repeat(200_000)],
    [`Basic ${'a=b,'.repeat(200_000)}`],
    [`Basic ${'a'.repeat(400_000)}"`],
    [`Basic realm="${'\\"'.repeat(200_000)}`],
    [' ,'.repeat(400_000)]
  ])('takes linear time on any input (%#), and keeps a bounded number', (value) => {
    const begin = performance.now()
    expect(parseChallenges([value]).length).toBeLessThanOrEqual(32)
    expect(performance.now() - begin).toBeLessThan(1000)
  })
})

describe('Authorization', () => {
  it.each([
    ['Basic QWxhZGRpbg==', { scheme: 'basic', token: 'QWxhZGRpbg==', parameters: {} }],
    ['bearer  a.b-c_d~e+f/g ', { scheme: 'bearer', token: 'a.b-c_d~e+f/g', parameters: {} }],
    ['Negotiate', { scheme: 'negotiate', token: null, parameters: {} }],
    ['Digest A="x, \\"y\\"" ,b=c', { scheme: 'digest', token: null, parameters: { a: 'x, "y"', b: 'c' } }],
    ['', null],
    [' ', null],
    ['"Basic"', null],
    ['Basic a b', null],
    ['Basic a=, b=c', null],
    ['Basic a b=c', null],
    ['Basic QQ==, Digest a=b', null],
    ['Digest a=b, a=c', null],
    ['Digest a=b, A=c', null],
    ['Digest a=b c=d', null],
    ['Digest a="b', null],
    ['Digest a=b,', null],
    ['Digest ,a=b', null],
    ['Digest a=b\u00e9', null]
  ])('RFC 9110 §11.6.2 reads %j', (value, expected) => {
    const credentials = parseCredentials(value)
    const parameters = Object.fromEntries(credentials?.parameters ?? [])
    expect(credentials === null ? null : { ...credentials, parameters }).toEqual(expected)
  })

  it('takes 32 parameters and no more', () => {
    const value = (count: number) =>
      `Digest ${Array.from({ length: count }, (_, i) => `p${i}=${i}`).join(', ')}`
    expect(parseCredentials(value(32))!.parameters.size).toBe(32)
    expect(parseCredentials(value(33))).toBeNull()
    expect(parseChallenges([value(33)])[0]!.parameters.size).toBe(32)
  })

  it.each([
    [`Digest ${'a=b,'.repeat(200_000)}`],
    [`Basic ${'a'.repeat(400_000)}"`],
    [`Basic ${'='.repeat(400_000)}"`],
    [`Basic a${' '.repeat(400_000)}b`],
    [`Digest a="${'\\"'.repeat(200_000)}`]
  ])('takes linear time on any input (%#)', (value) => {
    const begin = performance.now()
    expect(parseCredentials(value)).toBeNull()
    expect(performance.now() - begin).toBeLessThan(1000)
  })

  it('§5.6.4 quotes what it reads again', () => {
    for (const text of ['', 'a', '"', '\\', 'a "b" \\c', '\\"']) {
      expect(parseChallenges([`X a=${quote(text)}`])[0]!.parameters.get('a')).toBe(text)
    }
  })
})
