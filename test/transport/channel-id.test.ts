import { once } from 'node:events'
import { createServer as createSecureServer } from 'node:https'
import { connect as connectTls, type TLSSocket, type ConnectionOptions as TlsOptions } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { Agent, AsyncServer, type ChannelIdType, type Connection, WebSocketError } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, listenHttp, openAt, serve, until } from '../support/harness.js'
import { upgradeRequest } from '../support/raw-client.js'

guard()

const pair = await certificate()
/** OpenSSL's number for: offer no extended master secret. Node.js has no name for it. */
const NO_EXTENDED_MASTER_SECRET = 1

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes!).toString('hex')

/** A server, and the bindings that its handshakes saw. */
async function serveTls(maxVersion: 'TLSv1.3' | 'TLSv1.2', type: ChannelIdType) {
  const seen: string[] = []
  const server = await serve({
    tls: { ...pair, maxVersion },
    onhandshake: (request) => void seen.push(tell(() => request.channelId(type)))
  })
  return { server, seen, url: `wss://localhost:${server.port}` }
}

/** A binding in hex, or the error. */
function tell(ask: () => Uint8Array): string {
  try {
    return hex(ask())
  } catch (error) {
    if (error instanceof WebSocketError) return `${error.code}: ${error.message}`
    throw error
  }
}

/** Opens a WebSocket with a TLS client that is not ours; returns its socket. */
async function openForeign(port: number, options: TlsOptions): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', ca: pair.cert, servername: 'localhost', ...options })
  cleanUp(() => void socket.destroy())
  await once(socket, 'secureConnect')
  socket.write(upgradeRequest())
  await once(socket, 'data')
  return socket
}

describe.each([
  ['tls-exporter', 'TLSv1.3'],
  ['tls-exporter', 'TLSv1.2'],
  ['tls-unique', 'TLSv1.2']
] as const)('channelId %s, %s', (type, maxVersion) => {
  it('is the same at both ends, in onhandshake too, and another for each connection, resumed or not', async () => {
    const { server, seen, url } = await serveTls(maxVersion, type)
    const agent = new Agent({ tls: { ca: pair.cert } })
    const ids: string[] = []
    const resumed: unknown[] = []
    for (let i = 0; i < 3; i++) {
      const client = await agent.connect(url)
      const [onServer] = server.clients as unknown as [Connection]
      ids.push(tell(() => client.channelId(type)))
      expect(tell(() => onServer.channelId(type))).toBe(ids[i])
      expect(tell(() => onServer.channelId(type))).toBe(ids[i])
      resumed.push(client.transportDetails()?.tls?.resumed)
      await client.close()
      await onServer.closed()
    }
    expect(resumed).toEqual([false, true, true])
    expect(seen).toEqual(ids)
    expect(new Set(ids).size).toBe(3)
    const byteLength = type === 'tls-exporter' ? 32 : 12
    expect(ids.map(({ length }) => length)).toEqual(Array(3).fill(2 * byteLength))
  })

  it('is what a client computes that follows the RFC, resumed or not', async () => {
    const { server, seen } = await serveTls(maxVersion, type)
    const first = await openForeign(server.port!, {})
    const session = first.getSession()!
    const second = await openForeign(server.port!, { session })
    expect([first.isSessionReused(), second.isSessionReused()]).toEqual([false, true])
    const expected =
      type === 'tls-exporter'
        ? [first, second].map((one) =>
            one.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
          )
        : // RFC 5929 §3.1: the first Finished is the client's, in a resumption the server's.
          [first.getFinished(), second.getPeerFinished()]
    expect(seen).toEqual(expected.map(hex))
  })

  it('works through an https.Server that it is attached to', async () => {
    const http = await listenHttp(createSecureServer({ ...pair, maxVersion }))
    const server = new AsyncServer({ logLevel: 'silent' })
    server.attach(http)
    cleanUp(() => server.close())
    const agent = new Agent({ tls: { ca: pair.cert } })
    const client = await agent.connect(`wss://localhost:${http.port}`)
    cleanUp(() => client.terminate())
    const [onServer] = server.clients
    expect(tell(() => client.channelId(type))).toBe(tell(() => onServer!.channelId(type)))
    expect(client.channelId(type).byteLength).toBeGreaterThan(0)
  })

  it('gives bytes that are the caller’s own', async () => {
    const { server, url } = await serveTls(maxVersion, type)
    const client = await new Agent({ tls: { ca: pair.cert } }).connect(url)
    cleanUp(() => client.terminate())
    await until(() => server.clients.size === 1, 'it is open')
    const bytes = client.channelId(type)
    expect(bytes.buffer.byteLength).toBe(bytes.length)
    bytes.fill(0)
    expect(client.channelId(type)).not.toEqual(bytes)
  })
})

describe('channelId where there is none', () => {
  it.each(['tls-exporter', 'tls-unique'] as const)('%s without TLS', async (type) => {
    const seen: string[] = []
    const server = await serve({
      onhandshake: (request) => void seen.push(tell(() => request.channelId(type)))
    })
    await openAt(server)
    const [client] = server.clients
    const expected =
      'no-channel-id: the connection has no channel binding of that type: ' +
      `no '${type}': the connection does not use TLS (RFC 9266, RFC 5929)`
    expect([tell(() => client!.channelId(type)), ...seen]).toEqual([expected, expected])
  })

  it('tls-unique with TLS 1.3', async () => {
    const { server, seen } = await serveTls('TLSv1.3', 'tls-unique')
    await openAt(server, { isSecure: true })
    expect(seen).toEqual([expect.stringMatching(/^no-channel-id: .*TLS 1\.3 has none, take 'tls-exporter'/)])
  })

  it.each(['tls-exporter', 'tls-unique'] as const)(
    'RFC 7627 %s with TLS 1.2 and a peer that knows no extended master secret',
    async (type) => {
      const { server, seen } = await serveTls('TLSv1.2', type)
      await openForeign(server.port!, { secureOptions: NO_EXTENDED_MASTER_SECRET })
      expect(seen).toEqual([
        expect.stringMatching(/^no-channel-id: .* did not agree on an extended master secret \(RFC 7627\)/)
      ])
    }
  )

  it('when the transport is gone', async () => {
    for (const tls of [undefined, pair]) {
      const server = await serve(tls === undefined ? {} : { tls })
      const peer = await openAt(server, { isSecure: tls !== undefined })
      const [client] = server.clients
      peer.destroy()
      await client!.closed()
      expect(tell(() => client!.channelId('tls-exporter'))).toMatch(/^not-open: .*its TLS session is gone/)
    }
  })

  it.each(['tls-server-end-point', '', undefined, null])('another type: %s', async (type) => {
    const server = await serve()
    await openAt(server)
    const [client] = server.clients
    expect(tell(() => client!.channelId(type as ChannelIdType))).toMatch(
      /^invalid-argument: .*channelId takes 'tls-exporter' or 'tls-unique', not /
    )
  })
})
