import { describe, expect, it } from 'vitest'
import { HeaderFields } from '../../src/core/header-fields.js'
import type { AsyncServerOptions, HandshakeRequest } from '../../src/index.js'
import {
  ForwardedReader,
  type ProxyHeaders,
  type Source,
  type TrustProxy
} from '../../src/server/forwarded.js'
import { connectTo, guard, openAt, serve, until } from '../support/harness.js'
import { upgradeRequest } from '../support/raw-client.js'

guard()

const PEER: Source = { address: '10.0.0.1', port: null, isSecure: false, host: null }

/** Who the client is; `lines`: header lines. */
function read(
  trustProxy: TrustProxy,
  lines: readonly string[],
  headers: ProxyHeaders = 'x-forwarded',
  peer: Source = PEER
): Source {
  const raw = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return new ForwardedReader(trustProxy, headers).read(new HeaderFields(raw), peer)
}

describe('X-Forwarded-For', () => {
  it.each<[TrustProxy, string, string]>([
    [0, '1.1.1.1', '10.0.0.1'],
    [1, '1.1.1.1', '1.1.1.1'],
    [1, '6.6.6.6, 1.1.1.1', '1.1.1.1'],
    [2, '6.6.6.6, 1.1.1.1, 10.0.0.2', '1.1.1.1'],
    [2, '1.1.1.1', '1.1.1.1'],
    [5, '1.1.1.1, 10.0.0.2', '1.1.1.1'],
    [['10.0.0.0/8'], '1.1.1.1', '1.1.1.1'],
    [['10.0.0.0/8'], '6.6.6.6, 1.1.1.1, 10.0.0.3, 10.0.0.2', '1.1.1.1'],
    [['10.0.0.1'], '6.6.6.6, 1.1.1.1, 10.0.0.3, 10.0.0.2', '10.0.0.2'],
    [['10.0.0.0/8'], '10.6.6.6, 10.0.0.2', '10.6.6.6'],
    [['10.0.0.2', '::1'], '1.1.1.1', '10.0.0.1'],
    [[], '1.1.1.1', '10.0.0.1'],
    [['10.0.0.0/8'], '2001:db8::1', '2001:db8::1'],
    [['10.0.0.0/8', 'fd00::/8'], '2001:db8::1, fd00::1', '2001:db8::1'],
    [1, '', '10.0.0.1'],
    [1, ' , ,', '10.0.0.1']
  ])('with trustProxy %j, %j is %s', (trustProxy, value, expected) => {
    expect(read(trustProxy, [`X-Forwarded-For: ${value}`]).address).toBe(expected)
  })

  it("a spoofed field before the proxies' own counts for nothing", () => {
    const lines = ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 1.1.1.1']
    expect(read(1, lines).address).toBe('1.1.1.1')
    expect(read(['10.0.0.0/8'], lines).address).toBe('1.1.1.1')
  })

  it.each([
    'unknown',
    '_hidden',
    '1.1.1',
    '1.1.1.256',
    '1.1.1.1 2.2.2.2',
    '"1.1.1.1"',
    'a.test',
    '::1%eth0',
    '[1.1.1.1]',
    '1.1.1.1:',
    '%'
  ])('garbage ends the way at the proxy that wrote it: %s', (garbage) => {
    const hops = ['10.0.0.0/8']
    expect(read(hops, [`X-Forwarded-For: ${garbage}`]).address).toBe('10.0.0.1')
    expect(read(hops, [`X-Forwarded-For: 6.6.6.6, ${garbage}, 10.0.0.2`]).address).toBe('10.0.0.2')
    expect(read(3, [`X-Forwarded-For: 6.6.6.6, ${garbage}, 10.0.0.2`]).address).toBe('10.0.0.2')
    expect(read(hops, [`X-Forwarded-For: ${garbage}, 1.1.1.1`]).address).toBe('1.1.1.1')
  })

  it.each([
    ['1.1.1.1:4711', '1.1.1.1', 4711],
    ['[2001:db8::1]:4711', '2001:db8::1', 4711],
    ['[2001:db8::1]', '2001:db8::1', null],
    ['1.1.1.1:65536', '1.1.1.1', null]
  ])('some proxies write ports: %s', (value, address, port) => {
    expect(read(1, [`X-Forwarded-For: ${value}`])).toMatchObject({ address, port })
  })

  it('a peer that is not trusted says nothing, and Forwarded is not looked at', () => {
    const lines = ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.test']
    expect(read(['10.0.0.2'], lines)).toBe(PEER)
    expect(read(1, ['Forwarded: for=6.6.6.6;host=evil.test'])).toEqual(PEER)
  })

  it('a mapped IPv4 address is the IPv4 address; a unix socket is in no list', () => {
    const lines = ['X-Forwarded-For: 1.1.1.1']
    const mapped = { ...PEER, address: '::ffff:10.0.0.1' }
    expect(read(['10.0.0.0/8'], lines, 'x-forwarded', mapped).address).toBe('1.1.1.1')
    const local = { ...PEER, address: null }
    expect(read(['0.0.0.0/0', '::/0'], lines, 'x-forwarded', local).address).toBeNull()
    expect(read(1, lines, 'x-forwarded', local).address).toBe('1.1.1.1')
  })
})

