// Owns the interface by which a protocol tells what happens. Must not know who implements it.
import type { WebSocketError } from './errors.js'
import type { Message } from './message.js'
import type { PieceHandler } from './pieces.js'

/**
 * Who is told of a protocol's events. An exception thrown by a handler leaves the protocol's method, and what arrived
 * behind it is lost: nothing that arrives counts any more. Call `fail`.
 */
export interface ProtocolHandler {
  /** A whole message arrived. */
  handleMessage(message: Message): void
  /** The peer's ping arrived; its pong is sent already. */
  handlePing(payload: Uint8Array): void
  /** A pong arrived. `roundTripMs`: since the ping that it answers; null if it answers none. */
  handlePong(payload: Uint8Array, roundTripMs: number | null): void
  /** The peer broke a rule, or an extension failed; our close frame is sent already. Only `handleFinish` follows. */
  handleError(error: WebSocketError): void
  /**
   * The last byte was sent: a server now ends the transport, a client waits for the server to do so (RFC 6455 §7.1.1).
   * Comes once, after a whole closing handshake or a failure.
   */
  handleFinish(): void
  /**
   * An extension works on a long message in slices, or is done with that. While it works, what comes is kept: a transport
   * should not read.
   */
  handleBusy?(isBusy: boolean): void
  /** A message that had to wait was written to the output; or the close frame that waited behind. */
  handleWritten?(isMessage: boolean): void
  /**
   * Who gets messages piece by piece instead of `handleMessage`: asked when one begins, if `Protocol.receiveInPieces` was called.
   * Where an extension decodes whole messages each of them comes as one piece.
   */
  readonly pieces?: PieceHandler | null
}
