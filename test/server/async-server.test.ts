import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { AsyncServer, type Connection, type Message } from '../../src/index.js'
import { tier } from '../../src/kernels/index.js'
import { root } from '../run-node.js'
import {
  cleanUp,
  collectGarbage,
  connectTo,
  gate,
  guard,
  openAt,
  recorder,
  serve,
  start,
  until
} from '../support/harness.js'
import { RawClient, upgradeRequest, within } from '../support/raw-client.js'

guard()

const LOCAL = { host: '127.0.0.1', logLevel: 'silent' } as const

describe('AsyncServer', () => {
  it('works as a subclass, with generic data', async () => {
    const lines: string[] = []
    class EchoServer extends AsyncServer<{ name: string }> {
      override onhandshake() {
        return { data: { name: 'Ada' } }
      }
      override onopen(client: Connection<{ name: string }>) {
        lines.push(`open ${client.data.name}`)
      }
      override onmessage(client: Connection<{ name: string }>, message: Message) {
        client.send(message)
      }
      override onsent(_client: Connection<{ name: string }>, message: Message) {
        lines.push(`sent ${message.payload}`)
      }
      override onclose(_client: Connection<{ name: string }>, code: number, reason: string) {
        lines.push(`close ${code} ${reason}`)
      }
    }
    const server = await start(new EchoServer(LOCAL))
    const peer = await openAt(server)
    peer.text('hi')
    expect(await peer.readText()).toBe('hi')
    peer.close(4000, 'bye')
    await until(() => server.clients.size === 0, 'it is over')
    expect(lines).toEqual(['open Ada', 'sent hi', 'close 4000 bye'])
  })

  it('takes handlers that a subclass sets in its constructor or as fields', async () => {
    const lines: string[] = []
    class Fields extends AsyncServer {
      override onsent = () => void lines.push('sent')
      constructor() {
        super(LOCAL)
        this.onopen = (client) => void client.send('hello')
      }
    }
    const server = await start(new Fields())
    const peer = await openAt(server)
    expect(await peer.readText()).toBe('hello')
    await until(() => lines.length === 1, 'onsent was called')
  })

  it('tells its address, tier and clients', async () => {
    const server = new AsyncServer({ ...LOCAL, closeTimeoutMs: 50 })
    expect([server.port, server.url, server.tier, server.clients.size]).toEqual([null, null, tier, 0])
    await start(server)
    expect(server.url).toBe(`ws://127.0.0.1:${server.port}`)
    const peers = [await openAt(server), await openAt(server), await openAt(server)]
    const ports = [...server.clients].map(({ remotePort }) => remotePort)
    expect(ports).toEqual(peers.map(({ socket }) => socket.localPort))
    await server.close()
    expect([server.port, server.url, server.clients.size]).toEqual([null, null, 0])
  })

  it('logs where it listens and its tier at level info', async () => {
    const logged: string[] = []
    const log = (text: string) => void logged.push(text)
    const logger = { error: log, warn: log, info: log, debug: log }
    const server = await serve({ logLevel: 'info', logger })
    expect(logged).toEqual([`listening at ${server.url}, tier ${tier}`])
  })
})

describe('listen', () => {
  it.each([
    [
      'a port in use',
      (port: number) => ({ port }),
      /127\.0\.0\.1, port \d+: something else listens there already \(EADDRINUSE\)$/
    ],
    [
      'an address of another machine',
      () => ({ host: '192.0.2.1' }),
      /192\.0\.2\.1, port 0: this machine has no such address/
    ],
    [
      'a folder that is not there',
      () => ({ socketPath: '/nowhere/x.sock' }),
      /^the server cannot listen: \/nowhere\/x\.sock: /
    ]
  ])("rejects with 'listen-failed' for %s", async (_, options, expected) => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    cleanUp(() => other.close())
    const { port } = other.address() as { port: number }
    const server = new AsyncServer({ ...LOCAL, ...options(port) })
    const error = await server.listen().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'listen-failed', message: expect.stringMatching(expected) })
    expect([server.url, server.port]).toEqual([null, null])
    await server.close()
  })

  it('can be tried again after it failed, but not after it listened', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const server = new AsyncServer({ ...LOCAL, port })
    await expect(server.listen()).rejects.toMatchObject({ code: 'listen-failed' })
    other.close()
    await start(server)
    await expect(server.listen()).rejects.toThrow('a server listens once')
    expect(server.port).toBe(port)
    await server.close()
    await expect(server.listen()).rejects.toThrow('a server listens once')
  })

  it('is undone by close while it is under way', async () => {
    const server = new AsyncServer(LOCAL)
    const listening = server.listen().catch((reason: unknown) => reason)
    await server.close()
    expect(await listening).toMatchObject({ code: 'listen-failed' })
    expect([server.port, server.url]).toEqual([null, null])
  })
})

