// Owns the step from a chunk of bytes to rows of the segment table (RFC 6455 §5.2) in JavaScript: the twin of
// native/kernels/scanner.cc, with the same state and rows. Decides nothing: every rule is the receiver's.
import { ROW_WORDS, Row, RowFlag, RowKind, SCAN_STATE_WORDS, ScanState } from '../../core/layout.js'
import { maskRange, rotateMaskingKey } from './mask.js'

const COLLECTING_HEADER = 0
const INSIDE_PAYLOAD = 1

const MAX_CHUNK_BYTES = 0x7fffffff
const MAX_HEADER_BYTES = 14
const MASK_BIT = 0x80
const OPCODE_BITS = 0x0f
const BINARY = 2

/** A header that was split between chunks. One is enough: a scan calls nobody back. */
const joinedHeader = new Uint8Array(MAX_HEADER_BYTES)

/** The twin of `Kernels.scan`. */
export function scan(state: Int32Array, chunk: Uint8Array, from: number, table: Int32Array): number {
  if (state.length < SCAN_STATE_WORDS) throw new RangeError('state is too short')
  if (chunk.length > MAX_CHUNK_BYTES) throw new RangeError('chunk is longer than 2^31 - 1 bytes')
  const capacity = Math.floor(table.length / ROW_WORDS)
  state[ScanState.CONSUMED] = Math.min(from >>> 0, chunk.length)
  if (capacity === 0) return 0
  const resumedCount = resume(state, chunk, table)
  return resumedCount + scanFrames(state, chunk, table, resumedCount, capacity)
}

/** Goes on with what an earlier chunk left unfinished, if anything. Returns the row count, 0 or 1. */
function resume(state: Int32Array, chunk: Uint8Array, table: Int32Array): number {
  if (state[ScanState.PHASE] === INSIDE_PAYLOAD && hasLeft(state)) return resumePayload(state, chunk, table)
  const heldCount = state[ScanState.HEADER_LENGTH]!
  const isSplit = heldCount > 0 && heldCount <= MAX_HEADER_BYTES && !hasWholeHeader(state, heldCount)
  if (state[ScanState.PHASE] === COLLECTING_HEADER && isSplit) return resumeHeader(state, chunk, table)
  clear(state)
  return 0
}

function resumePayload(state: Int32Array, chunk: Uint8Array, table: Int32Array): number {
  if (state[ScanState.CONSUMED] === chunk.length) return 0
  takePayload(state, chunk, table, 0, 0)
  return 1
}

function resumeHeader(state: Int32Array, chunk: Uint8Array, table: Int32Array): number {
  let count = state[ScanState.HEADER_LENGTH]!
  for (let i = 0; i < count; i++) joinedHeader[i] = heldByte(state, i)
  let at = state[ScanState.CONSUMED]!
  while (at < chunk.length && (count < 2 || count < headerSize(joinedHeader[1]!))) {
    joinedHeader[count++] = chunk[at++]!
  }
  state[ScanState.CONSUMED] = at
  clear(state)
  if (count < 2 || count < headerSize(joinedHeader[1]!)) {
    holdHeader(state, joinedHeader, 0, count)
    return 0
  }
  beginFrame(state, joinedHeader, 0, count)
  takePayload(state, chunk, table, 0, RowFlag.FIRST)
  if (hasLeft(state)) holdHeader(state, joinedHeader, 0, count)
  return 1
}

/** Scans frames that begin in this chunk into rows `first` to `capacity`. Returns the row count. */
function scanFrames(
  state: Int32Array,
  chunk: Uint8Array,
  table: Int32Array,
  first: number,
  capacity: number
): number {
  let row = first
  let at = state[ScanState.CONSUMED]!
  while (row < capacity && at < chunk.length) {
    const size = at + 1 < chunk.length ? headerSize(chunk[at + 1]!) : MAX_HEADER_BYTES
    if (at + size > chunk.length) {
      holdHeader(state, chunk, at, chunk.length - at)
      state[ScanState.CONSUMED] = chunk.length
      break
    }
    beginFrame(state, chunk, at, size)
    state[ScanState.CONSUMED] = at + size
    takePayload(state, chunk, table, row, RowFlag.FIRST)
    if (hasLeft(state)) holdHeader(state, chunk, at, size)
    at = state[ScanState.CONSUMED]!
    row += 1
  }
  return row - first
}

