// Owns the incremental UTF-8 validator and the meaning of its state; the loop itself is a kernel.
import type { Kernels } from './kernels.js'

/**
 * The bits of a validation state: what the bytes of an unfinished code point still allow. 0 means "on a boundary".
 * Source: RFC 3629 §4.
 */
export const Utf8State = {
  /** Bits 0-1: continuation bytes that are still to come, 1-3. */
  NEEDED_MASK: 0x3,
  /** Bits 8-15: lowest value the next byte may have. */
  LOWEST_SHIFT: 8,
  /** Bits 16-23: highest value the next byte may have. */
  HIGHEST_SHIFT: 16
} as const

/** What a validator found after a piece of text; the fields of wsaccel's Utf8Validator. */
export interface Utf8Result {
  /** No byte so far is invalid. */
  readonly isValid: boolean
  /** The text so far ends on a code point boundary. False when invalid. */
  readonly endsOnCodePoint: boolean
  /** Index in the last piece: of the first invalid byte, or the piece's length. */
  readonly index: number
  /** The same, counted from the start of the text. */
  readonly totalIndex: number
}

/** Validates a UTF-8 text that arrives in pieces. Fails at the first bad byte and stays failed until `reset`. */
export class Utf8Validator {
  readonly #kernels: Kernels
  #state = 0
  #totalIndex = 0

  constructor(kernels: Kernels) {
    this.#kernels = kernels
  }

  /** Validates the next piece. */
  validate(piece: Uint8Array): Utf8Result {
    const before = this.#totalIndex
    if (this.#state >= 0) {
      this.#state = this.#kernels.validateUtf8(this.#state, piece)
      this.#totalIndex += this.#state < 0 ? -this.#state - 1 : piece.length
    }
    return {
      isValid: this.#state >= 0,
      endsOnCodePoint: this.#state === 0,
      index: this.#totalIndex - before,
      totalIndex: this.#totalIndex
    }
  }

  /** Begins a new text. */
  reset(): void {
    this.#state = 0
    this.#totalIndex = 0
  }
}
