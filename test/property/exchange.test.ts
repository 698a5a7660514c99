import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AsyncServer, Connection } from '../../src/index.js'
import { guard, serve, until } from '../support/harness.js'
import { closePayload, encodeFrame, RawClient } from '../support/raw-client.js'

guard()

const SEED = 6455

/** One thing that a client sends: a message in fragments with pings between them, or a ping. */
interface Item {
  readonly opcode: 1 | 2 | 9
  readonly payload: Buffer
  /** Where fragments end, as fractions of the payload. */
  readonly cuts: readonly number[]
  readonly pings: readonly Buffer[]
}

const text = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc.tuple(fc.constantFrom('a', 'ä', '€', '😀', 'aé漢🎉'), fc.nat(20_000)).map(([s, n]) => s.repeat(n)),
    fc.constantFrom(0, 125, 126, 65_535, 65_536).map((n) => 'x'.repeat(n))
  )
  .map((value) => Buffer.from(value))
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value)),
  fc.tuple(fc.nat(255), fc.nat(100_000)).map(([byte, length]) => Buffer.alloc(length, byte)),
  fc.constantFrom(125, 126, 16_384, 16_385, 65_535, 65_536).map((length) => Buffer.alloc(length, 0xc3))
)
const ping = fc.uint8Array({ maxLength: 125 }).map((value) => Buffer.from(value))
const item: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      opcode: fc.constant<1>(1),
      payload: text,
      cuts: cuts(),
      pings: fc.array(ping, { maxLength: 2 })
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      opcode: fc.constant<2>(2),
      payload: bytes,
      cuts: cuts(),
      pings: fc.array(ping, { maxLength: 2 })
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      opcode: fc.constant<9>(9),
      payload: ping,
      cuts: fc.constant([]),
      pings: fc.constant([])
    })
  }
)

function cuts(): fc.Arbitrary<number[]> {
  return fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 })
}

/** The frames of an item. */
function frames({ opcode, payload, cuts, pings }: Item): Buffer[] {
  if (opcode === 9) return [encodeFrame(9, payload)]
  const ends = [...cuts.map((cut) => Math.floor(cut * payload.length)), payload.length].sort((a, b) => a - b)
  const result: Buffer[] = []
  ends.forEach((end, index) => {
    const piece = payload.subarray(index === 0 ? 0 : ends[index - 1], end)
    result.push(encodeFrame(index === 0 ? opcode : 0, piece, { fin: index === ends.length - 1 }))
    const between = index < ends.length - 1 ? pings[index] : undefined
    if (between !== undefined) result.push(encodeFrame(9, between))
  })
  return result
}

/** What comes back for items, in order: pongs come before the echo of the message they stood in. */
function expectedOf(items: readonly Item[]): string[] {
  return items.flatMap(({ opcode, payload, cuts, pings }) => [
    ...(opcode === 9 ? [] : pings.slice(0, cuts.length).map((between) => line(10, between))),
    line(opcode === 9 ? 10 : opcode, payload)
  ])
}

function line(opcode: number, payload: Buffer): string {
  return `${opcode} ${payload.length} ${payload.toString('base64')}`
}

/** Writes bytes cut at will; a turn of the event loop passes between the pieces, so that they come as chunks. */
async function writeCut(client: RawClient, whole: Buffer, sizes: readonly number[]): Promise<void> {
  let at = 0
  for (const size of sizes) {
    client.write(whole.subarray(at, at + size))
    at += size
    await new Promise(setImmediate)
  }
  client.write(whole.subarray(at))
}

async function readLines(client: RawClient, count: number): Promise<string[]> {
  const lines: string[] = []
  while (lines.length < count) {
    const { opcode, payload } = await client.readMessage()
    lines.push(line(opcode, payload))
  }
  return lines
}

