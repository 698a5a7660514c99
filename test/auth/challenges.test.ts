import { describe, expect, it } from 'vitest'
import { parseChallenges } from '../../src/auth/challenges.js'

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
