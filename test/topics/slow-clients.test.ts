import { describe, expect, it } from 'vitest'
import type {
  AsyncServer,
  AsyncServerOptions,
  Connection,
  Overflow,
  PublishOptions,
  WebSocketError
} from '../../src/index.js'
import { collectGarbage, guard, openAt, serve, until } from '../support/harness.js'
import type { RawClient } from '../support/raw-client.js'

guard()

const KIB = 1024
/** More than the kernel's buffers take of a client that does not read. */
const BLOCK_BYTES = 8 * 1024 * KIB

/**
 * A server with a client that does not read and has filled the kernel's buffers, and one that reads; both subscribe to all.
 * `drops` is what onunsent was told.
 */
async function serveSlow(options: AsyncServerOptions = {}) {
  const drops: string[] = []
  const closes: unknown[] = []
  const server: AsyncServer = await serve({
    highWatermarkBytes: 64 * 1024 * KIB,
    onopen: (client) => void client.subscribe('#'),
    onunsent(client, { payload }, { code, message }: WebSocketError) {
      drops.push(`${client === slow ? 'slow' : 'fast'} ${String(payload).slice(0, 8)} ${code} ${message}`)
    },
    onclose: (client, _code, _reason, { cause }) =>
      void closes.push([client === slow ? 'slow' : 'fast', cause?.code ?? null]),
    ...options
  })
  const slowPeer = await openAt(server)
  await until(() => server.clients.size === 1, 'the first is open')
  const fastPeer = await openAt(server)
  await until(() => server.clients.size === 2, 'the second is open')
  const [slow, fast] = server.clients as unknown as [Connection, Connection]
  slowPeer.pause()
  slow.send(Buffer.alloc(BLOCK_BYTES))
  await until(() => slow.isSlow, 'the kernel refuses bytes')
  return { server, slowPeer, fastPeer, slow, fast, drops, closes }
}

/** Publishes numbers, each in a turn of its own. */
async function publishNumbers(server: AsyncServer, count: number): Promise<number[]> {
  const accepted: number[] = []
  for (let i = 0; i < count; i++) {
    accepted.push(server.publish('n', `${i}`))
    await new Promise(setImmediate)
  }
  return accepted
}

/** Reads the block, and all texts up to 'end'. */
async function readAll(peer: RawClient): Promise<string[]> {
  peer.resume()
  const { payload } = await peer.readMessage()
  expect(payload.length).toBe(BLOCK_BYTES)
  return readToEnd(peer)
}

async function readToEnd(peer: RawClient): Promise<string[]> {
  const texts: string[] = []
  for (let text = await peer.readText(); text !== 'end'; text = await peer.readText()) texts.push(text)
  return texts
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => String(from + index))
const reason = (why: string) => `publication-dropped a publication was dropped: ${why}`

