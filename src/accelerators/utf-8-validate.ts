// Owns the entry point `hotsocket/utf-8-validate`: the UTF-8 kernel in the shape of npm's `utf-8-validate`, for programs that keep
// `ws`. Must not know connections, nor who calls.

/**
 * `hotsocket/utf-8-validate`: the function of npm's `utf-8-validate`, on hotsocket's kernel. `require` returns the function itself,
 * which is also the default export. To have it loaded in that package's place, see docs/FROM-WS.md.
 *
 * @module
 */

import { isUtf8 } from 'node:buffer'
import { kernels, tier } from '../kernels/index.js'
import { MAX_PIECE_BYTES, viewBytes } from './arguments.js'

/**
 * Tells whether `buffer` holds whole, valid UTF-8, as the text of a message has to be. Any view of bytes is taken. Throws TypeError
 * (ERR_INVALID_ARG_TYPE) for anything else. Source: RFC 6455 §8.1, RFC 3629 §4.
 */
export function isValidUTF8(buffer: ArrayBufferView): boolean {
  return isValid(viewBytes('buffer', buffer))
}

/** Without the addon Node.js' own function is the best there is. It refuses a detached array, which is empty. */
const isValid: (bytes: Uint8Array) => boolean =
  tier === 'js'
    ? (bytes) => bytes.length === 0 || isUtf8(bytes)
    : (bytes) =>
        bytes.length > MAX_PIECE_BYTES ? arePiecesValid(bytes) : kernels.validateUtf8(0, bytes) === 0

function arePiecesValid(bytes: Uint8Array): boolean {
  let state = 0
  for (let done = 0; done < bytes.length && state >= 0; done += MAX_PIECE_BYTES)
    state = kernels.validateUtf8(state, bytes.subarray(done, done + MAX_PIECE_BYTES))
  return state === 0
}

// biome-ignore lint/style/noDefaultExport: utf-8-validate has one.
export { isValidUTF8 as default, isValidUTF8 as 'module.exports' }
