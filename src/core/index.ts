// Owns the public face of `hotsocket/core`: the protocol without input and output.

/**
 * RFC 6455 without input and output: bytes in, bytes and events out, whatever carries them. `HeadParser` and the
 * handshake functions open a connection, `Protocol` is one that is open. Nothing here reads a clock, draws a random
 * number or knows Node.js: that comes as an `Environment`, for which `hotsocket/kernels` has `environment`.
 * See docs/examples/core-over-arrays.mjs.
 *
 * @module
 */

export { BytePool, type ByteView } from './byte-pool.js'
export {
  CloseCode,
  type CloseDetails,
  type CloseStatus,
  type ClosingState,
  canSendCloseCode
} from './closing.js'
export type { Environment } from './environment.js'
export {
  type ErrorCode,
  type ErrorDetails,
  type HandshakeErrorCode,
  type RefusalResponse,
  type ViolationCode,
  WebSocketError
} from './errors.js'
export type {
  AcceptedExtension,
  Extension,
  ExtensionData,
  ExtensionOffer,
  ExtensionParameter,
  ExtensionSession,
  NegotiatedExtension,
  SlicedWork
} from './extension.js'
export { ControlFrame, Frame, type FrameOptions, type Masking } from './frame.js'
export {
  type Expectation,
  encodeRequest,
  type OpeningRequest,
  type OpeningResponse,
  readResponse
} from './handshake-client.js'
export { acceptKey, makeKey, type Sha1 } from './handshake-key.js'
export {
  type Acceptance,
  chooseProtocol,
  encodeAccept,
  encodeRefusal,
  HandshakeRequest,
  matchesLocation,
  type Refusal,
  type RequestOrigin,
  readUpgrade,
  type Upgrade
} from './handshake-server.js'
export type { HeaderSource } from './head-writer.js'
export { HeaderBit, Opcode } from './header.js'
export { HeaderFields } from './header-fields.js'
export {
  type DecodeLatin1,
  type HeadLimits,
  HeadParser,
  type LineFormat,
  MAX_HEAD_BYTES,
  MAX_HEADER_COUNT,
  type ParsedHead,
  REQUEST_LINE,
  type RequestHead,
  type RequestLine,
  type ResponseHead,
  STATUS_LINE,
  type StatusLine
} from './http-head.js'
export type { Deflater, DeflaterOptions, InflateFailure, Inflater, Kernels } from './kernels.js'
export { DEFAULT_LIMITS, type Limits } from './limits.js'
export {
  BinaryMessage,
  type DecodeUtf8,
  ExtensionMessage,
  Message,
  type Payload,
  type Sendable,
  TextMessage,
  toMessage
} from './message.js'
export type { MessageStream, StreamOwner } from './message-stream.js'
export { isTrustedOrigin, type TrustedOrigins } from './origin.js'
export { type Output, OutputBytes } from './output.js'
export type { PieceHandler } from './pieces.js'
export { PreparedMessage, type PrepareOptions, prepare, SharedBytes } from './prepared.js'
export { Protocol } from './protocol.js'
export type { ProtocolHandler } from './protocol-handler.js'
export type { SendChoices } from './sender.js'
export type { ProtocolSettings, Role } from './terms.js'
export type { DeferredMessages } from './transmitter.js'
export type {
  CertificateName,
  ChannelIdType,
  PeerCertificate,
  TlsDetails,
  TransportDetails,
  TransportFacts
} from './transport-details.js'
export { type Utf8Result, Utf8Validator } from './utf8.js'
