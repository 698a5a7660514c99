// Owns one message that an application sends as it has it: when it may write, and how much at once. Must not know frames on
// the wire.
import type { SendStatus } from './connection-status.js'
import { WebSocketError } from './core/errors.js'
import { describe } from './core/message.js'
import type { MessageStream, StreamOwner } from './core/message-stream.js'

/** What a writer needs of its connection. */
export interface WriterLink {
  /** Most bytes of payload of a frame; 0: as many as are written at once. */
  readonly autoFragmentBytes: number
  /** Bytes have been written. */
  handleWrite(): SendStatus
  /** Resolves when there is room for more, or the connection is over. */
  waitForRoom(): Promise<void>
  /** All has been written. Resolves when the kernel has it: null, or never will: why. */
  handleEnd(): Promise<WebSocketError | null>
  /** The message will never be whole. */
  handleAbort(cause: unknown): void
}

const NO_BYTES = new Uint8Array(0)
const encoder = new TextEncoder()

/**
 * A message that is sent piece by piece, made by `Connection.beginMessage`. Each call resolves when there is room for more:
 * wait for it before the next one, and memory stays small. It resolves with what `send` would return; 'dropped' says that
 * the connection is over and nothing more can be sent. It rejects with WebSocketError 'invalid-argument' for a wrong argument,
 * which changes nothing. Other messages that are sent meanwhile wait until this one has ended. Extensions that encode whole
 * messages, such as permessage-deflate, leave it as it is. Source: RFC 6455 §5.4.
 */
export class MessageWriter implements StreamOwner {
  readonly kind: 'text' | 'binary'
  readonly #link: WriterLink
  /** Null if the connection was not open. */
  #stream: MessageStream | null = null
  /** Set when the message has ended. */
  #sent: Promise<WebSocketError | null> | null = null
  /** The first half of a character, which came at the end of a string. */
  #surrogate = ''
  #wake: (() => void) | null = null
  /** Calls are worked on one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  /** @internal Made by a connection, which then calls `start`. */
  constructor(kind: 'text' | 'binary', link: WriterLink) {
    this.kind = kind
    this.#link = link
  }

  /** @internal */
  start(stream: MessageStream | null): this {
    this.#stream = stream
    return this
  }

  /** @internal */
  handleTurn(): void {
    this.#wake?.()
    this.#wake = null
  }

  /**
   * Sends a piece as one frame, or as several if it is longer than `autoFragmentBytes`. A string goes as UTF-8, and may be
   * cut between the halves of a character. More than 8 KiB of bytes must neither change nor be transferred before `end` has
   * resolved. An empty piece sends nothing.
   */
  write(piece: string | Uint8Array): Promise<SendStatus> {
    return this.#run((stream) => this.#writeFrames(stream, piece, false))
  }

  /**
   * Begins a frame of `byteLength` bytes and returns what sends its payload, piece by piece, until it is whole; only then may
   * the next frame begin. Pings and pongs wait for that, too. `isFinal`: the message ends with it. Throws WebSocketError
   * 'invalid-argument' for a length that is no whole number; the function rejects with it for a piece that is too long, and
   * where an extension must see frames whole.
   */
  frame(byteLength: number, isFinal = false): (piece: string | Uint8Array) => Promise<SendStatus> {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      const detail = `a frame's length is a whole number of bytes, not ${describe(byteLength)}`
      throw new WebSocketError('invalid-argument', { detail })
    }
    const begun = this.#run((stream) => stream.beginFrame(byteLength, isFinal))
    // Whoever writes a piece is told.
    begun.catch(() => {})
    return async (piece) => {
      await begun
      return this.#run((stream) => stream.writePiece(this.#toBytes(piece, false)))
    }
  }

  /** Ends the message, with a last `piece` if there is one. Resolves when the kernel has its last byte: 'sent', or 'dropped'. */
  async end(piece: string | Uint8Array = NO_BYTES): Promise<SendStatus> {
    if (this.#sent === null || piece.length > 0) {
      const status = await this.#run((stream) => this.#writeFrames(stream, piece, true))
      if (status === 'dropped') return status
    }
    return (await this.#sent) === null ? 'sent' : 'dropped'
  }

  /** Gives the message up: the protocol has no way to do that but to close the connection, with 1011. `cause`: for `onerror`. */
  abort(cause?: unknown): void {
    if (this.#sent === null) this.#link.handleAbort(cause)
  }

  /** The rest of the message as a web stream of strings and bytes. Closing it ends the message; for aborting it see `abort`. */
  stream(): WritableStream<string | Uint8Array> {
    const refuseDropped = async (status: Promise<SendStatus>) => {
      if ((await status) === 'dropped') throw new WebSocketError('not-open')
    }
    return new WritableStream({
      write: (piece) => refuseDropped(this.write(piece)),
      close: () => refuseDropped(this.end()),
      abort: (cause) => this.abort(cause)
    })
  }

  #run(task: (stream: MessageStream) => void): Promise<SendStatus> {
    const result = this.#last.then(() => this.#perform(task))
    this.#last = result.catch(() => {})
    return result
  }

  async #perform(task: (stream: MessageStream) => void): Promise<SendStatus> {
    const stream = this.#stream
    if (stream !== null && !stream.isBegun && !stream.isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#sent !== null)
      throw new WebSocketError('invalid-argument', { detail: 'the message has ended already' })
    if (stream === null || stream.isOver) return 'dropped'
    task(stream)
    if (stream.isOver) this.#sent = this.#link.handleEnd()
    const status = this.#link.handleWrite()
    if (status === 'queued') await this.#link.waitForRoom()
    return status
  }

  #writeFrames(stream: MessageStream, piece: string | Uint8Array, isFinal: boolean): void {
    const bytes = this.#toBytes(piece, isFinal)
    const { autoFragmentBytes } = this.#link
    const step = autoFragmentBytes === 0 ? bytes.length : autoFragmentBytes
    let start = 0
    for (; bytes.length - start > step; start += step)
      stream.writeFrame(bytes.subarray(start, start + step), false)
    if (start < bytes.length || isFinal)
      stream.writeFrame(start === 0 ? bytes : bytes.subarray(start), isFinal)
  }

  #toBytes(piece: string | Uint8Array, isFinal: boolean): Uint8Array {
    if (piece instanceof Uint8Array) return piece
    if (typeof piece !== 'string') {
      const detail = `a piece of a message is a string or a Uint8Array, not ${describe(piece)}`
      throw new WebSocketError('invalid-argument', { detail })
    }
    const text = this.#surrogate + piece
    const last = text.charCodeAt(text.length - 1)
    const isCut = !isFinal && last >= 0xd800 && last <= 0xdbff
    this.#surrogate = isCut ? text.slice(-1) : ''
    return encoder.encode(isCut ? text.slice(0, -1) : text)
  }
}
