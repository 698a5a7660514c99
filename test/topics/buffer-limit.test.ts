import { describe, expect, it } from 'vitest'
import { BufferLimit, type Holder } from '../../src/buffer-limit.js'
import type { WebSocketError } from '../../src/index.js'
import { guard, openAt, pattern, serve, until } from '../support/harness.js'

guard()

const KIB = 1024

/** One that holds bytes of two kinds. */
class FakeHolder implements Holder {
  readonly name: string
  queuedBytes: number
  waitingBytes: number
  readonly told: string[]

  constructor(name: string, queuedBytes: number, waitingBytes: number, told: string[]) {
    this.name = name
    this.queuedBytes = queuedBytes
    this.waitingBytes = waitingBytes
    this.told = told
  }

  get heldBytes(): number {
    return this.queuedBytes + this.waitingBytes
  }

  dropWaiting(): void {
    this.told.push(`${this.name} drops ${this.waitingBytes}`)
    this.waitingBytes = 0
  }

  shed(error: WebSocketError): void {
    this.told.push(`${this.name} ends: ${error.code} ${error.closeCode}, ${error.message.split(': ')[1]}`)
    this.queuedBytes = 0
  }
}

/** Holders with a limit, which is looked after until the test ends. */
function watch(maxBytes: number, specs: readonly [string, number, number][], told: string[] = []) {
  const logged: string[] = []
  const holders = new Set(specs.map(([name, queued, waiting]) => new FakeHolder(name, queued, waiting, told)))
  const log = { error() {}, warn: (line: string) => void logged.push(line), info() {}, debug() {} }
  const limit = new BufferLimit(maxBytes, holders, log)
  limit.watch()
  return { holders, limit, told, logged }
}

/** Two looks have been made after this. */
const looks = () => new Promise((resolve) => setTimeout(resolve, 350))

describe('BufferLimit', () => {
  it('asks nothing of anybody up to the limit', async () => {
    const { holders, told, logged } = watch(100, [
      ['a', 50, 20],
      ['b', 10, 20]
    ])
    await looks()
    expect([told, logged]).toEqual([[], []])
    holders.clear()
  })

  it('drops what waits, of those first for whom most waits; nobody ends if that is enough', async () => {
    const { holders, told, logged } = watch(100, [
      ['a', 60, 5],
      ['b', 0, 20],
      ['c', 10, 30],
      ['d', 0, 10]
    ])
    await looks()
    expect(told).toEqual(['c drops 30', 'b drops 20'])
    expect(logged).toEqual([
      'connections buffered 135 bytes, more than maxBufferedBytes (100): dropped what waited for 2 of them, ended 0'
    ])
    holders.clear()
  })

  it('ends the worst if that is not enough, and writes one line into the log, not one each time', async () => {
    const { holders, told, logged } = watch(100, [
      ['a', 60, 0],
      ['b', 90, 30],
      ['c', 80, 1]
    ])
    await looks()
    expect(told).toEqual([
      'b drops 30',
      'c drops 1',
      'b ends: buffer-limit 1013, 90 bytes of 261, and maxBufferedBytes is 100',
      'c ends: buffer-limit 1013, 80 bytes of 261, and maxBufferedBytes is 100'
    ])
    for (const holder of holders) holder.queuedBytes = 200
    await looks()
    expect(told.length).toBe(7)
    expect(logged.length).toBe(1)
    holders.clear()
  })

  it('is for all that have one together; the lowest counts', async () => {
    const told: string[] = []
    const one = watch(1000, [['a', 400, 0]], told)
    const other = watch(500, [['b', 200, 0]], told)
    await looks()
    expect(told).toEqual(['a ends: buffer-limit 1013, 400 bytes of 600, and maxBufferedBytes is 500'])
    expect([one.logged.length, other.logged.length]).toEqual([1, 1])
    one.holders.clear()
    other.holders.clear()
  })
})

describe('maxBufferedBytes', () => {
  it('closes with 1013 who has sent most of a message that is not whole; others go on', async () => {
    const errors: string[] = []
    const server = await serve({
      maxBufferedBytes: 3 * 1024 * KIB,
      onerror: (_, error) => void errors.push(error.code),
      onmessage: (client, { bytes }) => void client.send(`${bytes.length}`)
    })
    const peers = await Promise.all([openAt(server), openAt(server), openAt(server)])
    await until(() => server.clients.size === 3, 'all are open')
    const sizes = [500 * KIB, 2500 * KIB, 1000 * KIB]
    const half = (index: number) => pattern(sizes[index]!, index)
    for (const [index, peer] of peers.entries()) peer.send(2, half(index), { fin: false })
    expect(await peers[1]!.readClose()).toEqual({ code: 1013, reason: '' })
    expect(errors).toEqual(['buffer-limit'])
    for (const index of [0, 2]) {
      peers[index]!.send(0, half(index))
      expect(await peers[index]!.readText()).toBe(`${2 * sizes[index]!}`)
    }
    peers[1]!.close(1013)
    await until(() => server.clients.size === 2, 'that one is over')
  })

  it('drops the connection of who does not read what it is sent, and tells why', async () => {
    const closes: string[] = []
    const server = await serve({
      maxBufferedBytes: 2 * 1024 * KIB,
      onclose: (_, code, _reason, { cause }) => void closes.push(`${code} ${cause?.code}`),
      onmessage: (client, message) => void client.send(message)
    })
    const peer = await openAt(server)
    await until(() => server.clients.size === 1, 'it is open')
    const [client] = server.clients
    const other = await openAt(server)
    peer.pause()
    client!.send(Buffer.alloc(20 * 1024 * KIB))
    await until(() => closes.length === 1, 'it is over')
    expect(closes).toEqual(['1006 buffer-limit'])
    other.text('still there')
    expect(await other.readText()).toBe('still there')
  })

  it('drops publications that wait before it ends anybody', async () => {
    const server = await serve({
      maxBufferedBytes: 17 * 1024 * KIB,
      overflow: 'drop-oldest',
      maxOverflowBytes: 1e9,
      highWatermarkBytes: 1e9
    })
    const peer = await openAt(server)
    await until(() => server.clients.size === 1, 'it is open')
    const [client] = server.clients
    peer.pause()
    client!.send(Buffer.alloc(16 * 1024 * KIB))
    await until(() => client!.isSlow, 'the kernel refuses bytes')
    while (client!.heldBytes < 18 * 1024 * KIB) server.broadcast(Buffer.alloc(256 * KIB))
    const waitingCount = Math.round(client!.waitingBytes / (256 * KIB))
    await until(() => client!.waitingBytes === 0, 'they are dropped')
    expect([server.topics.droppedCount, client!.readyState]).toEqual([waitingCount, 1])
    await looks()
    expect(client!.readyState).toBe(1)
  })
})
