// Owns how a test feeds a scanner: chunk by chunk, with a table of any size, and how it reads the rows.
import { ROW_WORDS, Row, RowFlag, SCAN_STATE_WORDS, ScanState } from '../../src/core/layout.js'
import type { ByteKernels } from './byte-subjects.js'

export type Scan = ByteKernels['scan']

export const newState = (): Int32Array => new Int32Array(SCAN_STATE_WORDS)

/** Scans all of a chunk with a table of `capacity` rows. Returns the rows of all calls. */
export function scanChunk(scan: Scan, state: Int32Array, chunk: Uint8Array, capacity = 64): number[][] {
  const table = new Int32Array(capacity * ROW_WORDS)
  const rows: number[][] = []
  let from = 0
  do {
    const rowCount = scan(state, chunk, from, table)
    for (let i = 0; i < rowCount; i++) rows.push([...table.subarray(i * ROW_WORDS, (i + 1) * ROW_WORDS)])
    from = state[ScanState.CONSUMED]!
  } while (from < chunk.length)
  return rows
}

/** Cuts a stream into chunks of one size. They are copies: scanning writes into them. */
export function chunksOf(stream: Uint8Array, byteLength: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let from = 0; from < stream.length; from += byteLength)
    chunks.push(stream.slice(from, from + byteLength))
  return chunks
}

export interface ScannedFrame {
  readonly header: number
  readonly length: bigint
  payload: string
  isWhole: boolean
}

/** Puts the frames together that rows over several chunks tell of. */
export function collectFrames(scan: Scan, chunks: readonly Uint8Array[], capacity?: number): ScannedFrame[] {
  const state = newState()
  const frames: ScannedFrame[] = []
  for (const chunk of chunks) {
    for (const row of scanChunk(scan, state, chunk, capacity)) takeRow(frames, row, chunk)
  }
  return frames
}

function takeRow(frames: ScannedFrame[], row: readonly number[], chunk: Uint8Array): void {
  const kind = row[Row.KIND]!
  const length = (BigInt(row[Row.LENGTH_HIGH]! >>> 0) << 32n) | BigInt(row[Row.LENGTH_LOW]! >>> 0)
  if ((kind & RowFlag.FIRST) !== 0) {
    frames.push({ header: row[Row.HEADER]!, length, payload: '', isWhole: false })
  }
  const frame = frames.at(-1)!
  const piece = chunk.subarray(row[Row.OFFSET], row[Row.OFFSET]! + row[Row.BYTE_LENGTH]!)
  frame.payload += Buffer.from(piece).toString('hex')
  frame.isWhole = (kind & RowFlag.LAST) !== 0
}

/** A frame as it stands on the wire. `form`: how many bytes its extended length has. */
export function wireFrame(
  first: number,
  payload: Uint8Array,
  form: 0 | 2 | 8,
  maskingKey: Uint8Array | null
): Uint8Array {
  const code = form === 0 ? payload.length : form === 2 ? 126 : 127
  const extended = new Uint8Array(8)
  new DataView(extended.buffer).setBigUint64(0, BigInt(payload.length))
  return new Uint8Array(
    Buffer.concat([
      Uint8Array.of(first, code | (maskingKey === null ? 0 : 0x80)),
      extended.subarray(8 - form),
      maskingKey ?? new Uint8Array(0),
      maskingKey === null ? payload : payload.map((byte, i) => byte ^ maskingKey[i % 4]!)
    ])
  )
}
