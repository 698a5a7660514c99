// Owns how the accelerators read what callers in JavaScript pass them: the packages in whose place they stand take each
// view of bytes, and end the process for anything else. Must not know what is done with it.

/**
 * Longest piece, in bytes, that a kernel gets at once: the kernels count in 32 bits, a buffer can be longer. A multiple of 4, so
 * that each piece begins with the first byte of the masking key.
 */
export const MAX_PIECE_BYTES = 2 ** 26

/** Returns the bytes of a view, which are not copied. Throws TypeError (ERR_INVALID_ARG_TYPE) for what is no view. */
export function viewBytes(name: string, value: ArrayBufferView): Uint8Array {
  if (value instanceof Uint8Array) return value
  // Also for arrays of another realm, whose class is another one: Jest's and those of node:vm.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  throw typeError(name, 'a Buffer, a typed array or a DataView', value)
}

/** Checks for a count of bytes. Throws TypeError (ERR_INVALID_ARG_TYPE) or RangeError (ERR_OUT_OF_RANGE). */
export function checkCount(name: string, value: number): void {
  if (typeof value !== 'number') throw typeError(name, 'a number', value)
  if (!Number.isSafeInteger(value) || value < 0)
    throw rangeError(`${name} must be a whole number from 0 on, not ${value}`)
}

/** Makes the error for an argument that is too large or too small. */
export function rangeError(text: string): RangeError {
  return Object.assign(new RangeError(text), { code: 'ERR_OUT_OF_RANGE' })
}

function typeError(name: string, expected: string, value: unknown): TypeError {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
  return Object.assign(new TypeError(`${name} must be ${expected}, not ${kind}`), {
    code: 'ERR_INVALID_ARG_TYPE'
  })
}
