// Owns memory for short messages that are kept as bytes: many share a block, as small Buffers of Node.js do. Must not know
// what the bytes mean.
import { isViewed } from './assembler.js'
import { ROW_WORDS, Row } from './layout.js'

/** Makes the view of bytes that an application gets. `Uint8Array` and Node.js' `Buffer[Symbol.species]` are such. */
export type ByteView = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => Uint8Array

/** Bytes of one block. Whoever keeps a short message keeps one of these. */
const BLOCK_BYTES = 8 * 1024
/** Longer ones get memory of their own. */
const MAX_SHARED_BYTES = BLOCK_BYTES / 4
/** Of a run no more than so many times its first message is copied at once: what follows may be something else. */
const RUN_FACTOR = 32

const NO_BYTES = new Uint8Array(0)

/**
 * Keeps messages of one piece. Those that stand one behind the other in a chunk are copied together, with the headers between
 * them: a copy of its own for each of them costs more than all else that is done with it.
 */
export class BytePool {
  readonly #View: ByteView
  readonly #allocate: (byteLength: number) => Uint8Array
  #block: Uint8Array = NO_BYTES
  #buffer: ArrayBufferLike = NO_BYTES.buffer
  /** Where the block is free. */
  #used = 0
  /** The chunk at hand, what is copied of it, and what to add to an offset there to get one in the block. */
  #chunk: Uint8Array | null = null
  #copiedFrom = 0
  #copiedTo = 0
  #shift = 0
  #runEnd = 0

  /** `allocate`: makes memory with a buffer of its own, which need not be zeroed. */
  constructor(View: ByteView, allocate: (byteLength: number) => Uint8Array) {
    this.#View = View
    this.#allocate = allocate
  }

  /** Tells that other bytes stand in a chunk, or in the same one; those up to `end` are of one connection. Call it before `keep`. */
  begin(end: number): void {
    this.#chunk = null
    this.#runEnd = end
  }

  /** The same for a chunk with rows, `from` to `to` (exclusive). */
  beginRows(table: Int32Array, from: number, to: number): void {
    const last = (to - 1) * ROW_WORDS
    this.begin(from < to ? table[last + Row.OFFSET]! + table[last + Row.BYTE_LENGTH]! : 0)
  }

  /** Keeps the chunk's bytes from `start` to `end`: as a view only where `isViewed` allows it. */
  keep(chunk: Uint8Array, start: number, end: number): Uint8Array {
    // A handler of the message before may have had another connection deliver something.
    if (chunk === this.#chunk && start >= this.#copiedFrom && end <= this.#copiedTo)
      return new this.#View(this.#buffer, start + this.#shift, end - start)
    return this.#copy(chunk, start, end)
  }

  #copy(chunk: Uint8Array, start: number, end: number): Uint8Array {
    const View = this.#View
    const byteLength = end - start
    if (isViewed(chunk, byteLength)) return new View(chunk.buffer, chunk.byteOffset + start, byteLength)
    if (byteLength > MAX_SHARED_BYTES) {
      const own = this.#allocate(byteLength)
      own.set(chunk.subarray(start, end))
      return new View(own.buffer, own.byteOffset, byteLength)
    }
    // A block that an application has transferred away has no length any more.
    if (byteLength > this.#block.length - this.#used) this.#renew()
    const to = Math.min(
      start + byteLength * RUN_FACTOR,
      start + this.#block.length - this.#used,
      this.#runEnd
    )
    this.#chunk = chunk
    this.#copiedFrom = start
    this.#copiedTo = Math.max(to, end)
    this.#shift = this.#used - start
    this.#block.set(chunk.subarray(start, this.#copiedTo), this.#used)
    // Whole words: a view of other elements must begin at one.
    this.#used = Math.min((this.#used + this.#copiedTo - start + 7) & ~7, BLOCK_BYTES)
    return new View(this.#buffer, start + this.#shift, byteLength)
  }

  #renew(): void {
    this.#block = this.#allocate(BLOCK_BYTES)
    this.#buffer = this.#block.buffer
    this.#used = 0
  }
}
