// Owns what one connection has accepted for sending while an extension works on a long message in slices: that message,
// those behind it, and at last the close frame. Must not know what is sent.
import { WebSocketError } from './errors.js'
import type { SlicedSend } from './sender.js'

/** What waits. `byteLength`: of the message's payload; null: no message, but the close frame. */
interface Waiting {
  readonly byteLength: number | null
  readonly send: SlicedSend
}

/** What a turn came to: an error that fails the connection, or whether a message or the close frame was written. */
export type LineResult = WebSocketError | 'nothing' | 'message' | 'close'

/** What a line says where there is none. */
export const NOTHING_DEFERRED = { messageCount: 0, byteLength: 0 } as const

/** First come, first sent. */
export class SendLine {
  /** Payload bytes of the messages that are not written. */
  byteLength: number
  /** How many messages are not written. */
  messageCount = 1
  #work: SlicedSend | null
  /** The one that is worked on comes first. */
  readonly #waiting: Waiting[]

  /** `byteLength`: of the message that `work` is about. */
  constructor(work: SlicedSend, byteLength: number) {
    this.#work = work
    this.byteLength = byteLength
    this.#waiting = [{ byteLength, send: work }]
  }

  /** Whether all is written. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Has a message, or the close frame, wait behind the others. */
  add(byteLength: number | null, send: SlicedSend): void {
    if (byteLength !== null) {
      this.byteLength += byteLength
      this.messageCount++
    }
    this.#waiting.push({ byteLength, send })
  }

  /** Does the next slice of the first message, or all of it if it is a short one. */
  proceed(): LineResult {
    const { byteLength, send } = this.#waiting[0]!
    const result = (this.#work ?? send)()
    if (result instanceof WebSocketError) return result
    if (result === undefined) return 'nothing'
    this.#work = result
    if (result !== null) return 'nothing'
    this.#waiting.shift()
    if (byteLength === null) return 'close'
    this.byteLength -= byteLength
    this.messageCount--
    return 'message'
  }
}
