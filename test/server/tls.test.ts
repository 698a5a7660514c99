import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  connect as connectTls,
  createSecureContext,
  type TLSSocket,
  type ConnectionOptions as TlsOptions
} from 'node:tls'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  AsyncServer,
  type AsyncServerOptions,
  type TlsReload,
  type TransportDetails,
  WebSocketError
} from '../../src/index.js'
import { certificateFor, type KeyPair, makeCertificate } from '../support/certificate.js'
import { cleanUp, guard, serve, until } from '../support/harness.js'
import { encodeFrame, upgradeRequest, within } from '../support/raw-client.js'

guard()

const own = await certificateFor('localhost')
const a = await certificateFor('a.example')
const b = await certificateFor('*.b.example')
const [alice, bob] = [await makeCertificate('alice'), await makeCertificate('bob')]

/** Of a client without a certificate; Node.js drops one whose certificate does not verify without an alert. */
const REFUSED = /^(closed|ECONNRESET|ERR_SSL_.*ALERT_(HANDSHAKE_FAILURE|CERTIFICATE_REQUIRED))$/

/** A server that echoes, and what its handshakes knew of their transports. */
async function serveTls(tls: AsyncServerOptions['tls'] = own) {
  const seen: (TransportDetails | null)[] = []
  const server = await serve({
    tls,
    onhandshake: (request) => void seen.push(request.transportDetails()),
    onmessage: (client, message) => void client.send(message)
  })
  return { server, seen, port: server.port! }
}

/** A TLS socket with its handshake done, or the error that ended it. */
async function handshake(port: number, options: TlsOptions): Promise<TLSSocket | Error> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  cleanUp(() => void socket.destroy())
  const failed = new Promise<Error>((resolve) => socket.on('error', resolve))
  return Promise.race([failed, once(socket, 'secureConnect').then(() => socket)])
}

/** Opens a WebSocket, by hand. */
async function open(port: number, options: TlsOptions = {}): Promise<TLSSocket> {
  const socket = await handshake(port, options)
  if (socket instanceof Error) throw socket
  socket.write(upgradeRequest())
  const [head] = (await once(socket, 'data')) as [Buffer]
  expect(head.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /)
  return socket
}

/** The name in the certificate that a server shows to a client that asks for `servername`. */
async function shown(port: number, servername?: string): Promise<unknown> {
  const socket = await open(port, servername === undefined ? {} : { servername })
  return socket.getPeerCertificate().subject.CN
}

/** Has one message echoed. */
async function echo(socket: TLSSocket): Promise<void> {
  socket.write(encodeFrame(1, Buffer.from('hello')))
  const [frame] = (await once(socket, 'data')) as [Buffer]
  expect(frame.subarray(2).toString()).toBe('hello')
}

/** How the server ends a socket that it refuses; with TLS 1.3 that comes when the client's side of the handshake is done. */
async function refused(port: number, options: TlsOptions): Promise<string> {
  const done = await handshake(port, options)
  if (done instanceof Error) return (done as NodeJS.ErrnoException).code ?? 'no code'
  let code = 'closed'
  done.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code ?? 'no code'
  })
  await within(new Promise((resolve) => done.resume().on('close', resolve)), 'the end')
  return code
}

/** A session to resume, of a connection that is over. The server has given it before its answer. */
async function takeSession(port: number, options: TlsOptions): Promise<Buffer> {
  const socket = await open(port, options)
  const session = socket.getSession()!
  socket.destroy()
  return session
}

/** What `reloadTls` says, or a server to options. */
function fault(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof WebSocketError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'none'
}

