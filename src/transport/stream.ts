// Owns the transport over any Node.js Duplex: net and tls sockets, upgraded HTTP sockets, pipes, pairs in tests.
// Must not know the protocol.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketError } from '../core/errors.js'
import { SendQueue } from './send-queue.js'
import type { Transport, TransportHandler } from './transport.js'

/** Transports with something to flush in this turn. */
let scheduled: StreamTransport[] = []

function flushScheduled(): void {
  const transports = scheduled
  scheduled = []
  for (const transport of transports) transport.flush()
}

/** Carries the bytes of one connection over a stream, with at most one write under way. */
export class StreamTransport implements Transport {
  readonly queue = new SendQueue()
  readonly remoteAddress: string | null
  readonly remotePort: number | null
  readonly #stream: Duplex
  readonly #handler: TransportHandler
  #isScheduled = false
  #isEnding = false
  #cause: WebSocketError | null = null
  /** Callbacks of writes that were seen to be complete before they were called. */
  #earlyCount = 0

  /** Takes the stream over: it must not be read or written by anybody else. It flows after `resume`. */
  constructor(stream: Duplex, handler: TransportHandler) {
    this.#stream = stream
    this.#handler = handler
    // A socket forgets its peer when it is closed, which is when logs want to know.
    const { remoteAddress, remotePort } = stream as Partial<Socket>
    this.remoteAddress = remoteAddress ?? null
    this.remotePort = remotePort ?? null
    stream.on('data', (bytes: Buffer) => handler.handleBytes(bytes))
    stream.on('end', () => handler.handleEnd())
    stream.on('error', (cause: Error) => {
      this.#cause ??= new WebSocketError('transport-error', { detail: cause.message, cause })
    })
    stream.on('close', () => handler.handleClose(this.#cause))
    stream.pause()
    // A pause does not stop a socket from noticing the end, which may have come before anybody listened.
    if (stream.readableEnded) queueMicrotask(() => handler.handleEnd())
  }

  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    if (scheduled.push(this) === 1) queueMicrotask(flushScheduled)
  }

  /** Writes what is queued, unless a write is under way: then that one's end does. */
  flush(): void {
    this.#isScheduled = false
    const { queue } = this
    if (this.#stream.destroyed || queue.isWriting) return
    if (queue.hasQueued) this.#write(queue.take())
    if (this.#isEnding && !queue.isWriting) this.#stream.end()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    this.#isEnding = true
    this.schedule()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  #write(pieces: readonly Buffer[]): void {
    const stream = this.#stream
    const last = pieces.length - 1
    if (last > 0) stream.cork()
    for (let index = 0; index < last; index++) stream.write(pieces[index])
    stream.write(pieces[last], this.#onwritten)
    if (last > 0) stream.uncork()
    // A socket whose kernel buffer has room is done before its callback is called; nobody needs to wait for that.
    if (stream.writableLength === 0 && !stream.destroyed) {
      this.#earlyCount++
      this.#handler.handleProgress(this.queue.settle())
    }
  }

  #onwritten = (error?: Error | null): void => {
    if (this.#earlyCount > 0) {
      this.#earlyCount--
    } else if (error == null && !this.#stream.destroyed) {
      this.#handler.handleProgress(this.queue.settle())
      this.flush()
    }
  }
}
