import type { LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { generate } from 'selfsigned'
import { SocksProxyAgent } from 'socks-proxy-agent'
import { describe, expect, it } from 'vitest'
import { Agent, connect } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, serve, until } from '../support/harness.js'
import { serveConnectProxy, serveSocksProxy } from '../support/proxies.js'
import { serveRaw } from '../support/raw-server.js'

guard()

const pair = await certificate()

const toLoopback: LookupFunction = (_name, { all }, callback) =>
  all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4)

const serveEcho = (options: object = {}) =>
  serve({ tls: pair, onmessage: (client, message) => void client.send(message), ...options })

/** Opens a connection, has one message echoed, and ends it. */
async function echo(url: string, options: Parameters<typeof connect>[1]): Promise<unknown> {
  const got: unknown[] = []
  const connection = await connect(url, { ...options, onmessage: (_, { payload }) => void got.push(payload) })
  cleanUp(() => connection.terminate())
  connection.send('hello')
  await until(() => got.length === 1, 'the echo')
  await connection.close()
  return got[0]
}

describe('wss:', () => {
  it('verifies the server, with the authorities that it is given', async () => {
    const server = await serveEcho()
    expect(await echo(`wss://localhost:${server.port}`, { tls: { ca: pair.cert } })).toBe('hello')
  })

  it.each([
    ['no authority', 'localhost', {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [
      'another name',
      'other.example',
      { tls: { ca: pair.cert }, lookup: toLoopback },
      'ERR_TLS_CERT_ALTNAME_INVALID'
    ],
    ['another address', '127.0.0.2', { tls: { ca: pair.cert } }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [
      'no common version',
      'localhost',
      { tls: { ca: pair.cert, maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1' } as const },
      expect.stringMatching(/SSL|TLS|EPROTO/)
    ]
  ])('refuses %s: connect-failed, with the cause', async (_, host, options, code) => {
    const server = await serveEcho({ host: undefined })
    await expect(connect(`wss://${host}:${server.port}`, options)).rejects.toMatchObject({
      code: 'connect-failed',
      cause: { code }
    })
    expect(server.clients.size).toBe(0)
  })

  it('does not verify only if told so', async () => {
    const server = await serveEcho()
    expect(await echo(`wss://127.0.0.1:${server.port}`, { tls: { rejectUnauthorized: false } })).toBe('hello')
  })

  it('a server without TLS, or one that never answers, is a typed error in time', async () => {
    const plain = await serve()
    await expect(connect(`wss://localhost:${plain.port}`)).rejects.toMatchObject({ code: 'connect-failed' })
    const { createServer } = await import('node:net')
    let isGone = false
    const mute = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('close', () => {
          isGone = true
        })
      socket.resume()
    }).listen(0, '127.0.0.1')
    cleanUp(() => void mute.close())
    await until(() => mute.listening, 'it listens')
    const { port } = mute.address() as { port: number }
    const fault = connect(`wss://localhost:${port}`, { handshakeTimeoutMs: 100, family: 4 })
    await expect(fault).rejects.toMatchObject({ code: 'handshake-timeout' })
    await until(() => isGone, 'the socket is gone')
  })

  it('shows a certificate of its own', async () => {
    const own = await generate([{ name: 'commonName', value: 'a client' }], {
      keyType: 'ec',
      algorithm: 'sha256'
    })
    const names: unknown[] = []
    const server = await serveRaw(
      (socket) => {
        const { subject } = (socket as import('node:tls').TLSSocket).getPeerCertificate()
        names.push(subject.CN)
        socket.end('HTTP/1.1 403 x\r\n\r\n')
      },
      { tls: { ...pair, requestCert: true, ca: own.cert } }
    )
    const tls = { ca: pair.cert, key: own.private, cert: own.cert }
    await expect(connect(server.url, { tls })).rejects.toMatchObject({ code: 'unexpected-status' })
    expect(names).toEqual(['a client'])
  })

  it('goes over a unix socket, as localhost', async () => {
    const socketPath = join(tmpdir(), `hotsocket-secure-${process.pid}-${process.env.HOTSOCKET_TIER}.sock`)
    await serveEcho({ socketPath, host: undefined })
    expect(await echo(`wss+unix://${socketPath}:/`, { tls: { ca: pair.cert } })).toBe('hello')
  })

  it('an agent resumes sessions, but not with other TLS options', async () => {
    const reused: boolean[] = []
    const server = await serveRaw(
      (socket, request) => {
        reused.push((socket as import('node:tls').TLSSocket).isSessionReused())
        socket.write(
          request.includes('/refuse')
            ? 'HTTP/1.1 403 x\r\n\r\n'
            : 'HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n'
        )
      },
      { tls: { ...pair, maxVersion: 'TLSv1.2' } }
    )
    const tls = { ca: pair.cert }
    const agent = new Agent({ tls })
    for (const options of [{}, {}, { tls: { ...tls } }]) {
      await expect(agent.connect(server.url, options)).rejects.toMatchObject({ code: 'unexpected-status' })
    }
    expect(reused).toEqual([false, true, false])
  })
})

describe('proxies', () => {
  it('HTTP CONNECT, to ws: and wss:', async () => {
    const proxy = await serveConnectProxy()
    const agent = new HttpsProxyAgent(`http://127.0.0.1:${proxy.port}`)
    const secure = await serveEcho()
    const plain = await serveEcho({ tls: undefined })
    expect(await echo(`ws://127.0.0.1:${plain.port}`, { agent })).toBe('hello')
    expect(await echo(`wss://localhost:${secure.port}`, { agent, tls: { ca: pair.cert } })).toBe('hello')
    expect(proxy.asked).toEqual([`127.0.0.1:${plain.port}`, `localhost:${secure.port}`])
    await expect(connect(`wss://localhost:${secure.port}`, { agent })).rejects.toMatchObject({
      code: 'connect-failed'
    })
  })

  it('a proxy that refuses is a refusal', async () => {
    const proxy = await serveConnectProxy(407)
    const agent = new HttpsProxyAgent(`http://127.0.0.1:${proxy.port}`)
    await expect(connect('ws://example.invalid/', { agent })).rejects.toMatchObject({
      code: 'unexpected-status',
      response: { status: 407 }
    })
  })

  it('SOCKS5, to ws: and wss:', async () => {
    const proxy = await serveSocksProxy()
    const agent = new SocksProxyAgent(`socks5h://127.0.0.1:${proxy.port}`)
    const secure = await serveEcho()
    const plain = await serveEcho({ tls: undefined })
    expect(await echo(`ws://localhost:${plain.port}`, { agent })).toBe('hello')
    expect(await echo(`wss://localhost:${secure.port}`, { agent, tls: { ca: pair.cert } })).toBe('hello')
    expect(proxy.asked).toEqual([`localhost:${plain.port}`, `localhost:${secure.port}`])
  })
})
