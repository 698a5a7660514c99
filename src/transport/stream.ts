// Owns the transport over any Node.js Duplex: net and tls sockets, upgraded HTTP sockets, pipes, pairs in tests.
// Must not know the protocol.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketError } from '../core/errors.js'
import type { TransportFacts } from '../core/transport-details.js'
import { StreamFacts } from './stream-facts.js'
import { StreamQueue } from './stream-queue.js'
import type { Transport, TransportHandler } from './transport.js'
import { atEndOfTurn } from './turn.js'

/**
 * What is taken is written in parts of about this many bytes: the end of each shows that the peer reads, and what is
 * pending shrinks while a long message is on its way.
 */
const PART_BYTES = 256 * 1024

/** Transports with something to flush in this turn. */
let scheduled: StreamTransport[] = []

function enqueue(transport: StreamTransport): void {
  if (scheduled.push(transport) === 1) atEndOfTurn(flushScheduled)
}

function flushScheduled(): void {
  const transports = scheduled
  scheduled = []
  let index = 0
  try {
    while (index < transports.length) transports[index++]!.flush()
  } finally {
    // If one throws, the others must not wait for ever.
    while (index < transports.length) enqueue(transports[index++]!)
  }
}

/** Carries the bytes of one connection over a stream, with at most one write under way. */
export class StreamTransport implements Transport {
  readonly queue = new StreamQueue()
  remoteAddress: string | null
  remotePort: number | null
  readonly #stream: Duplex
  #handler: TransportHandler
  #isScheduled = false
  #isEnding = false
  #cause: WebSocketError | null = null
  /** Callbacks of writes that were seen to be complete before they were called. */
  #earlyCount = 0
  /** What was taken from the queue and is not written; the first part is under way if the queue is writing. */
  #parts: (readonly Buffer[])[] = []

  /** Takes the stream over: it must not be read or written by anybody else. It flows after `resume`. */
  constructor(stream: Duplex, handler: TransportHandler) {
    this.#stream = stream
    this.#handler = handler
    // A socket forgets its peer when it is closed, which is when logs want to know.
    const { remoteAddress, remotePort } = stream as Partial<Socket>
    this.remoteAddress = remoteAddress ?? null
    this.remotePort = remotePort ?? null
    stream.on('data', (bytes: Buffer) => this.#handler.handleBytes(bytes))
    stream.on('end', () => this.#handler.handleEnd())
    stream.on('error', (cause: Error) => {
      this.#cause ??= new WebSocketError('transport-error', { detail: cause.message, cause })
    })
    stream.on('close', () => {
      this.#parts = []
      this.#handler.handleClose(this.#cause)
    })
    stream.pause()
    // A pause does not stop a socket from noticing the end, which may have come before anybody listened.
    if (stream.readableEnded) queueMicrotask(() => this.#handler.handleEnd())
  }

  replaceHandler(handler: TransportHandler): void {
    this.#handler = handler
  }

  assumeRemote(address: string | null, port: number | null): void {
    this.remoteAddress = address
    this.remotePort = port
  }

  get facts(): TransportFacts {
    return new StreamFacts(this.#stream)
  }

  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    enqueue(this)
  }

  /** Writes what is queued, unless a write is under way: then that one's end does. */
  flush(): void {
    this.#isScheduled = false
    const { queue } = this
    if (this.#stream.destroyed || queue.isWriting) return
    if (queue.hasQueued) {
      const pieces = queue.take()
      this.#parts = queue.pendingBytes <= PART_BYTES ? [pieces] : cutParts(pieces)
      this.#writeParts()
    }
    // Handlers that were told of progress may have sent more, which has its own flush.
    if (this.#isEnding && !queue.isWriting && !queue.hasQueued) this.#stream.end()
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

  /** Writes part after part, for as long as the kernel takes each one at once. Streams of readable-stream 3 have no `errored`. */
  #writeParts(): void {
    const stream = this.#stream
    while (this.#parts.length > 0 && !stream.destroyed && stream.errored == null) {
      this.#write(this.#parts[0]!)
      if (stream.destroyed || stream.errored != null) return
      // A socket whose kernel buffer has room is done before its callback is called; nobody needs to wait for that.
      if (stream.writableLength > 0) return this.#handler.handleWaiting()
      this.#earlyCount++
      this.#endPart()
    }
  }

  #write(pieces: readonly Buffer[]): void {
    const stream = this.#stream
    const last = pieces.length - 1
    if (last > 0) stream.cork()
    for (let index = 0; index < last; index++) stream.write(pieces[index])
    stream.write(pieces[last], this.#onwritten)
    if (last > 0) stream.uncork()
  }

  #onwritten = (error?: Error | null): void => {
    if (this.#earlyCount > 0) {
      this.#earlyCount--
    } else if (error == null && !this.#stream.destroyed) {
      this.#endPart()
      this.#writeParts()
      this.flush()
    }
  }

  /** The kernel has the part that was under way. */
  #endPart(): void {
    const part = this.#parts.shift()!
    this.queue.settle(part.reduce((sum, { length }) => sum + length, 0))
    this.#handler.handleProgress()
  }
}

/** Cuts pieces into parts of at most `PART_BYTES`, without copying; none is empty. */
function cutParts(pieces: readonly Buffer[]): (readonly Buffer[])[] {
  const parts: Buffer[][] = []
  let room = 0
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; ) {
      if (room === 0) {
        parts.push([])
        room = PART_BYTES
      }
      const end = Math.min(start + room, piece.length)
      parts.at(-1)!.push(start === 0 && end === piece.length ? piece : piece.subarray(start, end))
      room -= end - start
      start = end
    }
  }
  return parts
}
