// Owns the names and meanings of a client's handlers, and who is told when one is not given.
import type { Connection } from '../connection.js'
import { HandlerSet } from '../connection-handlers.js'
import type { CloseDetails } from '../core/closing.js'
import type { WebSocketError } from '../core/errors.js'
import type { ExtensionOffer } from '../core/extension.js'
import type { HeaderFields } from '../core/header-fields.js'
import type { Message } from '../core/message.js'
import type { Logger } from '../log.js'
import type { MessageReader } from '../message-reader.js'

/** A server's answer that opens a WebSocket: it has passed all checks. */
export interface HandshakeResponse {
  readonly headers: HeaderFields
  /** The subprotocol that the server chose, or null. */
  readonly protocol: string | null
  /** The extensions that the server agreed to. */
  readonly extensions: readonly ExtensionOffer[]
}

/** The handlers of a client, given with the options of `connect`. */
export interface ClientHandlers<T> {
  /**
   * The server agreed; the connection is not open yet. For what stands in the response's headers (cookies, say). If it
   * throws, `connect` rejects with 'handler-failed' and the connection is dropped.
   */
  onhandshake(response: HandshakeResponse): unknown
  /** The connection is open; called before `connect` resolves. */
  onopen(connection: Connection<T>): unknown
  /** A message arrived: see `ServerHandlers.onmessage`. The first one may come before `connect` resolves. */
  onmessage(connection: Connection<T>, message: Message): unknown
  /** A message begins to arrive, which is told piece by piece: see `ServerHandlers.onmessagebegin`, as for the next four. */
  onmessagebegin(connection: Connection<T>, message: MessageReader): unknown
  /** A frame of it begins. */
  onframebegin(connection: Connection<T>, byteLength: number, isFinal: boolean): unknown
  /** A piece of the frame's payload. */
  onframedata(connection: Connection<T>, bytes: Uint8Array): unknown
  /** The frame has arrived. */
  onframeend(connection: Connection<T>): unknown
  /** The message has arrived. */
  onmessageend(connection: Connection<T>): unknown
  /** The last byte of a message is with the kernel: see `ServerHandlers.onsent`. */
  onsent(connection: Connection<T>, message: Message): unknown
  /** The connection is over, and the message is not known to be sent: see `ServerHandlers.onunsent`. */
  onunsent(connection: Connection<T>, message: Message, reason: WebSocketError): unknown
  /** The server's ping arrived; it is answered already. */
  onping(connection: Connection<T>, payload: Uint8Array): unknown
  /** A pong arrived. `roundTripMs`: since our ping that it answers; null if it answers none. */
  onpong(connection: Connection<T>, payload: Uint8Array, roundTripMs: number | null): unknown
  /** The connection is over: see `ServerHandlers.onclose`. Not called for one that did not open: `connect` rejects. */
  onclose(connection: Connection<T>, code: number, reason: string, details: CloseDetails): unknown
  /** The server broke a rule, or a handler threw ('handler-failed'). The connection ends. Default: it is logged. */
  onerror(connection: Connection<T>, error: WebSocketError): unknown
}

/** Whom one connection of a client reports to: the handlers that were given, and nobody for the others. */
export class ClientOwner<T> extends HandlerSet<T> implements ClientHandlers<T> {
  constructor(handlers: Partial<ClientHandlers<T>>, logger: Logger) {
    super(handlers, logger, 'server')
  }

  onhandshake(_response: HandshakeResponse): unknown {
    return undefined
  }
}