describe('a handler that is set late', () => {
  it('is called, also if http, port and clients were read before', async () => {
    const sent: unknown[] = []
    const server = new AsyncServer(LOCAL)
    expect([server.http.listening, server.port, server.clients.size]).toEqual([false, null, 0])
    server.onsent = (_, { payload }) => sent.push(payload)
    server.onopen = (client) => client.send('hello')
    await start(server)
    const peer = await openAt(server)
    expect(await peer.readText()).toBe('hello')
    await until(() => sent.length > 0, 'it was told')
    expect(sent).toEqual(['hello'])
  })
})

describe('close', () => {
  it('§7.1.2 asks every client with 1001, sends what is queued, and resolves when all are gone', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers })
    const peers = [await openAt(server), await openAt(server)]
    for (const client of server.clients) client.send('queued')
    const closing = server.close()
    await expect(RawClient.connect(server.port ?? 1)).rejects.toThrow()
    for (const peer of peers) {
      expect(await peer.readText()).toBe('queued')
      expect(await peer.readClose()).toEqual({ code: 1001, reason: '' })
      peer.close(1001)
    }
    await closing
    expect(lines).toEqual(['open', 'open', ...Array(2).fill('close 1001 "" clean local null')])
  })

  it('takes a code and a reason; wrong ones reject and change nothing', async () => {
    const server = await serve()
    const peer = await openAt(server)
    await expect(server.close(1005)).rejects.toMatchObject({ code: 'invalid-argument' })
    await expect(server.close(1000, 'x'.repeat(124))).rejects.toMatchObject({ code: 'invalid-argument' })
    peer.text('still here')
    await openAt(server)
    void server.close(1012, 'back soon')
    expect(await peer.readClose()).toEqual({ code: 1012, reason: 'back soon' })
  })

  it('drops clients that do not answer and clients that do not read, after closeTimeoutMs', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers, closeTimeoutMs: 80 })
    const [silent, stuck] = [await openAt(server), await openAt(server)]
    stuck.pause()
    for (const client of server.clients) client.send(Buffer.alloc(30_000_000))
    const began = performance.now()
    await server.close()
    const elapsedMs = performance.now() - began
    expect([elapsedMs > 70, elapsedMs < 2000, server.clients.size]).toEqual([true, true, 0])
    stuck.resume()
    await Promise.all([within(silent.closed, 'the end'), within(stuck.closed, 'the end')])
    expect(lines.slice(2)).toEqual(Array(2).fill('close 1006 "" unclean local close-timeout'))
  })

  it('is the same at every call, before listen, and inside a handler', async () => {
    const unborn = new AsyncServer(LOCAL)
    await Promise.all([unborn.close(), unborn.close()])
    await expect(unborn.listen()).rejects.toMatchObject({ code: 'listen-failed' })
    const server: AsyncServer = await serve({ onmessage: () => server.close() })
    const peer = await openAt(server)
    peer.text('stop')
    expect(await peer.readClose()).toEqual({ code: 1001, reason: '' })
    peer.close(1001)
    await Promise.all([server.close(), server.close()])
    expect(server.clients.size).toBe(0)
  })

  it('leaves nothing behind that keeps the process alive', async () => {
    const child = run(`
      import { AsyncServer } from 'hotsocket'
      import { connect } from 'node:net'
      const server = new AsyncServer({ host: '127.0.0.1', handshakeTimeoutMs: 20000 })
      server.http.on('request', (_, response) => response.end('x'))
      await server.listen()
      const idle = connect(server.port, '127.0.0.1').unref()
      idle.on('error', () => {})
      await new Promise((resolve) => idle.on('connect', resolve))
      await server.close()
      console.log('closed')
    `)
    expect(await child.ended).toEqual({ code: 0, signal: null })
    expect(child.output()).toBe('closed\n')
  })
})

/** A module of its own process. */
function run(source: string) {
  const args = ['--input-type=module', '--eval', source]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  cleanUp(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      output += bytes
    })
  }
  const ended = within(
    once(child, 'exit').then(([code, signal]) => ({ code, signal })),
    'the end of the process'
  )
  return { child, ended, output: () => output }
}

const SERVER = `
  import { AsyncServer } from 'hotsocket'
  const server = new AsyncServer({ host: '127.0.0.1', closeTimeoutMs: 4000 })
  const running = server.run()
  while (server.port === null) await new Promise(setImmediate)
  console.log(server.port)
  await running
  console.log('stopped with ' + server.clients.size, process.listenerCount('SIGINT'), process.listenerCount('SIGTERM'))
`

