// Memory that short messages share: what is kept stays what it was, wherever it stands, whatever becomes of the chunk.
import { describe, expect, it } from 'vitest'
import { BytePool, type ByteView } from '../../src/core/byte-pool.js'

const BLOCK_BYTES = 8 * 1024

/** Counts the memory that it makes. */
function makePool() {
  const made: Uint8Array[] = []
  const pool = new BytePool(Buffer as unknown as ByteView, (byteLength) => {
    const bytes = new Uint8Array(byteLength)
    made.push(bytes)
    return bytes
  })
  return { pool, made }
}

function pattern(byteLength: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: byteLength }, (_, at) => (at * 7 + seed) & 0xff)
}

describe('BytePool', () => {
  it('keeps messages of all lengths as Buffers, which stay when the chunk is filled anew', () => {
    const { pool } = makePool()
    const kept: { bytes: Uint8Array; expected: Uint8Array }[] = []
    const chunk = new Uint8Array(64 * 1024)
    for (let round = 0; round < 12; round++) {
      chunk.set(pattern(chunk.length, round))
      const end = 1000 + round * 5000
      pool.begin(end)
      for (let start = round; start < end; ) {
        const to = Math.min(start + ((start * 31 + round) % (round % 7 === 0 ? 5000 : 300)), end)
        kept.push({ bytes: pool.keep(chunk, start, to), expected: chunk.slice(start, to) })
        start = to + 6
      }
    }
    for (const { bytes, expected } of kept) {
      expect(Buffer.isBuffer(bytes)).toBe(true)
      expect(Buffer.compare(bytes, expected)).toBe(0)
    }
  })

  it('copies what stands one behind the other once, and no more of a run than belongs to it', () => {
    const { pool, made } = makePool()
    const chunk = pattern(4096)
    pool.begin(2 * 70)
    const first = pool.keep(chunk, 6, 70)
    const second = pool.keep(chunk, 76, 140)
    expect(second.buffer).toBe(first.buffer)
    expect(second.byteOffset - first.byteOffset).toBe(70)
    expect(made.length).toBe(1)
    const block = made[0]!
    expect(Buffer.compare(block.subarray(0, 134), chunk.subarray(6, 140))).toBe(0)
    expect(block.subarray(134).every((byte) => byte === 0)).toBe(true)
  })

  it('gives long messages memory of their own, and those that are most of their chunk none', () => {
    const { pool, made } = makePool()
    const chunk = pattern(32 * 1024)
    pool.begin(chunk.length)
    expect(pool.keep(chunk, 0, 2049).buffer).toBe(made[0]!.buffer)
    expect(pool.keep(chunk, 100, 100 + 8 * 1024).buffer).toBe(chunk.buffer)
    expect(made.length).toBe(1)
  })

  it('begins a block when one is full, and when an application has transferred it away', () => {
    const { pool, made } = makePool()
    const chunk = pattern(64 * 1024)
    for (let at = 0; at < BLOCK_BYTES / 1024; at++) {
      pool.begin(chunk.length)
      pool.keep(chunk, at * 1024, at * 1024 + 1024)
      pool.begin(0)
    }
    const { length } = made
    expect(length).toBeGreaterThan(1)
    structuredClone(0, { transfer: [made.at(-1)!.buffer as ArrayBuffer] })
    pool.begin(64)
    expect(Buffer.compare(pool.keep(chunk, 0, 64), chunk.subarray(0, 64))).toBe(0)
    expect(made.length).toBe(length + 1)
  })

  it('amid a run of which a handler has another connection deliver something, still keeps the right bytes', () => {
    const { pool } = makePool()
    const [outer, inner] = [pattern(4096, 1), pattern(4096, 2)]
    pool.begin(1000)
    const first = pool.keep(outer, 0, 64)
    pool.begin(50)
    const amid = pool.keep(inner, 10, 50)
    const second = pool.keep(outer, 70, 134)
    expect(Buffer.compare(first, outer.subarray(0, 64))).toBe(0)
    expect(Buffer.compare(amid, inner.subarray(10, 50))).toBe(0)
    expect(Buffer.compare(second, outer.subarray(70, 134))).toBe(0)
  })

  it('keeps views of whole words where messages begin a copy', () => {
    const { pool } = makePool()
    const chunk = pattern(4096)
    for (const length of [1, 3, 5, 13]) {
      pool.begin(length)
      expect(pool.keep(chunk, 0, length).byteOffset % 8).toBe(0)
    }
  })
})
