// Owns the validation of UTF-8 in JavaScript (RFC 3629 §4), and its decoding: the twin of native/kernels/utf8.cc and utf8-decode.cc.
import { Utf8State } from '../../core/utf8.js'

const { NEEDED_MASK, LOWEST_SHIFT, HIGHEST_SHIFT } = Utf8State

/** Longest piece, in bytes, so that the index of a bad byte fits the result. */
export const MAX_PIECE_BYTES = 0x7fffffff

/** The twin of `Kernels.validateUtf8`. */
export function validateUtf8(state: number, bytes: Uint8Array): number {
  if (state < 0) throw new RangeError('state must not be negative')
  if (bytes.length > MAX_PIECE_BYTES) throw new RangeError('bytes is longer than 2^31 - 1 bytes')
  let current = state
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte < 0x80 && current === 0) continue
    if ((current & NEEDED_MASK) === 0) {
      current = AFTER_LEAD[byte]!
    } else {
      current = afterContinuation(current, byte)
    }
    if (current < 0) return -(i + 1)
  }
  return current
}

const { utf8Slice } = Buffer.prototype as unknown as {
  utf8Slice(this: Uint8Array, start: number, end: number): string
}

/** The twin of `Kernels.decodeUtf8`. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  return utf8Slice.call(bytes, start, end)
}

function afterContinuation(state: number, byte: number): number {
  if (byte < ((state >> LOWEST_SHIFT) & 0xff) || byte > ((state >> HIGHEST_SHIFT) & 0xff)) return -1
  const needed = state & NEEDED_MASK
  return needed === 1 ? 0 : expect(needed - 1, 0x80, 0xbf)
}

function expect(needed: number, lowest: number, highest: number): number {
  return needed | (lowest << LOWEST_SHIFT) | (highest << HIGHEST_SHIFT)
}

/** The state after a byte on a code point boundary; -1 for a byte that cannot stand there. */
const AFTER_LEAD = makeAfterLead()

function makeAfterLead(): Int32Array {
  const after = new Int32Array(256)
  after.fill(-1, 0x80)
  after.fill(expect(1, 0x80, 0xbf), 0xc2, 0xe0)
  after.fill(expect(2, 0x80, 0xbf), 0xe0, 0xf0)
  after.fill(expect(3, 0x80, 0xbf), 0xf0, 0xf5)
  after[0xe0] = expect(2, 0xa0, 0xbf)
  after[0xed] = expect(2, 0x80, 0x9f)
  after[0xf0] = expect(3, 0x90, 0xbf)
  after[0xf4] = expect(3, 0x80, 0x8f)
  return after
}
