// Owns the pieces of one incomplete message. Must not know frames or text.
// Pieces are views where that pins little memory, and copies where it would pin much: what is held is at most
// four times the payload, however finely a peer cuts it.
import { WebSocketError } from './errors.js'

/** A view may stay a view if its chunk is at most this many times longer. */
const MAX_PINNED_FACTOR = 4
/** Copied pieces are gathered in blocks that double from the first to the second of these. */
const FIRST_BLOCK_BYTES = 256
const LAST_BLOCK_BYTES = 64 * 1024
/** Where a frame announces more, a block is as long as that, but at most so many times what has really arrived. */
const MAX_TRUST_FACTOR = 16
/** From this many bytes on a copy saves more by not being zeroed first than it costs. */
const UNZEROED_BYTES = 8 * 1024
/** With less room than this in a block it is not worth while to receive into it directly. */
const MIN_ROOM_BYTES = 128 * 1024

/** Whether a piece of that many bytes stays a view into `chunk`, and is not copied. */
export function isViewed(chunk: Uint8Array, byteLength: number): boolean {
  // The typed array's own buffer may be longer than the chunk: a view pins all of it.
  return byteLength * MAX_PINNED_FACTOR >= chunk.buffer.byteLength
}

/**
 * Returns `chunk`'s bytes from `start` to `end`, valid for as long as they are kept: as a view, or as a copy if a view
 * would pin a buffer of more than four times its size.
 */
export function keepBytes(chunk: Uint8Array, start: number, end: number): Uint8Array {
  if (isViewed(chunk, end - start)) return chunk.subarray(start, end)
  // Unlike `slice` the constructor does not zero the memory first; but it needs a view to copy from.
  return end - start < UNZEROED_BYTES ? chunk.slice(start, end) : new Uint8Array(chunk.subarray(start, end))
}

/** Gathers the pieces of one message. */
export class Assembler {
  /** Bytes gathered so far. */
  byteLength = 0
  readonly #allocate: (byteLength: number) => Uint8Array
  #pieces: Uint8Array[] = []
  #block: Uint8Array | null = null
  #blockLength = 0
  /** The rest of the block that was given away to be filled, and where it begins there. */
  #room: Uint8Array | null = null
  #roomStart = 0

  /** `allocate`: makes memory, which need not be zeroed. */
  constructor(allocate: (byteLength: number) => Uint8Array) {
    this.#allocate = allocate
  }

  /** Adds the bytes of `chunk` from `start` to `end`. `announced`: how many bytes there will be in all, as far as known. */
  add(chunk: Uint8Array, start: number, end: number, announced = 0): void {
    const byteLength = end - start
    this.byteLength += byteLength
    if (chunk === this.#room && this.#roomStart + start === this.#blockLength) {
      this.#blockLength += byteLength
    } else if (byteLength >= LAST_BLOCK_BYTES / 16 && isViewed(chunk, byteLength)) {
      this.#closeBlock()
      this.#pieces.push(chunk.subarray(start, end))
    } else if (byteLength > 0) {
      this.#copy(chunk, start, end, announced)
    }
  }

  /**
   * Memory that the next pieces may be written to, from its start on; `add` then takes them without a copy if it gets the
   * very same array as `chunk`. Null if there is too little. Valid until `take`.
   */
  get room(): Uint8Array | null {
    if (this.#block === null || this.#block.length - this.#blockLength < MIN_ROOM_BYTES) return null
    this.#roomStart = this.#blockLength
    this.#room = this.#block.subarray(this.#roomStart)
    return this.#room
  }

  /**
   * Returns all that was added, in one piece that belongs to the caller, and empties the assembler. Throws WebSocketError
   * 'payload-transferred' if the memory of a piece was detached.
   */
  take(): Uint8Array {
    this.#closeBlock()
    const pieces = this.#pieces
    // None was empty when it came.
    if (pieces.some(({ length }) => length === 0)) throw new WebSocketError('payload-transferred')
    const whole = pieces.length === 1 ? pieces[0]! : this.#concat(pieces)
    this.#pieces = []
    this.byteLength = 0
    return whole
  }

  #copy(chunk: Uint8Array, start: number, end: number, announced: number): void {
    let at = start
    while (at < end) {
      if (this.#block === null || this.#blockLength === this.#block.length)
        this.#openBlock(end - at, announced)
      const block = this.#block!
      const count = Math.min(end - at, block.length - this.#blockLength)
      block.set(chunk.subarray(at, at + count), this.#blockLength)
      this.#blockLength += count
      at += count
    }
  }

  #openBlock(byteLength: number, announced: number): void {
    const previous = this.#block === null ? 0 : this.#block.length
    this.#closeBlock()
    const doubled = Math.min(Math.max(previous * 2, FIRST_BLOCK_BYTES), LAST_BLOCK_BYTES)
    const needed = Math.max(doubled, Math.min(byteLength, LAST_BLOCK_BYTES))
    const toCome = announced - this.byteLength + byteLength
    const trusted = Math.min(toCome, this.byteLength * MAX_TRUST_FACTOR)
    this.#block = this.#allocate(trusted > byteLength ? trusted : needed)
  }

  #closeBlock(): void {
    if (this.#block !== null && this.#blockLength > 0)
      this.#pieces.push(this.#block.subarray(0, this.#blockLength))
    this.#block = this.#room = null
    this.#blockLength = 0
  }

  #concat(pieces: readonly Uint8Array[]): Uint8Array {
    const whole = this.#allocate(this.byteLength)
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }
}
