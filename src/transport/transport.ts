// Owns the interface between a connection and whatever carries its bytes. Must not know the protocol.
import type { WebSocketError } from '../core/errors.js'
import type { SendQueue } from './send-queue.js'

/** Who is told what a transport does. */
export interface TransportHandler {
  /** Bytes arrived; they belong to the handler. */
  handleBytes(bytes: Uint8Array): void
  /** The peer will send no more bytes. */
  handleEnd(): void
  /** Bytes of the send queue were taken by the kernel; `messageCount` messages ended among them, in order. */
  handleProgress(messageCount: number): void
  /** The transport is gone; called once, last. `cause`: the failure behind it, or null. */
  handleClose(cause: WebSocketError | null): void
}

/** Carries the bytes of one connection. Implementations: `StreamTransport`. */
export interface Transport {
  /** What is to be sent; flushed once per turn of the event loop. */
  readonly queue: SendQueue
  /** Asks for a flush at the end of this turn. Call it after each use of `queue`. */
  schedule(): void
  /** Stops reading: what arrives stays in the kernel, so that the peer must slow down. */
  pause(): void
  /** Reads again. */
  resume(): void
  /** Sends what is queued, then ends the sending side. */
  end(): void
  /** Drops the transport at once, with all that is queued. */
  destroy(): void
  /** Address and port of the peer; null where there is none. */
  readonly remoteAddress: string | null
  readonly remotePort: number | null
}
