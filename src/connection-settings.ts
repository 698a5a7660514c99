// Owns what all connections of one endpoint share, and whom they report to.
import type { BufferLimit } from './buffer-limit.js'
import type { Timeouts } from './clock.js'
import type { Connection } from './connection.js'
import type { TimedConnection } from './connection-timers.js'
import type { CloseDetails } from './core/closing.js'
import type { Counters } from './core/counters.js'
import type { WebSocketError } from './core/errors.js'
import type { Message } from './core/message.js'
import type { ProtocolSettings } from './core/terms.js'
import type { Logger } from './log.js'
import type { MessageReader } from './message-reader.js'
import type { Topics } from './topics/topics.js'

/**
 * What to do with a connection whose peer does not read. 'pause': stop reading from it until its send queue is at the low
 * watermark. 'close': close it with 1008 above the high one. 'continue': nothing; whoever sends looks at `bufferedAmount`. Two
 * peers that both pause may wait for each other for ever, so one side, by custom the client, goes on reading.
 */
export type SlowPolicy = 'pause' | 'close' | 'continue'

/** Whose events a connection reports: those of a server, or of a client. Exceptions thrown by these are caught. */
export interface ConnectionOwner<T> {
  onopen(connection: Connection<T>): unknown
  onmessage(connection: Connection<T>, message: Message): unknown
  onmessagebegin(connection: Connection<T>, message: MessageReader): unknown
  onframebegin(connection: Connection<T>, byteLength: number, isFinal: boolean): unknown
  onframedata(connection: Connection<T>, bytes: Uint8Array): unknown
  onframeend(connection: Connection<T>): unknown
  onmessageend(connection: Connection<T>): unknown
  onping(connection: Connection<T>, payload: Uint8Array): unknown
  onpong(connection: Connection<T>, payload: Uint8Array, roundTripMs: number | null): unknown
  onclose(connection: Connection<T>, code: number, reason: string, details: CloseDetails): unknown
  onerror(connection: Connection<T>, error: WebSocketError): unknown
  onsent(connection: Connection<T>, message: Message): unknown
  onunsent(connection: Connection<T>, message: Message, reason: WebSocketError): unknown
}

/** What all connections of one endpoint share. */
export interface ConnectionSettings<T> {
  readonly protocol: ProtocolSettings
  readonly owner: ConnectionOwner<T>
  /** Whether the owner has a handler of its own of that name; asked for each connection when it opens. */
  readonly isHandled: (name: keyof ConnectionOwner<unknown>) => boolean
  /** Whether messages that nobody handles wait for `recv`. */
  readonly keepsMessages: boolean
  /** Where connections subscribe to topics; null: there are none. */
  readonly topics: Topics<T> | null
  /** What they count together. */
  readonly counters: Counters
  /** What is to be told that there is a connection; null: nothing. */
  readonly bufferLimit: BufferLimit | null
  /** Connections put themselves in here when they open, and out when they are over. */
  readonly connections: Set<Connection<T>>
  /** The last resort for what `onerror` itself throws. */
  readonly logger: Logger
  /** Queue bytes at or below which reading goes on and `drained` resolves; above, reading stops if the kernel refuses bytes. */
  readonly lowWatermarkBytes: number
  /** Queue bytes above which `onslow` applies, even if the kernel has not refused any. */
  readonly highWatermarkBytes: number
  readonly onslow: SlowPolicy
  /** Most bytes of payload of a frame, where nothing else is said; 0: no limit. */
  readonly autoFragmentBytes: number
  /** Waits for the peer's close frame and for the end of the transport. */
  readonly closeTimeouts: Timeouts<TimedConnection>
  /** Waits until the next ping of our own is due. */
  readonly pingTimeouts: Timeouts<TimedConnection>
  /** Waits for a sign of life after a ping. */
  readonly pongTimeouts: Timeouts<TimedConnection>
}

/** The names of the handlers that are told of messages before they are whole. */
export const PIECE_HANDLER_NAMES = [
  'onmessagebegin',
  'onframebegin',
  'onframedata',
  'onframeend',
  'onmessageend'
] as const satisfies readonly (keyof ConnectionOwner<unknown>)[]

/** The names of the handlers that servers and clients are given with their options. */
export const HANDLER_NAMES = [
  'onhandshake',
  'onopen',
  'onmessage',
  ...PIECE_HANDLER_NAMES,
  'onsent',
  'onunsent',
  'onping',
  'onpong',
  'onclose',
  'onerror'
] as const satisfies readonly ('onhandshake' | keyof ConnectionOwner<unknown>)[]
