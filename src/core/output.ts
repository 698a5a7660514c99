// Owns the interface between the sender and whatever carries its bytes away, and the simplest implementation.
import type { SharedBytes } from './prepared.js'

/** Takes the bytes that a sender encodes, in order. */
export interface Output {
  /** The memory that `reserve` returns an offset into; may be another one after each call of `reserve`. */
  readonly buffer: Uint8Array
  /** Bytes accepted that have not been carried away. */
  readonly pendingBytes: number
  /**
   * Where room for more bytes at once costs memory of its own: a longer payload that is masked is written in slices of so many
   * bytes. Absent: any length is as good.
   */
  readonly sliceBytes?: number
  /** Makes room for `byteLength` bytes in `buffer` and returns their offset. Valid until the next call of a method. */
  reserve(byteLength: number): number
  /** Accepts the first `byteLength` of the bytes reserved last. */
  advance(byteLength: number): void
  /** Accepts bytes by reference; neither change nor transfer them until they are carried away. */
  append(bytes: Uint8Array): void
  /**
   * Where there is this method: accepts a short text as a message in one frame that is not masked, to be encoded and framed later,
   * together with others. Until then it counts as ASCII in `pendingBytes`.
   */
  appendText?(text: string): void
  /** Where there is this method: as `append`, for bytes that go to many outputs. */
  appendShared?(shared: SharedBytes): void
}

/** Buffers double from the first to the second: a quiet connection holds little, a busy one seldom allocates. */
const FIRST_BUFFER_BYTES = 256
const LAST_BUFFER_BYTES = 64 * 1024

/** Collects output in memory until it is taken: an `Output` for protocols without a transport. */
export class OutputBytes implements Output {
  buffer: Uint8Array = new Uint8Array(FIRST_BUFFER_BYTES)
  #taken: Uint8Array[] = []
  #start = 0
  #end = 0
  #pendingBytes = 0

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  reserve(byteLength: number): number {
    if (this.#end + byteLength > this.buffer.length) {
      this.#cut()
      const doubled = Math.min(this.buffer.length * 2, LAST_BUFFER_BYTES)
      this.buffer = new Uint8Array(Math.max(byteLength, doubled))
      this.#start = this.#end = 0
    }
    return this.#end
  }

  advance(byteLength: number): void {
    this.#end += byteLength
    this.#pendingBytes += byteLength
  }

  append(bytes: Uint8Array): void {
    this.#cut()
    this.#taken.push(bytes)
    this.#pendingBytes += bytes.length
  }

  /** Takes all that was written since the last call, and empties the output. The arrays belong to the caller. */
  take(): Uint8Array[] {
    this.#cut()
    const taken = this.#taken
    this.#taken = []
    this.#pendingBytes = 0
    // A large buffer belongs to what was taken alone.
    if (this.buffer.length > LAST_BUFFER_BYTES) {
      this.buffer = new Uint8Array(FIRST_BUFFER_BYTES)
      this.#start = this.#end = 0
    }
    return taken
  }

  /** As `take`, in one piece that has memory of its own. */
  takeWhole(): Uint8Array {
    const byteLength = this.#pendingBytes
    const pieces = this.take()
    if (pieces.length === 1 && byteLength === pieces[0]!.buffer.byteLength) return pieces[0]!
    const whole = new Uint8Array(byteLength)
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  #cut(): void {
    if (this.#end > this.#start) this.#taken.push(this.buffer.subarray(this.#start, this.#end))
    this.#start = this.#end
  }
}