describe('tls.contexts (SNI)', () => {
  it.each([
    ['a.example', 'a.example'],
    ['A.Example', 'a.example'],
    ['x.b.example', '*.b.example'],
    ['x.y.b.example', 'localhost'],
    ['b.example', 'localhost'],
    ['other.example', 'localhost']
  ])('a client that asks for %s is shown the certificate of %s', async (asked, expected) => {
    const { port } = await serveTls({ ...own, contexts: { 'a.EXAMPLE': a, '*.b.example': b } })
    expect(await shown(port, asked)).toBe(expected)
  })

  it('a name goes before a pattern, and a client without SNI gets the key beside them', async () => {
    const { server, seen, port } = await serveTls({ ...own, contexts: { '*.example': b, 'a.example': a } })
    expect(await shown(port, 'a.example')).toBe('a.example')
    expect(await shown(port)).toBe('localhost')
    expect(seen.map((details) => details?.tls?.servername)).toEqual(['a.example', null])
    expect(server.clients.size).toBe(2)
  })

  it('the certificate verifies', async () => {
    const { port } = await serveTls({ contexts: { 'a.example': a } })
    const socket = await open(port, { servername: 'a.example', rejectUnauthorized: true, ca: a.cert })
    expect(socket.authorized).toBe(true)
  })

  it('without a key beside them others are refused, and those who are served do not notice', async () => {
    const { port } = await serveTls({ contexts: { 'a.example': a } })
    const connection = await open(port, { servername: 'a.example' })
    expect(await refused(port, { servername: 'other.example' })).toMatch(REFUSED)
    expect(await refused(port, {})).toMatch(REFUSED)
    await echo(connection)
  })

  it('an SNICallback does it by itself', async () => {
    const { port } = await serveTls({ ...own, SNICallback: (_, done) => done(null, createSecureContext(a)) })
    expect(await shown(port, 'any.example')).toBe('a.example')
  })

  it.each([
    [{ contexts: { 'a b': a } }, `tls.contexts: string a b is no name such as 'a.example'`],
    [{ contexts: { '*': a } }, 'tls.contexts: string * is no name'],
    [{ contexts: { 'a.*.example': a } }, 'is no name'],
    [{ contexts: { 'bücher.example': a } }, '(others in Punycode)'],
    [{ contexts: { 'a.example': a, 'A.example': a } }, "'A.example' is there twice"],
    [
      { contexts: { 'a.example': { cert: a.cert } } },
      "'a.example' must be an object with key and cert, or pfx"
    ],
    [{ contexts: { 'a.example': null } }, "'a.example' must be an object"],
    [{ contexts: { 'a.example': { key: b.key, cert: a.cert } } }, "tls.contexts: 'a.example': "],
    [
      { contexts: 'a.example' },
      'tls.contexts must be an object of { key, cert } by name, not string a.example'
    ],
    [{ contexts: {}, SNICallback: () => {} }, 'tls has both contexts and SNICallback; choose one']
  ])('a wrong one is named: %#', (tls, expected) => {
    const told = fault(() => new AsyncServer({ tls } as AsyncServerOptions))
    expect(told).toMatch(/^invalid-option: /)
    expect(told).toContain(expected)
  })
})

describe('ALPN', () => {
  it('RFC 7301 chooses http/1.1 for clients that offer it, and asks nothing of others', async () => {
    const { seen, port } = await serveTls()
    const offering = await open(port, { ALPNProtocols: ['h2', 'http/1.1'] })
    expect(offering.alpnProtocol).toBe('http/1.1')
    await open(port)
    expect(seen.map((details) => details?.tls?.alpn)).toEqual(['http/1.1', null])
  })

  it('RFC 7301 §3.2 refuses a client that offers h2 only, with no_application_protocol', async () => {
    const { port } = await serveTls()
    expect(await refused(port, { ALPNProtocols: ['h2'] })).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    await open(port)
  })
})

