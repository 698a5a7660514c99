// Owns the streams of the web over a connection: ReadableStream and WritableStream. Must not know what flows through them.
import { ReadableStream, WritableStream } from 'node:stream/web'
import { CloseCode, type Connection, Opcode, type Sendable, WebSocketError } from '../index.js'
import { checkKind, closeCodeOf, failureOf, MessageSource, type StreamEncoding, sendAll } from './exchange.js'

/** Options of `createWebStreams`. */
export interface WebStreamsOptions<Encoding extends StreamEncoding = StreamEncoding> {
  /** The only kind of messages that may come; one of the other kind ends the connection with 1003. Default: both may. */
  encoding?: Encoding
}

/** The two streams of a connection. `Chunk`: what is read, a message each. */
export interface WebStreams<Chunk extends string | Uint8Array = string | Uint8Array> {
  /** Text messages as strings, binary messages as Uint8Array. */
  readonly readable: ReadableStream<Chunk>
  /** Takes strings, which go as text, and bytes, which go as binary: a message each. */
  readonly writable: WritableStream<Sendable>
}

/**
 * Makes a pair of streams of a connection, whose messages go to them from now on, and no longer to `onmessage`.
 *
 * - Pressure goes through them both ways: a message is taken when one is asked for; `write` resolves when the kernel has it.
 * - Closing `writable` closes with 1000 and resolves when the peer has answered, which ends `readable`, too: what was under way
 *   still comes, and up to 16 MiB of it wait for the reader (of more both fail with 'connection-lost').
 * - `readable` closes behind all that had arrived, if the connection was closed in order: with 1000, 1001 or no code, or by us;
 *   otherwise it fails with the WebSocketError that is the `cause`, or 'closed-by-peer'. `writable` fails when it is over, with
 *   the same error or 'not-open'.
 * - Cancelling `readable` closes with 1001, aborting `writable` with 1011, or the `closeCode` of a WebSocketError.
 *
 * Throws WebSocketError 'invalid-option'. With an `encoding`, `readable` may fail with 'unsupported-data' (1003).
 */
export function createWebStreams<T>(
  connection: Connection<T>,
  options: WebStreamsOptions<'binary'> & { encoding: 'binary' }
): WebStreams<Uint8Array>
export function createWebStreams<T>(
  connection: Connection<T>,
  options: WebStreamsOptions<'text'> & { encoding: 'text' }
): WebStreams<string>
export function createWebStreams<T>(connection: Connection<T>, options?: WebStreamsOptions): WebStreams
export function createWebStreams<T>(connection: Connection<T>, options: WebStreamsOptions = {}): WebStreams {
  const { encoding } = options
  if (encoding !== undefined && encoding !== 'binary' && encoding !== 'text') {
    const detail = `encoding must be 'binary' or 'text', not ${JSON.stringify(encoding)}`
    throw new WebSocketError('invalid-option', { detail })
  }
  const source = new MessageSource(connection)
  return {
    readable: createReadable(connection, source, encoding ?? null),
    writable: createWritable(connection, source)
  }
}

function createReadable<T>(
  connection: Connection<T>,
  source: MessageSource<T>,
  encoding: StreamEncoding | null
): ReadableStream<string | Uint8Array> {
  const leave = (code: number): Promise<void> => {
    void connection.close(code)
    return source.drop()
  }
  return new ReadableStream<string | Uint8Array>({
    async pull(controller) {
      const message = await source.next()
      if (message === null) return controller.close()
      try {
        if (encoding !== null) checkKind(message, encoding)
      } catch (error) {
        void leave(closeCodeOf(error))
        throw error
      }
      controller.enqueue(message.opcode === Opcode.TEXT ? message.payload : message.bytes)
    },
    cancel: () => leave(CloseCode.GOING_AWAY)
  })
}

function createWritable<T>(connection: Connection<T>, source: MessageSource<T>): WritableStream<Sendable> {
  let isClosing = false
  return new WritableStream<Sendable>({
    start(controller) {
      void connection.closed().then((details) => {
        if (!isClosing) controller.error(failureOf(details) ?? new WebSocketError('not-open'))
      })
    },
    write: (chunk) => sendAll(connection, [chunk]),
    async close() {
      isClosing = true
      await source.takeAll()
      const failure = failureOf(await connection.close(CloseCode.NORMAL))
      if (failure !== null) throw failure
    },
    abort(reason) {
      isClosing = true
      void connection.close(closeCodeOf(reason))
    }
  })
}
