// Owns a Duplex of node:stream over a connection. Must not know what flows through it.
import { Duplex } from 'node:stream'
import { CloseCode, type Connection, type Message, type Sendable, WebSocketError } from '../index.js'
import { checkKind, closeCodeOf, failureOf, MessageSource, type StreamEncoding, sendAll } from './exchange.js'

/** Options of `createDuplex`. All have a default. */
export interface DuplexOptions {
  /**
   * What carries the bytes: 'binary' messages, or 'text', which is UTF-8. A message of the other kind ends the connection with
   * 1003. Default 'binary'.
   */
  encoding?: StreamEncoding
  /**
   * Messages instead of bytes: what is read is a `Message` each, text or binary, and what is written a string (sent as text),
   * a Uint8Array (as binary) or a `Message`. Default false.
   */
  objectMode?: boolean
  /**
   * Longest binary message in bytes that a written chunk goes as; a longer chunk goes as several. Text, and what is written
   * in `objectMode`, goes as one. Default 64 KiB. Raising it: peers may refuse long ones.
   */
  maxMessageBytes?: number
  /** What is read ahead, in bytes; in `objectMode` in messages. Default: that of Node.js. */
  readableHighWaterMark?: number
  /** What may wait to be sent until `write` returns false, in bytes; in `objectMode` in messages. Default: that of Node.js. */
  writableHighWaterMark?: number
}

const OPTION_NAMES: readonly string[] = [
  'encoding',
  'objectMode',
  'maxMessageBytes',
  'readableHighWaterMark',
  'writableHighWaterMark'
] satisfies (keyof DuplexOptions)[]

/**
 * Makes a Duplex of a connection, whose messages go to it from now on, and no longer to `onmessage`. Boundaries of messages mean
 * nothing, except in `objectMode`: each chunk that is written is a message (an empty one is none), and what is read may be cut
 * and joined as the stream likes.
 *
 * - Pressure goes through it both ways. The connection is read as far as the stream is; a write's callback comes when the
 *   kernel has its bytes, which must not change before. On a server choose `onslow: 'continue'`, or the two
 *   directions wait for each other.
 * - `end` closes with 1000 when all is sent; 'finish' comes when the peer has answered. WebSocket has no half-close: the peer
 *   answers with its end. So end when you have got what you wait for; what was under way still comes, and up to 16 MiB of it
 *   wait for the reader (of more the stream fails with 'connection-lost').
 * - 'end' comes behind all that had arrived, if the connection was closed in order: with 1000, 1001 or no code, or by us.
 *   Any other end is an 'error': the WebSocketError that is the `cause` of the end, or 'closed-by-peer' for other codes.
 * - `destroy` closes with 1001; with an error, with 1011, or the `closeCode` of a WebSocketError.
 *
 * Throws WebSocketError 'invalid-option'. The stream may fail with 'unsupported-data' (1003) for a message of the other kind, with
 * 'not-open' for a write when it is over, and with 'invalid-argument' for bytes written as text that are not UTF-8.
 */
export function createDuplex<T>(connection: Connection<T>, options: DuplexOptions = {}): Duplex {
  checkOptions(options)
  return new ConnectionDuplex(connection, options)
}

type Callback = (error?: Error | null) => void

class ConnectionDuplex<T> extends Duplex {
  readonly #connection: Connection<T>
  readonly #source: MessageSource<T>
  /** Null: messages as objects. */
  readonly #encoding: StreamEncoding | null
  readonly #maxMessageBytes: number
  /** Of text that is written: a chunk may end inside a code point. */
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #isReading = false
  /** `_read` was called since the last `push`. */
  #isWanted = false
  #hasEnded = false

  constructor(connection: Connection<T>, options: DuplexOptions) {
    const { readableHighWaterMark, writableHighWaterMark, objectMode = false } = options
    super({
      objectMode,
      // The other half of what has ended is of no use.
      allowHalfOpen: false,
      ...(readableHighWaterMark !== undefined && { readableHighWaterMark }),
      ...(writableHighWaterMark !== undefined && { writableHighWaterMark })
    })
    this.#connection = connection
    this.#encoding = objectMode ? null : (options.encoding ?? 'binary')
    this.#maxMessageBytes = options.maxMessageBytes ?? 65_536
    this.#source = new MessageSource(connection)
    void this.#receive()
  }

  override _read(): void {
    this.#isWanted = true
    void this.#receive()
  }

  override _write(chunk: Sendable, _encoding: BufferEncoding, callback: Callback): void {
    this.#send([chunk], callback)
  }

