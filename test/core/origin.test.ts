import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkTrustedOrigins, isTrustedOrigin, type TrustedOrigins } from '../../src/core/origin.js'
import { elapsedMs, errorOf } from './head-chunks.js'

describe('§10.2 by default', () => {
  it.each<[origin: string | null, host: string, isSecure: boolean, isTrusted: boolean]>([
    // No browser sent it.
    [null, 'example.com', false, true],
    // Same host and port, however written.
    ['http://example.com', 'example.com', false, true],
    ['http://example.com', 'example.com:80', false, true],
    ['http://example.com:80', 'example.com', false, true],
    ['http://EXAMPLE.com', 'Example.COM', false, true],
    ['http://localhost:9999', 'localhost:9999', false, true],
    ['http://[::1]:9999', '[::1]:9999', false, true],
    ['https://example.com', 'example.com', true, true],
    ['https://example.com', 'example.com:443', true, true],
    // Behind a proxy that speaks TLS.
    ['https://example.com', 'example.com', false, true],
    ['https://example.com:8443', 'example.com:8443', false, true],
    // A page without TLS, a server with it.
    ['http://example.com', 'example.com', true, false],
    ['http://example.com:443', 'example.com', true, false],
    // Another port.
    ['http://example.com:8080', 'example.com', false, false],
    ['http://example.com', 'example.com:8080', false, false],
    ['https://example.com', 'example.com:80', true, false],
    ['https://example.com', 'example.com:8443', true, false],
    // Another host.
    ['http://evil.com', 'example.com', false, false],
    ['http://www.example.com', 'example.com', false, false],
    ['http://example.com.evil.com', 'example.com', false, false],
    ['http://example.com.', 'example.com', false, false],
    ['http://evilexample.com', 'example.com', false, false],
    // No origin of a page, or none at all.
    ['null', 'example.com', false, false],
    ['null', 'null', false, false],
    ['', '', false, false],
    ['', 'example.com', false, false],
    ['example.com', 'example.com', false, false],
    ['//example.com', 'example.com', false, false],
    ['ftp://example.com', 'example.com', false, false],
    ['chrome-extension://example.com', 'example.com', false, false],
    ['http://example.com/', 'example.com', false, false],
    ['http://user@example.com', 'example.com', false, false],
    ['http://evil.com#example.com', 'example.com', false, false],
    ['http://example.com http://evil.com', 'example.com', false, false],
    ['http://example.com, http://evil.com', 'example.com', false, false],
    ['http://example.com\n', 'example.com', false, false]
  ])('origin %j, host %j, TLS %j: %j', (origin, host, isSecure, isTrusted) => {
    expect(isTrustedOrigin(origin, host, isSecure, undefined)).toBe(isTrusted)
  })
})

describe('§10.2 with a list', () => {
  it.each<[origin: string | null, trusted: TrustedOrigins, isTrusted: boolean]>([
    ['http://evil.com', '*', true],
    ['null', '*', true],
    ['http://evil.com', ['http://a.com', '*'], true],
    [null, [], true],
    ['http://example.com', [], false],
    ['null', ['null'], true],
    ['null', ['http://null'], false],
    ['http://null', ['null'], false],
    ['http://a.com', ['http://b.com', 'http://a.com'], true],
    ['http://A.com:80', ['http://a.COM'], true],
    ['http://a.com', ['http://a.com:80'], true],
    ['https://a.com', ['http://a.com'], false],
    ['http://a.com:81', ['http://a.com'], false],
    ['http://a.com', ['http://a.com:81'], false],
    ['http://localhost:5173', ['http://localhost:*'], true],
    ['http://localhost', ['http://localhost:*'], true],
    ['http://localhost.evil.com:5173', ['http://localhost:*'], false],
    ['chrome-extension://abcdef', ['chrome-extension://abcdef'], true],
    ['https://www.example.com', ['https://*.example.com'], true],
    ['https://a.b.example.com', ['https://*.example.com'], true],
    ['https://WWW.Example.com:443', ['https://*.example.COM'], true],
    ['https://example.com', ['https://*.example.com'], false],
    ['https://.example.com', ['https://*.example.com'], false],
    ['https://aexample.com', ['https://*.example.com'], false],
    ['https://evil.com/.example.com', ['https://*.example.com'], false],
    ['https://evil.com#.example.com', ['https://*.example.com'], false],
    ['https://evil.com?.example.com', ['https://*.example.com'], false],
    ['https://evil.com\\.example.com', ['https://*.example.com'], false],
    ['https://www.example.com.evil.com', ['https://*.example.com'], false],
    ['https://www.example.com@evil.com', ['https://*.example.com'], false],
    ['https://wwwXexample.com', ['https://www.example.com'], false],
    ['http://www.example.com', ['https://*.example.com'], false],
    ['https://www.example.com:8443', ['https://*.example.com'], false],
    ['https://www.example.com:8443', ['https://*.example.com:*'], true],
    ['https://*.example.com', ['https://a.example.com'], false]
  ])('origin %j, trusted %j: %j', (origin, trusted, isTrusted) => {
    expect(isTrustedOrigin(origin, 'other.example', false, trusted)).toBe(isTrusted)
  })

  it('a wildcard never reaches a host outside its domain', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab.:/@#?\\*- exampl.com'), maxLength: 30 })
    fc.assert(
      fc.property(text, text, (before, after) => {
        const origin = `https://${before}.example.com${after}`
        if (!isTrustedOrigin(origin, 'other', false, ['https://*.example.com:*'])) return
        expect(new URL(origin).hostname.endsWith('.example.com')).toBe(true)
      }),
      { numRuns: 2000 }
    )
  })

  it('takes linear time', () => {
    const long = `https://${'a.'.repeat(500_000)}b`
    expect(elapsedMs(() => isTrustedOrigin(long, long, true, undefined))).toBeLessThan(1000)
    expect(elapsedMs(() => isTrustedOrigin(long, long, true, ['https://*.a.a']))).toBeLessThan(1000)
  })
})

describe('a policy is checked', () => {
  it('and passes', () => {
    const list = ['*', 'null', 'https://a.com', 'http://*.a.com', 'http://[::1]:9', 'http://a:*', 'app://-']
    for (const policy of [undefined, '*', [], list] as TrustedOrigins[]) {
      expect(() => checkTrustedOrigins(policy)).not.toThrow()
    }
  })

  it.each([
    '',
    'a.com',
    'https://',
    'https://a.com/',
    'https://*',
    'https://*a.com',
    'https://a.*.com',
    'https://a.*',
    '*://a.com',
    'https://*.*.com',
    'https://*..com',
    'https://a.com:',
    'https://a.com:80*',
    'https://u@a.com',
    'https://a.com\n'
  ])('and names an entry that is no origin: %j', (pattern) => {
    const error = errorOf(() => checkTrustedOrigins(['https://a.com', pattern]))
    expect(error.code).toBe('invalid-option')
    expect(error.message).toContain(JSON.stringify(pattern))
  })
})
