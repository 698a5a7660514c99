// Owns the making of connections out of their parts, and what all connections of one endpoint share: settings, time
// limits, the set of open ones. Must not know handshakes or policies.
import type { Duplex } from 'node:stream'
import { Timeouts } from './clock.js'
import { Connection } from './connection.js'
import type { ConnectionOwner, ConnectionSettings, SlowPolicy } from './connection-settings.js'
import { CloseCode, type CloseDetails } from './core/closing.js'
import type { NegotiatedExtension } from './core/extension.js'
import type { HandshakeRequest } from './core/handshake-server.js'
import type { Limits } from './core/limits.js'
import type { Role } from './core/receiver.js'
import { environment } from './kernels/index.js'
import type { Logger } from './log.js'
import { StreamTransport } from './transport/stream.js'

/** What an endpoint is made of. */
export interface EndpointOptions<T> {
  readonly role: Role
  readonly owner: ConnectionOwner<T>
  readonly reportsSent: boolean
  readonly logger: Logger
  readonly limits: Limits
  readonly lowWatermarkBytes: number
  readonly highWatermarkBytes: number
  readonly onslow: SlowPolicy
  readonly closeTimeoutMs: number
  readonly pingIntervalMs: number
  readonly pongTimeoutMs: number
  readonly keepRequest: boolean
}

/** What a handshake came to. */
export interface Opened<T> {
  readonly data: T
  readonly protocol: string | null
  readonly extensions: readonly NegotiatedExtension[]
  readonly request: HandshakeRequest | null
  /** Bytes that came behind the handshake. */
  readonly head: Uint8Array
}

/** Makes connections and keeps those that are open. */
export class Endpoint<T> {
  /** The open connections, in the order in which they opened. */
  readonly connections = new Set<Connection<T>>()
  readonly #settings: ConnectionSettings<T>
  readonly #keepRequest: boolean

  constructor(options: EndpointOptions<T>) {
    this.#keepRequest = options.keepRequest
    this.#settings = {
      protocol: { role: options.role, limits: options.limits, environment },
      owner: options.owner,
      reportsSent: options.reportsSent,
      connections: this.connections,
      logger: options.logger,
      lowWatermarkBytes: options.lowWatermarkBytes,
      highWatermarkBytes: options.highWatermarkBytes,
      onslow: options.onslow,
      closeTimeouts: new Timeouts(options.closeTimeoutMs, (connection: Connection<T>) =>
        connection.expireClose()
      ),
      pingTimeouts: new Timeouts(options.pingIntervalMs, (connection: Connection<T>) =>
        connection.expirePing()
      ),
      pongTimeouts: new Timeouts(options.pongTimeoutMs, (connection: Connection<T>) =>
        connection.expirePong()
      )
    }
  }

  /** Makes a connection of a stream whose handshake is done; the stream belongs to it from here on. */
  adopt(stream: Duplex, opened: Opened<T>): Connection<T> {
    const connection = new Connection<T>(
      this.#settings,
      (handler) => new StreamTransport(stream, handler),
      opened.data,
      opened.protocol,
      opened.extensions
    )
    connection.open(opened.request, opened.head, this.#keepRequest)
    return connection
  }

  /** Closes every connection and resolves when all are over: at the latest when their close timeouts have ended. */
  closeAll(code: number = CloseCode.GOING_AWAY, reason = ''): Promise<CloseDetails[]> {
    return Promise.all([...this.connections].map((connection) => connection.close(code, reason)))
  }
}