describe.each(['TLSv1.3', 'TLSv1.2'] as const)('client certificates, %s', (maxVersion) => {
  const asking = { ...own, requestCert: true, ca: [alice.cert], maxVersion }

  it('onhandshake knows who the client is', async () => {
    const { seen, port } = await serveTls(asking)
    await open(port, alice)
    expect(seen[0]?.tls).toMatchObject({
      authorized: true,
      authorizationError: null,
      version: maxVersion,
      peerCertificate: { subject: { CN: 'alice' } }
    })
  })

  it('others, and those without one, are refused before any request is read', async () => {
    const { server, seen, port } = await serveTls(asking)
    expect(await refused(port, bob)).toMatch(REFUSED)
    expect(await refused(port, {})).toMatch(REFUSED)
    expect([seen.length, server.clients.size]).toEqual([0, 0])
  })

  it('with rejectUnauthorized: false they come in, and can be told', async () => {
    const { seen, port } = await serveTls({ ...asking, rejectUnauthorized: false })
    await open(port, bob)
    await open(port)
    expect(seen.map((details) => details?.tls?.authorized)).toEqual([false, false])
    expect(seen[0]?.tls).toMatchObject({
      authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      peerCertificate: { subject: { CN: 'bob' } }
    })
    expect(seen[1]?.tls?.peerCertificate).toBeNull()
  })

  it('a resumed session keeps the certificate', async () => {
    const { seen, port } = await serveTls(asking)
    const options = { ...alice, servername: 'localhost' }
    const session = await takeSession(port, options)
    await open(port, { ...options, session })
    expect(seen.map((details) => details?.tls?.resumed)).toEqual([false, true])
    expect(seen[1]?.tls).toMatchObject({ authorized: true, peerCertificate: { subject: { CN: 'alice' } } })
  })

  it('who has shown none, or one that does not verify, is not authorized by resuming the session', async () => {
    const { seen, port } = await serveTls({ ...asking, rejectUnauthorized: false })
    for (const certificate of [{}, bob]) {
      const session = await takeSession(port, certificate)
      await open(port, { ...certificate, session })
    }
    expect(seen.map((details) => details?.tls?.resumed)).toEqual([false, true, false, true])
    expect(seen.map((details) => details?.tls?.authorized)).toEqual([false, false, false, false])
    expect(seen.map((details) => details?.tls?.authorizationError)).toEqual([
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'DEPTH_ZERO_SELF_SIGNED_CERT'
    ])
  })

  it('what one name lets in cannot resume its session at another', async () => {
    const contexts = { 'a.example': { ...a, ca: bob.cert }, 'x.b.example': b }
    const { seen, port } = await serveTls({ ...asking, contexts })
    const session = await takeSession(port, { ...bob, servername: 'a.example' })
    const there = { ...bob, servername: 'x.b.example', session }
    expect(await refused(port, there)).toMatch(REFUSED)
    expect(seen.map((details) => details?.tls?.servername)).toEqual(['a.example'])
    await open(port, { ...alice, servername: 'x.b.example' })
    expect(seen[1]?.tls?.peerCertificate?.subject.CN).toBe('alice')
  })
})

it.skipIf(spawnSync('openssl', ['version']).status !== 0)(
  'authorities in the pfx of a name are its own: what it lets in cannot resume its session at another',
  async () => {
    const contexts = { 'a.example': { pfx: await pack(a, bob.cert) }, 'x.b.example': b }
    const { seen, port } = await serveTls({ ...own, requestCert: true, ca: [alice.cert], contexts })
    const session = await takeSession(port, { ...bob, servername: 'a.example' })
    expect(seen[0]?.tls?.peerCertificate?.subject.CN).toBe('bob')
    expect(await refused(port, { ...bob, servername: 'x.b.example', session })).toMatch(REFUSED)
    expect(seen.length).toBe(1)
  }
)

/** A key pair and the certificate of an authority in one PKCS #12, which only OpenSSL's program writes. */
async function pack({ key, cert }: KeyPair, authority: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'hotsocket-pfx-'))
  cleanUp(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'key'), key)
  await writeFile(join(folder, 'cert'), cert)
  await writeFile(join(folder, 'authority'), authority)
  const parts = ['-inkey', 'key', '-in', 'cert', '-certfile', 'authority']
  const options = { cwd: folder, encoding: 'buffer' } as const
  const { stdout } = await promisify(execFile)(
    'openssl',
    ['pkcs12', '-export', '-passout', 'pass:', ...parts],
    options
  )
  return stdout
}

it('nor can what one context of an SNICallback lets in', async () => {
  const contexts = new Map([
    ['a.example', createSecureContext({ ...a, ca: bob.cert })],
    ['x.b.example', createSecureContext({ ...b, ca: alice.cert })]
  ])
  const SNICallback: NonNullable<AsyncServerOptions['tls']>['SNICallback'] = (name, done) =>
    done(null, contexts.get(name))
  const { seen, port } = await serveTls({ ...own, requestCert: true, ca: alice.cert, SNICallback })
  const session = await takeSession(port, { ...bob, servername: 'a.example' })
  expect(await refused(port, { ...bob, servername: 'x.b.example', session })).toMatch(REFUSED)
  expect(seen.length).toBe(1)
})

