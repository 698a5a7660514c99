import { Agent as HttpAgent } from 'node:http'
import { describe, expect, it } from 'vitest'
import { resolveClientOptions } from '../../src/client/options.js'
import { Agent, connect, WebSocketError } from '../../src/index.js'

function fault(options: unknown): string {
  try {
    resolveClientOptions(options as object)
  } catch (error) {
    if (error instanceof WebSocketError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'none'
}

describe('the defaults', () => {
  it('are these', () => {
    expect(resolveClientOptions({})).toEqual({
      extensions: [],
      protocols: [],
      headers: [],
      handshakeTimeoutMs: 10_000,
      autoFragmentBytes: 0,
      closeTimeoutMs: 2_000,
      pingIntervalMs: 30_000,
      pongTimeoutMs: 20_000,
      maxRedirects: 0,
      maxBodyBytes: 4096,
      maxMessageBytes: 64 * 1024 * 1024,
      maxFrameBytes: 64 * 1024 * 1024,
      maxFragments: 65_536,
      maxUnansweredPings: 64,
      maxHeadBytes: 16 * 1024,
      maxHeaderCount: 100,
      lowWatermarkBytes: 64 * 1024,
      highWatermarkBytes: 1024 * 1024,
      family: 0,
      localPort: 0,
      onslow: 'continue',
      logLevel: 'warn'
    })
  })
})

describe('a wrong option', () => {
  it.each<[string, unknown, string]>([
    ['url', 'x', 'there is no option "url"'],
    ['protocols', 'a', 'protocols must be a list of subprotocol names'],
    ['protocols', ['a', 'a'], 'none twice'],
    ['protocols', ['a b'], 'protocols must be'],
    ['origin', 'a\r\nb', 'origin must be the value of a header'],
    ['origin', null, 'origin must be the value of a header'],
    ['headers', 'a: b', 'headers must be an object'],
    ['headers', { 'a b': 'c' }, 'the header name "a b" is not a token'],
    ['headers', { a: 'b\r\nc: d' }, 'the value of header a'],
    ['headers', { Host: 'x' }, 'the header Host belongs to the handshake'],
    ['headers', { 'Sec-WebSocket-Key': 'x' }, 'belongs to the handshake'],
    ['headers', { a: 5 }, 'the value of header a'],
    ['auth', 'a:b', 'auth must be an object with username and password'],
    ['auth', { username: 'a' }, 'auth.password must be a string'],
    ['auth', { username: 'a:b', password: 'x' }, 'auth.username must be a string without a colon'],
    ['auth', { username: 'a', password: 'x', realm: 'y' }, 'auth has no "realm"'],
    ['auth', { username: 'a', password: 'x', preemptive: 1 }, 'auth.preemptive must be true or false'],
    ['handshakeTimeoutMs', -1, 'handshakeTimeoutMs must be an integer from 0 to 2147483647, not number -1'],
    ['handshakeTimeoutMs', 2 ** 31, 'handshakeTimeoutMs must be an integer'],
    ['maxRedirects', 101, 'maxRedirects must be an integer from 0 to 100'],
    ['maxBodyBytes', Number.POSITIVE_INFINITY, 'maxBodyBytes must be an integer'],
    ['agent', {}, 'agent must be an agent of node:http or node:https'],
    ['agent', new Agent(), 'agent must be an agent of node:http or node:https'],
    ['tls', true, 'tls must be an object'],
    ['lookup', 'x', 'lookup must be a function'],
    ['family', 5, 'family must be 0, 4 or 6'],
    ['localAddress', 'localhost', 'localAddress must be an IP address'],
    ['localPort', 65_536, 'localPort must be an integer from 0 to 65535'],
    ['onslow', 'drop', "onslow must be one of 'continue', 'pause', 'close'"],
    ['maxMessageBytes', 0, 'maxMessageBytes must be an integer from 1'],
    ['logLevel', 'loud', 'logLevel must be one of']
  ])('%s: %o is an error that names it', (name, value, detail) => {
    expect(fault({ [name]: value })).toContain(detail)
    expect(fault({ [name]: value })).toMatch(/^invalid-option: /)
  })

  it('shows no password', () => {
    expect(fault({ auth: { username: 'a:b', password: 'secret' } })).not.toContain('secret')
    expect(fault({ auth: { username: 'a', password: 'sec\nret' } })).not.toContain('ret"')
    expect(fault({ auth: 'user:secret' })).not.toContain('secret')
  })

  it('watermarks the wrong way round', () => {
    expect(fault({ lowWatermarkBytes: 2, highWatermarkBytes: 1 })).toContain('lowWatermarkBytes (2) is above')
  })

  it.each([
    [{ onmessage: 5 }, 'onmessage must be a function'],
    [{ signal: {} }, 'signal must be an AbortSignal'],
    [{ nope: 1 }, 'there is no option "nope"']
  ])('%o makes connect reject', async (options, detail) => {
    await expect(connect('ws://127.0.0.1:1', options as object)).rejects.toMatchObject({
      code: 'invalid-option'
    })
    await expect(connect('ws://127.0.0.1:1', options as object)).rejects.toThrow(detail)
  })

  it('an agent that does not fit the URL makes connect reject', async () => {
    const agent = new HttpAgent()
    await expect(connect('wss://127.0.0.1:1', { agent })).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it('TLS options that cannot be read make connect reject', async () => {
    const tls = { key: 'no key', cert: 'no cert' }
    await expect(connect('wss://127.0.0.1:1', { tls })).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it('a wrong URL makes connect reject', async () => {
    await expect(connect('nowhere')).rejects.toMatchObject({ code: 'invalid-url' })
  })

  it('an Agent checks its own', () => {
    expect(() => new Agent({ family: 5 as 4 })).toThrow('family must be 0, 4 or 6')
  })
})
