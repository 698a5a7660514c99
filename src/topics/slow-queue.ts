// Owns the publications that wait for one client that does not keep up. Must not know connections.
import type { PreparedMessage } from '../core/prepared.js'

/** What a publication costs besides its payload and its key, in bytes, so that empty ones count. */
const PUBLICATION_BYTES = 64

interface Waiting {
  readonly message: PreparedMessage
  readonly byteLength: number
}

/** In the order of publication; of those with the same key the latest, at the place of the first. */
export class SlowQueue {
  readonly #waiting = new Map<string | symbol, Waiting>()
  readonly #maxBytes: number
  /** About how many bytes wait. */
  byteLength = 0

  /** `maxBytes`: of what waits; one publication may be longer. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /**
   * Has a publication wait. `key`: null stands for one of its own. `ondrop` is told what is dropped for it, the oldest first:
   * `isReplaced`: it had the same key.
   */
  put(
    message: PreparedMessage,
    key: string | null,
    ondrop: (message: PreparedMessage, isReplaced: boolean) => void
  ): void {
    const place = key ?? Symbol()
    const replaced = this.#waiting.get(place)
    const byteLength = PUBLICATION_BYTES + message.bytes.length + (key?.length ?? 0)
    this.#waiting.set(place, { message, byteLength })
    this.byteLength += byteLength - (replaced?.byteLength ?? 0)
    if (replaced !== undefined) ondrop(replaced.message, true)
    while (this.byteLength > this.#maxBytes && this.#waiting.size > 1) ondrop(this.take()!, false)
  }

  /** Returns the one that has waited longest, or null. */
  take(): PreparedMessage | null {
    for (const [place, { message, byteLength }] of this.#waiting) {
      this.#waiting.delete(place)
      this.byteLength -= byteLength
      return message
    }
    return null
  }
}