describe('X-Forwarded-Proto and -Host', () => {
  it.each<[number, string, boolean, string | null]>([
    [1, 'https', true, null],
    [1, 'HTTPS', true, null],
    [1, 'wss', true, null],
    [1, 'http', false, null],
    [1, 'gopher', false, null],
    [1, 'https, http', false, null],
    [2, 'https, http', true, null],
    [2, 'https', true, null]
  ])('with %i proxies, %s', (count, proto, isSecure, host) => {
    const lines = ['X-Forwarded-For: 1.1.1.1, 10.0.0.2', `X-Forwarded-Proto: ${proto}`]
    expect(read(count, lines)).toMatchObject({ isSecure, host })
  })

  it('is told by the nearest proxy even if it does not say of whom', () => {
    expect(read(1, ['X-Forwarded-Proto: https', 'X-Forwarded-Host: a.test:8443'])).toEqual({
      ...PEER,
      isSecure: true,
      host: 'a.test:8443'
    })
  })

  it.each(['', 'a b', 'a/b', 'é', 'a@b'])('a host that is none is ignored: %j', (host) => {
    expect(read(1, [`X-Forwarded-Host: ${host}`]).host).toBeNull()
  })
})

describe('Forwarded', () => {
  const forwarded = (trustProxy: TrustProxy, ...values: string[]) =>
    read(
      trustProxy,
      values.map((value) => `Forwarded: ${value}`),
      'forwarded'
    )

  it.each<[TrustProxy, string, Partial<Source>]>([
    [1, 'for=192.0.2.43', { address: '192.0.2.43', port: null }],
    [1, 'For="[2001:db8:cafe::17]:4711"', { address: '2001:db8:cafe::17', port: 4711 }],
    [1, 'for="192.0.2.43:47011"', { address: '192.0.2.43', port: 47_011 }],
    [1, 'for="192.0.2.43:_port"', { address: '192.0.2.43', port: null }],
    [
      1,
      'for=192.0.2.60;proto=https;by=203.0.113.43;host=a.test',
      { address: '192.0.2.60', isSecure: true, host: 'a.test' }
    ],
    [
      1,
      'for=6.6.6.6;proto=https;host=evil.test, for=1.1.1.1',
      { address: '1.1.1.1', isSecure: false, host: null }
    ],
    [
      2,
      'for=1.1.1.1;proto=https;host="a.test:1", for=10.0.0.2;proto=http',
      { address: '1.1.1.1', isSecure: true, host: 'a.test:1' }
    ],
    [['10.0.0.0/8'], 'for=6.6.6.6, for=1.1.1.1 , for=10.0.0.2', { address: '1.1.1.1' }],
    [1, 'for=unknown;proto=https', { address: '10.0.0.1', isSecure: true }],
    [1, 'for="_gazonk"', { address: '10.0.0.1' }],
    [1, 'proto=https', { address: '10.0.0.1', isSecure: true }],
    [1, 'for=1.1.1.1;for=2.2.2.2', { address: '10.0.0.1' }],
    [1, 'for=1.1.1.1 proto=https', { address: '10.0.0.1', isSecure: false }],
    [1, 'for', { address: '10.0.0.1' }],
    [1, '', { address: '10.0.0.1' }],
    [1, 'for="6.6.6.6, for=1.1.1.1', { address: '1.1.1.1' }],
    [1, 'for="\\"6.6.6.6, for=1.1.1.1', { address: '1.1.1.1' }],
    [0, 'for=1.1.1.1', { address: '10.0.0.1' }]
  ])('RFC 7239 §4 with trustProxy %j, %s', (trustProxy, value, expected) => {
    expect(forwarded(trustProxy, value)).toMatchObject(expected)
  })

  it('several fields are one list, and X-Forwarded-For is not looked at', () => {
    expect(forwarded(1, 'for=6.6.6.6', 'for=1.1.1.1').address).toBe('1.1.1.1')
    expect(read(1, ['X-Forwarded-For: 6.6.6.6'], 'forwarded')).toEqual(PEER)
  })
})