describe('reloadTls', () => {
  it('new handshakes get the new certificate, open connections live on', async () => {
    const { server, port } = await serveTls()
    const before = await open(port)
    const fresh = await makeCertificate('fresh')
    server.reloadTls(fresh)
    expect(await shown(port, 'localhost')).toBe('fresh')
    await echo(before)
    await until(() => server.clients.size === 2, 'both are open')
  })

  it('replaces contexts as a whole, and leaves them if they are not given', async () => {
    const { server, port } = await serveTls({ ...own, contexts: { 'a.example': a } })
    server.reloadTls(await makeCertificate('fresh'))
    expect(await shown(port, 'a.example')).toBe('a.example')
    expect(await shown(port, 'localhost')).toBe('fresh')
    server.reloadTls({ contexts: { 'x.b.example': b } })
    expect(await shown(port, 'x.b.example')).toBe('*.b.example')
    expect(await shown(port, 'a.example')).toBe('fresh')
  })

  it.each(['TLSv1.3', 'TLSv1.2'] as const)(
    'other authorities count at once, for old sessions too: %s',
    async (maxVersion) => {
      const { server, seen, port } = await serveTls({ ...own, requestCert: true, ca: alice.cert, maxVersion })
      const session = await takeSession(port, alice)
      server.reloadTls({ ca: bob.cert })
      expect(await refused(port, { ...alice, session })).toMatch(REFUSED)
      await open(port, bob)
      expect(seen.map((details) => details?.tls?.peerCertificate?.subject.CN)).toEqual(['alice', 'bob'])
    }
  )

  it('with ticketKeys of its own needs others for other authorities: old sessions would outlive the old ones', async () => {
    const ticketKeys = Buffer.alloc(48, 1)
    const { server, port } = await serveTls({ ...own, requestCert: true, ca: alice.cert, ticketKeys })
    const session = await takeSession(port, alice)
    const reload = (tls: TlsReload) => fault(() => server.reloadTls(tls))
    const told = /^invalid-option: .*new ca, crl or contexts need new ticketKeys/
    expect(reload({ ca: bob.cert })).toMatch(told)
    expect(reload({ crl: [] })).toMatch(told)
    expect(reload({ ca: bob.cert, ticketKeys: new Uint8Array(48).fill(1) as Buffer })).toMatch(told)
    expect(reload(await makeCertificate('fresh'))).toBe('none')
    expect(reload({ ca: bob.cert, ticketKeys: Buffer.alloc(48, 2) })).toBe('none')
    expect(await refused(port, { ...alice, session })).toMatch(REFUSED)
    await open(port, bob)
  })

  it('what is wrong is refused, and the old one stays', async () => {
    const { server, port } = await serveTls({ ...own, contexts: { 'a.example': a } })
    const reload = (tls: unknown) => fault(() => server.reloadTls(tls as object))
    expect(reload({ key: own.key, cert: a.cert })).toMatch(/^invalid-option: .* tls: .*key values mismatch/)
    expect(reload({ key: 'no key', cert: 'no certificate' })).toMatch(/^invalid-option: .* tls: /)
    expect(reload({ contexts: { 'a.example': { key: own.key, cert: a.cert } } })).toMatch(
      /^invalid-option: .* tls\.contexts: 'a\.example': /
    )
    expect(reload(null)).toMatch(/reloadTls takes an object such as \{ key, cert \}, not null/)
    expect(reload({ requestCert: true })).toMatch(
      /reloadTls cannot replace "requestCert"; it can replace key, cert,/
    )
    expect(await shown(port, 'localhost')).toBe('localhost')
    expect(await shown(port, 'a.example')).toBe('a.example')
  })

  it('is refused where there is no TLS, or where contexts were none', async () => {
    const plain = await serve()
    expect(fault(() => plain.reloadTls(own))).toMatch(/reloadTls is for servers with the option tls/)
    const { server } = await serveTls()
    expect(fault(() => server.reloadTls({ contexts: { 'a.example': a } }))).toMatch(
      /only if the server began with some/
    )
  })

  it('before listen it counts for listen', async () => {
    const server = new AsyncServer({ host: '127.0.0.1', logLevel: 'silent', tls: own })
    server.reloadTls(a)
    await server.listen()
    cleanUp(() => server.close())
    expect(await shown(server.port!)).toBe('a.example')
  })
})
