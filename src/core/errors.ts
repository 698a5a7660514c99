// Owns every error: its code, the text a user reads, the close code a peer gets and the RFC section behind it.
// Must not know who raises them.
import type { HeaderFields } from './header-fields.js'

interface ErrorEntry {
  /** Close code that the peer gets; null where nothing is sent. */
  readonly closeCode: number | null
  /** What happened, as a whole clause. */
  readonly text: string
  /** The rule behind it. */
  readonly source?: string
}

/** What a peer may do wrong after the handshake. */
const VIOLATIONS = {
  'reserved-bits': {
    closeCode: 1002,
    text: 'a frame has a reserved bit set that no negotiated extension uses',
    source: 'RFC 6455 §5.2'
  },
  'reserved-opcode': { closeCode: 1002, text: 'a frame has a reserved opcode', source: 'RFC 6455 §5.2' },
  'unmasked-frame': {
    closeCode: 1002,
    text: 'a client sent a frame that is not masked',
    source: 'RFC 6455 §5.1'
  },
  'masked-frame': { closeCode: 1002, text: 'a server sent a masked frame', source: 'RFC 6455 §5.1' },
  'length-not-minimal': {
    closeCode: 1002,
    text: 'a frame length is not encoded in the fewest bytes',
    source: 'RFC 6455 §5.2'
  },
  'length-overflow': {
    closeCode: 1002,
    text: 'the highest bit of a 64-bit frame length is set',
    source: 'RFC 6455 §5.2'
  },
  'fragmented-control': { closeCode: 1002, text: 'a control frame is fragmented', source: 'RFC 6455 §5.5' },
  'control-too-long': {
    closeCode: 1002,
    text: 'a control frame has more than 125 bytes of payload',
    source: 'RFC 6455 §5.5'
  },
  'unexpected-continuation': {
    closeCode: 1002,
    text: 'a continuation frame came where no message had begun',
    source: 'RFC 6455 §5.4'
  },
  'interleaved-message': {
    closeCode: 1002,
    text: 'a new message began inside a fragmented one',
    source: 'RFC 6455 §5.4'
  },
  'invalid-utf8': { closeCode: 1007, text: 'a text message is not valid UTF-8', source: 'RFC 6455 §8.1' },
  'close-payload': {
    closeCode: 1002,
    text: 'a close frame has a payload of one byte',
    source: 'RFC 6455 §5.5.1'
  },
  'close-code': {
    closeCode: 1002,
    text: 'a close frame carries a code that must not be sent',
    source: 'RFC 6455 §7.4'
  },
  'close-reason': {
    closeCode: 1007,
    text: 'the reason in a close frame is not valid UTF-8',
    source: 'RFC 6455 §5.5.1'
  },
  'frame-too-big': {
    closeCode: 1009,
    text: 'a frame is longer than maxFrameBytes',
    source: 'RFC 6455 §10.4'
  },
  'message-too-big': {
    closeCode: 1009,
    text: 'a message is longer than maxMessageBytes',
    source: 'RFC 6455 §10.4'
  },
  'too-many-fragments': {
    closeCode: 1008,
    text: 'a message has more frames than maxFragments',
    source: 'RFC 6455 §10.4'
  },
  'extension-failed': {
    closeCode: 1002,
    text: 'an extension could not encode or decode a message',
    source: 'RFC 6455 §9'
  }
} as const satisfies Record<string, ErrorEntry>

/** What may go wrong in an opening handshake. */
const HANDSHAKE_ERRORS = {
  'malformed-request': {
    closeCode: null,
    text: 'the handshake request is malformed',
    source: 'RFC 6455 §4.2.1'
  },
  'malformed-response': {
    closeCode: null,
    text: 'the handshake response is malformed',
    source: 'RFC 6455 §4.1'
  },
  'head-too-big': {
    closeCode: null,
    text: 'the header block is longer than the limit',
    source: 'RFC 9110 §5.4'
  },
  'too-many-headers': {
    closeCode: null,
    text: 'there are more header fields than the limit',
    source: 'RFC 9110 §5.4'
  },
  'wrong-version': {
    closeCode: null,
    text: 'the client asks for a version of the protocol other than 13',
    source: 'RFC 6455 §4.4'
  },
  'untrusted-origin': {
    closeCode: null,
    text: 'the Origin of the request is not trusted',
    source: 'RFC 6455 §10.2'
  },
  'unknown-location': {
    closeCode: null,
    text: 'nothing is served at the path of the request',
    source: 'RFC 6455 §4.2.2'
  },
  'too-many-connections': { closeCode: null, text: 'the server already has maxConnections clients' },
  'malformed-proxy-header': {
    closeCode: null,
    text: 'what a proxy must say of its client, by the option proxyProtocol, is malformed or missing',
    source: 'PROXY protocol, versions 1 and 2'
  },
  'handshake-denied': { closeCode: null, text: 'onhandshake or the option auth denied the request' },
  'handshake-timeout': { closeCode: null, text: 'the handshake was not finished within handshakeTimeoutMs' },
  'unexpected-status': {
    closeCode: null,
    text: 'the server did not answer with status 101',
    source: 'RFC 6455 §4.1'
  },
  'too-many-redirects': { closeCode: null, text: 'the server redirects more often than maxRedirects' },
  'unsafe-redirect': { closeCode: null, text: 'the server redirects to where a client must not follow' },
  'wrong-accept': {
    closeCode: null,
    text: 'the Sec-WebSocket-Accept of the response does not match the key sent',
    source: 'RFC 6455 §4.1'
  },
  'unrequested-protocol': {
    closeCode: null,
    text: 'the server chose a subprotocol that was not offered',
    source: 'RFC 6455 §4.1'
  },
  'unrequested-extension': {
    closeCode: null,
    text: 'the server chose an extension that was not offered',
    source: 'RFC 6455 §4.1'
  },
  'invalid-extension': {
    closeCode: null,
    text: 'the server agreed to an extension on terms that were not offered',
    source: 'RFC 6455 §9.1'
  }
} as const satisfies Record<string, ErrorEntry>

