// Owns the entry point `hotsocket/bufferutil`: the masking kernels in the shape of npm's `bufferutil`, for programs that keep `ws`.
// Must not know connections, nor who calls.

/**
 * `hotsocket/bufferutil`: the functions of npm's `bufferutil`, on hotsocket's kernels, for programs that keep `ws`. `require` returns
 * an object of both functions, which is also the default export. To have `ws` load it, see docs/FROM-WS.md.
 *
 * @module
 */

import { kernels } from '../kernels/index.js'
import { checkCount, MAX_PIECE_BYTES, rangeError, viewBytes } from './arguments.js'

/**
 * Masks the first `length` bytes of `source` into `output`, from byte `offset` on. `maskingKey`: 4 bytes; more are not looked at.
 * `output` may be the memory of `source` at the same place; where they overlap otherwise, what is written is not specified. Any
 * view of bytes is taken. Throws TypeError (ERR_INVALID_ARG_TYPE) for arguments of another kind and RangeError (ERR_OUT_OF_RANGE)
 * where bytes are missing, and has written nothing then. Source: RFC 6455 §5.3.
 */
export function mask(
  source: ArrayBufferView,
  maskingKey: ArrayBufferView,
  output: ArrayBufferView,
  offset: number,
  length: number
): void {
  const from = viewBytes('source', source)
  const key = readKey(maskingKey)
  const to = viewBytes('output', output)
  checkCount('offset', offset)
  checkCount('length', length)
  if (length > from.length) throw rangeError(`length is ${length}: source has ${from.length} bytes`)
  if (offset + length > to.length)
    throw rangeError(`offset ${offset} and length ${length} end beyond output, which has ${to.length} bytes`)
  if (length > MAX_PIECE_BYTES || offset > MAX_PIECE_BYTES) maskPieces(from, to, offset, length, key)
  else kernels.mask(length === from.length ? from : from.subarray(0, length), to, offset, key, 0)
}

/**
 * Unmasks `buffer` in place. `maskingKey`: 4 bytes; more are not looked at. Any view of bytes is taken. Throws TypeError
 * (ERR_INVALID_ARG_TYPE) for arguments of another kind and RangeError (ERR_OUT_OF_RANGE) for a shorter key. Source: RFC 6455 §5.3.
 */
export function unmask(buffer: ArrayBufferView, maskingKey: ArrayBufferView): void {
  const bytes = viewBytes('buffer', buffer)
  const key = readKey(maskingKey)
  if (bytes.length > MAX_PIECE_BYTES) maskPieces(bytes, bytes, 0, bytes.length, key)
  else kernels.mask(bytes, bytes, 0, key, 0)
}

function maskPieces(from: Uint8Array, to: Uint8Array, offset: number, length: number, key: number): void {
  for (let done = 0; done < length; done += MAX_PIECE_BYTES) {
    const end = Math.min(length, done + MAX_PIECE_BYTES)
    kernels.mask(from.subarray(done, end), to.subarray(offset + done, offset + end), 0, key, 0)
  }
}

function readKey(maskingKey: ArrayBufferView): number {
  const bytes = viewBytes('mask', maskingKey)
  if (bytes.length < 4) throw rangeError(`mask must be 4 bytes long, not ${bytes.length}`)
  return bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)
}

/**
 * What `require('hotsocket/bufferutil')` returns: an object that is not frozen, as bufferutil's.
 *
 * @hidden
 */
const bufferutil = { mask, unmask }

// biome-ignore lint/style/noDefaultExport: bufferutil has one.
export { bufferutil as default, bufferutil as 'module.exports' }
