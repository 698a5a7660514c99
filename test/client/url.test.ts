import { describe, expect, it } from 'vitest'
import { parseUrl, resolveRedirect } from '../../src/client/url.js'
import { WebSocketError } from '../../src/core/errors.js'

const plain = { socketPath: null, credentials: null }

function faultOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof WebSocketError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'none'
}

describe('parseUrl', () => {
  it.each([
    [
      'ws://example.com',
      {
        isSecure: false,
        host: 'example.com',
        port: 80,
        authority: 'example.com',
        path: '/',
        origin: 'ws://example.com'
      }
    ],
    [
      'wss://example.com:444/a/b?c=d&e',
      {
        isSecure: true,
        host: 'example.com',
        port: 444,
        authority: 'example.com:444',
        path: '/a/b?c=d&e',
        origin: 'wss://example.com:444'
      }
    ],
    [
      'http://example.com:80/',
      {
        isSecure: false,
        host: 'example.com',
        port: 80,
        authority: 'example.com',
        path: '/',
        origin: 'ws://example.com'
      }
    ],
    [
      'HTTPS://EXAMPLE.com',
      {
        isSecure: true,
        host: 'example.com',
        port: 443,
        authority: 'example.com',
        path: '/',
        origin: 'wss://example.com'
      }
    ],
    [
      'ws://[::1]:8000/é?ü',
      {
        isSecure: false,
        host: '::1',
        port: 8000,
        authority: '[::1]:8000',
        path: '/%C3%A9?%C3%BC',
        origin: 'ws://[::1]:8000'
      }
    ]
  ])('§3 reads %s', (text, expected) => {
    expect(parseUrl(text)).toEqual({ ...plain, ...expected })
    expect(parseUrl(new URL(text))).toEqual({ ...plain, ...expected })
  })

  it.each([
    ['ws+unix:///tmp/a.sock', false, '/tmp/a.sock', '/'],
    ['ws+unix:///tmp/a.sock:/chat?x=1', false, '/tmp/a.sock', '/chat?x=1'],
    ['wss+unix:///tmp/a%20b%3A.sock:/c:d', true, '/tmp/a b:.sock', '/c:d'],
    ['ws+unix:a.sock:/x', false, 'a.sock', '/x']
  ])('reads %s', (text, isSecure, socketPath, path) => {
    expect(parseUrl(text)).toMatchObject({
      isSecure,
      socketPath,
      path,
      host: 'localhost',
      authority: 'localhost'
    })
  })

  it('takes credentials out, and shows them nowhere', () => {
    const { credentials, origin, authority } = parseUrl('ws://us%40er:p%3Ass@example.com/')
    expect(credentials).toEqual({ username: 'us@er', password: 'p:ss' })
    expect([origin, authority]).toEqual(['ws://example.com', 'example.com'])
    expect(parseUrl('ws://user@example.com/').credentials).toEqual({ username: 'user', password: '' })
  })

  it.each([
    ['', 'invalid-url: the URL is not one of a WebSocket: "": it cannot be parsed (RFC 6455 §3)'],
    ['example.com', 'cannot be parsed'],
    ['ws://', 'cannot be parsed'],
    ['ws://a b/', 'cannot be parsed'],
    ['ws://example.com:65536/', 'cannot be parsed'],
    ['ftp://example.com/', '"ftp:": the scheme is none of'],
    ['ws://example.com/#a', 'it has a fragment'],
    ['ws://example.com/#', 'it has a fragment'],
    ['ws+unix:///tmp/a.sock:/#b', 'it has a fragment'],
    ['ws+unix://tmp/a.sock', 'the path of a socket begins behind the third slash'],
    ['ws+unix:', 'it names no unix socket'],
    ['ws+unix:///', 'it names no unix socket'],
    ['ws+unix:///a%00b', 'it names no unix socket'],
    ['ws+unix:///a:b', "the request's path behind the colon begins with '/'"],
    ['ws://a%3Ab:c@example.com/', 'a username has no colon'],
    ['ws://%ff:secret@example.com/', 'not percent-encoded UTF-8']
  ])('refuses %j', (text, detail) => {
    expect(faultOf(() => parseUrl(text))).toContain(detail)
    expect(faultOf(() => parseUrl(text))).toMatch(/^invalid-url: /)
  })

  it('shows no password of a URL that it refuses', () => {
    expect(faultOf(() => parseUrl('ws://user:secret@exa mple/'))).not.toContain('secret')
    expect(faultOf(() => parseUrl('ws://user:secret@example.com/#x'))).not.toContain('secret')
  })

  it.each([[undefined], [null], [5], [{}], [['ws://a/']]])('refuses %j, which is no string', (value) => {
    expect(faultOf(() => parseUrl(value as unknown as string))).toMatch(/^invalid-url: /)
  })
})

describe('resolveRedirect', () => {
  const from = parseUrl('wss://user:pass@example.com/a/b?c')

  it.each([
    ['/x?y', 'wss://example.com', '/x?y'],
    ['d', 'wss://example.com', '/a/d'],
    ['?q', 'wss://example.com', '/a/b?q'],
    ['//other.example/x', 'wss://other.example', '/x'],
    ['https://other.example:8443/x#frag', 'wss://other.example:8443', '/x'],
    ['wss://u:p@example.com/', 'wss://example.com', '/']
  ])('follows %s, with no credentials of it', (location, origin, path) => {
    expect(resolveRedirect(from, location)).toMatchObject({ origin, path, credentials: null })
  })

  it('stays at a unix socket while it is relative', () => {
    const unix = parseUrl('ws+unix:///tmp/a.sock:/x/y')
    expect(resolveRedirect(unix, 'z?1')).toMatchObject({ socketPath: '/tmp/a.sock', path: '/x/z?1' })
    expect(resolveRedirect(unix, 'ws://example.com/')).toMatchObject({
      socketPath: null,
      host: 'example.com'
    })
  })

  it.each([
    [null, 'malformed-response'],
    ['ws://[', 'malformed-response'],
    ['ws://example.com/', 'unsafe-redirect'],
    ['http://example.com/', 'unsafe-redirect'],
    ['ws+unix:///run/secret.sock:/', 'unsafe-redirect'],
    ['ftp://example.com/', 'unsafe-redirect'],
    ['data:,x', 'unsafe-redirect']
  ])('does not follow %s', (location, code) => {
    expect(faultOf(() => resolveRedirect(from, location)).split(':')[0]).toBe(code)
  })
})