  override _writev(chunks: { chunk: Sendable }[], callback: Callback): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      callback
    )
  }

  override _final(callback: Callback): void {
    try {
      if (this.#encoding === 'text') this.#decoder.decode()
    } catch (cause) {
      return callback(toArgumentError('text that ends inside a code point', cause))
    }
    void this.#close().then(callback)
  }

  override _destroy(error: Error | null, callback: Callback): void {
    void this.#connection.close(error === null ? CloseCode.GOING_AWAY : closeCodeOf(error))
    // The peer's close frame stands behind what nobody reads now.
    void this.#receive()
    callback(error)
  }

  async #close(): Promise<Error | null> {
    await this.#source.takeAll()
    return failureOf(await this.#connection.close(CloseCode.NORMAL))
  }

  /** Takes messages until the stream is full. */
  async #receive(): Promise<void> {
    if (this.#isReading || this.#hasEnded) return
    this.#isReading = true
    try {
      for (;;) {
        const message = await this.#source.next()
        if (message === null) break
        if (!this.#take(message)) {
          this.#isReading = false
          return
        }
      }
      this.#hasEnded = true
      this.push(null)
    } catch (error) {
      this.#hasEnded = true
      this.destroy(error as Error)
    }
  }

  /** Returns whether there is room for another. */
  #take(message: Message): boolean {
    if (this.destroyed) return true
    try {
      this.#isWanted = false
      const chunk = this.#toChunk(message)
      return chunk === null || this.push(chunk) || this.#isWanted
    } catch (error) {
      this.destroy(error as Error)
      return true
    }
  }

  /** Null: nothing is to be read of it. */
  #toChunk(message: Message): Message | Buffer | null {
    if (this.#encoding === null) return message
    checkKind(message, this.#encoding)
    const { bytes } = message
    return bytes.length === 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  #send(chunks: readonly Sendable[], callback: Callback): void {
    let messages: Sendable[]
    try {
      messages = chunks.flatMap((chunk) => this.#toMessages(chunk))
    } catch (cause) {
      return callback(toArgumentError('bytes that are not UTF-8', cause))
    }
    if (messages.length === 0) return callback()
    sendAll(this.#connection, messages).then(
      () => callback(),
      (error: Error) => this.#failWrite(error, callback)
    )
  }

  #toMessages(chunk: Sendable): Sendable[] {
    if (this.#encoding === null) return [chunk]
    const bytes = chunk as Uint8Array
    if (this.#encoding === 'text') {
      const text = this.#decoder.decode(bytes, { stream: true })
      return text === '' ? [] : [text]
    }
    const pieces: Uint8Array[] = []
    for (let start = 0; start < bytes.length; start += this.#maxMessageBytes) {
      pieces.push(bytes.subarray(start, start + this.#maxMessageBytes))
    }
    return pieces
  }

  /** An error drops what waits to be read; so whoever reads has all that had arrived before it comes. */
  #failWrite(error: Error, callback: Callback): void {
    const isRead = this.readableFlowing !== null
    const isAllRead = this.readableEnded || (this.#hasEnded && this.readableLength === 0)
    if (!isRead || isAllRead || this.destroyed) return callback(error)
    const fail = () => {
      this.off('end', fail).off('close', fail)
      callback(error)
    }
    this.on('end', fail).on('close', fail)
  }
}

function toArgumentError(what: string, cause: unknown): Error {
  // The decoder throws TypeError; anything else is no fault of what was written.
  if (!(cause instanceof TypeError)) return cause as Error
  return new WebSocketError('invalid-argument', { detail: `${what} cannot be sent as text`, cause })
}

function checkOptions(options: DuplexOptions): void {
  const unknown = Object.keys(options).find((name) => !OPTION_NAMES.includes(name))
  if (unknown !== undefined) refuse(`there is no option "${unknown}"; there are ${OPTION_NAMES.join(', ')}`)
  const { encoding, objectMode, maxMessageBytes } = options
  if (encoding !== undefined && encoding !== 'binary' && encoding !== 'text') {
    refuse(`encoding must be 'binary' or 'text', not ${JSON.stringify(encoding)}`)
  }
  if (encoding !== undefined && objectMode === true) {
    refuse('encoding is for bytes: in objectMode each message tells what it is')
  }
  if (maxMessageBytes !== undefined && !(Number.isInteger(maxMessageBytes) && maxMessageBytes > 0)) {
    refuse(`maxMessageBytes must be an integer above 0, not ${JSON.stringify(maxMessageBytes)}`)
  }
}

function refuse(detail: string): never {
  throw new WebSocketError('invalid-option', { detail })
}
