// Owns what one connection over a stream has accepted for sending and the kernel has not taken, as pieces of memory.
// Must not know frames, nor how bytes are written.
import type { SendQueue } from './transport.js'

/** Memory shared by all queues of a thread: small frames of one turn stand side by side in it. */
const SLAB_BYTES = 64 * 1024
/** Blocks of a queue that waits: they double from the first to the second. */
const FIRST_BLOCK_BYTES = 1024
const LAST_BLOCK_BYTES = 64 * 1024

const EMPTY = Buffer.alloc(0)
let slab: Buffer = EMPTY
let slabUsed = 0

/**
 * The send queue of one connection: first come, first sent. Bytes are queued, then taken for one write, then settled
 * when the kernel has them.
 */
export class StreamQueue implements SendQueue {
  buffer: Uint8Array = EMPTY
  #pieces: Buffer[] = []
  /** The bytes of `buffer` that are queued and not in `#pieces` yet. */
  #start = 0
  #end = 0
  #queuedBytes = 0
  #takenBytes = 0
  #sentBytes = 0
  #queuedMessages = 0
  #takenMessages = 0

  /** Bytes accepted that the kernel has not taken. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#takenBytes
  }

  /** All bytes that the kernel has taken so far. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** Messages the kernel has not taken whole; those of one write count until it has ended. */
  get messageCount(): number {
    return this.#queuedMessages + this.#takenMessages
  }

  /** Whether a write is under way: bytes were taken and are not settled. */
  get isWriting(): boolean {
    return this.#takenBytes > 0
  }

  /** Whether there is anything to take. */
  get hasQueued(): boolean {
    return this.#queuedBytes > 0
  }

  reserve(byteLength: number): number {
    // While a write is under way this may wait for long: it must not pin the slab, which others fill.
    if (this.#takenBytes > 0) this.#reserveOwn(byteLength)
    else this.#reserveShared(byteLength)
    return this.#end
  }

  advance(byteLength: number): void {
    this.#end += byteLength
    this.#queuedBytes += byteLength
    if (this.buffer === slab) slabUsed = this.#end
  }

  append(bytes: Uint8Array): void {
    this.#cut()
    this.#pieces.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    this.#queuedBytes += bytes.length
  }

  /** Marks the end of a message: all that was accepted so far belongs to it or to earlier ones. */
  endMessage(): void {
    this.#queuedMessages++
  }

  /** Takes all that is queued, for one write. Nothing may be under way. */
  take(): readonly Buffer[] {
    this.#cut()
    const pieces = this.#pieces
    this.#pieces = []
    this.buffer = EMPTY
    this.#start = this.#end = 0
    this.#takenBytes = this.#queuedBytes
    this.#takenMessages = this.#queuedMessages
    this.#queuedBytes = this.#queuedMessages = 0
    return pieces
  }

  /** Tells that the kernel has `byteLength` of the bytes that were taken. */
  settle(byteLength: number): void {
    this.#sentBytes += byteLength
    this.#takenBytes -= byteLength
    if (this.#takenBytes === 0) this.#takenMessages = 0
  }

  /** Drops everything. */
  clear(): void {
    this.#pieces = []
    this.buffer = EMPTY
    this.#start = this.#end = 0
    this.#queuedBytes = this.#takenBytes = this.#queuedMessages = this.#takenMessages = 0
  }

  #reserveShared(byteLength: number): void {
    if (this.buffer === slab && this.#end === slabUsed && slabUsed + byteLength <= slab.length) return
    this.#cut()
    if (byteLength > SLAB_BYTES / 2) {
      this.buffer = Buffer.allocUnsafeSlow(byteLength)
      this.#start = this.#end = 0
      return
    }
    if (slabUsed + byteLength > slab.length) {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      slabUsed = 0
    }
    this.buffer = slab
    this.#start = this.#end = slabUsed
  }

  #reserveOwn(byteLength: number): void {
    if (this.#end + byteLength <= this.buffer.length) return
    this.#cut()
    const doubled = Math.min(this.buffer.length * 2, LAST_BLOCK_BYTES)
    this.buffer = Buffer.allocUnsafeSlow(Math.max(byteLength, doubled, FIRST_BLOCK_BYTES))
    this.#start = this.#end = 0
  }

  /** Moves what was written to `buffer` to the pieces. */
  #cut(): void {
    if (this.#end > this.#start) this.#pieces.push((this.buffer as Buffer).subarray(this.#start, this.#end))
    this.#start = this.#end
  }
}
