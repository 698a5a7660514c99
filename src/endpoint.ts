// Owns the making of connections out of their parts, and what all connections of one endpoint share: settings, time
// limits, the set of open ones. Must not know handshakes or policies.
import type { Duplex } from 'node:stream'
import { BufferLimit } from './buffer-limit.js'
import { Connection } from './connection.js'
import type { ConnectionOwner, ConnectionSettings, SlowPolicy } from './connection-settings.js'
import { ConnectionTimers } from './connection-timers.js'
import type { BytePool } from './core/byte-pool.js'
import { CloseCode, type CloseDetails } from './core/closing.js'
import { Counters } from './core/counters.js'
import type { Environment } from './core/environment.js'
import type { NegotiatedExtension } from './core/extension.js'
import type { HandshakeRequest } from './core/handshake-server.js'
import type { Limits } from './core/limits.js'
import type { Role } from './core/terms.js'
import { environment as nodeEnvironment } from './kernels/index.js'
import type { Logger } from './log.js'
import { threadEngine } from './thread-engine.js'
import type { Topics } from './topics/topics.js'
import { EngineArrival } from './transport/engine-arrival.js'
import { StreamTransport } from './transport/stream.js'
import { letGo, takeOver } from './transport/take-over.js'
import type { RowHandler, Transport } from './transport/transport.js'

/** What an endpoint is made of. */
export interface EndpointOptions<T> {
  readonly role: Role
  readonly owner: ConnectionOwner<T>
  /** Whether the owner has a handler of its own of that name; asked for each connection, when it opens. */
  readonly isHandled: ConnectionSettings<T>['isHandled']
  readonly logger: Logger
  readonly limits: Limits
  /** Default: that of this runtime. */
  readonly environment?: Environment
  /** As of `ProtocolSettings`. */
  readonly eagerTextBytes?: number
  /** As of `ProtocolSettings`. */
  readonly pool?: BytePool | null
  /** As of `ProtocolSettings`. */
  readonly answersPings?: boolean
  /** As of `ProtocolSettings`. */
  readonly echoesReason?: boolean
  readonly lowWatermarkBytes: number
  readonly highWatermarkBytes: number
  readonly onslow: SlowPolicy
  /** Default: connections cannot subscribe to topics. */
  readonly topics?: Topics<T>
  /** For what all connections hold, in bytes: see `BufferLimit`. Default: none. */
  readonly maxBufferedBytes?: number
  readonly autoFragmentBytes: number
  readonly closeTimeoutMs: number
  readonly pingIntervalMs: number
  readonly pongTimeoutMs: number
  readonly keepRequest: boolean
  /** Shared with other endpoints. Default: its own. */
  readonly timers?: ConnectionTimers
  /** What connections count, shared with other endpoints. Default: its own. */
  readonly counters?: Counters
  /** Where open connections are kept, shared with other endpoints. Default: its own. */
  readonly connections?: Set<Connection<T>>
}

/** What a handshake came to. */
export interface Opened<T> {
  readonly data: T
  readonly protocol: string | null
  readonly extensions: readonly NegotiatedExtension[]
  readonly request: HandshakeRequest | null
  /** The answer to the handshake, which is sent first; a client has none. */
  readonly response?: Uint8Array
  /** Bytes that came behind the handshake. */
  readonly head: Uint8Array
  /**
   * Whether a stream whose descriptor the engine takes is left to the caller, without its handle (see `letGo`) and with its addresses,
   * instead of being destroyed.
   */
  readonly keepsStream?: boolean
  /** The client, where the peer is a proxy that speaks for it. Default null: the peer is the client. */
  readonly remote?: { readonly address: string | null; readonly port: number | null } | null
}

/** Makes connections and keeps those that are open. */
export class Endpoint<T> {
  /** The open connections, in the order in which they opened. */
  readonly connections: Set<Connection<T>>
  /** What all connections count that ever opened, and the handshakes. */
  readonly counters: Counters
  readonly #settings: ConnectionSettings<T>
  readonly #keepRequest: boolean

