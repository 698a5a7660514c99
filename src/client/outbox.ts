// Owns the messages that wait for a connection, up to a number of bytes. Must not know connections.
import type { SendOptions } from '../connection-status.js'
import { type Message, type Sendable, toMessage } from '../core/message.js'

/** A message that waits. */
export interface Waiting {
  readonly message: Message
  readonly options: SendOptions | undefined
}

/** First in, first out. */
export class Outbox {
  readonly #maxBytes: number
  #waiting: Waiting[] = []
  #byteLength = 0

  /** `maxBytes`: of all payloads that wait; 0: nothing waits. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Payload bytes that wait, text as UTF-8. */
  get byteLength(): number {
    return this.#byteLength
  }

  /**
   * Takes a message; bytes are copied. Returns false if there is no room. Throws WebSocketError 'invalid-argument' for what is
   * no message.
   */
  add(sendable: Sendable, options: SendOptions | undefined): boolean {
    const message = toMessage(sendable instanceof Uint8Array ? new Uint8Array(sendable) : sendable)
    const byteLength = lengthOf(message)
    if (this.#maxBytes === 0 || this.#byteLength + byteLength > this.#maxBytes) return false
    this.#byteLength += byteLength
    this.#waiting.push({ message, options })
    return true
  }

  /** Takes all out, in order. */
  take(): readonly Waiting[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#byteLength = 0
    return waiting
  }
}

function lengthOf({ payload }: Message): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload, 'utf8') : payload.length
}