describe('any sequence of messages, fragments, pings and chunks', () => {
  it('comes back whole and in order, byte for byte', async () => {
    const server = await serve({
      maxUnansweredPings: 10_000,
      onmessage: (client, message) => void client.send(message)
    })
    const chunkSizes = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 50_000 })),
      {
        maxLength: 40
      }
    )
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 12 }), chunkSizes, async (items, sizes) => {
        const client = await RawClient.open(server.port!)
        try {
          const writing = writeCut(client, Buffer.concat(items.flatMap(frames)), sizes)
          const expected = expectedOf(items)
          const received = await readLines(client, expected.length)
          await writing
          client.close(1000)
          expect((await client.readClose()).code).toBe(1000)
          expect(received.findIndex((one, index) => one !== expected[index])).toBe(-1)
          expect(client.unread.length).toBe(0)
        } finally {
          client.destroy()
        }
      }),
      { seed: SEED, numRuns: 150, endOnFailure: true }
    )
    await until(() => server.clients.size === 0, 'all are gone')
  })

  it('sent with any fragmentSize arrives whole and in order', async () => {
    const server = await serve()
    const sends = fc.array(
      fc.tuple(
        fc.oneof(text.map(String), bytes),
        fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 70_000 })),
        fc.boolean()
      ),
      { minLength: 1, maxLength: 15 }
    )
    await fc.assert(
      fc.asyncProperty(sends, async (list) => {
        const client = await RawClient.open(server.port!)
        try {
          await until(() => server.clients.size === 1, 'it is open')
          const [connection] = server.clients
          const reading = readLines(client, list.length)
          for (const [payload, size, isLastOfTurn] of list) {
            // A byte a frame is worth testing, a hundred thousand frames are not.
            const fragmentSize = Math.max(size ?? 0, Math.ceil(payload.length / 300))
            connection!.send(payload, size === null ? {} : { fragmentSize })
            if (isLastOfTurn) await new Promise(setImmediate)
          }
          const expected = list.map(([payload]) =>
            line(typeof payload === 'string' ? 1 : 2, Buffer.from(payload as Uint8Array))
          )
          const received = await reading
          expect(received.findIndex((one, index) => one !== expected[index])).toBe(-1)
          client.destroy()
          await until(() => server.clients.size === 0, 'it is gone')
        } finally {
          client.destroy()
        }
      }),
      { seed: SEED, numRuns: 100, endOnFailure: true }
    )
  })
})

/** What a peer of a broadcast does: it stops reading for a while, or dies. */
interface Fate {
  readonly pauses: readonly (readonly [from: number, rounds: number])[]
  readonly diesAt: number
  readonly death: 'reset' | 'destroy' | 'end' | 'close'
}

const fate: fc.Arbitrary<Fate> = fc.record({
  pauses: fc.array(fc.tuple(fc.nat(29), fc.integer({ min: 1, max: 20 })), { maxLength: 3 }),
  diesAt: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(29)),
  death: fc.constantFrom('reset', 'destroy', 'end', 'close')
})

describe('exactly once', () => {
  it('holds for slow readers and for peers that die, whose messages are a prefix of what was sent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { minLength: 2, maxLength: 6 }),
        fc.nat(40_000),
        async (fates, base) => {
          const sent = new Map<Connection, number>()
          const server = await serve({
            onsent(client, message) {
              const number = Number(String(message.payload).split(' ', 1)[0])
              if (number !== (sent.get(client) ?? 0)) sent.set(client, Number.NaN)
              else sent.set(client, number + 1)
            }
          })
          await broadcast(server, fates, base, sent)
          await server.close()
        }
      ),
      { seed: SEED, numRuns: 25, endOnFailure: true }
    )
  })
})

const ROUNDS = 30

async function broadcast(
  server: AsyncServer,
  fates: readonly Fate[],
  base: number,
  sent: ReadonlyMap<Connection, number>
): Promise<void> {
  const peers = await Promise.all(fates.map(() => RawClient.open(server.port!)))
  await until(() => server.clients.size === peers.length, 'all are open')
  const connections = [...server.clients]
  const payloadOf = (round: number) => `${round} ${'x'.repeat((base * (round + 1)) % 60_000)}`
  for (let round = 0; round < ROUNDS; round++) {
    for (const connection of connections) connection.send(payloadOf(round))
    peers.forEach((peer, index) => {
      const { pauses, diesAt, death } = fates[index]!
      if (pauses.some(([from, rounds]) => round >= from && round < from + rounds)) peer.pause()
      else peer.resume()
      if (round === diesAt && death === 'close') peer.write(encodeFrame(8, closePayload(1000)))
      else if (round === diesAt) peer[death as 'reset' | 'destroy' | 'end']()
    })
    if (round % 2 === 0) await new Promise(setImmediate)
  }
  for (const peer of peers) peer.resume()
  await Promise.all(
    peers.map(async (peer, index) => {
      const lives = fates[index]!.diesAt === Number.POSITIVE_INFINITY
      const received = await readUntilEnd(peer, lives ? ROUNDS : Number.POSITIVE_INFINITY)
      expect(received.findIndex((payload, round) => payload !== payloadOf(round))).toBe(-1)
      if (lives) expect(received.length).toBe(ROUNDS)
      peer.destroy()
    })
  )
  await until(() => server.clients.size === 0, 'all are gone')
  for (const count of sent.values()) expect(count).toBeLessThanOrEqual(ROUNDS)
}

/** Reads texts until there are enough, or no more. */
async function readUntilEnd(peer: RawClient, enough: number): Promise<string[]> {
  const received: string[] = []
  try {
    while (received.length < enough) {
      const { opcode, payload } = await peer.readMessage()
      if (opcode === 8) break
      received.push(payload.toString())
    }
  } catch {
    // The transport ended, as it was to.
  }
  return received
}
