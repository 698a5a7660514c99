// Owns the interface between a connection and whatever carries its bytes. Must not know the protocol.
import type { WebSocketError } from '../core/errors.js'
import type { Output } from '../core/output.js'
import type { TransportFacts } from '../core/transport-details.js'

/** What one connection has accepted for sending and the kernel has not taken: first come, first sent. */
export interface SendQueue extends Output {
  /** All bytes that the kernel has taken so far: a message is sent when these reach what was accepted at its end. */
  readonly sentBytes: number
  /** Messages the kernel has not taken whole; those of one flush count until it has taken the last of them. */
  readonly messageCount: number
  /** Whether the kernel refused bytes that now wait. */
  readonly isWriting: boolean
  /** Whether anything was accepted that no flush has seen. */
  readonly hasQueued: boolean
  /** Marks the end of a message: all that was accepted so far belongs to it or to earlier ones. */
  endMessage(): void
  /** Drops everything. */
  clear(): void
}

/** Who is told what a transport does. */
export interface TransportHandler {
  /** Bytes arrived; they belong to the handler. */
  handleBytes(bytes: Uint8Array): void
  /** The peer will send no more bytes. */
  handleEnd(): void
  /** Bytes of the send queue were taken by the kernel: see `SendQueue.sentBytes`. */
  handleProgress(): void
  /** A flush has shown that the kernel takes no more for now: bytes wait. Progress follows when it does. */
  handleWaiting(): void
  /** The transport is gone; called once, last. `cause`: the failure behind it, or null. */
  handleClose(cause: WebSocketError | null): void
}

/** The handler of a transport that scans what it reads itself. */
export interface RowHandler extends TransportHandler {
  /**
   * Rows of the segment table arrived, from `from` to `to` (exclusive), whose offsets point into `chunk`. Table and chunk
   * are the transport's and change after the call: nothing may keep a view of them. `texts`: the strings that rows name.
   */
  handleRows(table: Int32Array, from: number, to: number, chunk: Uint8Array, texts: readonly string[]): void
  /** Memory into which the rest of the frame at hand may be received, or null; rows of that have it as their `chunk`. */
  readonly room: Uint8Array | null
}

/** Carries the bytes of one connection. Implementations: `StreamTransport`, `EngineTransport`. */
export interface Transport {
  /** Has another handler told from here on. */
  replaceHandler(handler: RowHandler): void
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
  /** Has texts come as bytes only, if it would make strings of them otherwise. */
  keepTexts?(): void
  /** From here on these are whom a proxy speaks for. */
  assumeRemote(address: string | null, port: number | null): void
  /** What can be asked about it; made when it is. */
  readonly facts: TransportFacts
}
