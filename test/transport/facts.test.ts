// Tests of what StreamFacts and EngineFacts tell, through connections and handshakes: the same questions to both.
import { createServer as createSecureServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  Agent,
  AsyncServer,
  type AsyncServerOptions,
  type Connection,
  connect,
  type TransportDetails
} from '../../src/index.js'
import { StreamFacts } from '../../src/transport/stream-facts.js'
import { certificate } from '../support/certificate.js'
import { duplexPair } from '../support/duplex-pair.js'
import { cleanUp, guard, listenHttp, serve, until } from '../support/harness.js'

guard()

const pair = await certificate()

/** A server that notes what its handshakes know. */
async function serveNoting(options: AsyncServerOptions = {}) {
  const seen: (TransportDetails | null)[] = []
  const onhandshake: AsyncServerOptions['onhandshake'] = (request) =>
    void seen.push(request.transportDetails())
  return { seen, server: await serve({ onhandshake, ...options }) }
}

/** Both ends of a connection. */
async function openBoth(server: AsyncServer, url: string, options: object = {}) {
  const client = await connect(url, { tls: { ca: pair.cert }, ...options })
  cleanUp(() => client.terminate())
  await until(() => server.clients.size === 1, 'the connection is open')
  const [onServer] = server.clients as unknown as [Connection]
  return { client, onServer }
}

const plain = { encrypted: false, tls: null }

