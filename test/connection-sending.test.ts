import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Connection } from '../src/index.js'
import { tier } from '../src/kernels/index.js'
import { guard, openAt, serve, serveOne, until } from './support/harness.js'

/** Calls of the addon's `engineSend`, which cannot be replaced in its own object. */
const calls = vi.hoisted(() => ({ count: 0 }))

vi.mock('../src/kernels/index.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../src/kernels/index.js')>()
  if (original.engineBinding === null) return original
  const { engineSend } = original.engineBinding
  const counting: typeof engineSend = (...args) => {
    calls.count++
    return engineSend(...args)
  }
  return { ...original, engineBinding: { ...original.engineBinding, engineSend: counting } }
})

guard()

/** Reads so many texts. */
async function readTexts(peer: { readText(): Promise<string> }, count: number): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) texts.push(await peer.readText())
  return texts
}

/** The texts from 0 to `count`. */
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index))

describe('sending in order', () => {
  it('from a handler, a microtask, a tick, a timer and an immediate', async () => {
    const { peer, client } = await serveOne({
      onmessage(client) {
        client.send('0')
        queueMicrotask(() => client.send('1'))
        client.send('2')
      }
    })
    peer.text('go')
    expect((await readTexts(peer, 3)).sort()).toEqual(['0', '1', '2'])
    const sent: string[] = []
    const send = (text: string) => {
      sent.push(text)
      client.send(text)
    }
    await new Promise<void>((resolve) => {
      process.nextTick(() => send('tick'))
      queueMicrotask(() => send('microtask'))
      setImmediate(() => send('immediate'))
      setTimeout(() => {
        send('timer')
        resolve()
      }, 5)
      send('now')
    })
    expect(await readTexts(peer, 5)).toEqual(sent)
    expect(sent.length).toBe(5)
  })

  it("from another connection's handler", async () => {
    const clients: Connection[] = []
    const server = await serve({
      onopen: (client) => void clients.push(client),
      onmessage: (_, { payload }) => {
        for (const client of clients) client.send(payload)
      }
    })
    const peers = [await openAt(server), await openAt(server), await openAt(server)]
    await until(() => clients.length === 3, 'all are open')
    for (const text of numbers(500)) peers[0]!.text(text)
    for (const peer of peers) expect(await readTexts(peer, 500)).toEqual(numbers(500))
  })

  it('thousands in one tick, of all sizes', async () => {
    const { peer, client } = await serveOne()
    const expected: number[] = []
    for (let i = 0; i < 5000; i++) {
      // Short ones are copied, longer ones passed by reference, some need more than one flush.
      const byteLength = i % 500 === 0 ? 200_000 : i % 50 === 0 ? 20_000 : i % 90
      expected.push(byteLength)
      client.send(Buffer.alloc(byteLength, i & 0xff))
    }
    const wrong: number[] = []
    for (let i = 0; i < 5000; i++) {
      const { payload } = await peer.readMessage()
      if (!payload.equals(Buffer.alloc(expected[i]!, i & 0xff))) wrong.push(i)
    }
    expect(wrong).toEqual([])
  })

  it('to a connection closed a moment ago: dropped, and the others get theirs', async () => {
    const clients: Connection[] = []
    const server = await serve({
      onopen: (client) => void clients.push(client),
      onmessage(client) {
        clients[1]!.terminate()
        for (const each of clients) statuses.push(each.send('after'))
        client.send('last')
      }
    })
    const statuses: string[] = []
    const peers = [await openAt(server), await openAt(server), await openAt(server)]
    await until(() => clients.length === 3, 'all are open')
    peers[0]!.text('go')
    expect(await readTexts(peers[0]!, 2)).toEqual(['after', 'last'])
    expect(await peers[2]!.readText()).toBe('after')
    expect(statuses).toEqual(['sent', 'dropped', 'sent'])
    await peers[1]!.closed
    expect(peers[1]!.unread.length).toBe(0)
    // Its slot may have another connection by now, which must not get anything of it.
    const next = await openAt(server)
    await until(() => clients.length === 4, 'the next is open')
    expect(clients[1]!.send('stale')).toBe('dropped')
    clients[3]!.send('fresh')
    expect(await next.readText()).toBe('fresh')
  })
})

describe.runIf(tier === 'engine')('the engine', () => {
  it('sends what all connections got in one tick with one call', async () => {
    const server = await serve()
    const peers = await Promise.all(Array.from({ length: 20 }, () => openAt(server)))
    await until(() => server.clients.size === 20, 'all are open')
    await delay(20)
    calls.count = 0
    for (const text of numbers(100)) for (const client of server.clients) client.send(text)
    for (const peer of peers) expect(await readTexts(peer, 100)).toEqual(numbers(100))
    expect(calls.count).toBe(1)
  })
})
