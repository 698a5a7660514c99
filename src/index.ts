// Owns the public face of the package `hotsocket`.

export type { Credentials } from './auth/challenges.js'
export type {
  Backplane,
  BackplaneHost,
  BackplaneMetrics,
  BackplaneState,
  RemotePublication
} from './backplane/backplane.js'
export type { Broker, BrokerEvents, Channel } from './backplane/broker.js'
export { BrokerBackplane } from './backplane/broker-backplane.js'
export type { BackplaneOptions } from './backplane/options.js'
export { Agent, type ConnectOptions } from './client/agent.js'
export { connect } from './client/connect.js'
export type { ClientHandlers, HandshakeResponse } from './client/handlers.js'
export type { ClientAuth, ClientOptions } from './client/options.js'
export {
  connectPersistently,
  PersistentConnection,
  type PersistentOptions,
  type UrlSource
} from './client/persistent.js'
export type { Outage, ReconnectOptions, Retry } from './client/persistent-options.js'
export { Connection } from './connection.js'
export type { ConnectionOptions } from './connection-options.js'
export type { SlowPolicy } from './connection-settings.js'
export { ReadyState, type SendOptions, type SendStatus } from './connection-status.js'
export { CloseCode, type CloseDetails } from './core/closing.js'
export type { Environment } from './core/environment.js'
export { type ErrorCode, type RefusalResponse, WebSocketError } from './core/errors.js'
export {
  type AcceptedExtension,
  CompressionCounts,
  type Extension,
  type ExtensionData,
  type ExtensionOffer,
  type ExtensionParameter,
  type ExtensionSession,
  type SlicedWork
} from './core/extension.js'
export { ControlFrame, Frame, type FrameOptions, type Masking } from './core/frame.js'
export { HandshakeRequest, type Refusal } from './core/handshake-server.js'
export type { HeaderSource } from './core/head-writer.js'
export { HeaderBit, Opcode } from './core/header.js'
export { HeaderFields } from './core/header-fields.js'
export type { HistogramCounts } from './core/histogram.js'
export type { Limits } from './core/limits.js'
export {
  BinaryMessage,
  type DecodeUtf8,
  ExtensionMessage,
  Message,
  type Payload,
  type Sendable,
  TextMessage
} from './core/message.js'
export type { TrustedOrigins } from './core/origin.js'
export { PreparedMessage, type PrepareOptions, prepare } from './core/prepared.js'
export type {
  CertificateName,
  ChannelIdType,
  PeerCertificate,
  TlsDetails,
  TransportDetails
} from './core/transport-details.js'

export type { CloseEvent, ErrorEvent, HandshakeEvent, OpenEvent } from './diagnostics.js'
export { DeflateFrame, type DeflateFrameOptions } from './extensions/deflate-frame.js'
export { DeflateMessage, type DeflateMessageOptions } from './extensions/deflate-message.js'
export type { DeflateOptions } from './extensions/deflate-options.js'
export { LOG_LEVELS, type Logger, type LogLevel } from './log.js'
export { type FrameReader, MessageReader } from './message-reader.js'
export { MessageWriter } from './message-writer.js'
export {
  type HistogramMetric,
  METRICS,
  type Metric,
  type PlainMetric,
  type Sample
} from './metrics/metric-table.js'
export type { ExportOptions, MetricsRegistry, RegisteredMetric } from './metrics/prometheus.js'
export type { CloseCount, HandshakeOutcome, ServerMetrics } from './metrics/server-metrics.js'
export type { SentCallback } from './receipts.js'
export { AsyncServer, type AsyncServerOptions } from './server/async-server.js'
export type { AuthScheme, Verdict } from './server/auth.js'
export { type BasicOptions, basic } from './server/auth-basic.js'
export { type DigestOptions, digest, type SecretLookup } from './server/auth-digest.js'
export type { Acceptance, HandshakeDecision } from './server/decision.js'
export type { DrainOptions, DrainResult, RunOptions } from './server/drain-options.js'
export type { ProxyHeaders, TrustProxy } from './server/forwarded.js'
export type { ServerHandlers } from './server/handlers.js'
export type { AttachOptions, ListenAt, ServerOptions } from './server/options.js'
export {
  type RestartResult,
  type ServeWorkersOptions,
  serveWorkers,
  type WorkerExit,
  type WorkerGroup
} from './server/serve-workers.js'
export { Server } from './server/server.js'
export type { ServerTlsOptions, TlsReload } from './server/server-tls.js'
export type { Overflow, TopicOverflow } from './topics/overflow.js'
export type { PublishOptions } from './topics/publish-options.js'
export { TopicTree } from './topics/topic-tree.js'
export type { TopicCounts } from './topics/topics.js'
export type { SocketAddress, WebSocketOptions } from './websocket/options.js'
export { WebSocket } from './websocket/websocket.js'
