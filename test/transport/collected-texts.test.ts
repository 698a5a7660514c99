// Short texts that are sent: collected, encoded all at once, and framed later; in order with everything else.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AsyncServer } from '../../src/index.js'
import { guard, openAt, serve, until } from '../support/harness.js'
import type { RawClient } from '../support/raw-client.js'

guard()

const SEED = 6455

/** Text of every width, halves of surrogate pairs at its ends above all. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc
    .array(fc.constantFrom('a', 'é', '語', '😀', '\ud83d', '\ude00', '\uffff'), { maxLength: 6 })
    .map((units) => units.join('')),
  fc.constantFrom(0, 1, 125, 126, 511, 512, 513, 5000).map((length) => 'x'.repeat(length)),
  fc.constantFrom(125, 126, 512, 513).map((length) => 'é'.repeat(length))
)
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.constantFrom(8192, 8193, 40_000).map((length) => new Uint8Array(length).fill(7))
)

/** What is sent, and on which of the connections. */
interface Item {
  readonly client: number
  readonly message: string | Uint8Array
  readonly hasCallback: boolean
}
const item: fc.Arbitrary<Item> = fc.record({
  client: fc.nat(2),
  message: fc.oneof({ weight: 5, arbitrary: text }, { weight: 1, arbitrary: bytes }),
  hasCallback: fc.boolean()
})

const toBytes = (message: string | Uint8Array) => Buffer.from(message as string)
const show = (message: string | Uint8Array) => {
  const payload = toBytes(message)
  return `${typeof message === 'string' ? 1 : 2} ${payload.length} ${payload.subarray(0, 80).toString('hex')}`
}

async function serveThree(): Promise<{ server: AsyncServer; peers: RawClient[] }> {
  const server = await serve()
  const peers: RawClient[] = []
  for (let index = 0; index < 3; index++) {
    peers.push(await openAt(server))
    await until(() => server.clients.size === index + 1, 'it is open')
  }
  return { server, peers }
}

describe('collected texts', () => {
  it('arrive as they were sent, in order, mixed with all else; each is reported once', async () => {
    const { server, peers } = await serveThree()
    const clients = [...server.clients]
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(item, { maxLength: 40 }), { maxLength: 4 }), async (turns) => {
        const expected: string[][] = [[], [], []]
        let reported = 0
        let callbacks = 0
        for (const turn of turns) {
          for (const { client, message, hasCallback } of turn) {
            expected[client]!.push(show(message))
            if (hasCallback) callbacks++
            clients[client]!.send(
              message,
              hasCallback ? { sent: (reason) => void (reason ?? reported++) } : {}
            )
          }
          await new Promise(setImmediate)
        }
        for (const [index, lines] of expected.entries()) {
          for (const line of lines) {
            const { payload, opcode } = await peers[index]!.readMessage()
            expect(show(opcode === 1 ? payload.toString() : payload)).toBe(line)
          }
        }
        await until(() => reported === callbacks, 'each is reported')
        expect(clients.map((client) => [client.bufferedAmount, client.queuedMessages])).toEqual([
          [0, 0],
          [0, 0],
          [0, 0]
        ])
      }),
      { numRuns: 150, seed: SEED }
    )
  })

  it('are more than one flush takes', async () => {
    const { server, peers } = await serveThree()
    const clients = [...server.clients]
    const texts = Array.from({ length: 30_000 }, (_, i) => (i % 1000 === 0 ? `${i} 語😀` : `${i}`))
    for (const [i, one] of texts.entries()) clients[i % 3]!.send(one)
    for (const [i, one] of texts.entries()) expect(await peers[i % 3]!.readText()).toBe(one)
  }, 20_000)

  it('that are unsent when the connection ends are told so; those of others arrive', async () => {
    const { server, peers } = await serveThree()
    const [first, second] = [...server.clients]
    const outcomes: (string | null)[] = []
    for (let i = 0; i < 3; i++) {
      first!.send(`${i}`, { sent: (reason) => void outcomes.push(reason?.code ?? null) })
      second!.send(`${i} é`)
    }
    first!.terminate()
    second!.send('last')
    for (const one of ['0 é', '1 é', '2 é', 'last']) expect(await peers[1]!.readText()).toBe(one)
    await until(() => outcomes.length === 3, 'all are told')
    expect(outcomes).toEqual(['connection-lost', 'connection-lost', 'connection-lost'])
  })

  it('are kept for a slow reader, and counted when they are encoded', async () => {
    const { server, peers } = await serveThree()
    const [client] = [...server.clients]
    peers[0]!.socket.pause()
    const one = '語'.repeat(500)
    let count = 0
    while (client!.bufferedAmount < 200_000) {
      for (let i = 0; i < 100; i++, count++) client!.send(one)
      await new Promise(setImmediate)
    }
    client!.send('end')
    peers[0]!.socket.resume()
    for (let i = 0; i < count; i++) expect(await peers[0]!.readText()).toBe(one)
    expect(await peers[0]!.readText()).toBe('end')
    await client!.drained()
    await until(() => client!.bufferedAmount === 0, 'all is sent')
  }, 20_000)
})
