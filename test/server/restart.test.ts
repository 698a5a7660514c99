// The rolling restart of `serveWorkers`. Threads run the compiled package, so this file takes it, too.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bindSharedPort } from '../../src/kernels/index.js'
import { root } from '../run-node.js'
import { cleanUp, gate, guard, openAt, until } from '../support/harness.js'
import { RawClient } from '../support/raw-client.js'

guard()

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const hasReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
const canShare = process.platform === 'linux' && (hasReusePort || bindSharedPort !== null)

const compiled = pathToFileURL(join(root, 'dist', 'index.js')).href
const { serveWorkers } = (await import(compiled)) as typeof import('../../src/index.js')

/** A folder with a module `server.mjs` that can write into it. */
function moduleOf(text: string) {
  const folder = mkdtempSync(join(tmpdir(), 'hotsocket-restart-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'server.mjs')
  const write = (body: string) => writeFileSync(path, `import { AsyncServer } from '${compiled}'\n${body}`)
  write(text)
  return { folder, path, write }
}

/** Feeds every client with numbered messages, those at /slow with more than a socket holds; writes down how many each accepted. */
const FEEDER = `
  import { appendFileSync } from 'node:fs'
  const LONG = 'x'.repeat(300_000)
  export function server() {
    const server = new AsyncServer({
      host: '127.0.0.1',
      logLevel: 'silent',
      closeTimeoutMs: 15_000,
      onopen(client) {
        client.data = 0
        client.send(client.id)
        if (client.request.path === '/slow') for (let count = 0; count < 30; count++) feed(client, LONG)
      },
      onclose(client, code, reason, { wasClean }) {
        const line = [client.id, client.data, wasClean].join(' ')
        appendFileSync(new URL('closed.txt', import.meta.url), line + '\\n')
      }
    })
    setInterval(() => {
      for (const client of server.clients) feed(client, 'short')
    }, 5).unref()
    return server
  }
  function feed(client, text) {
    if (client.send(client.data + ' ' + text) !== 'dropped') client.data++
  }`

/** What clients have got, by their id at the server. */
type Got = Map<string, number>

/**
 * Stays connected, as a client does that comes back when it is told to leave, until that happens after `isOver`. A slow one reads
 * the first time only when `mayRead` resolves.
 */
async function stay(group: { port: number }, got: Got, mayRead: Promise<void> | null, isOver: () => boolean) {
  const path = mayRead === null ? '/' : '/slow'
  while (!isOver()) {
    // A socket that the kernel had given to a worker which accepts no more is reset: one comes again.
    const client = await RawClient.open(group.port, { path }).catch(() => null)
    if (client === null) continue
    cleanUp(() => client.destroy())
    const id = await client.readText()
    got.set(id, 0)
    if (mayRead !== null) {
      client.pause()
      await mayRead
      client.resume()
    }
    for (;;) {
      const { opcode, payload } = await client.readMessage()
      if (opcode === 8) break
      const count = got.get(id)!
      expect(payload.subarray(0, 8).toString().split(' ')[0]).toBe(`${count}`)
      got.set(id, count + 1)
    }
    client.close(1012)
    client.end()
    await client.closed
  }
}

describe.runIf(canShare)('restart', () => {
  it('replaces one worker after the other, and no message is lost that was queued for any client', async () => {
    const { folder, path } = moduleOf(FEEDER)
    const listened: number[] = []
    const group = await serveWorkers(path, {
      workers: 2,
      stopTimeoutMs: 17_000,
      onlisten: (index) => listened.push(index)
    })
    cleanUp(() => group.close())
    const got: Got = new Map()
    let isOver = false
    const { passed: mayRead, open: read } = gate()
    const clients = Array.from({ length: 9 }, (_, index) =>
      stay(group, got, index % 3 === 0 ? mayRead : null, () => isOver)
    )
    await until(() => [...got.values()].filter((count) => count > 10).length === 6, 'messages flow')
    const restarting = group.restart({ jitterMs: 200, deadlineMs: 15_000 })
    await until(() => listened.length === 3, 'the first new worker listens')
    await delay(300)
    read()
    const result = await restarting
    isOver = true
    expect(result).toMatchObject({ dropped: 0, unsentMessages: 0, failedWorkers: 0 })
    expect(result.left).toBe(result.clients)
    expect(result.clients).toBeGreaterThanOrEqual(9)
    expect([group.workers, listened]).toEqual([2, [0, 1, 0, 1]])
    await group.close()
    await Promise.all(clients)
    const closed = readFileSync(join(folder, 'closed.txt'), 'utf8').trim().split('\n')
    expect(closed.length).toBeGreaterThanOrEqual(result.clients)
    const expected = [...got].map(([id, count]) => `${id} ${count} true`)
    expect(closed.sort()).toEqual(expected.sort())
  })

  it('loads the module anew', async () => {
    const text = (version: number) =>
      `export const server = new AsyncServer({ host: '127.0.0.1', onopen: (client) => void client.send('${version}') })`
    const { path, write } = moduleOf(text(1))
    const group = await serveWorkers(path, { workers: 2 })
    cleanUp(() => group.close())
    expect(await (await openAt(group)).readText()).toBe('1')
    write(text(2))
    await group.restart({ deadlineMs: 100, jitterMs: 0 })
    for (let count = 0; count < 6; count++) expect(await (await openAt(group)).readText()).toBe('2')
  })

  it('of a module that fails leaves the old workers as they are', async () => {
    const { path, write } = moduleOf('export const server = new AsyncServer({ host: "127.0.0.1" })')
    const group = await serveWorkers(path, { workers: 2 })
    cleanUp(() => group.close())
    const client = await openAt(group)
    write('throw new Error("no database")')
    await expect(group.restart()).rejects.toMatchObject({
      code: 'listen-failed',
      message: expect.stringContaining('worker 0: no database')
    })
    expect(group.workers).toBe(2)
    client.send(9, 'x')
    expect((await client.readFrame()).opcode).toBe(10)
    await openAt(group)
  })

  it('is one, however often it is called; close ends it', async () => {
    const { path } = moduleOf('export const server = new AsyncServer({ host: "127.0.0.1" })')
    let listenCount = 0
    const group = await serveWorkers(path, { workers: 1, onlisten: () => listenCount++ })
    cleanUp(() => group.close())
    const client = await openAt(group)
    const options = { jitterMs: 3_600_000, deadlineMs: 3_600_000 }
    const restarts = Promise.all([group.restart(options), group.restart()])
    // The old worker waits for this client, while the new one serves.
    await until(() => listenCount === 2, 'the new one is there')
    const closing = group.close(1001, 'now')
    expect(await client.readClose()).toEqual({ code: 1001, reason: 'now' })
    client.close(1001)
    client.end()
    await closing
    const [result, same] = await restarts
    expect(same).toBe(result)
    expect(result).toMatchObject({ clients: 1, left: 1, dropped: 0, failedWorkers: 0 })
    expect(group.workers).toBe(0)
    await expect(group.restart()).rejects.toThrow('the group was closed')
  })

  it('terminates a worker that does not end in time, and counts it', async () => {
    const { path } = moduleOf(
      'setInterval(() => {}, 1000)\nexport const server = new AsyncServer({ host: "127.0.0.1" })'
    )
    const group = await serveWorkers(path, { workers: 1, stopTimeoutMs: 100 })
    cleanUp(() => group.close())
    const result = await group.restart({ deadlineMs: 50, jitterMs: 0 })
    // Its server was drained before: nothing is lost.
    expect(result).toMatchObject({ clients: 0, failedWorkers: 0 })
    expect(group.workers).toBe(1)
  })

  it('refuses wrong options', async () => {
    const { path } = moduleOf('export const server = new AsyncServer({ host: "127.0.0.1" })')
    const group = await serveWorkers(path, { workers: 1 })
    cleanUp(() => group.close())
    await expect(group.restart({ deadlineMs: -1 })).rejects.toThrow('deadlineMs must be an integer')
    await expect(group.restart({ code: 1006 })).rejects.toThrow('close code must be')
  })
})
