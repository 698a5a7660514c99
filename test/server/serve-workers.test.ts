// Threads run the compiled package, so this file takes it, too.
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { ServeWorkersOptions, WorkerExit } from '../../src/index.js'
import { bindSharedPort } from '../../src/kernels/index.js'
import { root } from '../run-node.js'
import { certificateFor } from '../support/certificate.js'
import { cleanUp, guard, openAt, until } from '../support/harness.js'
import { RawClient } from '../support/raw-client.js'

guard()

const MODULE = new URL('../support/shared-server.mjs', import.meta.url)
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const hasReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
const canShare = process.platform === 'linux' && (hasReusePort || bindSharedPort !== null)

const compiled = pathToFileURL(join(root, 'dist', 'index.js')).href
const { serveWorkers } = (await import(compiled)) as typeof import('../../src/index.js')

async function startGroup(options: ServeWorkersOptions = {}, module: string | URL = MODULE) {
  const group = await serveWorkers(module, { workers: 3, ...options })
  cleanUp(() => group.close())
  return group
}

/** Connects until a client is at the worker with this index. */
async function openAtWorker(group: { port: number }, index: number): Promise<RawClient> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const client = await openAt(group)
    client.text('hi')
    if ((await client.readText()).startsWith(`${index} `)) return client
    client.destroy()
  }
  throw new Error(`no connection came to worker ${index}`)
}

/** A module with this text, in a folder that goes with the test. */
async function moduleOf(text: string, name = 'server.mjs'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hotsocket-workers-'))
  cleanUp(() => rm(folder, { recursive: true }))
  const path = join(folder, name)
  writeFileSync(path, `import { AsyncServer } from '${compiled}'\n${text}`)
  return path
}