/** Reads a whole header into the state. */
function beginFrame(state: Int32Array, header: Uint8Array, at: number, size: number): void {
  const second = header[at + 1]!
  const code = second & 0x7f
  let low = code
  let high = 0
  if (code === 126) {
    low = (header[at + 2]! << 8) | header[at + 3]!
  } else if (code === 127) {
    high = bigEndian32(header, at + 2)
    low = bigEndian32(header, at + 6)
  }
  state[ScanState.PHASE] = INSIDE_PAYLOAD
  state[ScanState.HEADER] = header[at]! | (second << 8)
  state[ScanState.LEFT_LOW] = low
  state[ScanState.LEFT_HIGH] = high
  state[ScanState.LENGTH_LOW] = low
  state[ScanState.LENGTH_HIGH] = high
  state[ScanState.MASKING_KEY] = (second & MASK_BIT) === 0 ? 0 : littleEndian32(header, at + size - 4)
}

/**
 * Unmasks as much of the frame's payload as the chunk still has, and writes one row about it. At the frame's end the
 * state is a fresh one again.
 */
function takePayload(
  state: Int32Array,
  chunk: Uint8Array,
  table: Int32Array,
  row: number,
  first: number
): void {
  const at = state[ScanState.CONSUMED]!
  const byteLength = takeLeft(state, chunk.length - at)
  const maskingKey = state[ScanState.MASKING_KEY]!
  // Nobody asks it of binary frames.
  const isAsked = (state[ScanState.HEADER]! & OPCODE_BITS) !== BINARY
  let seen = 0
  if (maskingKey !== 0) seen = maskRange(chunk, at, chunk, at, byteLength, maskingKey)
  else if (isAsked) seen = orBytes(chunk, at, byteLength)
  const isLast = !hasLeft(state)
  const to = row * ROW_WORDS
  table[to + Row.SLOT] = state[ScanState.SLOT]!
  table[to + Row.GENERATION] = state[ScanState.GENERATION]!
  table[to + Row.KIND] =
    RowKind.SEGMENT | first | (isLast ? RowFlag.LAST : 0) | (isAsked && seen < 0x80 ? RowFlag.ASCII : 0)
  table[to + Row.HEADER] = state[ScanState.HEADER]! & 0xffff
  table[to + Row.LENGTH_LOW] = state[ScanState.LENGTH_LOW]!
  table[to + Row.LENGTH_HIGH] = state[ScanState.LENGTH_HIGH]!
  table[to + Row.OFFSET] = at
  table[to + Row.BYTE_LENGTH] = byteLength
  state[ScanState.CONSUMED] = at + byteLength
  state[ScanState.MASKING_KEY] = rotateMaskingKey(maskingKey, byteLength)
  if (isLast) clear(state)
}

/** Takes up to `available` bytes off those that are still to come. Returns how many. */
function takeLeft(state: Int32Array, available: number): number {
  const low = state[ScanState.LEFT_LOW]! >>> 0
  const high = state[ScanState.LEFT_HIGH]!
  const count = high !== 0 ? available : Math.min(low, available)
  state[ScanState.LEFT_LOW] = low - count
  if (low < count) state[ScanState.LEFT_HIGH] = high - 1
  return count
}

/** Keeps the bytes of a header whose rest, or whose payload's rest, is still to come. */
function holdHeader(state: Int32Array, header: Uint8Array, at: number, size: number): void {
  state.fill(0, ScanState.HEADER, ScanState.LEFT_LOW)
  state[ScanState.HEADER_LENGTH] = size
  for (let i = 0; i < size; i++) {
    const word = ScanState.HEADER + (i >> 2)
    state[word] = state[word]! | (header[at + i]! << (8 * (i & 3)))
  }
}

/** Between two frames a state holds nothing but what the caller put there, and `CONSUMED`. */
function clear(state: Int32Array): void {
  for (let i: number = ScanState.PHASE; i < ScanState.SLOT; i++) state[i] = 0
}

function hasLeft(state: Int32Array): boolean {
  return (state[ScanState.LEFT_LOW]! | state[ScanState.LEFT_HIGH]!) !== 0
}

function hasWholeHeader(state: Int32Array, heldCount: number): boolean {
  return heldCount >= 2 && heldCount >= headerSize(heldByte(state, 1))
}

function heldByte(state: Int32Array, i: number): number {
  return (state[ScanState.HEADER + (i >> 2)]! >>> (8 * (i & 3))) & 0xff
}

function headerSize(second: number): number {
  const code = second & 0x7f
  return (code < 126 ? 2 : code === 126 ? 4 : 10) + ((second & MASK_BIT) === 0 ? 0 : 4)
}

function bigEndian32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

function littleEndian32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function orBytes(bytes: Uint8Array, at: number, byteLength: number): number {
  let seen = 0
  for (let i = at; i < at + byteLength; i++) seen |= bytes[i]!
  return seen
}
