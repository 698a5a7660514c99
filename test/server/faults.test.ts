// What the kernel does to a server when it runs out of something, and what peers do who vanish: the server keeps serving.
// ENOBUFS and other errors that no healthy kernel gives are provoked in native/test/engine-send-test.cc.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { AsyncServer } from '../../src/index.js'
import { cleanUp, guard, openAt, pattern, recorder, serve, until } from '../support/harness.js'
import { encodeFrame, RawClient, upgradeRequest } from '../support/raw-client.js'

guard()

const MIB = 1024 * 1024
const SCRIPT = fileURLToPath(new URL('../support/fault-server.mjs', import.meta.url))

async function expectEcho(
  server: { readonly port: number | null },
  text = 'is anybody there?'
): Promise<void> {
  const peer = await openAt(server)
  peer.text(text)
  expect(await peer.readText()).toBe(text)
  peer.destroy()
}

/** Enough for Node.js to load the package, whose modules it opens all at once. */
const FILE_LIMIT = 256

/** A server in a process that may open few files. */
class PoorServer {
  readonly port: number
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, port: number) {
    this.#child = child
    this.#lines = lines
    this.port = port
  }

  static async start(fileLimit: number): Promise<PoorServer> {
    const child = spawn('sh', ['-c', `ulimit -n ${fileLimit}; exec "$0" "$1"`, process.execPath, SCRIPT], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    cleanUp(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
    const lines = createInterface(child.stdout!)[Symbol.asyncIterator]()
    const { value } = await lines.next()
    return new PoorServer(child, lines, Number(value))
  }

  async tell(command: string): Promise<{ answer: number | null; tier: string; clientCount: number }> {
    this.#child.stdin!.write(`${command}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`the server ended: ${this.#child.exitCode ?? this.#child.signalCode}`)
    return JSON.parse(value)
  }
}

describe.runIf(process.platform === 'linux')('descriptors run out', () => {
  it('EMFILE: those who got in are served, and others when they have gone', async () => {
    const server = await PoorServer.start(FILE_LIMIT)
    const { answer: before } = await server.tell('count')
    const attempts = await Promise.allSettled(
      Array.from({ length: FILE_LIMIT + 56 }, () => RawClient.open(server.port).catch(() => null))
    )
    const peers = attempts.flatMap((attempt) =>
      attempt.status === 'fulfilled' && attempt.value !== null ? [attempt.value] : []
    )
    expect(peers.length).toBeGreaterThan(10)
    expect(peers.length).toBeLessThan(FILE_LIMIT)
    for (const [index, peer] of peers.entries()) {
      peer.text(`${index}`)
      expect(await peer.readText()).toBe(`${index}`)
    }
    for (const peer of peers) peer.destroy()
    for (let clientCount = 1; clientCount > 0; ) {
      await delay(10)
      ;({ clientCount } = await server.tell('count'))
    }
    for (let i = 0; i < 20; i++) await expectEcho(server, `${i}`)
    await delay(50)
    const { answer: after } = await server.tell('count')
    // An epoll set and an eventfd came with the first connection.
    expect(after! - before!).toBeLessThanOrEqual(2)
  }, 30_000)

  it('a connection that the engine cannot have stays on its stream, with nothing lost', async () => {
    const server = await PoorServer.start(FILE_LIMIT)
    await expectEcho(server)
    await delay(50)
    // One for accept; none for the engine's duplicate.
    await server.tell('leave 1')
    const peer = await RawClient.connect(server.port)
    cleanUp(() => peer.destroy())
    // Frames come with the request, cut in the middle of one.
    const frames = Buffer.concat([encodeFrame(1, Buffer.from('one')), encodeFrame(2, pattern(70_000))])
    peer.write(Buffer.concat([Buffer.from(upgradeRequest(), 'latin1'), frames.subarray(0, 30_000)]))
    expect(await peer.readHead()).toMatch(/^HTTP\/1\.1 101 /)
    peer.write(frames.subarray(30_000))
    expect(await peer.readText()).toBe('one')
    expect((await peer.readMessage()).payload).toEqual(pattern(70_000))
    expect((await server.tell('release')).clientCount).toBe(1)
    await expectEcho(server)
    peer.text('still')
    expect(await peer.readText()).toBe('still')
  })
})

/** How the end of a peer that says no goodbye is told. */
const LOST = 'close 1006 "" unclean remote connection-lost'

/** A server that echoes and records. */
async function serveEcho(): Promise<{ server: AsyncServer; lines: string[] }> {
  const { lines, handlers } = recorder()
  const server = await serve({ ...handlers, onmessage: (client, message) => void client.send(message) })
  return { server, lines }
}

describe('peers vanish', () => {
  it('ECONNRESET in accept: 300 that reset before anybody looked', async () => {
    const { server, lines } = await serveEcho()
    await Promise.all(
      Array.from({ length: 300 }, async () => {
        const socket = connect(server.port!, '127.0.0.1').on('error', () => {})
        socket.on('connect', () => socket.resetAndDestroy())
        await once(socket, 'close')
      })
    )
    await expectEcho(server)
    await until(() => server.clients.size === 0, 'all are gone')
    expect(lines).toEqual(['open', LOST])
  })

  it('a reset amid the handshake, and right behind it', async () => {
    const { server } = await serveEcho()
    for (let i = 0; i < 100; i++) {
      const peer = await RawClient.connect(server.port!)
      const request = upgradeRequest()
      peer.write(i % 2 === 0 ? request : request.slice(0, i))
      if (i % 3 === 0) await new Promise(setImmediate)
      peer.reset()
    }
    await expectEcho(server)
    await until(() => server.clients.size === 0, 'all are gone')
  })

  it('half-closed: what came before the end is answered, and the end is told once', async () => {
    const { server, lines } = await serveEcho()
    const peer = await openAt(server)
    const large = pattern(3 * MIB)
    peer.write(Buffer.concat([encodeFrame(2, large), encodeFrame(1, Buffer.from('last words'))]))
    peer.end()
    expect((await peer.readMessage()).payload.equals(large)).toBe(true)
    expect(await peer.readText()).toBe('last words')
    expect([(await peer.readRest()).length, await peer.closed]).toEqual([0, 'fin'])
    await until(() => server.clients.size === 0, 'it is gone')
    expect(lines).toEqual(['open', LOST])
  })

  it('a reset while megabytes wait: told once, nothing stays, others are served', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers })
    const peer = await openAt(server)
    const other = await openAt(server)
    await until(() => server.clients.size === 2, 'both are open')
    const [client, healthy] = server.clients
    peer.pause()
    for (let i = 0; i < 20; i++) client!.send(pattern(MIB, i))
    await until(() => client!.bufferedAmount > 0, 'something waits')
    peer.reset()
    await until(() => server.clients.size === 1, 'it is gone')
    expect(client!.bufferedAmount).toBe(0)
    expect(client!.queuedMessages).toBe(0)
    expect(client!.send('too late')).toBe('dropped')
    healthy!.send('for the other')
    expect(await other.readText()).toBe('for the other')
    expect(lines.filter((line) => line.startsWith('close'))).toHaveLength(1)
    expect(lines.find((line) => line.startsWith('close'))).toMatch(/^close 1006 "" unclean /)
  })
})

describe('connections end in the middle of a batch', () => {
  it('each message drops somebody; those that come after get their own bytes only', async () => {
    const server = await serve({
      onmessage: (client, message) => {
        const all = [...server.clients]
        const victim = all[message.bytes[0]! % all.length]!
        victim.send('behind your back')
        victim.terminate()
        client.send(message)
      }
    })
    for (let round = 0; round < 20; round++) {
      const peers = await Promise.all(Array.from({ length: 20 }, () => openAt(server)))
      for (const [index, peer] of peers.entries()) peer.text(`${index}`)
      await delay(5)
      for (const peer of peers) peer.destroy()
      await until(() => server.clients.size === 0, 'all are gone')
    }
    const fresh = await openAt(server)
    await delay(20)
    expect(fresh.unread.length).toBe(0)
  })
})
