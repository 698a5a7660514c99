// Owns what all connections of one endpoint count together, in plain numbers, so that none of them holds a figure of its own.
// Must not know who reads it.
import { Histogram } from './histogram.js'
import { ROW_WORDS, Row, RowFlag } from './layout.js'

/** In milliseconds: from one network in a house to one round the world, and beyond. */
const ROUND_TRIPS_MS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

/** Figures of one endpoint since it was made. */
export class Counters {
  /** Whole messages that arrived; bytes of frames that did, headers included. */
  messagesIn = 0
  bytesIn = 0
  /** Messages accepted for sending; bytes that the kernel has taken from connections that are over. */
  messagesOut = 0
  finishedBytesOut = 0
  /** Messages that `send` did not accept, because the connection was no longer open. */
  messagesRefused = 0
  /** Messages that were accepted and of which the kernel had not taken the last byte when the connection ended. */
  messagesUnsent = 0
  /** By outcome. */
  readonly handshakes = new Map<string, number>()
  /** By initiator and code, as 'remote 1000'. */
  readonly closes = new Map<string, number>()
  /** In milliseconds, of pings that were answered. */
  readonly roundTrips = new Histogram(ROUND_TRIPS_MS)
  /** Connections that have bytes the kernel has refused, and since when (ms); who has waited longest comes first. */
  readonly waiting = new Map<object, number>()
}

/** Counts one more. */
export function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/**
 * The bytes of frames, headers included, that a run of rows of the segment table stands for: what they point to stands one behind
 * the other, with the headers in between.
 */
export function bytesOfRows(table: Int32Array, from: number, to: number): number {
  const first = from * ROW_WORDS
  const last = (to - 1) * ROW_WORDS
  const byteLength = table[last + Row.OFFSET]! + table[last + Row.BYTE_LENGTH]! - table[first + Row.OFFSET]!
  // The first one's may have come in pieces, in an earlier batch.
  const isBegun = (table[first + Row.KIND]! & RowFlag.FIRST) !== 0
  return isBegun ? byteLength + headerBytes(table[first + Row.HEADER]!) : byteLength
}

/** `header`: its first two bytes, the first one lowest. Source: RFC 6455 §5.2. */
function headerBytes(header: number): number {
  const length = (header >> 8) & 0x7f
  const extended = length < 126 ? 0 : length === 126 ? 2 : 8
  return 2 + extended + ((header & 0x8000) === 0 ? 0 : 4)
}
