// Owns the publications that wait for one client that does not keep up. Must not know connections.
import type { PreparedMessage } from '../core/prepared.js'

/** What a publication costs besides its payload, in bytes, so that empty ones count. */
const PUBLICATION_BYTES = 64

/** In the order of publication; of those with the same key the latest, at the place of the first. */
export class SlowQueue {
  readonly #messages = new Map<string | symbol, PreparedMessage>()
  readonly #maxBytes: number
  #byteLength = 0

  /** `maxBytes`: of what waits; one publication may be longer. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get isEmpty(): boolean {
    return this.#messages.size === 0
  }

  /** Has a publication wait. `key`: null stands for one of its own. Returns those that are dropped for it, the oldest first. */
  put(message: PreparedMessage, key: string | null): readonly PreparedMessage[] {
    const place = key ?? Symbol()
    const replaced = this.#messages.get(place)
    this.#messages.set(place, message)
    this.#byteLength += sizeOf(message)
    if (replaced !== undefined) this.#byteLength -= sizeOf(replaced)
    const dropped = replaced === undefined ? [] : [replaced]
    while (this.#byteLength > this.#maxBytes && this.#messages.size > 1) dropped.push(this.take()!)
    return dropped
  }

  /** Returns the one that has waited longest, or null. */
  take(): PreparedMessage | null {
    for (const [place, message] of this.#messages) {
      this.#messages.delete(place)
      this.#byteLength -= sizeOf(message)
      return message
    }
    return null
  }
}

function sizeOf(message: PreparedMessage): number {
  return PUBLICATION_BYTES + message.bytes.length
}