describe('a publication for a client that does not keep up', () => {
  it("is sent all the same with 'queue', the default", async () => {
    const { server, slowPeer, fastPeer, slow, drops } = await serveSlow()
    expect(await publishNumbers(server, 20)).toEqual(Array(20).fill(2))
    expect(slow.waitingBytes).toBe(0)
    server.publish('n', 'end')
    expect(await readToEnd(fastPeer)).toEqual(numbers(0, 20))
    expect(await readAll(slowPeer)).toEqual(numbers(0, 20))
    expect([drops, server.topics.droppedCount]).toEqual([[], 0])
  })

  it("is dropped with 'drop-newest', counted, and told", async () => {
    const { server, slowPeer, fastPeer, slow, drops } = await serveSlow({ overflow: 'drop-newest' })
    expect(await publishNumbers(server, 5)).toEqual([1, 1, 1, 1, 1])
    await until(() => drops.length === 5, 'the drops are told')
    const why = reason("the client did not keep up, and overflow is 'drop-newest'")
    expect(drops).toEqual(numbers(0, 5).map((i) => `slow ${i} ${why}`))
    expect(server.topics.droppedCount).toBe(5)
    const all = readAll(slowPeer)
    await until(() => !slow.isSlow, 'it has caught up')
    expect(server.publish('n', 'end')).toBe(2)
    expect(await all).toEqual([])
    expect(await readToEnd(fastPeer)).toEqual(numbers(0, 5))
  })

  it("waits with 'drop-oldest', and drops the oldest beyond maxOverflowBytes", async () => {
    const { server, slowPeer, fastPeer, slow, drops } = await serveSlow({
      overflow: 'drop-oldest',
      maxOverflowBytes: 10 * 65 + 9
    })
    expect(await publishNumbers(server, 10)).toEqual(Array(10).fill(2))
    expect([slow.waitingBytes, drops]).toEqual([650, []])
    server.publish('n', 'end')
    await until(() => drops.length === 1, 'the drop is told')
    expect(drops).toEqual([`slow 0 ${reason('more than maxOverflowBytes waited for the client')}`])
    expect(await readAll(slowPeer)).toEqual(numbers(1, 10))
    expect(await readToEnd(fastPeer)).toEqual(numbers(0, 10))
    expect([slow.waitingBytes, server.topics.droppedCount]).toEqual([0, 1])
  })

  it("takes the place of one with its key with 'latest'", async () => {
    const { server, slowPeer, fastPeer, slow, drops } = await serveSlow({ overflow: 'latest' })
    for (let i = 0; i < 4; i++) {
      server.publish('eur', `eur ${i}`)
      server.publish('usd', `usd ${i}`)
      server.publish('ship', `ship ${i % 2} at ${i}`, { key: `ship ${i % 2}` })
      server.broadcast(`all ${i}`)
    }
    server.broadcast('end', { key: 'end' })
    const replaced = reason("a later one with the same key took its place: overflow is 'latest'")
    await until(() => drops.length === 11, 'the drops are told')
    expect(drops[0]).toBe(`slow eur 0 ${replaced}`)
    expect(drops.every((line) => line.endsWith(replaced))).toBe(true)
    expect(await readAll(slowPeer)).toEqual(['eur 3', 'usd 3', 'ship 0 at 2', 'all 3', 'ship 1 at 3'])
    expect((await readToEnd(fastPeer)).length).toBe(16)
    expect([slow.waitingBytes, server.topics.droppedCount]).toEqual([0, 11])
  })

  it.each([
    [undefined, 1013],
    [1013, 1013],
    [1008, 1008]
  ] as const)("closes the client with 'close' (overflowCloseCode %s)", async (overflowCloseCode, code) => {
    const { server, slowPeer, fastPeer, slow, drops, closes } = await serveSlow({
      overflow: 'close',
      closeTimeoutMs: 8000,
      ...(overflowCloseCode && { overflowCloseCode })
    })
    expect(await publishNumbers(server, 3)).toEqual([1, 1, 1])
    expect(slow.readyState).toBe(2)
    await until(() => drops.length === 1, 'the drop is told')
    const why = "the client did not keep up and was closed: overflow is 'close'"
    expect([drops, server.topics.droppedCount]).toEqual([[`slow 0 ${reason(why)}`], 1])
    slowPeer.resume()
    expect((await slowPeer.readMessage()).payload.length).toBe(BLOCK_BYTES)
    expect(await slowPeer.readClose()).toEqual({ code, reason: 'publications were not read' })
    slowPeer.close(code)
    slowPeer.end()
    await until(() => closes.length === 1, 'it is over')
    expect(closes).toEqual([['slow', null]])
    server.publish('n', 'end')
    expect(await readToEnd(fastPeer)).toEqual(numbers(0, 3))
  })
})

