// Owns the interface between the protocol and its extensions (RFC 6455 §9). Must not know any extension by name.
import { CloseCode, canSendCloseCode } from './closing.js'
import type { Environment } from './environment.js'
import { WebSocketError } from './errors.js'

/** One parameter of an extension: its name, and its value or null if it has none. */
export interface ExtensionParameter {
  readonly name: string
  readonly value: string | null
}

/** One element of a Sec-WebSocket-Extensions header: an offer of a client, or an answer of a server. */
export interface ExtensionOffer {
  readonly name: string
  readonly parameters: readonly ExtensionParameter[]
}

/** A frame (or a message, with `isFinal` true) as the hooks of extensions see it. */
export interface ExtensionData {
  readonly opcode: number
  readonly isFinal: boolean
  /** The three reserved bits as they stand in the first header byte: RSV1 0x40, RSV2 0x20, RSV3 0x10. */
  readonly rsv: number
  /** Not to be changed (a hook returns other bytes instead), nor kept: valid until the hook returns. */
  readonly payload: Uint8Array
  /**
   * The memory of `payload` is soon written to again. A hook that needs it longer than it runs (see `SlicedWork`) copies it
   * then. In what a hook returns: with its next call, on any connection; it is copied before. Otherwise what a hook
   * returns is no longer its own, and must not change.
   */
  readonly isShared?: boolean
  /** Of what is sent: whether it shall be compressed, if the application has said so. */
  readonly compress?: boolean | undefined
}

/**
 * Work on a long payload that a hook does in slices, so that other connections are not held up. Until it is done, what
 * arrived behind it waits, and nothing is read; or, sending, the messages and the close frame behind it wait. If the
 * connection ends before, only the session's `close` is called.
 */
export interface SlicedWork {
  /** Does the next slice, about a millisecond of work. Returns the result with the last one, null before. May throw as a hook may. */
  next(): ExtensionData | null
}

/**
 * An extension that was negotiated for one connection. Sending, the hooks of all sessions run in the order of
 * negotiation; receiving, in the reverse order. A hook that returns null changes nothing. A hook that throws fails
 * the connection: a `WebSocketError` with its own close code, anything else as "extension-failed", with 1002 where the
 * peer's data was decoded and 1011 where our own was encoded. Control frames pass no hook.
 */
export interface ExtensionSession {
  /**
   * Of two sessions with the same key (which no other extension has) the encoding hooks make the same of a message, so that what is
   * sent to many is encoded once. Default: none, e.g. because what they make depends on earlier messages.
   */
  readonly shareKey?: string
  /** Encodes a whole message before it is fragmented. A reserved bit that it sets goes on the first frame. */
  encodeMessage?(message: ExtensionData): ExtensionData | SlicedWork | null
  /** Encodes one frame of a message. */
  encodeFrame?(frame: ExtensionData): ExtensionData | null
  /** Decodes one frame. `maxBytes`: how long the result may be. */
  decodeFrame?(frame: ExtensionData, maxBytes: number): ExtensionData | SlicedWork | null
  /** Decodes a whole message; `rsv` is its first frame's. `maxBytes`: how long the result may be. */
  decodeMessage?(message: ExtensionData, maxBytes: number): ExtensionData | SlicedWork | null
  /** Releases what the session holds; called once, when the connection is over. */
  close?(): void
}

/** What a server answers to an offer it accepts. */
export interface AcceptedExtension {
  /** Parameters of the answer. */
  readonly parameters: readonly ExtensionParameter[]
  readonly session: ExtensionSession
}

/** Bytes of payload that an extension has compressed and decompressed since it was made, before and after. */
export class CompressionCounts {
  /** What was to be sent, as it was and as it became; what came out no shorter, and was sent as it was, included. */
  plainBytesOut = 0
  codedBytesOut = 0
  /** What arrived compressed, and what it became. */
  codedBytesIn = 0
  plainBytesIn = 0
}

/** An extension that an endpoint can negotiate. One object serves many connections. */
export interface Extension {
  /** The names it goes by, at least one. */
  readonly names: readonly string[]
  /** Reserved bits that it uses, as in `ExtensionData.rsv`; 0 if none. On continuation frames only with `decodeFrame`. */
  readonly rsv: number
  /** Opcodes that it gives a meaning to, out of 3-7. */
  readonly opcodes: readonly number[]
  /** What it has compressed, of all servers and clients that have it. Default: `server.metrics()` knows nothing of it. */
  readonly compression?: Readonly<CompressionCounts>
  /** Client: the offers, in order of preference; later ones are fallbacks. */
  offers(): readonly ExtensionOffer[]
  /** Server: accepts an offer (`environment`: the kernels and all else that a session may need), or returns null to decline it (the client's next offer is tried). */
  accept(offer: ExtensionOffer, environment: Environment): AcceptedExtension | null
  /** Client: takes the server's answer, or returns null if the answer is not valid, which fails the connection. */
  confirm(answer: ExtensionOffer, environment: Environment): ExtensionSession | null
}

/** A session together with what the receiver must know about its extension. */
export interface NegotiatedExtension {
  readonly name: string
  readonly rsv: number
  readonly opcodes: readonly number[]
  readonly session: ExtensionSession
}

/**
 * Makes an error of what a hook of the extension `name` threw. A `WebSocketError` whose close code a peer can be told
 * stays what it is; all else becomes 'extension-failed', with `closeCode`.
 */
export function toExtensionError(
  cause: unknown,
  name: string,
  closeCode: number = CloseCode.PROTOCOL_ERROR
): WebSocketError {
  const isTellable =
    cause instanceof WebSocketError && cause.closeCode !== null && canSendCloseCode(cause.closeCode)
  if (isTellable) return cause
  return new WebSocketError('extension-failed', { detail: `${name}: ${String(cause)}`, closeCode, cause })
}
