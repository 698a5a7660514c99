import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, PassThrough, Readable } from 'node:stream'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { AsyncServer, type AsyncServerOptions, connect } from '../../src/index.js'
import { certificate, makeCertificate } from '../support/certificate.js'
import { duplexPair } from '../support/duplex-pair.js'
import { cleanUp, guard, until } from '../support/harness.js'
import { RawClient, upgradeRequest } from '../support/raw-client.js'

guard()

const pair = await certificate()

/** A server that listens nowhere. */
function make(options: AsyncServerOptions = {}): AsyncServer {
  const server = new AsyncServer({
    logLevel: 'silent',
    onmessage: (client, message) => void client.send(message),
    ...options
  })
  cleanUp(() => server.close())
  return server
}

/** A raw client at the other end of a stream that a server gets. */
function openOver(stream: Duplex): RawClient {
  const client = new RawClient(stream as Socket)
  cleanUp(() => stream.destroy())
  return client
}

/** Both ends of a socket, plain or of TLS, the server's first. */
async function sockets(options: { path?: string; tls?: boolean } = {}): Promise<[Socket, Socket]> {
  const server = options.tls ? createTlsServer(pair) : createServer()
  server.listen(options.path === undefined ? { port: 0, host: '127.0.0.1' } : { path: options.path })
  await once(server, 'listening')
  const event = options.tls ? 'secureConnection' : 'connection'
  const accepted = once(server, event)
  const { path } = options
  const { port } = server.address() as AddressInfo
  const address = path === undefined ? { port, host: '127.0.0.1' } : { path }
  const far = options.tls ? connectTls({ ...address, rejectUnauthorized: false }) : connectTcp(address)
  const [near] = (await accepted) as [Socket]
  server.close()
  cleanUp(() => near.destroy() && far.destroy())
  return [near, far]
}

async function echo(client: RawClient): Promise<void> {
  client.write(upgradeRequest())
  expect(await client.readHead()).toMatch(/^HTTP\/1.1 101 /)
  client.text('hello')
  expect(await client.readText()).toBe('hello')
}

describe('AsyncServer.accept', () => {
  it.each<[string, () => Promise<[Duplex, Duplex]>]>([
    ['a pair of streams', async () => duplexPair()],
    ['a TCP socket', () => sockets()],
    ['a unix socket', () => sockets({ path: join(tmpdir(), `hotsocket-${process.pid}-${Math.random()}`) })],
    ['a TLSSocket', () => sockets({ tls: true })]
  ])('takes %s', async (name, streams) => {
    const server = make()
    const [near, far] = await streams()
    const opened = server.accept(near)
    await echo(openOver(far))
    const client = await opened
    expect([...server.clients]).toEqual([client])
    expect(client.remoteAddress).toBe(/T/.test(name) ? '127.0.0.1' : null)
    far.destroy()
    await until(() => server.clients.size === 0, 'it is over')
  })

  it('takes a socket that was paused, and what had arrived', async () => {
    const server = make()
    const [near, far] = await sockets()
    near.pause()
    const client = openOver(far)
    client.write(upgradeRequest())
    await once(near, 'readable')
    await server.accept(near)
    expect(await client.readHead()).toMatch(/^HTTP\/1.1 101 /)
  })

  it.each([false, true])('does TLS over a stream where the server does (a socket: %j)', async (isSocket) => {
    const server = make({ tls: pair })
    const other = await makeCertificate('localhost')
    for (const own of [pair, other]) {
      const [near, far] = isSocket ? await sockets() : duplexPair()
      const opened = server.accept(near)
      cleanUp(() => far.destroy())
      const secured = connectTls({ socket: far, ca: own.cert, servername: 'localhost' })
      await echo(openOver(secured))
      expect((await opened).transportDetails()?.encrypted).toBe(true)
      server.reloadTls(other)
    }
  })

  it('does TLS over an SSH-like stream that is given to our own client', async () => {
    const server = make({ tls: pair })
    const [near, far] = duplexPair()
    const got: unknown[] = []
    const [accepted, connection] = await Promise.all([
      server.accept(near),
      connect('wss://localhost/x', {
        socket: far,
        tls: { ca: pair.cert },
        onmessage: (_, { payload }) => void got.push(payload)
      })
    ])
    connection.send('a'.repeat(100_000))
    await until(() => got.length === 1, 'the echo')
    expect(got).toEqual(['a'.repeat(100_000)])
    expect(await accepted.close()).toMatchObject({ wasClean: true })
  })

  it.each<[string, AsyncServerOptions, string]>([
    ['denied', { onhandshake: () => ({ status: 418 }) }, 'handshake-denied'],
    ['at another path', { locations: ['/x'] }, 'unknown-location'],
    ['that fails', { onhandshake: () => Promise.reject(new Error('oops')) }, 'handler-failed'],
    [
      'that takes too long',
      { onhandshake: () => new Promise(() => {}), handshakeTimeoutMs: 30 },
      'handshake-timeout'
    ]
  ])('rejects for a handshake %s, and the stream is gone', async (_, options, code) => {
    const server = make({ closeTimeoutMs: 50, ...options })
    const [near, far] = duplexPair()
    const opened = expect(server.accept(near)).rejects.toMatchObject({ code })
    far.write(upgradeRequest())
    far.resume()
    await opened
    expect(near.destroyed).toBe(true)
  })

  it('rejects for what is no handshake; server.http gets that if it is wanted', async () => {
    const server = make({ closeTimeoutMs: 50 })
    for (const isWanted of [false, true]) {
      if (isWanted) server.http.on('request', (_, response) => response.end('page'))
      const [near, far] = duplexPair()
      const opened = expect(server.accept(near)).rejects.toMatchObject({ code: 'malformed-request' })
      far.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      const client = openOver(far)
      expect(await client.readHead()).toMatch(isWanted ? /^HTTP\/1.1 200 / : /^HTTP\/1.1 426 /)
      await opened
    }
  })

  it('rejects when the peer goes, amid TLS, too, and for garbage; nobody needs to look', async () => {
    for (const options of [{}, { tls: pair }]) {
      const server = make(options)
      for (const bytes of ['GET ', '\x16\x03\x01', '\0\0\0\0\0\0\0\0']) {
        const [near, far] = duplexPair()
        const opened = server.accept(near)
        far.write(bytes, 'latin1')
        far.end()
        far.resume()
        await expect(opened).rejects.toMatchObject({
          code: expect.stringMatching(/connection-lost|malformed-request/)
        })
        const [unseen, gone] = duplexPair()
        void server.accept(unseen)
        gone.destroy()
        await until(() => near.destroyed && unseen.destroyed, 'both are gone')
      }
    }
  })

  it('close drops what is under way, TLS handshakes, too, and nothing is taken after it', async () => {
    for (const options of [{}, { tls: pair }]) {
      const server = make(options)
      const [near] = duplexPair()
      const opened = expect(server.accept(near)).rejects.toMatchObject({ code: 'connection-lost' })
      await server.close()
      await opened
      expect(near.destroyed).toBe(true)
      expect(() => server.accept(duplexPair()[0])).toThrow(
        expect.objectContaining({ code: 'listen-failed' }) as unknown as Error
      )
    }
  })

  it('takes no stream that is none, or that is over', async () => {
    const server = make()
    const over = new PassThrough().destroy()
    for (const wrong of [null, 'x', {}, Readable.from([]), over]) {
      expect(() => server.accept(wrong as Duplex)).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }) as unknown as Error
      )
    }
  })
})