describe("'pause-publisher'", () => {
  const relaying = {
    overflow: 'pause-publisher' as const,
    onmessage: (client: Connection, { payload }: { payload: string | Uint8Array }) =>
      void relay.server?.publish('n', payload, { from: client })
  }
  const relay: { server: AsyncServer | null } = { server: null }
  const serveRelay = async () => {
    const all = await serveSlow(relaying)
    relay.server = all.server
    return all
  }

  it('stops the reading from the publisher until the client has caught up; from nobody else', async () => {
    const { server, slowPeer, fastPeer, fast, drops } = await serveRelay()
    fastPeer.text('0')
    expect(await fastPeer.readText()).toBe('0')
    // It subscribes, too, and does not wait for itself.
    for (const number of [...numbers(1, 10), 'end']) fastPeer.text(number)
    const other = await openAt(server)
    await until(() => server.clients.size === 3, 'another is there')
    other.text('of another')
    expect(await fastPeer.readText()).toBe('of another')
    expect([fastPeer.unread.length, fast.isPaused]).toEqual([0, false])
    expect(await readAll(slowPeer)).toEqual(['0', 'of another', ...numbers(1, 10)])
    expect(await readToEnd(fastPeer)).toEqual(numbers(1, 10))
    expect([drops, server.topics.droppedCount]).toEqual([[], 0])
  })

  it('lets the publisher go when the slow client is over', async () => {
    const { fastPeer, slow } = await serveRelay()
    fastPeer.text('1')
    expect(await fastPeer.readText()).toBe('1')
    fastPeer.text('2')
    slow.terminate()
    expect(await fastPeer.readText()).toBe('2')
    fastPeer.text('3')
    expect(await fastPeer.readText()).toBe('3')
  })

  it('waits for each slow client, and no longer for one that is over', async () => {
    const { server, fastPeer, slow } = await serveRelay()
    const secondPeer = await openAt(server)
    await until(() => server.clients.size === 3, 'a third is there')
    const second = [...server.clients][2]!
    secondPeer.pause()
    second.send(Buffer.alloc(BLOCK_BYTES))
    await until(() => second.isSlow, 'the kernel refuses bytes')
    fastPeer.text('1')
    expect(await fastPeer.readText()).toBe('1')
    fastPeer.text('2')
    slow.terminate()
    await until(() => server.clients.size === 2, 'the first is over')
    server.publish('n', 'still there')
    expect(await fastPeer.readText()).toBe('still there')
    expect(fastPeer.unread.length).toBe(0)
    second.terminate()
    expect(await fastPeer.readText()).toBe('2')
  })

  it('does not stop the close of the publisher, and is forgotten with it', async () => {
    const { server, fastPeer, fast, slow, slowPeer } = await serveRelay()
    fastPeer.text('1')
    expect(await fastPeer.readText()).toBe('1')
    fastPeer.close(4000, 'bye')
    void fast.close(4001)
    expect(await fastPeer.readClose()).toEqual({ code: 4001, reason: '' })
    fastPeer.end()
    await until(() => server.clients.size === 1, 'it is over')
    expect(server.publish('n', 'end', { from: fast })).toBe(1)
    expect(await readAll(slowPeer)).toEqual(['1'])
    await until(() => !slow.isSlow, 'it has caught up')
  })

  it('does not keep a publisher that is lost from ending', async () => {
    const { server, fastPeer, fast } = await serveRelay()
    fastPeer.text('1')
    expect(await fastPeer.readText()).toBe('1')
    fast.terminate()
    await until(() => server.clients.size === 1, 'it is over')
  })
})

describe('the policy', () => {
  /** What is done with one publication: how many accept it, how many bytes wait, how many are dropped. */
  function outcome(
    server: AsyncServer,
    slow: Connection,
    topic: string,
    options?: PublishOptions<undefined>
  ) {
    const before = [slow.waitingBytes, server.topics.droppedCount] as const
    const accepted = server.publish(topic, 'x', { except: [...server.clients][1]!, ...options })
    return [accepted, slow.waitingBytes - before[0], server.topics.droppedCount - before[1]]
  }
  const QUEUED = [1, 0, 0]
  const DROPPED = [0, 0, 1]
  const WAITS = [1, 65, 0]

  it("is the client's, or else the publication's, or else the topic's (the first that matches), or else the server's", async () => {
    const { server, slow } = await serveSlow({
      overflow: 'drop-newest',
      topicOverflow: { 'q/special': 'drop-oldest', 'q/#': 'queue', 'q/never': 'drop-oldest' }
    })
    expect(outcome(server, slow, 'other')).toEqual(DROPPED)
    expect(outcome(server, slow, 'q/1')).toEqual(QUEUED)
    expect(outcome(server, slow, 'q/never')).toEqual(QUEUED)
    expect(outcome(server, slow, 'q/1', { overflow: 'drop-newest' })).toEqual(DROPPED)
    slow.overflow = 'drop-newest'
    expect(outcome(server, slow, 'q/1', { overflow: 'queue' })).toEqual(DROPPED)
    slow.overflow = null
    expect(outcome(server, slow, 'q/special')).toEqual(WAITS)
  })

  it('may be set on a client, and taken back; another word is refused', async () => {
    const { server, slow } = await serveSlow()
    expect(slow.overflow).toBeNull()
    slow.overflow = 'drop-newest'
    expect(slow.overflow).toBe('drop-newest')
    expect(() => {
      slow.overflow = 'newest' as Overflow
    }).toThrow(/overflow must be null or one of 'queue', 'drop-newest'/)
    expect(outcome(server, slow, 'x')).toEqual(DROPPED)
  })

  it('may differ from one publication to the next: the order stays', async () => {
    const { server, slowPeer, fastPeer, slow, drops } = await serveSlow()
    const publish = (text: string, overflow: Overflow) => server.publish('n', text, { overflow })
    publish('0', 'queue')
    publish('1', 'drop-oldest')
    publish('2', 'latest')
    publish('3', 'drop-newest')
    publish('4', 'latest')
    // The key counts, too.
    expect(slow.waitingBytes).toBe(2 * 65 + 1)
    // What waits goes before one that is sent all the same.
    publish('5', 'queue')
    expect(slow.waitingBytes).toBe(0)
    publish('6', 'drop-oldest')
    publish('end', 'drop-oldest')
    expect(await readAll(slowPeer)).toEqual(['0', '1', '4', '5', '6'])
    expect(await readToEnd(fastPeer)).toEqual(numbers(0, 7))
    expect(drops.map((line) => line.slice(0, 6))).toEqual(['slow 3', 'slow 2'])
  })
})

