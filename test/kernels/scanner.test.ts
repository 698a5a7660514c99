import { describe, expect, it } from 'vitest'
import { ROW_WORDS, Row, RowFlag, RowKind, SCAN_STATE_WORDS, ScanState } from '../../src/core/layout.js'
import { segmentVectors } from '../vectors/segments.js'
import { ReferenceScanner } from './byte-references.js'
import { describeEach, isSame, noise } from './byte-subjects.js'
import { chunksOf, collectFrames, newState, scanChunk, wireFrame } from './scanner-runs.js'

const KEY = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d)
const MASKED_HELLO = Uint8Array.from(Buffer.from('818537fa213d7f9f4d5158', 'hex'))

describeEach('scan', ({ scan }) => {
  describe.each(segmentVectors)('$name', ({ stream, frames }) => {
    const bytes = Uint8Array.from(Buffer.from(stream, 'hex'))
    const expected = frames.map((frame) => ({
      ...frame,
      isWhole: frame.length * 2n === BigInt(frame.payload.length)
    }))

    it('is found at every chunk size', () => {
      for (let size = 1; size <= bytes.length; size++) {
        expect(collectFrames(scan, chunksOf(bytes, size)), `chunks of ${size}`).toEqual(expected)
      }
    })

    it('is found when split in two at every byte', () => {
      for (let cut = 0; cut <= bytes.length; cut++) {
        const chunks = [bytes.slice(0, cut), bytes.slice(cut)]
        expect(collectFrames(scan, chunks), `cut at ${cut}`).toEqual(expected)
      }
    })

    it('is found with tables of 1 to 3 rows', () => {
      for (const capacity of [1, 2, 3]) {
        expect(collectFrames(scan, chunksOf(bytes, 5), capacity), `${capacity} rows`).toEqual(expected)
      }
    })

    it('leaves a state that depends on the stream, not on its chunks', () => {
      const whole = newState()
      scanChunk(scan, whole, bytes.slice())
      for (let size = 1; size < bytes.length; size++) {
        const state = newState()
        for (const chunk of chunksOf(bytes, size)) scanChunk(scan, state, chunk, 1)
        state[ScanState.CONSUMED] = whole[ScanState.CONSUMED]!
        expect(state, `chunks of ${size}`).toEqual(whole)
      }
    })
  })

  it('§5.3 unmasks payloads of every length 0-300 at every offset 0-63, and nothing besides', () => {
    const failures: string[] = []
    for (let length = 0; length <= 300; length++) {
      const payload = noise(length, length + 1).map((byte) => (length % 2 === 0 ? byte & 0x7f : byte))
      const frame = wireFrame(0x82, payload, length < 126 ? 0 : 2, KEY)
      for (let offset = 0; offset < 64; offset++) {
        const chunk = new Uint8Array(offset + frame.length + 1)
        chunk.set(frame, offset)
        const expected = chunk.slice()
        const end = offset + frame.length
        const [row] = new ReferenceScanner().scan(expected.subarray(offset, end))
        row![Row.OFFSET]! += offset
        const table = new Int32Array(ROW_WORDS)
        scan(newState(), chunk.subarray(0, end), offset, table)
        if (String(table) !== String(row) || !isSame(chunk, expected)) {
          failures.push(`length ${length}, offset ${offset}`)
        }
      }
    }
    expect(failures).toEqual([])
  })

  it('tells of every byte of a payload whether it is ASCII, masked or not', () => {
    const failures: string[] = []
    for (const key of [KEY, null]) {
      for (let length = 1; length <= 200; length++) {
        for (const at of [0, length >> 1, length - 1]) {
          const payload = new Uint8Array(length).fill(0x7f)
          payload[at] = 0x80
          const form = length < 126 ? 0 : 2
          const [notAscii] = scanChunk(scan, newState(), wireFrame(0x81, payload, form, key))
          payload[at] = 0x7f
          const [ascii] = scanChunk(scan, newState(), wireFrame(0x81, payload, form, key))
          const flags = [notAscii![Row.KIND]! & RowFlag.ASCII, ascii![Row.KIND]! & RowFlag.ASCII]
          if (String(flags) !== String([0, RowFlag.ASCII])) failures.push(`length ${length}, at ${at}`)
        }
      }
    }
    expect(failures).toEqual([])
  })

  it('writes the row of a whole frame', () => {
    const state = newState()
    state[ScanState.SLOT] = 7
    state[ScanState.GENERATION] = -9
    const table = new Int32Array(2 * ROW_WORDS + 3).fill(-1)
    const chunk = MASKED_HELLO.slice()
    expect(scan(state, chunk, 0, table)).toBe(1)
    const kind = RowKind.SEGMENT | RowFlag.FIRST | RowFlag.LAST | RowFlag.ASCII
    expect([...table]).toEqual([7, -9, kind, 0x8581, 5, 0, 6, 5, ...new Array<number>(11).fill(-1)])
    expect([...state]).toEqual([11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, -9])
    expect(Buffer.from(chunk.subarray(6)).toString()).toBe('Hello')
  })

  it('writes a first row without payload as soon as the header is whole, and none for a chunk without bytes', () => {
    const state = newState()
    const kind = RowKind.SEGMENT | RowFlag.FIRST | RowFlag.ASCII
    expect(scanChunk(scan, state, MASKED_HELLO.slice(0, 5))).toEqual([])
    expect(scanChunk(scan, state, MASKED_HELLO.slice(5, 6))).toEqual([[0, 0, kind, 0x8581, 5, 0, 1, 0]])
    expect(scanChunk(scan, state, new Uint8Array(0))).toEqual([])
    expect([...state]).toEqual([0, 1, 6, 0xfa378581 | 0, 0x3d21, 0, 0, 5, 0, 0x3d21fa37, 5, 0, 0, 0])
    expect(scanChunk(scan, state, MASKED_HELLO.slice(6, 9))).toEqual([
      [0, 0, RowKind.SEGMENT | RowFlag.ASCII, 0x8581, 5, 0, 0, 3]
    ])
    expect(scanChunk(scan, state, MASKED_HELLO.slice(9))).toEqual([
      [0, 0, RowKind.SEGMENT | RowFlag.LAST | RowFlag.ASCII, 0x8581, 5, 0, 0, 2]
    ])
    expect([...state]).toEqual([2, ...new Array<number>(SCAN_STATE_WORDS - 1).fill(0)])
  })

  it('§5.2 borrows across both words of the bytes that are left', () => {
    const state = newState()
    scanChunk(scan, state, Uint8Array.from(Buffer.from('827f0000000100000002', 'hex')))
    scanChunk(scan, state, new Uint8Array(5))
    expect([state[ScanState.LEFT_LOW], state[ScanState.LEFT_HIGH]]).toEqual([-3, 0])
  })

  it('stops where the table is full and goes on from there', () => {
    const chunk = new Uint8Array(Buffer.concat(new Array<Uint8Array>(5).fill(MASKED_HELLO)))
    const state = newState()
    const table = new Int32Array(2 * ROW_WORDS)
    expect(scan(state, chunk, 0, table)).toBe(2)
    expect(state[ScanState.CONSUMED]).toBe(22)
    expect(scan(state, chunk, 22, table)).toBe(2)
    expect(state[ScanState.CONSUMED]).toBe(44)
    expect(scan(state, chunk, 44, table)).toBe(1)
    expect(state[ScanState.CONSUMED]).toBe(55)
    expect(Buffer.from(chunk.subarray(50)).toString()).toBe('Hello')
  })

  it.each([0, ROW_WORDS - 1])('consumes nothing with a table of %d words', (words) => {
    const state = newState()
    const chunk = MASKED_HELLO.slice()
    expect(scan(state, chunk, 3, new Int32Array(words))).toBe(0)
    expect([...state]).toEqual([3, ...new Array<number>(SCAN_STATE_WORDS - 1).fill(0)])
    expect(chunk).toEqual(MASKED_HELLO)
  })

  it('takes a start beyond the chunk for its end', () => {
    const state = newState()
    expect(scan(state, MASKED_HELLO.slice(), 12, new Int32Array(ROW_WORDS))).toBe(0)
    expect(state[ScanState.CONSUMED]).toBe(11)
  })

  it('finds a frame of 64-bit length that is longer than many chunks', () => {
    const payload = noise(70_000)
    const stream = wireFrame(0x82, payload, 8, KEY)
    const expected = [
      { header: 0xff82, length: 70_000n, payload: Buffer.from(payload).toString('hex'), isWhole: true }
    ]
    for (const size of [1000, 4096, 65_536, stream.length]) {
      expect(collectFrames(scan, chunksOf(stream, size))).toEqual(expected)
    }
  })

  it('throws RangeError for a state that is too short', () => {
    const state = new Int32Array(SCAN_STATE_WORDS - 1)
    expect(() => scan(state, MASKED_HELLO.slice(), 0, new Int32Array(ROW_WORDS))).toThrow(RangeError)
  })
})
