// Debian's HAProxy in front of the server: the PROXY protocol as it sends it, and X-Forwarded-For.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, type TestContext } from 'vitest'
import type { AsyncServerOptions, HandshakeRequest } from '../../src/index.js'
import { listeningDescriptor } from '../../src/transport/take-over.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, openAt, serve, until } from '../support/harness.js'
import type { RawOptions } from '../support/raw-client.js'

guard()

const HAPROXY = '/usr/sbin/haproxy'
const isThere = spawnSync(HAPROXY, ['-v']).status === 0

/** Skips a test where HAProxy is missing, saying why; on CI it fails. */
function needHaproxy({ skip }: TestContext): void {
  if (isThere) return
  const reason = `${HAPROXY} is not there: apt-get install haproxy`
  if (process.env.CI === 'true') throw new Error(reason)
  skip(reason)
}

/** What stands in the configuration: all but the ports. */
interface Proxied {
  readonly mode: 'tcp' | 'http'
  /** What `server` gets besides the address. */
  readonly sends?: string
  /** Further lines of the section. */
  readonly lines?: readonly string[]
  readonly isSecure?: boolean
}

/** Starts HAProxy in front of a port. It gets a socket that listens already, so that nobody has to wait for it. */
async function startProxy(port: number, { mode, sends = '', lines = [], isSecure }: Proxied) {
  const folder = await mkdtemp(join(tmpdir(), 'hotsocket-haproxy-'))
  cleanUp(() => rm(folder, { recursive: true }))
  const { key, cert } = await certificate()
  await writeFile(join(folder, 'certificate.pem'), `${cert}\n${key}`)
  const section = [
    'listen test',
    `mode ${mode}`,
    `bind fd@3${isSecure ? ` ssl crt ${join(folder, 'certificate.pem')}` : ''}`,
    'timeout connect 5s',
    'timeout client 20s',
    'timeout server 20s',
    ...lines,
    `server one 127.0.0.1:${port} ${sends}`,
    ''
  ]
  await writeFile(join(folder, 'haproxy.cfg'), section.join('\n'))
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const listened = (listener.address() as AddressInfo).port
  const stdio = ['ignore', 'ignore', 'pipe', listeningDescriptor(listener)!] as const
  const child = spawn(HAPROXY, ['-db', '-f', join(folder, 'haproxy.cfg')], { stdio: [...stdio] })
  let said = ''
  child.stderr!.on('data', (bytes: Buffer) => {
    said += bytes
  })
  const ended = once(child, 'exit')
  cleanUp(async () => {
    child.kill('SIGKILL')
    await ended
  })
  listener.close()
  return { port: listened, said: () => said }
}

/** Opens a WebSocket through HAProxy. Returns what both sides know of the client. */
async function open(options: AsyncServerOptions, proxied: Proxied, how: RawOptions = {}) {
  const seen: unknown[] = []
  const server = await serve({
    ...options,
    onhandshake: ({ remoteAddress, isSecure }: HandshakeRequest) => void seen.push(remoteAddress, isSecure),
    onopen: (client) => void seen.push(client.remoteAddress, client.remotePort),
    onmessage: (client, message) => void client.send(message)
  })
  const proxy = await startProxy(server.port!, proxied)
  const client = await openAt(proxy, {
    localAddress: '127.0.0.7',
    isSecure: proxied.isSecure ?? false,
    ...how
  })
  client.text('through')
  expect(await client.readText()).toBe('through')
  await until(() => seen.length === 4, 'both were told')
  return { seen, port: client.socket.localPort }
}

describe('HAProxy', () => {
  beforeEach(needHaproxy)

  it.each([
    'send-proxy',
    'send-proxy-v2',
    'send-proxy-v2-ssl-cn',
    'send-proxy-v2 proxy-v2-options unique-id,crc32c'
  ])('says by the PROXY protocol who the client is: %s', async (sends) => {
    const lines = sends.includes('unique-id') ? ['unique-id-format %{+X}o\\ %ci:%cp'] : []
    const { seen, port } = await open({ proxyProtocol: ['127.0.0.1'] }, { mode: 'tcp', sends, lines })
    expect(seen).toEqual(['127.0.0.7', false, '127.0.0.7', port])
  })

  it('says that the client came over TLS', async () => {
    const { seen, port } = await open(
      { proxyProtocol: true },
      { mode: 'tcp', sends: 'send-proxy-v2-ssl-cn', isSecure: true }
    )
    expect(seen).toEqual(['127.0.0.7', true, '127.0.0.7', port])
  })

  it('adds itself to X-Forwarded-For, behind what a client has made up', async () => {
    const lines = ['option forwardfor', 'http-request set-header X-Forwarded-Proto https']
    const headers = ['X-Forwarded-For: 6.6.6.6', 'Forwarded: for=6.6.6.6']
    const { seen } = await open({ trustProxy: 1 }, { mode: 'http', lines }, { headers })
    expect(seen).toEqual(['127.0.0.7', true, '127.0.0.7', null])
  })
})
