// Twenty clients, random everything, three seconds: what comes back is held against what was sent.
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { guard, serve, until } from '../support/harness.js'
import { type Random, random } from '../support/random.js'
import { encodeFrame, RawClient } from '../support/raw-client.js'

guard()

const CLIENTS = 20
const DURATION_MS = 3000
const SEED = 6455

function digest(opcode: number, payload: Uint8Array): string {
  return `${opcode} ${payload.length} ${createHash('sha1').update(payload).digest('base64')}`
}

const END = digest(1, Buffer.from('the end'))

/** A random message: small ones often, large ones seldom, text of all widths. */
function makeMessage(next: Random): { opcode: 1 | 2; payload: Buffer } {
  const byteLength = next(10) === 0 ? next(200_000) : next(4) === 0 ? next(5000) : next(130)
  if (next(2) === 0) {
    const unit = ['a', 'Grüße ', '漢字', '😀x'][next(4)]!
    return { opcode: 1, payload: Buffer.from(unit.repeat(Math.ceil(byteLength / unit.length / 2))) }
  }
  const payload = Buffer.alloc(byteLength)
  for (let i = 0; i < byteLength; i += 1 + (byteLength >> 8)) payload[i] = next(256)
  return { opcode: 2, payload }
}

/** Encodes a message in random fragments with pings between. */
function encodeRandomly(opcode: number, payload: Buffer, next: Random): Buffer {
  if (next(3) > 0) return encodeFrame(opcode, payload)
  const parts: Buffer[] = []
  for (let at = 0, first = true; first || at < payload.length; first = false) {
    const end = Math.min(payload.length, at + 1 + next(payload.length + 1))
    parts.push(encodeFrame(first ? opcode : 0, payload.subarray(at, end), { fin: end === payload.length }))
    at = end
    if (at < payload.length && next(2) === 0) parts.push(encodeFrame(9, Buffer.from('between')))
  }
  return Buffer.concat(parts)
}

async function writeRandomly(peer: RawClient, next: Random, expected: string[], end: number): Promise<void> {
  while (performance.now() < end) {
    const batch: Buffer[] = []
    for (let i = next(20); i >= 0; i--) {
      const { opcode, payload } = makeMessage(next)
      expected.push(digest(opcode, payload))
      batch.push(encodeRandomly(opcode, payload, next))
    }
    const bytes = Buffer.concat(batch)
    for (let at = 0; at < bytes.length; ) {
      const size = next(3) === 0 ? 1 + next(30) : 1 + next(100_000)
      peer.write(bytes.subarray(at, at + size))
      at += size
      if (next(4) === 0) await new Promise(setImmediate)
    }
    if (next(10) === 0) {
      peer.pause()
      await delay(next(60))
      peer.resume()
    }
    while (peer.socket.writableLength > 2_000_000 && performance.now() < end) await delay(1)
  }
}

/** Reads echoes until the last one; returns how many came before it. The server's own texts are marked. */
async function readAll(peer: RawClient, mismatches: string[], expected: readonly string[]): Promise<number> {
  for (let count = 0; ; ) {
    const { opcode, payload } = await peer.readMessage()
    if (opcode > 2 || payload.subarray(0, 10).toString() === 'broadcast ') continue
    const got = digest(opcode, payload)
    if (got === END) return count
    if (got !== expected[count]) mismatches.push(`${count}: ${got} instead of ${expected[count]}`)
    count++
  }
}

it(`${CLIENTS} clients, seed ${SEED}: no echo is lost, doubled, changed or out of order`, async () => {
  const next = random(SEED)
  let sentCount = 0
  const server = await serve({
    maxUnansweredPings: 1_000_000,
    pingIntervalMs: 100,
    highWatermarkBytes: 100_000,
    lowWatermarkBytes: 10_000,
    onmessage(client, message) {
      const way = next(12)
      if (way === 0) {
        client.pause()
        setTimeout(() => client.resume(), next(10))
      }
      client.send(
        message,
        way === 1 ? { fragmentSize: 1 + Math.max(next(5000), message.bytes.length >> 9) } : {}
      )
    },
    onsent: () => void sentCount++
  })
  const peers = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.open(server.port!)))
  const mismatches: string[] = []
  const end = performance.now() + DURATION_MS
  let isBroadcasting = true
  const broadcasting = (async () => {
    while (isBroadcasting) {
      const text = `broadcast ${'x'.repeat(next(3000))}`
      for (const client of server.clients) client.send(text)
      await delay(next(20))
    }
  })()
  const counts = await Promise.all(
    peers.map(async (peer, index) => {
      const own = random(SEED + 1000 * (index + 1))
      const expected: string[] = []
      const reading = readAll(peer, mismatches, expected)
      await writeRandomly(peer, own, expected, end)
      peer.text('the end')
      return [await reading, expected.length]
    })
  )
  isBroadcasting = false
  await broadcasting
  expect(mismatches).toEqual([])
  expect(counts.filter(([got, wanted]) => got !== wanted)).toEqual([])
  await until(() => [...server.clients].every((client) => client.queuedMessages === 0), 'all is sent')
  const total = counts.reduce((sum, [count]) => sum + count!, 0)
  expect(sentCount).toBeGreaterThanOrEqual(total)
  expect(total).toBeGreaterThan(1000)
  for (const peer of peers) peer.destroy()
}, 30_000)