it.each<ProxyHeaders>(['x-forwarded', 'forwarded'])('takes linear time on any input: %s', (headers) => {
  const values = ['1,', ',', 'for=10.0.0.1,', '10.0.0.1,', 'for="', '\\"', ';', 'a=b;', ' ', '[', ':']
  for (const value of values) {
    const begin = performance.now()
    const line = value.repeat(400_000 / value.length)
    const fields = [`X-Forwarded-For: ${line}`, `X-Forwarded-Host: ${line}`, `Forwarded: ${line}`]
    read(['10.0.0.0/8'], fields, headers)
    expect(performance.now() - begin).toBeLessThan(2000)
  }
})

describe('trustProxy', () => {
  /** What handlers see of a client. */
  async function see(options: AsyncServerOptions, headers: readonly string[]) {
    const seen: unknown[] = []
    const server = await serve({
      ...options,
      onhandshake: ({ remoteAddress, isSecure, host }: HandshakeRequest) =>
        void seen.push(remoteAddress, isSecure, host),
      onopen: (client) => void seen.push(client.remoteAddress, client.remotePort),
      onclose: (client) => void seen.push(client.remoteAddress, client.remotePort)
    })
    const client = await openAt(server, { headers })
    const port = client.socket.localPort!
    client.reset()
    await until(() => seen.length === 7, 'it is over')
    return { seen, port }
  }

  const headers = [
    'X-Forwarded-For: 6.6.6.6, 1.1.1.1:4711',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: a.test'
  ]

  it('tells request and connection who the client is, to its end', async () => {
    const { seen } = await see({ trustProxy: ['127.0.0.0/8'] }, headers)
    expect(seen).toEqual(['1.1.1.1', true, 'a.test', '1.1.1.1', 4711, '1.1.1.1', 4711])
  })

  it('by default believes nobody', async () => {
    const { seen, port } = await see({}, headers)
    expect(seen).toEqual(['127.0.0.1', false, '127.0.0.1', '127.0.0.1', port, '127.0.0.1', port])
  })

  it('leaves the peer where no proxy says anything', async () => {
    const { seen, port } = await see({ trustProxy: 1 }, [])
    expect(seen).toEqual(['127.0.0.1', false, '127.0.0.1', '127.0.0.1', port, '127.0.0.1', port])
  })

  it.each([
    ['https://a.test', 1, 101],
    ['http://a.test', 1, 403],
    ['https://evil.test', 1, 403],
    ['https://a.test', ['10.0.0.1'], 403],
    ['https://127.0.0.1', 1, 403]
  ])('the origin %s with trustProxy %j gets %i', async (origin, trustProxy, status) => {
    const server = await serve({ trustProxy })
    const client = await connectTo(server)
    client.write(upgradeRequest('/', [`Origin: ${origin}`, ...headers]))
    expect(await client.readHead()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })
})
