import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  type AsyncServerOptions,
  type Connection,
  type Message,
  TextMessage,
  type WebSocketError
} from '../src/index.js'
import { collectGarbage, gate, guard, openAt, serve, serveOne, until } from './support/harness.js'

guard()

/** Handlers that write down what became of messages, by their size. */
function reporter() {
  const lines: string[] = []
  const handlers = {
    onsent: (_: Connection, { bytes }: Message) => void lines.push(`sent ${bytes.length}`),
    onunsent: (_: Connection, { bytes }: Message, reason: WebSocketError) =>
      void lines.push(`unsent ${bytes.length} ${reason.code}`),
    onclose: (_: Connection, code: number) => void lines.push(`close ${code}`)
  } satisfies AsyncServerOptions
  return { lines, handlers }
}

const LONG = Buffer.alloc(30_000_000)

describe('onsent', () => {
  it('comes for a short message while a long one of the same turn is on its way', async () => {
    const { lines, handlers } = reporter()
    const { peer, client } = await serveOne(handlers)
    peer.pause()
    for (const message of ['small', LONG, 'behind']) client.send(message)
    await until(() => lines.length === 1, 'the first is reported')
    await delay(30)
    expect([lines, client.queuedMessages]).toEqual([['sent 5'], 2])
    peer.resume()
    await until(() => lines.length === 3, 'all are reported')
    expect([lines, client.queuedMessages]).toEqual([['sent 5', 'sent 30000000', 'sent 6'], 0])
  })

  it('comes for each message by itself while a slow peer reads', async () => {
    const { lines, handlers } = reporter()
    const { peer, client } = await serveOne(handlers)
    peer.pause()
    for (let i = 0; i < 30; i++) client.send(LONG.subarray(0, 1_000_000))
    await until(() => lines.length > 0, 'some are sent')
    await delay(30)
    expect(client.queuedMessages).toBe(30 - lines.length)
    expect(lines.length).toBeLessThan(30)
    const counts = new Set<number>()
    const observed = setInterval(() => counts.add(client.queuedMessages), 1)
    peer.resume()
    await until(() => lines.length === 30, 'all are sent')
    clearInterval(observed)
    expect(counts.size).toBeGreaterThan(1)
  })

  it('counts queuedMessages in the same way to the end if nobody is told', async () => {
    const { peer, client } = await serveOne()
    peer.pause()
    client.send('small')
    client.send(LONG)
    await delay(30)
    client.send('behind')
    await delay(5)
    expect(client.queuedMessages).toBeGreaterThanOrEqual(2)
    peer.resume()
    await until(() => client.queuedMessages === 0, 'all is sent')
    expect(client.bufferedAmount).toBe(0)
  })

  it('comes on another connection that a handler sent to', async () => {
    const { lines, handlers } = reporter()
    const order: Connection[] = []
    const server = await serve({
      ...handlers,
      onopen: (client) => void order.push(client),
      onsent(client, { bytes }) {
        lines.push(`sent ${bytes.length}`)
        // Both go out in the same turn: the other one is settled after this one.
        if (client === order[0] && bytes.length === 1) order[1]!.send('ab')
        if (client === order[0] && bytes.length === 1) client.send(LONG.subarray(0, 200_000))
      }
    })
    const peers = [await openAt(server), await openAt(server)]
    await until(() => order.length === 2, 'both are open')
    order[0]!.send('a')
    order[1]!.send('abc')
    await until(() => lines.length === 4, 'all are reported')
    expect(lines.sort()).toEqual(['sent 1', 'sent 2', 'sent 200000', 'sent 3'])
    expect(order.map(({ queuedMessages, bufferedAmount }) => [queuedMessages, bufferedAmount])).toEqual([
      [0, 0],
      [0, 0]
    ])
    expect([await peers[1]!.readText(), await peers[1]!.readText()]).toEqual(['abc', 'ab'])
  })
})