describe.runIf(canShare)('serveWorkers', () => {
  it('serves one port in several threads, and close ends all of them with 1001', async () => {
    const listening: number[] = []
    const group = await startGroup({ onlisten: (index) => listening.push(index) })
    expect([group.workers, listening.toSorted(), group.port > 0]).toEqual([3, [0, 1, 2], true])
    const clients = [await openAtWorker(group, 0), await openAtWorker(group, 1), await openAtWorker(group, 2)]
    clients[1]!.text('there')
    expect(await clients[1]!.readText()).toBe('1 of 3: there')
    const closing = group.close()
    for (const client of clients) {
      expect(await client.readClose()).toEqual({ code: 1001, reason: '' })
      client.close(1001)
      client.end()
    }
    await closing
    await group.close()
    expect(group.workers).toBe(0)
    await expect(RawClient.connect(group.port)).rejects.toThrow('ECONNREFUSED')
  })

  it('starts a crashed worker again, after a delay that grows; clients of the others notice nothing', async () => {
    const exits: WorkerExit[] = []
    const group = await startGroup({ onexit: (exit) => exits.push(exit) })
    const other = await openAtWorker(group, 0)
    for (const text of ['throw', 'exit']) {
      const client = await openAtWorker(group, 2)
      client.text(text)
      await client.closed
      await until(() => group.workers === 2, 'the worker is gone')
      other.text('still')
      expect(await other.readText()).toBe('0 of 3: still')
      await until(() => group.workers === 3, 'it is there again')
    }
    await openAtWorker(group, 2)
    expect(exits.map((exit) => ({ ...exit, error: exit.error?.message ?? null }))).toEqual([
      { index: 2, error: 'as told', exitCode: 1, restartInMs: 100 },
      { index: 2, error: null, exitCode: 3, restartInMs: 200 }
    ])
  })

  it('close while a worker waits to be started again starts it no more', async () => {
    const group = await startGroup({ workers: 1 })
    const client = await openAtWorker(group, 0)
    client.text('exit')
    await until(() => group.workers === 0, 'the worker is gone')
    await group.close(1000, 'bye')
    expect(group.workers).toBe(0)
  })

  it('terminates a worker that does not stop in time', async () => {
    const group = await startGroup({ stopTimeoutMs: 100, workers: 1 })
    const client = await openAtWorker(group, 0)
    client.text('hang')
    client.text('hi')
    await client.readText()
    client.end()
    const began = performance.now()
    await group.close()
    expect(performance.now() - began).toBeGreaterThan(95)
  })

  it.each([
    ['an instance', 'export const server = new AsyncServer({ host: "127.0.0.1" })', 'server.mjs'],
    ['a default export', 'export default new AsyncServer({ host: "127.0.0.1" })', 'server.mjs'],
    ['a promise', 'export const server = async () => new AsyncServer({ host: "127.0.0.1" })', 'a b#ü.mjs']
  ])('takes %s, from a file URL or a path', async (_, text, name) => {
    const path = await moduleOf(text, name)
    for (const module of [path, pathToFileURL(path), pathToFileURL(path).href]) {
      const group = await startGroup({ workers: 2 }, module)
      const client = await openAt(group)
      client.reset()
      await group.close()
    }
  })

  it('listens at the port of the options, before that of the module', async () => {
    const free = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => free.once('listening', resolve))
    const { port } = free.address() as { port: number }
    await new Promise((resolve) => free.close(resolve))
    const path = await moduleOf('export const server = new AsyncServer({ host: "127.0.0.1", port: 1 })')
    expect((await startGroup({ port }, path)).port).toBe(port)
  })

  it.each([
    ['export const x = 1', /server\.mjs must export an AsyncServer, or a function that makes one/],
    ['throw new Error("no database")', /worker 0: no database$/],
    ['export const server = new AsyncServer({ host: "192.0.2.7" })', /worker 0: .*192\.0\.2\.7, port 0/],
    ['process.exit(4)', /worker 0: it ended with code 4$/],
    [
      'export const server = ({ index }) => index === 1 ? null : new AsyncServer({ host: "127.0.0.1" })',
      /worker 1: .* must export/
    ]
  ])('rejects, and leaves nothing behind, if the module does: %s', async (text, message) => {
    const path = await moduleOf(text)
    await expect(startGroup({}, path)).rejects.toMatchObject({
      code: 'listen-failed',
      message: expect.stringMatching(message)
    })
  })

  it.each(['await new Promise(() => setInterval(() => {}, 1000))', 'for (;;) {}'])(
    'rejects, and leaves nothing behind, if the module is not ready in time: %s',
    async (text) => {
      const path = await moduleOf(text)
      await expect(startGroup({ startTimeoutMs: 500 }, path)).rejects.toMatchObject({
        code: 'listen-failed',
        message: expect.stringMatching(/worker 0: it does not listen after 500 ms$/)
      })
    }
  )

  it('starts a worker again that was restarted and is not ready in time', async () => {
    const path = await moduleOf(`
      import { existsSync, writeFileSync } from 'node:fs'
      const been = (name) => existsSync(new URL(name, import.meta.url)) || void writeFileSync(new URL(name, import.meta.url), '')
      const isFirst = !been('first')
      if (!isFirst && !been('second')) for (;;) {}
      const onmessage = () => process.exit(3)
      export const server = new AsyncServer({ host: '127.0.0.1', ...(isFirst && { onmessage }) })`)
    const exits: WorkerExit[] = []
    const onexit = (exit: WorkerExit) => exits.push(exit)
    const group = await startGroup({ workers: 1, startTimeoutMs: 2000, onexit }, path)
    const client = await openAt(group)
    client.text('exit')
    await until(() => exits.length === 2 && group.workers === 1, 'it is there again', 20_000)
    expect(exits.map(({ error, restartInMs }) => [error?.message ?? null, restartInMs])).toEqual([
      [null, 100],
      ['it does not listen after 2000 ms', 200]
    ])
  })

  it('rejects if somebody else has the port', async () => {
    const alone = createServer().listen(0, '127.0.0.1')
    cleanUp(() => alone.close())
    await new Promise((resolve) => alone.once('listening', resolve))
    const { port } = alone.address() as { port: number }
    await expect(startGroup({ port })).rejects.toMatchObject({
      message: expect.stringContaining('something else listens there already (EADDRINUSE)')
    })
  })

  it('each reloads its certificates when a BroadcastChannel says so, and ends all the same', async () => {
    const old = await certificateFor('old.example')
    const module = await moduleOf(`
      const channel = new BroadcastChannel('hotsocket-test-tls')
      channel.unref()
      export const server = new AsyncServer({ host: '127.0.0.1', tls: ${JSON.stringify(old)} })
      channel.onmessage = ({ data }) => {
        // The others' answers come here, too.
        if (data === 'done') return
        server.reloadTls(data)
        channel.postMessage('done')
      }
    `)
    const group = await startGroup({}, module)
    const names = async () => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => openAt(group, { isSecure: true })))
      return new Set(clients.map(({ socket }) => (socket as TLSSocket).getPeerCertificate().subject.CN))
    }
    expect(await names()).toEqual(new Set(['old.example']))
    const channel = new BroadcastChannel('hotsocket-test-tls')
    cleanUp(() => channel.close())
    let doneCount = 0
    channel.onmessage = ({ data }) => {
      if (data === 'done') doneCount++
    }
    channel.postMessage(await certificateFor('new.example'))
    await until(() => doneCount === 3, 'all have it')
    expect(await names()).toEqual(new Set(['new.example']))
    await group.close()
    expect(group.workers).toBe(0)
  })
})

it.runIf(!canShare)('serveWorkers says what it needs where ports cannot be shared', async () => {
  await expect(startGroup()).rejects.toMatchObject({
    code: 'listen-failed',
    message: expect.stringContaining('reusePort needs Node.js 22.12')
  })
})

it.each([
  [{ workers: 0 }, 'workers must be an integer from 1 to 4096'],
  [{ startTimeoutMs: -1 }, 'startTimeoutMs must be an integer from 0 to 2147483647'],
  [{ port: -1 }, 'port must be an integer from 0 to 65535'],
  [{ onexit: 1 }, 'onexit must be a function'],
  [{ threads: 2 }, 'there is no option "threads"']
])('serveWorkers names a wrong option: %j', async (options, text) => {
  await expect(startGroup(options as ServeWorkersOptions)).rejects.toMatchObject({
    code: 'invalid-option',
    message: expect.stringContaining(text)
  })
})