/** What may end a connection without anybody breaking a rule, and what callers may do wrong. */
const OTHER_ERRORS = {
  'connection-lost': {
    closeCode: null,
    text: 'the transport ended without a closing handshake',
    source: 'RFC 6455 §7.1.5'
  },
  'transport-error': { closeCode: null, text: 'the transport failed' },
  'close-timeout': {
    closeCode: null,
    text: 'the peer did not answer a close frame within closeTimeoutMs',
    source: 'RFC 6455 §7.1.1'
  },
  'pong-timeout': {
    closeCode: null,
    text: 'the peer answered no ping within pongTimeoutMs',
    source: 'RFC 6455 §5.5.2'
  },
  'slow-consumer': {
    closeCode: 1008,
    text: 'the send queue passed its high watermark and onslow is "close"'
  },
  'publication-dropped': {
    closeCode: null,
    text: 'a publication was dropped'
  },
  'buffer-limit': {
    closeCode: 1013,
    text: 'the process buffers more than maxBufferedBytes, and for this connection most'
  },
  'broker-lost': {
    closeCode: null,
    text: 'the broker between servers is gone or does not answer'
  },
  'handler-failed': {
    closeCode: 1011,
    text: 'a handler of the application threw',
    source: 'RFC 6455 §7.4.1'
  },
  'unsupported-data': {
    closeCode: 1003,
    text: 'a message is not of the kind that is expected here',
    source: 'RFC 6455 §7.4.1'
  },
  'closed-by-peer': {
    closeCode: null,
    text: 'the peer closed the connection with a code that tells of a failure',
    source: 'RFC 6455 §7.4.1'
  },
  'payload-transferred': {
    closeCode: 1011,
    text: 'the application transferred the memory of a payload in which other messages stand; transfer a copy'
  },
  'not-open': { closeCode: null, text: 'the connection is closing or closed' },
  'no-channel-id': {
    closeCode: null,
    text: 'the connection has no channel binding of that type',
    source: 'RFC 9266, RFC 5929'
  },
  'wrong-state': { closeCode: null, text: 'this cannot be done now' },
  'invalid-argument': { closeCode: null, text: 'an argument is not valid' },
  'invalid-option': { closeCode: null, text: 'an option is not valid' },
  'listen-failed': { closeCode: null, text: 'the server cannot listen' },
  'invalid-url': { closeCode: null, text: 'the URL is not one of a WebSocket', source: 'RFC 6455 §3' },
  'connect-failed': { closeCode: null, text: 'the server cannot be reached' },
  aborted: { closeCode: null, text: 'the opening handshake was aborted' },
  'gave-up': { closeCode: null, text: 'the connection is not tried again' },
  'outbox-full': { closeCode: null, text: 'there is no connection, and the outbox has no room' },
  'tier-unavailable': { closeCode: null, text: 'the tier that HOTSOCKET_TIER asks for is not available' }
} as const satisfies Record<string, ErrorEntry>

const ERRORS = { ...VIOLATIONS, ...HANDSHAKE_ERRORS, ...OTHER_ERRORS }

/** Codes of rules that a peer broke after the handshake. */
export type ViolationCode = keyof typeof VIOLATIONS
/** Codes of failures in the opening handshake. */
export type HandshakeErrorCode = keyof typeof HANDSHAKE_ERRORS
/** Every value of `WebSocketError.code`. */
export type ErrorCode = keyof typeof ERRORS

/** The answer of a server that did not open a WebSocket. */
export interface RefusalResponse {
  readonly status: number
  /** The text behind the status; empty if there was none. */
  readonly reason: string
  readonly headers: HeaderFields
  /** The beginning of the body, at most `maxBodyBytes`. */
  readonly body: Uint8Array
}

/** What a `WebSocketError` carries besides its code. */
export interface ErrorDetails {
  /** What exactly was met, appended to the text: the value, the size and its limit, what to do. */
  detail?: string
  /** Close code for the peer, where it differs from the table's. */
  closeCode?: number
  cause?: unknown
  response?: RefusalResponse
}

/** The one error class. `code` tells what happened; the text adds with which value, and the source of the rule. */
export class WebSocketError extends Error {
  override readonly name = 'WebSocketError'
  readonly code: ErrorCode
  /** The close code that the peer was sent, or null. */
  readonly closeCode: number | null
  /** A client's: what the server answered instead of opening a WebSocket; null for all other errors. */
  readonly response: RefusalResponse | null

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    const entry: ErrorEntry = ERRORS[code]
    const detail = details.detail === undefined ? '' : `: ${details.detail}`
    const source = entry.source === undefined ? '' : ` (${entry.source})`
    super(
      `${entry.text}${detail}${source}`,
      details.cause === undefined ? undefined : { cause: details.cause }
    )
    this.code = code
    this.closeCode = details.closeCode ?? entry.closeCode
    this.response = details.response ?? null
  }
}

/** Makes the error of a connection whose handler threw, or rejected with, `cause`. */
export function toHandlerError(cause: unknown): WebSocketError {
  const detail = cause instanceof Error ? cause.message : String(cause)
  return new WebSocketError('handler-failed', { detail, cause })
}
