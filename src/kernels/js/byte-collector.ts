// Owns bytes that arrive in pieces until all are there. Must not know what they mean.

/** Copies pieces behind each other. Memory: at most twice what was appended, however small the pieces. */
export class ByteCollector {
  #memory: Uint8Array = EMPTY
  #byteLength = 0

  /** Bytes appended since the last `take`. */
  get byteLength(): number {
    return this.#byteLength
  }

  /** Appends a copy of `piece`. */
  append(piece: Uint8Array): void {
    if (piece.length === 0) return // a detached one could not be copied
    const byteLength = this.#byteLength + piece.length
    if (byteLength > this.#memory.length) {
      const grown = new Uint8Array(Math.max(byteLength, 2 * this.#memory.length))
      grown.set(this.#memory.subarray(0, this.#byteLength))
      this.#memory = grown
    }
    this.#memory.set(piece, this.#byteLength)
    this.#byteLength = byteLength
  }

  /** Returns everything that was appended and empties the collector. The result belongs to the caller. */
  take(): Uint8Array {
    const bytes = this.#memory.subarray(0, this.#byteLength)
    this.#memory = EMPTY
    this.#byteLength = 0
    return bytes
  }
}

const EMPTY = new Uint8Array(0)
