import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ROW_WORDS, SCAN_STATE_WORDS } from '../../src/core/layout.js'
import { ReferenceScanner } from './byte-references.js'
import { describeEach, describeNative, js, noise } from './byte-subjects.js'
import { newState, type Scan, scanChunk, wireFrame } from './scanner-runs.js'

const frame = fc
  .record({
    first: fc.integer({ min: 0, max: 255 }),
    byteLength: fc.oneof(fc.integer({ min: 0, max: 140 }), fc.integer({ min: 0, max: 1500 })),
    isAscii: fc.boolean(),
    form: fc.constantFrom(0 as const, 2 as const, 8 as const),
    maskingKey: fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }))
  })
  .map(({ first, byteLength, isAscii, form, maskingKey }) => {
    const payload = noise(byteLength, byteLength + first).map((byte) => (isAscii ? byte & 0x7f : byte))
    return wireFrame(first, payload, byteLength > 125 && form === 0 ? 2 : form, maskingKey)
  })

/** Frames, or any bytes at all, in chunks of any size. */
const chunks = fc
  .tuple(
    fc.array(fc.oneof({ weight: 5, arbitrary: frame }, fc.uint8Array({ maxLength: 30 })), { maxLength: 6 }),
    fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2000 })), { maxLength: 40 })
  )
  .map(([pieces, sizes]) => {
    const stream = new Uint8Array(Buffer.concat(pieces))
    const cut: Uint8Array[] = []
    let from = 0
    for (const size of [...sizes, stream.length]) {
      cut.push(stream.slice(from, from + size))
      from += size
    }
    return cut
  })
const capacity = fc.integer({ min: 1, max: 6 })

describeEach('scan, random streams', ({ scan }) => {
  it('§5.2 yields the rows and payloads of a scanner that sees one byte at a time', () => {
    fc.assert(
      fc.property(chunks, capacity, (pieces, rowCount) => {
        const state = newState()
        const reference = new ReferenceScanner()
        for (const chunk of pieces) {
          const expected = chunk.slice()
          const expectedRows = reference.scan(expected)
          expect(scanChunk(scan, state, chunk, rowCount)).toEqual(expectedRows)
          expect(Buffer.compare(chunk, expected)).toBe(0)
        }
      }),
      { seed: 6455, numRuns: 300 }
    )
  })
})

describeNative('scan, twins', (native) => {
  it('agree on rows, payloads and state after every call, also when they take turns in one stream', () => {
    const turns: Scan[] = [js.scan, native.scan]
    fc.assert(
      fc.property(chunks, capacity, (pieces, rowCount) => {
        const states = [newState(), newState(), newState()] as const
        pieces.forEach((chunk, i) => {
          const [left, right, mixed] = [chunk.slice(), chunk.slice(), chunk.slice()]
          const rows = scanChunk(js.scan, states[0], left, rowCount)
          expect(scanChunk(native.scan, states[1], right, rowCount)).toEqual(rows)
          expect(scanChunk(turns[i % 2]!, states[2], mixed, rowCount)).toEqual(rows)
          expect([right, mixed].map((bytes) => Buffer.compare(left, bytes))).toEqual([0, 0])
          expect(states.slice(1)).toEqual([states[0], states[0]])
        })
      }),
      { seed: 52, numRuns: 300 }
    )
  })

  it('agree on a state, a start and a table that no scanner left behind', () => {
    const word = fc.oneof(
      fc.constantFrom(0, 1, 2, 5, 13, 14, 15, -1, 0x7fffffff, -0x80000000, 0x8182, 0xfe82, 0xff82),
      fc.integer()
    )
    const state = fc.array(word, { minLength: SCAN_STATE_WORDS, maxLength: SCAN_STATE_WORDS })
    const chunk = fc.uint8Array({ maxLength: 60 })
    const from = fc.oneof(
      fc.integer({ min: 0, max: 70 }),
      fc.constantFrom(-1, 2 ** 31, 2 ** 32 + 3, 1.5, Number.NaN)
    )
    const words = fc.integer({ min: 0, max: 4 * ROW_WORDS })
    fc.assert(
      fc.property(state, chunk, from, words, (stateWords, bytes, start, tableWords) => {
        const run = (scan: Scan) => {
          const own = {
            state: Int32Array.from(stateWords),
            chunk: bytes.slice(),
            table: new Int32Array(tableWords)
          }
          return { rowCount: scan(own.state, own.chunk, start, own.table), ...own }
        }
        expect(run(native.scan)).toEqual(run(js.scan))
      }),
      { seed: 64, numRuns: 3000 }
    )
  })
})
