import { once } from 'node:events'
import { Agent as HttpAgent } from 'node:http'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { Agent, AsyncServer, type ConnectOptions, connect } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { duplexPair } from '../support/duplex-pair.js'
import { cleanUp, guard, pattern, serve, until } from '../support/harness.js'
import { acceptance, response } from '../support/raw-server.js'

guard()

const pair = await certificate()

/** Sends bytes over a stream, and waits for them to come back. */
async function echo(url: string, socket: Duplex, options: ConnectOptions = {}) {
  const got: (string | Uint8Array)[] = []
  const connection = await connect(url, {
    socket,
    ...options,
    onmessage: (_, { payload }) => void got.push(payload)
  })
  cleanUp(() => connection.terminate())
  connection.send(pattern(200_000))
  await until(() => got.length === 1, 'the echo')
  expect(pattern(200_000).equals(got[0] as Uint8Array)).toBe(true)
  return connection
}

const echoing = {
  onmessage: (client: { send(message: never): unknown }, message: unknown) =>
    void client.send(message as never)
}

/** The other end of a stream, which answers the first request with `answer`. */
function answering(answer: (request: string) => string): Duplex {
  const [near, far] = duplexPair()
  far.once('data', (request: Buffer) => far.write(answer(request.toString('latin1')), 'latin1'))
  return near
}

describe('connect over a stream', () => {
  it('is any Duplex', async () => {
    const server = new AsyncServer({ logLevel: 'silent', ...echoing })
    const [near, far] = duplexPair()
    const accepted = server.accept(near)
    const connection = await echo('ws://any.example/path', far)
    const { request } = await accepted
    expect(request).toBe(null)
    expect(await connection.close()).toMatchObject({ wasClean: true })
    await until(() => far.destroyed, 'the stream is gone')
    await server.close()
  })

  it('is a socket, which may still be connecting, with TLS or without', async () => {
    const plain = await serve(echoing)
    await echo('ws://any.example', connectTcp(plain.port!, '127.0.0.1'))
    const connected = connectTcp(plain.port!, '127.0.0.1')
    await once(connected, 'connect')
    await echo('ws://any.example', connected)
    const secure = await serve({ tls: pair, ...echoing })
    await echo('wss://localhost', connectTcp(secure.port!, '127.0.0.1'), { tls: { ca: pair.cert } })
    const tls = connectTls({ port: secure.port!, host: 'localhost', ca: pair.cert })
    await once(tls, 'secureConnect')
    await echo('ws://localhost', tls)
  })

  it('loses nothing that comes right behind the handshake', async () => {
    const socket = answering((request) => `${acceptance(request)}\x81\x02hi`)
    const connection = await connect('ws://x', { socket })
    expect((await connection.recv()).payload).toBe('hi')
    connection.terminate()
  })

  it.each<[string, (request: string) => string, ConnectOptions, string]>([
    ['a refusal', () => response('403 No', ['Content-Length: 0']), {}, 'unexpected-status'],
    [
      'a redirect',
      () => response('302 Found', ['Location: ws://b.example/', 'Content-Length: 0']),
      { maxRedirects: 5 },
      'unexpected-status'
    ],
    [
      'a 401',
      () => response('401 Who', ['WWW-Authenticate: Basic realm="r"', 'Content-Length: 0']),
      { auth: { username: 'a', password: 'b' } },
      'unexpected-status'
    ],
    ['garbage', () => 'no HTTP at all\r\n\r\n', {}, 'malformed-response'],
    ['silence', () => '', { handshakeTimeoutMs: 30 }, 'handshake-timeout']
  ])('fails for %s, and the stream is gone', async (_, answer, options, code) => {
    const socket = answering(answer)
    await expect(connect('ws://x', { socket, ...options })).rejects.toMatchObject({ code })
    expect(socket.destroyed).toBe(true)
  })

  it('fails if the stream ends, fails or is over, or TLS does', async () => {
    const [ending, other] = duplexPair()
    other.end()
    await expect(connect('ws://x', { socket: ending })).rejects.toMatchObject({ code: 'connect-failed' })
    const [failing] = duplexPair()
    const failed = connect('ws://x', { socket: failing })
    failing.destroy(new Error('oops'))
    await expect(failed).rejects.toMatchObject({
      code: 'connect-failed',
      message: expect.stringContaining('oops')
    })
    await expect(connect('ws://x', { socket: failing })).rejects.toMatchObject({ code: 'connect-failed' })
    const [untrusted, far] = duplexPair()
    const server = new AsyncServer({ tls: pair, logLevel: 'silent' })
    const refused = expect(server.accept(far)).rejects.toMatchObject({ code: 'connection-lost' })
    await expect(connect('wss://localhost', { socket: untrusted })).rejects.toMatchObject({
      code: 'connect-failed'
    })
    await refused
    expect(untrusted.destroyed).toBe(true)
    await server.close()
  })

  it('is aborted with its stream', async () => {
    const [socket] = duplexPair()
    const abort = new AbortController()
    const connecting = connect('ws://x', { socket, signal: abort.signal })
    abort.abort()
    await expect(connecting).rejects.toMatchObject({ code: 'aborted' })
    expect(socket.destroyed).toBe(true)
  })

  it('is refused beside an agent, and for what is no stream', async () => {
    const [socket] = duplexPair()
    const wrong = { code: 'invalid-option', message: expect.stringContaining('socket') }
    await expect(connect('ws://x', { socket, agent: new HttpAgent() })).rejects.toMatchObject(wrong)
    await expect(connect('ws://x', { socket: {} as Duplex })).rejects.toMatchObject(wrong)
    expect(() => new Agent({ socket } as object)).toThrow(/"socket"/)
  })
})
