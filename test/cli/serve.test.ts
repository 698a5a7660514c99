import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { makeSelfSigned } from '../../src/cli/self-signed.js'
import { CliProcess, type Served, startServe } from './cli-process.js'

const STOPPING = (connections: string) =>
  `\nStopping: closing ${connections}. Ctrl-C again ends at once.\nStopped.\n`

let served: Served | null = null
afterEach(async () => {
  await served?.cli.stop('SIGKILL')
  served = null
})

describe('the greeting', () => {
  test('tells the real port, the page, the socket and the tier', async () => {
    served = await startServe()
    const { port } = new URL(served.pageUrl)
    expect(Number(port)).toBeGreaterThan(0)
    expect(served.cli.stdout).toMatch(
      new RegExp(
        `^hotsocket \\S+: each message goes to all clients\\.\n  page       http://127\\.0\\.0\\.1:${port}/\n  WebSocket  ws://127\\.0\\.0\\.1:${port}/\n  tier       (engine|native|js)\nCtrl-C stops it\\.\n$`
      )
    )
    expect((await fetch(served.pageUrl)).status).toBe(200)
  })

  test('tells of --echo, and that others can reach all addresses', async () => {
    served = await startServe('--echo', '--host', '0.0.0.0')
    expect(served.cli.stdout).toContain(': each message goes back to its sender.\n')
    expect(served.cli.stdout).toContain('Whoever can reach this port can read and send')
    expect(served.pageUrl).toMatch(/^http:\/\/localhost:\d+\/$/)
  })
})

describe('SIGINT and SIGTERM', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s closes every client with 1001 (§7.4.1), exit code 0',
    async (signal) => {
      served = await startServe()
      const clients = [new WebSocket(served.socketUrl), new WebSocket(served.socketUrl)]
      await Promise.all(clients.map((client) => once(client, 'open')))
      const closed = Promise.all(clients.map((client) => once(client, 'close')))
      const greeting = served.cli.stdout
      expect(await served.cli.stop(signal)).toBe(0)
      expect((await closed).map(([code]) => code)).toEqual([1001, 1001])
      expect(served.cli.stdout.slice(greeting.length)).toBe(STOPPING('2 connections'))
      expect(served.cli.stderr).toBe('')
    }
  )

  test('an idle HTTP connection holds nothing up', async () => {
    served = await startServe()
    await (await fetch(`${served.pageUrl}status`)).json()
    const started = performance.now()
    expect(await served.cli.stop()).toBe(0)
    expect(performance.now() - started).toBeLessThan(1500)
  })

  test('a second SIGINT ends the process at once', async () => {
    served = await startServe()
    const { hostname, port } = new URL(served.pageUrl)
    // A client that never answers the close frame.
    const socket = (await import('node:net')).connect(Number(port), hostname)
    socket.write(
      `GET / HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
    )
    await once(socket, 'data')
    served.cli.child.kill('SIGINT')
    await once(served.cli.child.stdout!, 'data')
    expect(await served.cli.stop('SIGINT')).toBe('SIGINT')
    socket.destroy()
  })
})

describe('--tls', () => {
  test('makes a certificate for this machine that clients can check', async () => {
    served = await startServe('--tls')
    expect(served.pageUrl).toMatch(/^https:/)
    expect(served.socketUrl).toMatch(/^wss:/)
    const certificate = await peerCertificate(served.pageUrl)
    const { subjectAltName, fingerprint256 } = certificate
    expect(subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(served.cli.stdout).toContain(`  SHA-256    ${fingerprint256} (self-signed: browsers will ask)\n`)
    const client = new WebSocket(served.socketUrl, { ca: certificate.toString() })
    const message = once(client, 'message')
    await once(client, 'open')
    client.send('over TLS')
    expect(String((await message)[0])).toBe('over TLS')
    client.terminate()
  })

  test('takes a pair of files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hotsocket-'))
    const pair = await makeSelfSigned('example.test')
    const paths = [join(folder, 'key.pem'), join(folder, 'cert.pem')] as const
    await writeFile(paths[0], pair.key)
    await writeFile(paths[1], pair.cert)
    served = await startServe('--tls', '--key', paths[0], '--cert', paths[1])
    await rm(folder, { recursive: true })
    const certificate = await peerCertificate(served.pageUrl)
    expect(certificate.fingerprint256).toBe(new X509Certificate(pair.cert).fingerprint256)
    expect(certificate.checkHost('example.test')).toBe('example.test')
  })
})

describe('failures of the process', () => {
  test('a tier that is not there is one line, exit code 1', async () => {
    const cli = new CliProcess(['serve'], { HOTSOCKET_TIER: 'warp' })
    expect(await cli.ended()).toBe(1)
    expect(cli.stdout).toBe('')
    expect(cli.stderr).toMatch(
      /^hotsocket: the tier that HOTSOCKET_TIER asks for is not available: "warp" .+\n$/
    )
  })

  test('help needs no tier, and survives a reader that goes away', async () => {
    const cli = new CliProcess(['--help'], { HOTSOCKET_TIER: 'warp' })
    cli.child.stdout!.destroy()
    expect([await cli.ended(), cli.stderr]).toEqual([0, ''])
  })
})

describe('the bundle in dist/cli', () => {
  test('needs no package at run time and names the licences of what it holds', async () => {
    const folder = new URL('../../dist/cli/', import.meta.url)
    const code = await readFile(new URL('self-signed.js', folder), 'utf8')
    const imports = [
      ...code.matchAll(/(?:^|[;\n])import[^'"()]*?from\s*['"]([^'"]+)['"]|require\(['"]([^'"]+)['"]\)/g)
    ]
    const foreign = imports.map((match) => match[1] ?? match[2]!).filter((name) => !isBuiltin(name))
    expect(foreign).toEqual([])
    const licences = await readFile(new URL('self-signed.LICENSES.txt', folder), 'utf8')
    expect(licences).toMatch(/^selfsigned \S+ \(MIT\)$/m)
    expect(licences).toMatch(/^asn1js \S+ \(BSD-3-Clause\)$/m)
  })
})

async function peerCertificate(url: string): Promise<X509Certificate> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()!
  socket.destroy()
  return certificate
}
