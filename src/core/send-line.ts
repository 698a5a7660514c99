// Owns what one connection has accepted for sending and cannot write yet, because an extension works on a long message
// in slices, or the application sends one piece by piece: that message, those behind it, and at last the close frame.
// Must not know what is sent.
import { WebSocketError } from './errors.js'
import type { MessageStream } from './message-stream.js'
import type { SlicedSend } from './sender.js'

/** What waits: a message (`byteLength`: of its payload), the close frame, or a message that comes piece by piece. */
type Waiting =
  | { readonly byteLength: number; readonly send: SlicedSend }
  | { readonly byteLength: null; readonly send: () => null }
  | { readonly byteLength: null; readonly stream: MessageStream }

/**
 * What a turn came to: an error that fails the connection; what was written; or 'held': it is the turn of a message that
 * comes piece by piece, and nothing goes on before that has ended.
 */
export type LineResult = WebSocketError | 'nothing' | 'message' | 'close' | 'held'

/** What a line says where there is none. */
export const NOTHING_DEFERRED = { messageCount: 0, streamCount: 0, byteLength: 0 } as const

/** First come, first sent. */
export class SendLine {
  /** Payload bytes of the whole messages that are not written. */
  byteLength = 0
  /** How many whole messages are not written. */
  messageCount = 0
  /** How many messages that come piece by piece have not ended. */
  streamCount = 0
  /** What is left to do for the first message, once that has begun. */
  #work: SlicedSend | null = null
  readonly #waiting: Waiting[] = []

  /** Whether all is written. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** The message that comes piece by piece at the moment, or null. */
  get stream(): MessageStream | null {
    const first = this.#waiting[0]
    return first !== undefined && 'stream' in first ? first.stream : null
  }

  /** Has a message wait behind the others. */
  addMessage(byteLength: number, send: SlicedSend): void {
    this.byteLength += byteLength
    this.messageCount++
    this.#waiting.push({ byteLength, send })
  }

  /** Has the close frame wait behind all messages. */
  addClose(send: () => void): void {
    this.#waiting.push({
      byteLength: null,
      send: () => {
        send()
        return null
      }
    })
  }

  /** Has a message that comes piece by piece wait for its turn. */
  addStream(stream: MessageStream): void {
    this.streamCount++
    this.#waiting.push({ byteLength: null, stream })
    if (this.#waiting.length === 1) stream.begin()
  }

  /** The message that came piece by piece has ended. */
  endStream(): void {
    this.streamCount--
    this.#waiting.shift()
  }

  /** Does the next slice of the first message, or all of it if it is a short one. */
  proceed(): LineResult {
    const first = this.#waiting[0]!
    if ('stream' in first) return 'held'
    const result = (this.#work ?? first.send)()
    if (result instanceof WebSocketError) return result
    if (result === undefined) return 'nothing'
    this.#work = result
    if (result !== null) return 'nothing'
    this.#waiting.shift()
    if (first.byteLength === null) return 'close'
    this.byteLength -= first.byteLength
    this.messageCount--
    return 'message'
  }

  /**
   * Gives up all messages; those that come piece by piece are told. Returns what sends the close frame, if that waits and can
   * be sent: not amid a frame.
   */
  abandon(): (() => void) | null {
    const isInFrame = this.stream?.isInFrame === true
    let sendClose: (() => void) | null = null
    for (const waiting of this.#waiting.splice(0)) {
      if ('stream' in waiting) waiting.stream.abandon()
      else if (waiting.byteLength === null && !isInFrame) sendClose = waiting.send
    }
    return sendClose
  }
}
