// Owns one message that an application sends as it has it: when it may write, and how much at once. Must not know frames on
// the wire.
import type { SendStatus } from './connection-status.js'
import { WebSocketError } from './core/errors.js'
import { describe } from './core/message.js'
import type { MessageStream, StreamOwner } from './core/message-stream.js'

/** Whose message it is. */
export interface WriterOwner {
  /** Most bytes of payload of a frame; 0: as many as are written at once. */
  readonly autoFragmentBytes: number
  /** Bytes have been written. */
  handlePiece(): SendStatus
  /** Resolves when there is room for more, or the connection is over. */
  waitForRoom(): Promise<void>
  /** All has been written. */
  handleLastPiece(): void
  /** The message will never be whole. */
  handleAbort(cause: unknown): void
}

/** Resolves when the kernel has all of the message: null, or never will: why. */
type Sent = Promise<WebSocketError | null>

const NO_BYTES = new Uint8Array(0)
const NOTHING_SENT: Sent = Promise.resolve(null)
const encoder = new TextEncoder()

/**
 * A message that is sent piece by piece, made by `Connection.beginMessage`. Each call resolves when there is room for more:
 * wait for it before the next one, and memory stays small. It resolves with what `send` would return; 'dropped' says that
 * the connection is over and nothing more can be sent. It rejects with WebSocketError 'invalid-argument' for a wrong argument,
 * which changes nothing. Other messages that are sent meanwhile wait until this one has ended, and so does the close frame.
 * Extensions that encode whole messages, such as permessage-deflate, leave it as it is. Source: RFC 6455 §5.4.
 */
export class MessageWriter implements StreamOwner {
  readonly kind: 'text' | 'binary'
  readonly #owner: WriterOwner
  /** Null if the connection was not open. */
  #stream: MessageStream | null = null
  #sent = NOTHING_SENT
  /** The first half of a character, which came at the end of a string. */
  #surrogate = ''
  #wake: (() => void) | null = null
  /** Calls are worked on one after the other. */
  #last: Promise<unknown> = NOTHING_SENT

  /** @internal Made by a connection, which then calls `start` if it is open. */
  constructor(kind: 'text' | 'binary', owner: WriterOwner) {
    this.kind = kind
    this.#owner = owner
  }

  /** @internal */
  start(stream: MessageStream, sent: Sent): this {
    this.#stream = stream
    this.#sent = sent
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
    let failure: unknown = null
    let bytesLeft = byteLength
    // Whoever writes a piece is told.
    this.#run((stream) => stream.beginFrame(byteLength, isFinal)).catch((error: unknown) => {
      failure = error
    })
    return (piece) =>
      this.#run((stream) => {
        if (failure !== null) throw failure
        const { bytes, rest } = this.#encode(piece, false)
        if (bytes.length > bytesLeft) refuseLength(bytesLeft, bytes.length)
        if (bytes.length > 0) stream.writePiece(bytes)
        bytesLeft -= bytes.length
        this.#surrogate = rest
      })
  }

  /**
   * Ends the message, with a last `piece` if there is one. Resolves when the kernel has its last byte: 'sent', or 'dropped'. A
   * message that has ended already stays as it is.
   */
  async end(piece: string | Uint8Array = NO_BYTES): Promise<SendStatus> {
    const isEmpty = piece === NO_BYTES || piece === ''
    const status = await this.#run((stream) => this.#writeFrames(stream, piece, true), isEmpty)
    if (status === 'dropped') return status
    return (await this.#sent) === null ? 'sent' : 'dropped'
  }

  /**
   * Gives the message up: the protocol has no way to do that but to close the connection, with 1011. `cause`: for `onerror`.
   * Does nothing if the message has ended, or the connection is over.
   */
  abort(cause?: unknown): void {
    if (this.#stream?.isOver === false) this.#owner.handleAbort(cause)
  }

  /**
   * The rest of the message as a web stream of strings and bytes. Closing it ends the message; aborting it, or a chunk that cannot
   * be sent, gives the message up: see `abort`.
   */
  stream(): WritableStream<string | Uint8Array> {
    const settle = async (status: Promise<SendStatus>) => {
      try {
        if ((await status) === 'dropped') throw new WebSocketError('not-open')
      } catch (error) {
        // A stream that failed takes no more: nobody would end the message, and all others would wait for that.
        this.abort(error)
        throw error
      }
    }
    return new WritableStream({
      write: (piece) => settle(this.write(piece)),
      close: () => settle(this.end()),
      abort: (cause) => this.abort(cause)
    })
  }

  /** `mayBeEnded`: there is nothing to do if the message has ended already. */
  #run(task: (stream: MessageStream) => void, mayBeEnded = false): Promise<SendStatus> {
    const result = this.#last.then(() => this.#perform(task, mayBeEnded))
    this.#last = result.catch(() => {})
    return result
  }

  async #perform(task: (stream: MessageStream) => void, mayBeEnded: boolean): Promise<SendStatus> {
    const stream = this.#stream
    if (stream === null) return 'dropped'
    if (!stream.isBegun && !stream.isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (stream.isEnded && mayBeEnded) return 'sent'
    if (stream.isEnded)
      throw new WebSocketError('invalid-argument', { detail: 'the message has ended already' })
    if (stream.isOver) return 'dropped'
    task(stream)
    if (stream.isOver && !stream.isEnded) return 'dropped'
    if (stream.isEnded) this.#owner.handleLastPiece()
    const status = this.#owner.handlePiece()
    if (status === 'queued') await this.#owner.waitForRoom()
    return status
  }

  #writeFrames(stream: MessageStream, piece: string | Uint8Array, isFinal: boolean): void {
    const { bytes, rest } = this.#encode(piece, isFinal)
    const maxBytes = this.#owner.autoFragmentBytes || bytes.length
    if (bytes.length > 0 || isFinal) stream.writeFrames(bytes, isFinal, maxBytes)
    this.#surrogate = rest
  }

  /** The bytes of a piece, and the half of a character that must wait for the other one. */
  #encode(piece: string | Uint8Array, isFinal: boolean): { bytes: Uint8Array; rest: string } {
    if (piece instanceof Uint8Array) {
      if (this.#surrogate === '' || (piece.length === 0 && !isFinal))
        return { bytes: piece, rest: this.#surrogate }
      // The other half does not come: as everywhere it becomes U+FFFD.
      return { bytes: Buffer.concat([encoder.encode(this.#surrogate), piece]), rest: '' }
    }
    if (typeof piece !== 'string') {
      const detail = `a piece of a message is a string or a Uint8Array, not ${describe(piece)}`
      throw new WebSocketError('invalid-argument', { detail })
    }
    const text = this.#surrogate + piece
    const last = text.charCodeAt(text.length - 1)
    const isCut = !isFinal && last >= 0xd800 && last <= 0xdbff
    return { bytes: encoder.encode(isCut ? text.slice(0, -1) : text), rest: isCut ? text.slice(-1) : '' }
  }
}

function refuseLength(bytesLeft: number, byteLength: number): never {
  const detail = `the frame has ${bytesLeft} bytes left, and ${byteLength} were given`
  throw new WebSocketError('invalid-argument', { detail })
}