describe('onunsent', () => {
  it('comes for all that a connection took with it, first sent first, before onclose', async () => {
    const { lines, handlers } = reporter()
    const { peer, client } = await serveOne(handlers)
    peer.pause()
    for (const message of ['small', LONG, 'behind']) client.send(message)
    await until(() => lines.length === 1, 'the first is reported')
    client.terminate()
    await client.closed()
    expect(lines).toEqual([
      'sent 5',
      'unsent 30000000 connection-lost',
      'unsent 6 connection-lost',
      'close 1006'
    ])
  })

  it('comes for what was sent in the turn of terminate', async () => {
    const { lines, handlers } = reporter()
    const { client } = await serveOne(handlers)
    client.send('lost')
    client.terminate()
    expect(client.send('too late')).toBe('dropped')
    await client.closed()
    expect(lines).toEqual(['unsent 4 connection-lost', 'close 1006'])
  })

  it('comes for what is sent to a peer that has reset the connection; never onsent', async () => {
    const { lines, handlers } = reporter()
    const { peer, client } = await serveOne(handlers)
    peer.reset()
    await peer.closed
    const statuses = [client.send('x'), client.send(LONG.subarray(0, 200_000))]
    await client.closed()
    const accepted = statuses.filter((status) => status !== 'dropped').length
    expect(lines.filter((line) => line.startsWith('unsent')).length).toBe(accepted)
    expect([lines.length, lines.at(-1)]).toEqual([accepted + 1, 'close 1006'])
  })

  it('comes if the peer does not take all before the close timeout', async () => {
    const { lines, handlers } = reporter()
    const { peer, client } = await serveOne({ ...handlers, closeTimeoutMs: 50 })
    peer.pause()
    client.send(LONG)
    await client.close()
    expect(lines).toEqual(['unsent 30000000 close-timeout', 'close 1006'])
  })

  it('gets the cause that onclose gets, and sends nothing any more', async () => {
    const told: unknown[] = []
    const { client } = await serveOne({
      onunsent: (client, _, reason) =>
        void told.push(reason, client.readyState, client.bufferedAmount, client.send('x')),
      onclose: (_client, _code, _reason, { cause }) => void told.push(cause)
    })
    client.send('lost')
    client.terminate()
    const { cause } = await client.closed()
    expect(told).toEqual([cause, 3, 0, 'dropped', cause])
    expect(told[0]).toBe(cause)
  })

  it('may throw: the others and onclose come all the same', async () => {
    const { lines, handlers } = reporter()
    const { client } = await serveOne({
      ...handlers,
      onunsent() {
        lines.push('unsent')
        throw new Error('oops')
      },
      onerror: (_, { code }) => void lines.push(code)
    })
    client.send('a')
    client.send('b')
    client.terminate()
    await client.closed()
    expect(lines).toEqual(['unsent', 'handler-failed', 'unsent', 'handler-failed', 'close 1006'])
  })
})

describe('send with a callback', () => {
  it('tells of that message alone, once, and not before send has returned', async () => {
    const { peer, client } = await serveOne()
    const told: unknown[] = []
    client.send('a')
    client.send('b', { sent: (reason) => told.push(reason) })
    client.send('c', { fragmentSize: 1, sent: (reason) => told.push(reason) })
    expect(told).toEqual([])
    for (const text of ['a', 'b', 'c']) expect(await peer.readText()).toBe(text)
    await until(() => told.length === 2, 'both are told')
    client.terminate()
    await client.closed()
    expect(told).toEqual([null, null])
  })

  it('is called after onsent, and after onunsent with the same reason', async () => {
    const { lines, handlers } = reporter()
    const { peer, client } = await serveOne(handlers)
    peer.pause()
    const sent = (reason: WebSocketError | null) => void lines.push(`callback ${reason?.code ?? 'null'}`)
    client.send('a', { sent })
    await until(() => lines.length === 2, 'the first is told')
    client.send(LONG, { sent })
    await delay(5)
    client.terminate()
    await client.closed()
    expect(lines).toEqual([
      'sent 1',
      'callback null',
      'unsent 30000000 connection-lost',
      'callback connection-lost',
      'close 1006'
    ])
  })

  it("is called with 'not-open' for a message that was dropped, after send has returned", async () => {
    const { lines, handlers } = reporter()
    const { client } = await serveOne(handlers)
    client.terminate()
    const told: unknown[] = []
    const status = client.send('x', { sent: (reason) => told.push(reason?.code) })
    expect([status, told]).toEqual(['dropped', []])
    await client.closed()
    expect([told, lines]).toEqual([['not-open'], ['close 1006']])
  })

  it.each([1, 'f', {}, true])('throws at the call for %j, which is no function', async (sent) => {
    const { client } = await serveOne()
    expect(() => client.send('x', { sent: sent as never })).toThrow('sent must be a function')
    expect([client.bufferedAmount, client.queuedMessages]).toEqual([0, 0])
  })

  it('harms only its own connection if it throws, or returns a promise that rejects', async () => {
    const failed = gate()
    const causes: unknown[] = []
    const { client } = await serveOne({
      onerror(_, { code, cause }) {
        causes.push(code, cause)
        if (causes.length === 4) failed.open()
      }
    })
    client.send('x', {
      sent: () => {
        throw 'thrown'
      }
    })
    client.send('x', { sent: () => Promise.reject('rejected') })
    await failed.passed
    expect(causes).toEqual(['handler-failed', 'thrown', 'handler-failed', 'rejected'])
  })
})

describe('memory of reports', () => {
  /** Sends a message to a peer that reads nothing; returns whether it is still kept while it waits. */
  async function isKept(options: AsyncServerOptions): Promise<boolean> {
    const { peer, client } = await serveOne(options)
    peer.pause()
    client.send(LONG)
    await delay(5)
    const kept = (() => {
      const message = new TextMessage('short, so that it is copied')
      client.send(message)
      return new WeakRef(message)
    })()
    await delay(5)
    collectGarbage()
    const result = kept.deref() !== undefined
    client.terminate()
    return result
  }

  it('nothing is remembered when nobody asks', async () => {
    expect(await isKept({})).toBe(false)
    expect(await isKept({ onsent: () => {} })).toBe(true)
    expect(await isKept({ onunsent: () => {} })).toBe(true)
  })
})