  constructor(options: EndpointOptions<T>) {
    const { timers = new ConnectionTimers(), maxBufferedBytes = Number.POSITIVE_INFINITY } = options
    const {
      role,
      limits,
      environment = nodeEnvironment,
      eagerTextBytes,
      pool,
      answersPings,
      echoesReason
    } = options
    this.connections = options.connections ?? new Set()
    this.counters = options.counters ?? new Counters()
    this.#keepRequest = options.keepRequest
    this.#settings = {
      protocol: {
        role,
        limits,
        environment,
        ...(eagerTextBytes !== undefined && { eagerTextBytes }),
        ...(pool != null && { pool }),
        ...(answersPings !== undefined && { answersPings }),
        ...(echoesReason !== undefined && { echoesReason })
      },
      owner: options.owner,
      isHandled: options.isHandled,
      // Who called `connect` holds the connection in the hand; a server's application is called.
      keepsMessages: role === 'client',
      connections: this.connections,
      counters: this.counters,
      topics: options.topics ?? null,
      bufferLimit:
        maxBufferedBytes === Number.POSITIVE_INFINITY
          ? null
          : new BufferLimit(maxBufferedBytes, this.connections, options.logger),
      logger: options.logger,
      lowWatermarkBytes: options.lowWatermarkBytes,
      highWatermarkBytes: options.highWatermarkBytes,
      onslow: options.onslow,
      autoFragmentBytes: options.autoFragmentBytes,
      closeTimeouts: timers.closing(options.closeTimeoutMs),
      pingTimeouts: timers.ping(options.pingIntervalMs),
      pongTimeouts: timers.pong(options.pongTimeoutMs)
    }
  }

  /** Makes a connection of what has done its handshake, which belongs to it from here on. */
  adopt(source: Duplex | EngineArrival, opened: Opened<T>): Connection<T> {
    const { open, head } = chooseCarrier(source, opened.head, opened.keepsStream === true)
    const openTransport = (handler: RowHandler) => {
      const transport = open(handler)
      const { eagerTextBytes = 0 } = this.#settings.protocol
      if (eagerTextBytes < 0) transport.keepTexts?.()
      if (opened.remote != null) transport.assumeRemote(opened.remote.address, opened.remote.port)
      if (opened.response !== undefined) {
        transport.queue.append(opened.response)
        transport.schedule()
      }
      return transport
    }
    const { data, protocol, extensions } = opened
    const parts = { settings: this.#settings, openTransport, data, protocol, extensions }
    const connection = new Connection<T>(parts)
    connection.open(opened.request, head, this.#keepRequest)
    return connection
  }

  /** Closes every connection and resolves when all are over: at the latest when their close timeouts have ended. */
  closeAll(code: number = CloseCode.GOING_AWAY, reason = ''): Promise<CloseDetails[]> {
    return Promise.all([...this.connections].map((connection) => connection.close(code, reason)))
  }
}

/** How a connection's bytes will be carried. */
interface Carrier {
  open(handler: RowHandler): Transport
  /** What the connection itself must take of the bytes that came behind the handshake. */
  readonly head: Uint8Array
}

/** The engine for plain sockets where there is one, and the stream for everything else. */
function chooseCarrier(source: Duplex | EngineArrival, head: Uint8Array, keepsStream: boolean): Carrier {
  if (source instanceof EngineArrival)
    return { open: (handler) => source.upgrade(head, handler), head: NO_BYTES }
  const loop = threadEngine()
  const taken = loop === null ? null : takeOver(source)
  if (loop === null || taken === null)
    return { open: (handler) => new StreamTransport(source, handler), head }
  // The engine's scanner sees all bytes in their order, so that no frame is split between two scanners.
  const bytes = Buffer.concat([head, ...taken.head])
  const slot = loop.take(taken.descriptor, taken.isOwned, bytes)
  // Where the kernel refuses another descriptor the stream goes on.
  if (slot === null) return { open: (handler) => new StreamTransport(source, handler), head: bytes }
  const generation = loop.generation(slot)
  if (keepsStream) letGo(source, loop, slot, generation)
  else source.destroy()
  return { open: (handler) => loop.open(slot, generation, handler), head: NO_BYTES }
}

const NO_BYTES = new Uint8Array(0)
