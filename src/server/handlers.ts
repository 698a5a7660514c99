// Owns the names and meanings of a server's handlers.
import type { Connection } from '../connection.js'
import type { CloseDetails } from '../core/closing.js'
import type { WebSocketError } from '../core/errors.js'
import type { HandshakeRequest } from '../core/handshake-server.js'
import type { Message } from '../core/message.js'
import type { MessageReader } from '../message-reader.js'
import type { HandshakeDecision } from './decision.js'

/** The handlers of a server, to be overridden in a subclass or given with the options. */
export interface ServerHandlers<T> {
  /**
   * Decides about a handshake that keeps to the protocol and the options. Returns nothing to accept it, an object with
   * `protocol`, `headers` and `data` to accept it with those, or one with `status`, `headers` and `body` to deny it; or a
   * promise of these. If it throws, or returns anything else, the client gets 500.
   */
  onhandshake(request: HandshakeRequest): HandshakeDecision<T> | Promise<HandshakeDecision<T>>
  /** A connection is open. */
  onopen(client: Connection<T>): unknown
  /**
   * A message arrived. Its payload stays valid for as long as it is kept. The memory behind it, `payload.buffer`, may hold
   * other messages of that client: transfer a copy, or the connection ends with 'payload-transferred'.
   */
  onmessage(client: Connection<T>, message: Message): unknown
  /**
   * A message begins to arrive. If this or one of the next four is given, messages come piece by piece, and `onmessage` is not
   * called. Read `message` (`for await (const bytes of message)`), or give `onframedata` as well, which gets the payload then.
   * What nobody reads stops the reading from that client. With an extension that decodes whole messages, such as
   * permessage-deflate, each message comes as one frame in one piece.
   */
  onmessagebegin(client: Connection<T>, message: MessageReader): unknown
  /** A frame of the message begins. `byteLength`: of its payload. `isFinal`: it is the last one. */
  onframebegin(client: Connection<T>, byteLength: number, isFinal: boolean): unknown
  /** A piece of the frame's payload; of text it may be cut inside a character. `client.pause()` stops more from coming. */
  onframedata(client: Connection<T>, bytes: Uint8Array): unknown
  /** The frame has arrived. */
  onframeend(client: Connection<T>): unknown
  /** The message has arrived. */
  onmessageend(client: Connection<T>): unknown
  /**
   * The last byte of a message is with the kernel; first sent first. Each message that was accepted (`send` did not return
   * 'dropped') ends either here or in `onunsent`, once, before `onclose`.
   */
  onsent(client: Connection<T>, message: Message): unknown
  /**
   * The connection is over, and the message is not known to be with the kernel. `reason`: the cause of the end, the same as
   * in the `details` of the `onclose` that follows. The peer may have got a part of it; or, if the end came amid a write, all.
   * Also: a publication was dropped, because the client did not keep up (see `Overflow`) or is over; then `reason` has the code
   * 'publication-dropped' and says why, and it is told in a later turn, while the connection may be open.
   */
  onunsent(client: Connection<T>, message: Message, reason: WebSocketError): unknown
  /** The peer's ping arrived; it is answered already. */
  onping(client: Connection<T>, payload: Uint8Array): unknown
  /** A pong arrived. `roundTripMs`: since our ping that it answers; null if it answers none. */
  onpong(client: Connection<T>, payload: Uint8Array, roundTripMs: number | null): unknown
  /**
   * A connection is over. `code` and `reason`: of the peer's close frame; 1005 if it had no code, 1006 if there was none.
   * `details` tells who began, whether it was clean, and the cause if it was not.
   */
  onclose(client: Connection<T>, code: number, reason: string, details: CloseDetails): unknown
  /** The peer broke a rule, or a handler threw ('handler-failed', the exception is its `cause`). The connection ends. */
  onerror(client: Connection<T>, error: WebSocketError): unknown
}
