import { describe, expect, it } from 'vitest'
import { AsyncServer, type AsyncServerOptions, WebSocket, WebSocketError } from '../../src/index.js'
import { resolveOptions } from '../../src/server/options.js'
import { certificate } from '../support/certificate.js'
import { serve } from '../support/harness.js'

const KIB = 1024
const MIB = KIB * KIB

/** What a server says to options. */
function fault(options: object): string {
  try {
    new AsyncServer(options as AsyncServerOptions)
  } catch (error) {
    if (error instanceof WebSocketError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'none'
}

describe('resolveOptions', () => {
  it('fills in the documented defaults', () => {
    expect(resolveOptions({})).toEqual({
      port: 0,
      backlog: 511,
      reusePort: false,
      protocols: [],
      extensions: [],
      maxConnections: Number.POSITIVE_INFINITY,
      keepRequest: false,
      auth: [],
      trustProxy: false,
      proxyHeaders: 'x-forwarded',
      proxyProtocol: false,
      handshakeTimeoutMs: 10_000,
      closeTimeoutMs: 2_000,
      pingIntervalMs: 30_000,
      pongTimeoutMs: 20_000,
      maxMessageBytes: 64 * MIB,
      maxFrameBytes: 64 * MIB,
      maxFragments: 65_536,
      maxUnansweredPings: 64,
      autoFragmentBytes: 0,
      maxHeadBytes: 16 * KIB,
      maxHeaderCount: 100,
      lowWatermarkBytes: 64 * KIB,
      highWatermarkBytes: MIB,
      onslow: 'pause',
      overflow: 'queue',
      topicOverflow: {},
      maxBufferedBytes: Number.POSITIVE_INFINITY,
      maxOverflowBytes: 1024 * 1024,
      overflowCloseCode: 1013,
      logLevel: 'warn'
    })
  })

  it('derives maxFrameBytes and lowWatermarkBytes, and takes undefined for the default', () => {
    const resolved = resolveOptions({
      maxMessageBytes: 1000,
      highWatermarkBytes: 10,
      port: undefined
    } as object)
    expect([resolved.maxFrameBytes, resolved.lowWatermarkBytes, resolved.port]).toEqual([1000, 10, 0])
  })

  it('takes what is at the edges', () => {
    const edges = { port: 65_535, backlog: 1, handshakeTimeoutMs: 2 ** 31 - 1, lowWatermarkBytes: 0 }
    expect(resolveOptions(edges)).toMatchObject(edges)
    expect(resolveOptions({ maxConnections: Number.POSITIVE_INFINITY }).maxConnections).toBe(
      Number.POSITIVE_INFINITY
    )
  })
})

const count = (name: string, lowest = 1, highest = Number.MAX_SAFE_INTEGER) =>
  [lowest - 1, highest + 1, 1.5, Number.NaN, '5', true, null].map(
    (value) => [name, value, `${name} must be an integer from ${lowest} to ${highest}`] as const
  )

describe('a wrong option', () => {
  it.each<readonly [string, unknown, string]>([
    ...['', 5, null].map((value) => ['host', value, 'host must be a string that is not empty'] as const),
    ...['', 5].map(
      (value) => ['socketPath', value, 'socketPath must be a string that is not empty'] as const
    ),
    ...count('port', 0, 65_535),
    ...count('backlog', 1, 2 ** 31 - 1),
    ...count('handshakeTimeoutMs', 0, 2 ** 31 - 1),
    ...count('closeTimeoutMs', 0, 2 ** 31 - 1),
    ...count('pingIntervalMs', 0, 2 ** 31 - 1),
    ...count('pongTimeoutMs', 0, 2 ** 31 - 1),
    ...count('maxConnections'),
    ...count('maxMessageBytes'),
    ...count('maxFrameBytes'),
    ...count('maxFragments'),
    ...count('maxUnansweredPings'),
    ...count('maxHeadBytes', 64, 2 ** 30),
    ...count('maxHeaderCount', 1, 2 ** 20),
    ...count('lowWatermarkBytes', 0),
    ...count('highWatermarkBytes'),
    ['tls', true, 'tls must be an object, not boolean true'],
    ['tls', {}, 'tls must be an object with key and cert (or contexts, pfx, SNICallback, pskCallback)'],
    ['tls', { key: 'no key', cert: 'no certificate' }, 'tls: '],
    ['protocols', 'chat', 'protocols must be a list of subprotocol names (tokens), none twice'],
    ['protocols', ['a b'], 'protocols must be a list of subprotocol names (tokens), none twice'],
    ['protocols', ['a', 'a'], 'protocols must be a list of subprotocol names (tokens), none twice'],
    ['extensions', [5], 'extensions must be a list of extensions, which item 0 (number 5) is not'],
    ['extensions', [{}], 'extensions must be a list of extensions, which item 0 (Object) is not'],
    [
      'locations',
      ['/', 'chat'],
      "locations must be a list of paths that begin with '/', which item 1 (string chat) is not"
    ],
    ['locations', '/chat', "locations must be a list of paths that begin with '/'"],
    ['trustedOrigins', 'https://a.test', "trustedOrigins must be '*' or a list of origins"],
    ['trustedOrigins', [5], "trustedOrigins must be '*' or a list of origins"],
    ['trustedOrigins', ['a.test'], 'trustedOrigins has "a.test", which is not an origin'],
    ['auth', { username: 'a', password: 'b' }, 'auth must be what basic or digest return, or a list of that'],
    ['auth', [null], 'auth must be what basic or digest return, or a list of that'],
    ...[true, -1, 1.5, 101, 'loopback', null, [5]].map(
      (value) =>
        [
          'trustProxy',
          value,
          "trustProxy must be false, a number of proxies up to 100, or a list of addresses and networks as '10.0.0.0/8'"
        ] as const
    ),
    ...['', 'proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', 'fe80::1%eth0', '10.0.0.256'].map(
      (value) =>
        [
          'trustProxy',
          ['::1', value],
          `trustProxy must be false, a number of proxies up to 100, or a list of addresses and networks, which "${value}" is not`
        ] as const
    ),
    ['proxyHeaders', 'cf', "proxyHeaders must be one of 'x-forwarded', 'forwarded', not string cf"],
    ['proxyProtocol', 2, 'proxyProtocol must be true, false, or a list of addresses and networks'],
    ['proxyProtocol', ['a'], 'proxyProtocol must be true, false, or a list of addresses and networks, which'],
    ['keepRequest', 1, 'keepRequest must be true or false'],
    ['onslow', 'drop', "onslow must be one of 'pause', 'close', 'continue', not string drop"],
    [
      'logLevel',
      'verbose',
      "logLevel must be one of 'silent', 'error', 'warn', 'info', 'debug', not string verbose"
    ],
    ['logger', 'stdout', 'logger must be an object'],
    ...(
      ['onhandshake', 'onopen', 'onmessage', 'onsent', 'onping', 'onpong', 'onclose', 'onerror'] as const
    ).map((name) => [name, 'f', `${name} must be a function, not string f`] as const),
    ['potr', 80, 'there is no option "potr"; there are host, port, '],
    ['constructor', 1, 'there is no option "constructor"; there are host, port, '],
    ['toString', 1, 'there is no option "toString"; there are host, port, ']
  ])('is an error that names it: %s %j', (name, value, expected) => {
    expect(fault({ [name]: value })).toContain(`invalid-option: an option is not valid: ${expected}`)
  })

  it.each([8000, 'ws://127.0.0.1', null, []])('%j in the place of all options is refused', (value) => {
    expect(() => new AsyncServer(value as object)).toThrow(/options are an object, not/)
    expect(() => new WebSocket(value as object)).toThrow(/options are an object/)
  })

  it('names watermarks that contradict each other', () => {
    expect(fault({ lowWatermarkBytes: 11, highWatermarkBytes: 10 })).toBe(
      'invalid-option: an option is not valid: lowWatermarkBytes (11) is above highWatermarkBytes (10)'
    )
  })

  it('a key that does not belong to the certificate is told before anybody listens', async () => {
    const { key } = await certificate()
    const { generate } = await import('selfsigned')
    const other = await generate([{ name: 'commonName', value: 'x' }], { algorithm: 'sha256', keyType: 'ec' })
    expect(fault({ tls: { key, cert: other.cert } })).toMatch(
      /^invalid-option: .* tls: .*key values mismatch/
    )
  })
})

describe('protocols', () => {
  it('§4.2.2 chooses the first of the client that the server speaks', async () => {
    const { openAt } = await import('../support/harness.js')
    const seen: (string | null)[] = []
    const server = await serve({ protocols: ['b', 'a'], onopen: ({ protocol }) => void seen.push(protocol) })
    const offers = [['Sec-WebSocket-Protocol: x, a, b'], ['Sec-WebSocket-Protocol: x'], []]
    for (const headers of offers) (await openAt(server, { headers })).destroy()
    await server.close()
    expect(seen).toEqual(['a', null, null])
  })
})
