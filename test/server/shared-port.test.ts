import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { AsyncServer } from '../../src/index.js'
import { bindSharedPort } from '../../src/kernels/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, openAt, serve, until } from '../support/harness.js'

guard()

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const hasReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
const canShare = process.platform === 'linux' && (hasReusePort || bindSharedPort !== null)

/** A server that counts and echoes. */
async function serveShared(options: { port?: number; host?: string } = {}) {
  return serve({ onmessage: (client, message) => void client.send(message), reusePort: true, ...options })
}

describe.runIf(canShare)('reusePort', () => {
  it('lets servers listen at one port, among which the kernel spreads the connections', async () => {
    const first = await serveShared()
    const servers = [
      first,
      await serveShared({ port: first.port! }),
      await serveShared({ port: first.port! })
    ]
    expect(new Set(servers.map(({ url }) => url))).toEqual(new Set([`ws://127.0.0.1:${first.port}`]))
    for (let i = 0; i < 60; i++) {
      const client = await openAt(first)
      client.text(`${i}`)
      expect(await client.readText()).toBe(`${i}`)
    }
    const counts = servers.map(({ clients }) => clients.size)
    expect(counts.reduce((sum, count) => sum + count)).toBe(60)
    expect(counts.filter((count) => count === 0)).toEqual([])
  })

  it('goes on at the others when one closes', async () => {
    const first = await serveShared()
    const second = await serveShared({ port: first.port! })
    await first.close()
    const clients = await Promise.all(Array.from({ length: 10 }, () => openAt(second)))
    expect([clients.length, first.port]).toEqual([10, null])
    await until(() => second.clients.size === 10, 'all are open')
  })

  it('serves IPv4 and IPv6 by default, names of hosts, and TLS', async () => {
    const all = new AsyncServer({ reusePort: true, logLevel: 'silent' })
    cleanUp(() => all.close())
    await all.listen()
    await openAt(all)
    await serveShared({ host: 'localhost' })
    const tls = await certificate()
    const secure = await serve({ tls, reusePort: true })
    await openAt(secure, { isSecure: true })
  })

  it('is no way into the port of somebody who does not share it', async () => {
    const alone = await serve()
    await expect(serveShared({ port: alone.port! })).rejects.toMatchObject({
      code: 'listen-failed',
      message: `the server cannot listen: 127.0.0.1, port ${alone.port}: something else listens there already (EADDRINUSE)`
    })
  })

  it('says what is wrong with a host', async () => {
    await expect(serveShared({ host: '192.0.2.7' })).rejects.toMatchObject({
      message: 'the server cannot listen: 192.0.2.7, port 0: this machine has no such address (EADDRNOTAVAIL)'
    })
    await expect(serveShared({ host: 'nowhere.invalid' })).rejects.toMatchObject({ code: 'listen-failed' })
  })

  it('keeps no descriptor of a server that could not listen', async () => {
    const server = await serveShared()
    const { port } = server
    await Promise.all(Array.from({ length: 20 }, () => serveShared({ host: '192.0.2.7' }).catch(() => null)))
    await server.close()
    const child = spawn(process.execPath, [
      '--eval',
      `require('node:net').createServer().listen(${port}, '127.0.0.1', () => process.exit(7)).on('error', () => process.exit(8))`
    ])
    expect(await once(child, 'exit')).toEqual([7, null])
  })

  it('is an argument of listen, too', async () => {
    const servers = [0, 1].map(() => new AsyncServer({ host: '127.0.0.1', logLevel: 'silent' }))
    for (const server of servers) cleanUp(() => server.close())
    const [first, second] = servers as [AsyncServer, AsyncServer]
    await first.listen({ reusePort: true })
    await second.listen({ reusePort: true, port: first.port! })
    expect(second.port).toBe(first.port)
  })
})

it.runIf(!canShare)('reusePort says what it needs where it cannot be', async () => {
  await expect(serveShared()).rejects.toMatchObject({
    code: 'listen-failed',
    message:
      'the server cannot listen: reusePort needs Node.js 22.12, 23.1 or newer, or on Linux the addon (HOTSOCKET_TIER must not be "js")'
  })
})

it('reusePort with a unix socket is refused, and listen checks what it is given', async () => {
  const options = { socketPath: './hotsocket-shared.sock', reusePort: true }
  expect(() => new AsyncServer(options)).toThrow('reusePort is for TCP ports, and socketPath is given')
  await expect(new AsyncServer().listen({ port: -1 })).rejects.toMatchObject({
    code: 'invalid-option',
    message: expect.stringContaining('port must be an integer from 0 to 65535')
  })
})
