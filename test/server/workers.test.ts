// Threads run the compiled package.
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { tier } from '../../src/kernels/index.js'
import { root } from '../run-node.js'
import { cleanUp, guard, openAt, pattern, serve } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

const compiled = pathToFileURL(join(root, 'dist', 'index.js')).href

/** A thread with an echo server; by messages it tells its port and tier, and how many clients it has left after `close`. */
const ECHO = `
  const { parentPort } = require('node:worker_threads')
  import('${compiled}').then(async ({ AsyncServer }) => {
    const server = new AsyncServer({
      host: '127.0.0.1',
      logLevel: 'silent',
      onmessage: (client, message) => void client.send(message)
    })
    await server.listen()
    parentPort.once('message', async () => {
      await server.close()
      parentPort.postMessage(server.clients.size)
    })
    parentPort.postMessage({ port: server.port, tier: server.tier })
  })`

async function startThread(): Promise<{ worker: Worker; port: number; tier: string }> {
  const worker = new Worker(ECHO, { eval: true })
  cleanUp(() => worker.terminate())
  const [report] = (await within(once(worker, 'message'), 'a server')) as [{ port: number; tier: string }]
  return { worker, ...report }
}

describe('threads', () => {
  it('each have a server of their own, of the same tier, beside that of the main thread', async () => {
    const main = await serve({ onmessage: (client, message) => void client.send(message) })
    const threads = await Promise.all([startThread(), startThread(), startThread()])
    expect(threads.map((thread) => thread.tier)).toEqual([tier, tier, tier])
    const clients = await Promise.all(
      [main, ...threads].flatMap((server) => [openAt(server), openAt(server)])
    )
    for (const byteLength of [0, 5, 1000, 70_000, 300_000]) {
      for (const [index, client] of clients.entries()) client.binary(pattern(byteLength, index))
      for (const [index, client] of clients.entries()) {
        expect((await client.readMessage()).payload.equals(pattern(byteLength, index))).toBe(true)
      }
    }
  })

  it('end alone: a server that closes, and a thread that is terminated with connections, leave the others', async () => {
    const [closing, terminated, other] = await Promise.all([startThread(), startThread(), startThread()])
    const clients = await Promise.all([closing, terminated, other].map((thread) => openAt(thread)))
    const [first, second, third] = clients as [(typeof clients)[0], (typeof clients)[0], (typeof clients)[0]]
    const ended = once(closing.worker, 'exit')
    closing.worker.postMessage('close')
    expect((await first.readClose()).code).toBe(1001)
    first.close(1001)
    first.end()
    expect(await once(closing.worker, 'message')).toEqual([0])
    // Nothing keeps the thread alive.
    expect(await within(ended, 'the end of the thread')).toEqual([0])
    // It dies while it sends and receives.
    for (let i = 0; i < 50; i++) second.binary(pattern(200_000, i))
    await terminated.worker.terminate()
    await within(second.closed, 'the end of its connection')
    third.text('still')
    expect(await third.readText()).toBe('still')
  })

  it('come and go with connections, time after time', async () => {
    const main = await serve({ onmessage: (client, message) => void client.send(message) })
    const client = await openAt(main)
    for (let i = 0; i < 8; i++) {
      const thread = await startThread()
      const peer = await openAt(thread)
      peer.text(`${i}`)
      expect(await peer.readText()).toBe(`${i}`)
      await thread.worker.terminate()
      await within(peer.closed, 'the end of its connection')
    }
    client.text('still')
    expect(await client.readText()).toBe('still')
  })
})
