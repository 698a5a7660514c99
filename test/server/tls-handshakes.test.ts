import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import type { AsyncServer } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { connectTo, guard, openAt, recorder, serve } from '../support/harness.js'
import { type RawClient, upgradeRequest, within } from '../support/raw-client.js'

guard()

const TIMEOUT_MS = 150

/** A server over TLS with one good client, and what it was told. */
async function serveWithOne(handshakeTimeoutMs = TIMEOUT_MS) {
  const { lines, handlers } = recorder()
  const tls = await certificate()
  const server = await serve({
    ...handlers,
    tls,
    handshakeTimeoutMs,
    onmessage: (client, message) => void client.send(message)
  })
  const good = await openAt(server, { isSecure: true })
  return { server, good, lines }
}

/** That nothing but the good client is there, and that it and new ones are served. */
async function expectOthersServed(server: AsyncServer, good: RawClient, lines: string[]): Promise<void> {
  for (const client of [good, await openAt(server, { isSecure: true })]) {
    client.text('still there')
    expect(await client.readText()).toBe('still there')
  }
  expect(server.clients.size).toBe(2)
  expect(lines).toEqual(['open', 'open'])
}

/** The first bytes that a TLS client sends: a ClientHello. */
async function clientHello(): Promise<Buffer> {
  const sink = createServer().listen(0, '127.0.0.1')
  await once(sink, 'listening')
  const { port } = sink.address() as { port: number }
  const client = connectTls({ port, host: '127.0.0.1' }).on('error', () => {})
  const [socket] = (await once(sink, 'connection')) as [Socket]
  const [hello] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  sink.close()
  return hello
}

const hello = await clientHello()

/** Writes bytes one by one until the other side ends; returns how long that took in ms. */
async function trickle(client: RawClient, bytes: Uint8Array): Promise<number> {
  const began = performance.now()
  let at = 0
  const timer = setInterval(() => {
    if (at < bytes.length) client.write(bytes.subarray(at, ++at))
  }, 10)
  try {
    await within(client.closed, 'the end')
  } finally {
    clearInterval(timer)
  }
  return performance.now() - began
}

describe('TLS handshakes', () => {
  it('one that comes byte by byte is ended when its time is over, however busy it is', async () => {
    const { server, good, lines } = await serveWithOne()
    const slow = await connectTo(server)
    const tookMs = await trickle(slow, hello)
    expect(tookMs).toBeGreaterThan(TIMEOUT_MS - 20)
    expect(tookMs).toBeLessThan(10 * TIMEOUT_MS)
    await expectOthersServed(server, good, lines)
  })

  it('a request that comes byte by byte behind it has as long, and gets 408', async () => {
    const { server, good, lines } = await serveWithOne()
    const slow = await connectTo(server, { isSecure: true })
    await trickle(slow, Buffer.from(upgradeRequest('/', [`X: ${'x'.repeat(1000)}`])))
    expect((await slow.readRest()).toString()).toMatch(/^HTTP\/1\.1 408 /)
    await expectOthersServed(server, good, lines)
  })

  it('one that stops after its first message is ended', async () => {
    const { server, good, lines } = await serveWithOne()
    const stalled = await connectTo(server)
    stalled.write(hello)
    await within(stalled.closed, 'the end')
    // A ServerHello and what belongs to it: records of a handshake.
    expect((await stalled.readRest())[0]).toBe(22)
    await expectOthersServed(server, good, lines)
  })

  it.each([
    ['plain HTTP', Buffer.from(upgradeRequest())],
    ['another protocol', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')],
    ['zeros', Buffer.alloc(1000)],
    ['a record that is too long', Buffer.from([22, 3, 1, 255, 255, ...Buffer.alloc(100)])],
    ['a broken ClientHello', Buffer.from(hello).fill(255, 5)],
    ['records behind a ClientHello that are none', Buffer.concat([hello, Buffer.alloc(500, 7)])]
  ])('%s is refused at once', async (_, bytes) => {
    // No time limit: what ends it is what it has sent.
    const { server, good, lines } = await serveWithOne(0)
    const hostile = await connectTo(server)
    hostile.write(bytes)
    await within(hostile.closed, 'the end')
    expect((await hostile.readRest()).toString('latin1')).not.toContain('HTTP')
    await expectOthersServed(server, good, lines)
  })

  it.each(['at once', 'amid it', 'behind a ClientHello'])(
    'a client that resets %s leaves nothing',
    async (when) => {
      const { server, good, lines } = await serveWithOne(0)
      for (let i = 0; i < 20; i++) {
        const client = await connectTo(server)
        if (when === 'amid it') client.write(hello.subarray(0, 50))
        if (when === 'behind a ClientHello') client.write(hello)
        client.reset()
      }
      await expectOthersServed(server, good, lines)
    }
  )

  it.each(['at once', 'amid it', 'behind a ClientHello'])('a client that ends %s is ended', async (when) => {
    const { server, good, lines } = await serveWithOne(0)
    const client = await connectTo(server)
    if (when === 'amid it') client.write(hello.subarray(0, 50))
    if (when === 'behind a ClientHello') client.write(hello)
    client.end()
    await within(client.closed, 'the end')
    await expectOthersServed(server, good, lines)
  })

  it('many that stall at a time all end', async () => {
    const { server, good, lines } = await serveWithOne()
    const stalled = await Promise.all(Array.from({ length: 100 }, () => connectTo(server)))
    for (const client of stalled) client.write(hello.subarray(0, 20))
    await within(Promise.all(stalled.map(({ closed }) => closed)), 'the end of all')
    await expectOthersServed(server, good, lines)
  })
})