describe('run', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '§7.1.2 %s closes clients with 1001, then it returns',
    async (signal) => {
      const { child, ended, output } = run(SERVER)
      await until(() => output().endsWith('\n'), 'it listens')
      const peer = await openAt({ port: Number(output()) })
      child.kill(signal)
      expect(await peer.readClose()).toEqual({ code: 1001, reason: '' })
      peer.close(1001)
      expect(await ended).toEqual({ code: 0, signal: null })
      expect(output()).toMatch(/^\d+\nstopped with 0 0 0\n$/)
    }
  )

  it('a second signal, of whichever kind, ends the process at once', async () => {
    const { child, ended, output } = run(SERVER)
    await until(() => output().endsWith('\n'), 'it listens')
    const peer = await openAt({ port: Number(output()) })
    child.kill('SIGINT')
    expect(await peer.readClose()).toEqual({ code: 1001, reason: '' })
    child.kill('SIGTERM')
    expect(await ended).toEqual({ code: null, signal: 'SIGTERM' })
  })

  it('ends when close is called, before or after', async () => {
    const server = new AsyncServer(LOCAL)
    const running = server.run()
    await until(() => server.port !== null, 'it listens')
    await server.close()
    await running
    await server.run()
    expect(process.listenerCount('SIGINT')).toBe(0)
  })

  it('called twice, ends both times', async () => {
    const server = new AsyncServer(LOCAL)
    const first = server.run()
    const second = server.run()
    await until(() => server.port !== null, 'it listens')
    const third = server.run()
    await server.close()
    await within(Promise.all([first, second, third]), 'the end of all')
    expect([process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')]).toEqual([0, 0])
  })

  it('ends when close is called before it listens', async () => {
    const server = new AsyncServer(LOCAL)
    const running = server.run()
    await server.close()
    await within(running, 'the end')
    expect([server.port, process.listenerCount('SIGINT')]).toEqual([null, 0])
  })

  it("called twice, rejects both times with 'listen-failed', and can be tried again", async () => {
    const server = new AsyncServer({ ...LOCAL, host: '192.0.2.1' })
    for (let i = 0; i < 2; i++) {
      const results = await Promise.allSettled([server.run(), server.run()])
      expect(results).toMatchObject(Array(2).fill({ status: 'rejected', reason: { code: 'listen-failed' } }))
    }
  })

  it("rejects with 'listen-failed'", async () => {
    await expect(new AsyncServer({ ...LOCAL, host: '192.0.2.1' }).run()).rejects.toMatchObject({
      code: 'listen-failed'
    })
  })
})

describe('many connections', () => {
  it('2 000 opened, used and closed leave no timers, no listeners and no memory behind', async () => {
    const { handlers, lines } = recorder()
    const server = await serve({
      ...handlers,
      onhandshake: () => undefined,
      onmessage: (client, message) => void client.send(message)
    })
    const cycle = async (count: number) => {
      for (let begun = 0; begun < count; begun += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, index) => useOnce(server, index % 5)))
      }
      await until(() => server.clients.size === 0, 'all are gone')
    }
    await cycle(500)
    lines.length = 0
    collectGarbage()
    const before = process.memoryUsage()
    await cycle(2000)
    const count = (start: string) => lines.filter((line) => line.startsWith(start)).length
    expect([count('open'), count('close')]).toEqual([2000, 2000])
    lines.length = 0
    await delay(20)
    collectGarbage()
    const after = process.memoryUsage()
    expect(after.heapUsed - before.heapUsed).toBeLessThan(2_000_000)
    expect(after.rss - before.rss).toBeLessThan(100_000_000)
    const sockets = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    expect(sockets).toBeLessThan(20)
  })
})

/** Opens a connection, uses it, and ends it in one of five ways. */
async function useOnce(server: AsyncServer, way: number): Promise<void> {
  const peer = await RawClient.open(server.port!)
  peer.text('hello')
  await peer.readText()
  if (way === 0) peer.close(1000)
  else if (way === 1) peer.reset()
  else if (way === 2) peer.end()
  else if (way === 3) peer.send(3)
  else peer.destroy()
  if (way === 0 || way === 3) await peer.readClose()
  if (way === 3) peer.end()
  await peer.closed
}

describe('handshakes that come to nothing', () => {
  it('2 000 of them leave nothing behind', async () => {
    const { passed, open } = gate()
    cleanUp(open)
    const server = await serve({
      handshakeTimeoutMs: 300,
      onhandshake: ({ path }) => (path === '/wait' ? passed : { status: 403 })
    })
    for (let begun = 0; begun < 2000; begun += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const client = await RawClient.connect(server.port!)
          if (index % 3 === 0) client.write(upgradeRequest())
          if (index % 3 === 1) client.write(upgradeRequest('/wait'))
          if (index % 3 === 0) await client.readHead()
          client.destroy()
          await client.closed
        })
      )
    }
    const client = await connectTo(server)
    client.write(upgradeRequest())
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 403 /)
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    await until(() => sockets() < 20, 'their sockets are closed')
  })
})