describe('what waits for a client', () => {
  it('is dropped when its connection is over, and told before onclose with the cause', async () => {
    const told: string[] = []
    const { server, slow } = await serveSlow({
      overflow: 'drop-oldest',
      onunsent: (_, { payload }, { message, cause }: WebSocketError) =>
        void told.push(
          `${String(payload).slice(0, 4)} ${message}, ${(cause as WebSocketError | undefined)?.code}`
        ),
      onclose(client) {
        told.push('close')
        expect([client.waitingBytes, server.publish('n', 'none')]).toEqual([0, 1])
      }
    })
    await publishNumbers(server, 3)
    slow.terminate()
    await until(() => told.at(-1) === 'close', 'it is over')
    const ended = 'a publication was dropped: the connection is over, connection-lost'
    // First of all of the block that was being sent.
    expect(told.length).toBe(5)
    expect(told.slice(1)).toEqual([`0 ${ended}`, `1 ${ended}`, `2 ${ended}`, 'close'])
    expect(server.topics.droppedCount).toBe(3)
  })

  it('is dropped at the end of a closing handshake that begins before it is sent', async () => {
    const { server, slow, slowPeer, fastPeer, drops } = await serveSlow({
      overflow: 'latest',
      closeTimeoutMs: 8000
    })
    await publishNumbers(server, 2)
    void slow.close(1000)
    expect(server.publish('m', 'end')).toBe(1)
    slowPeer.resume()
    await slowPeer.readMessage()
    expect(await slowPeer.readClose()).toEqual({ code: 1000, reason: '' })
    slowPeer.close(1000)
    slowPeer.end()
    await until(() => server.clients.size === 1, 'it is over')
    expect(drops.map((line) => line.slice(0, 6))).toEqual(['slow 0', 'slow 1'])
    expect(await readToEnd(fastPeer)).toEqual(['0', '1'])
  })

  it('is bounded in memory, whatever is published', async () => {
    const { server, slow } = await serveSlow({ overflow: 'drop-oldest', maxOverflowBytes: 256 * KIB })
    for (const client of server.clients) if (client !== slow) client.unsubscribe('#')
    collectGarbage()
    const before = process.memoryUsage()
    let most = 0
    for (let i = 0; i < 3000; i++) {
      server.publish('n', Buffer.alloc(64 * KIB, i))
      if (i % 10 === 0) await new Promise(setImmediate)
      most = Math.max(most, slow.waitingBytes)
    }
    collectGarbage()
    const after = process.memoryUsage()
    expect(most).toBe(3 * (64 * KIB + 64))
    expect(server.topics.droppedCount).toBe(3000 - 3)
    // 190 MiB were published.
    const grownBytes = after.arrayBuffers - before.arrayBuffers + after.heapUsed - before.heapUsed
    expect(grownBytes).toBeLessThan(8 * 1024 * KIB)
  })

  it('may be published anew by onunsent, without end: others get their turn', async () => {
    let isOver = false
    const { server, slow, fastPeer } = await serveSlow({
      overflow: 'drop-newest',
      onunsent(_, message) {
        if (!isOver) server.publish('n', message, { except: [...server.clients][1] })
      }
    })
    server.publish('n', 'again and again')
    expect(await fastPeer.readText()).toBe('again and again')
    fastPeer.send(9, 'alive')
    expect((await fastPeer.readFrame()).opcode).toBe(10)
    expect(server.topics.droppedCount).toBeGreaterThan(1)
    isOver = true
    slow.terminate()
  })
})