describe('transportDetails', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', 'IPv4'],
    ['::1', '[::1]', 'IPv6']
  ])('has both ends of a plain connection, at %s', async (host, name, family) => {
    const { server, seen } = await serveNoting({ host })
    const { client, onServer } = await openBoth(server, `ws://${name}:${server.port}`)
    const details = onServer.transportDetails()
    expect(details).toEqual({
      localAddress: host,
      localPort: server.port,
      remoteAddress: host,
      remotePort: onServer.remotePort,
      family,
      ...plain
    })
    expect(seen).toEqual([details])
    expect(client.transportDetails()).toEqual({
      ...details,
      localPort: details?.remotePort,
      remotePort: server.port
    })
  })

  it('tells an IPv4 client of a server at all addresses as both ends see it', async () => {
    const { server } = await serveNoting({ host: '::' })
    const { client, onServer } = await openBoth(server, `ws://127.0.0.1:${server.port}`)
    expect(onServer.transportDetails()).toMatchObject({
      localAddress: '::ffff:127.0.0.1',
      remoteAddress: '::ffff:127.0.0.1',
      family: 'IPv6'
    })
    expect(client.transportDetails()).toMatchObject({ localAddress: '127.0.0.1', family: 'IPv4' })
  })

  it('of a unix socket there are no addresses', async () => {
    const socketPath = join(tmpdir(), `hotsocket-facts-${process.pid}-${process.env.HOTSOCKET_TIER}.sock`)
    const { server, seen } = await serveNoting({ socketPath })
    const { client, onServer } = await openBoth(server, `ws+unix://${socketPath}:/`)
    const nothing = {
      localAddress: null,
      localPort: null,
      remoteAddress: null,
      remotePort: null,
      family: null,
      ...plain
    }
    expect([client.transportDetails(), onServer.transportDetails(), ...seen]).toEqual([
      nothing,
      nothing,
      nothing
    ])
  })

  it('of a stream of another kind there is nothing but that', () => {
    const [end] = duplexPair()
    expect(new StreamFacts(end).transportDetails()).toMatchObject({
      localAddress: null,
      family: null,
      ...plain
    })
    end.destroy()
    expect(new StreamFacts(end).transportDetails()).toBeNull()
  })

  it.each([
    ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    ['TLSv1.2', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256']
  ] as const)('tells what TLS has agreed on: %s', async (version, cipher) => {
    const { server, seen } = await serveNoting({ tls: { ...pair, maxVersion: version } })
    const tls = { ca: pair.cert, ALPNProtocols: ['http/1.1'] }
    const { client, onServer } = await openBoth(server, `wss://localhost:${server.port}`, { tls })
    const common = { version, cipher, alpn: 'http/1.1', servername: 'localhost', resumed: false }
    const details = onServer.transportDetails()
    expect(details).toMatchObject({ localPort: server.port, remoteAddress: '127.0.0.1', encrypted: true })
    expect(details?.tls).toEqual({
      ...common,
      authorized: false,
      authorizationError: null,
      peerCertificate: null
    })
    expect(seen).toEqual([details])
    const { tls: onClient } = client.transportDetails()!
    expect(onClient).toMatchObject({ ...common, authorized: true, authorizationError: null })
    expect(onClient?.peerCertificate).toMatchObject({
      subject: { CN: 'localhost' },
      issuer: { CN: 'localhost' },
      subjectaltname: 'DNS:localhost',
      fingerprint256: expect.stringMatching(/^([\dA-F]{2}:){31}[\dA-F]{2}$/)
    })
  })

  it.each(['TLSv1.3', 'TLSv1.2'] as const)(
    'a client that resumes still has the certificate: %s',
    async (maxVersion) => {
      const { server, seen } = await serveNoting({ tls: { ...pair, maxVersion } })
      const agent = new Agent({ tls: { ca: pair.cert } })
      const shown = []
      for (let i = 0; i < 2; i++) {
        const client = await agent.connect(`wss://localhost:${server.port}`)
        const { tls } = client.transportDetails()!
        shown.push([tls?.resumed, tls?.authorized, tls?.peerCertificate?.fingerprint256])
        await client.close()
      }
      expect(shown).toEqual([
        [false, true, expect.any(String)],
        [true, true, shown[0]?.[2]]
      ])
      expect(seen.map((details) => details?.tls?.resumed)).toEqual([false, true])
    }
  )

  it('works through HTTP servers that it is attached to, plain and TLS', async () => {
    for (const tls of [false, true]) {
      const http = await listenHttp(tls ? createSecureServer(pair) : undefined)
      const seen: (TransportDetails | null)[] = []
      const server = new AsyncServer({
        logLevel: 'silent',
        onhandshake: (request) => void seen.push(request.transportDetails())
      })
      server.attach(http)
      cleanUp(() => server.close())
      const { port } = http
      const { onServer } = await openBoth(server, `${tls ? 'wss' : 'ws'}://localhost:${port}`, { family: 4 })
      const details = onServer.transportDetails()
      expect(details).toMatchObject({ localPort: port, remotePort: onServer.remotePort, encrypted: tls })
      expect(details?.tls?.version).toBe(tls ? 'TLSv1.3' : undefined)
      expect(seen).toEqual([details])
    }
  })

  it.each([false, true])('is null when the transport is gone; TLS: %s', async (tls) => {
    const atClose: unknown[] = []
    const { server } = await serveNoting({
      ...(tls ? { tls: pair } : {}),
      onclose: (client) => void atClose.push(client.transportDetails(), client.remoteAddress)
    })
    const url = `${tls ? 'wss' : 'ws'}://localhost:${server.port}`
    const { client, onServer } = await openBoth(server, url, { family: 4 })
    await client.close()
    await onServer.closed()
    // Its slot, or descriptor, is another's now.
    const { onServer: other } = await openBoth(server, url, { family: 4 })
    expect([onServer.transportDetails(), client.transportDetails()]).toEqual([null, null])
    expect(other.transportDetails()?.remotePort).toBe(other.remotePort)
    expect(atClose).toEqual([null, '127.0.0.1'])
  })

  it('a request that is kept knows nothing when the connection is over', async () => {
    const { server } = await serveNoting({ keepRequest: true })
    const { onServer, client } = await openBoth(server, `ws://127.0.0.1:${server.port}`)
    const { request } = onServer
    await client.close()
    await onServer.closed()
    expect(request?.transportDetails()).toBeNull()
  })
})
