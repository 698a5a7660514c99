// Owns the callback-driven server: its handlers, its life from `listen` to `close`. Must not know bytes or frames.
import { EventEmitter } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { Duplex } from 'node:stream'
import type { Backplane } from '../backplane/backplane.js'
import { refuseOption, splitHandlers } from '../checks.js'
import type { Connection } from '../connection.js'
import { DefaultHandlers } from '../connection-handlers.js'
import { type ConnectionOwner, HANDLER_NAMES } from '../connection-settings.js'
import { CloseCode, encodeClose } from '../core/closing.js'
import { WebSocketError } from '../core/errors.js'
import type { HandshakeRequest } from '../core/handshake-server.js'
import { describe, type Sendable } from '../core/message.js'
import { Endpoint } from '../endpoint.js'
import { type Tier, tier } from '../kernels/index.js'
import { createLogger, type Logger, logConnectionError } from '../log.js'
import { type ExportOptions, exportMetrics, type MetricsRegistry } from '../metrics/prometheus.js'
import { type ServerMetrics, takeMetrics } from '../metrics/server-metrics.js'
import type { PublishOptions } from '../topics/publish-options.js'
import { type TopicCounts, Topics } from '../topics/topics.js'
import type { HandshakeDecision } from './decision.js'
import { Drain } from './drain.js'
import {
  type DrainOptions,
  type DrainResult,
  type ResolvedDrainOptions,
  type RunOptions,
  resolveDrainOptions
} from './drain-options.js'
import { FrontDoor } from './front-door.js'
import type { ServerHandlers } from './handlers.js'
import {
  type AttachOptions,
  type ListenAt,
  type ResolvedOptions,
  resolveOptions,
  resolvePaths,
  type ServerOptions
} from './options.js'
import { Publisher } from './publisher.js'
import { ServerTls, type TlsReload } from './server-tls.js'

/** Options of an `AsyncServer`: those of servers, and handlers if you do not subclass. */
export type AsyncServerOptions<T = undefined> = ServerOptions & Partial<ServerHandlers<T>>

/**
 * A WebSocket server driven by callbacks, which never waits for them: a handler that throws, or returns a promise that
 * rejects, harms only its own connection (`onerror`, close code 1011). `T` is the type of `client.data`, which is what
 * `onhandshake` returns as `data`: without that it is undefined, whatever `T` says.
 *
 * Override handlers in a subclass, or give them with the options. With the options TypeScript infers the types of their
 * parameters, and `T` from what `onhandshake` returns; in a subclass write them down: it infers no parameters of methods.
 */
export class AsyncServer<T = undefined> extends DefaultHandlers<T> implements ServerHandlers<T> {
  readonly #options: ResolvedOptions
  readonly #logger: Logger
  readonly #tls: ServerTls | null
  readonly #topics: Topics<T>
  readonly #publisher: Publisher<T>
  #state: 'new' | 'listening' | 'closing' = 'new'
  #endpoint: Endpoint<T> | null = null
  #door: FrontDoor<T> | null = null
  /** Set while it begins to listen, and when it does. */
  #listening: Promise<this> | null = null
  #onclosing: () => void = () => {}
  /** Resolves when `close` is called; `#closed` when all is over. */
  readonly #closing = new Promise<void>((resolve) => {
    this.#onclosing = resolve
  })
  #closed: Promise<void> | null = null
  #drained: Promise<DrainResult> | null = null

  /** Throws WebSocketError 'invalid-option', naming the option that is wrong. */
  constructor(options: AsyncServerOptions<T> = {}) {
    super()
    const [handlers, rest] = splitHandlers(options, HANDLER_NAMES)
    this.#options = resolveOptions(rest)
    this.#logger = createLogger(this.#options.logLevel, this.#options.logger)
    const { tls } = this.#options
    this.#tls = tls === undefined ? null : new ServerTls(tls)
    this.#topics = new Topics(this.#options)
    this.#publisher = new Publisher(this.#logger, this.#topics, () => this.clients)
    Object.assign(this, handlers)
  }

  onhandshake(_request: HandshakeRequest): HandshakeDecision<T> | Promise<HandshakeDecision<T>> {}
  /** By default logs the error: handlers that failed as 'error' with their stack, the peer's faults as 'info'. */
  override onerror(client: Connection<T>, error: WebSocketError): unknown {
    return logConnectionError(this.#logger, `client ${client.remoteAddress ?? client.id}`, error)
  }

  /** The open connections, in the order in which they opened. */
  get clients(): ReadonlySet<Connection<T>> {
    return this.#parts.endpoint.connections
  }

  /**
   * Sends a message to all clients that subscribe to a topic: each gets it once, in the order of publications. Returns how many
   * accepted it; those that are closing do not, nor those that have not negotiated the extension of its opcode. It is framed, and
   * compressed, once for all that agreed on the same; several publications of one turn of the event loop go out to a client
   * together. Bytes are copied once. `overflow` tells what becomes of it for clients that do not keep up. Throws WebSocketError
   * 'invalid-argument' for what is no topic (wildcards are for subscribers), no message, or a wrong option. With a backplane (`use`)
   * it goes to the clients of all servers; counted are those of this one.
   */
  publish(topic: string, message: Sendable, options: PublishOptions<T> = {}): number {
    return this.#publisher.publish(topic, message, options)
  }

  /** Sends a message to all clients; as `publish`. */
  broadcast(message: Sendable, options: PublishOptions<T> = {}): number {
    return this.#publisher.broadcast(message, options)
  }

  /**
   * Joins this server with others: what is published at one goes to the clients of all. `backplane`: of `hotsocket/redis`, `hotsocket/nats`
   * or `hotsocket/memory`. It works from now on, whether the server listens or not, and ends with `close`. Returns the server. Throws
   * WebSocketError 'invalid-argument' for what is none, for one that another server uses, for a second one, and after `close`.
   */
  use(backplane: Backplane): this {
    this.#publisher.use(backplane)
    return this
  }

  /** The topics that clients subscribe to: `[...server.topics]` has each with the number of its subscribers. */
  get topics(): TopicCounts {
    return this.#topics
  }

  /** Its figures at this moment; goes through all clients, so once a second is often enough. */
  metrics(): ServerMetrics {
    const { connections, counters } = this.#parts.endpoint
    const { extensions } = this.#options
    const { backplaneMetrics: backplane } = this.#publisher
    return takeMetrics({ connections, counters, topics: this.#topics, backplane, extensions })
  }

  /**
   * Has a `Registry` of `prom-client` show its metrics, which are read when the registry is; several servers may share one if their
   * `labels` differ. Returns what ends that. Throws WebSocketError 'invalid-argument' for another object, for labels that
   * another server of the registry has, and if something else has one of the names.
   *
   * @example
   * server.exportMetrics(register) // import { register } from 'prom-client'
   */
  exportMetrics(registry: MetricsRegistry, options: ExportOptions = {}): () => void {
    return exportMetrics(this, registry, options)
  }

  /** The port it listens at; null unless it listens at one. */
  get port(): number | null {
    return this.#parts.door.port
  }

  /** Where clients connect, as 'ws://127.0.0.1:8000'; null unless it listens. */
  get url(): string | null {
    const { tls, socketPath, host = 'localhost' } = this.#options
    const scheme = tls === undefined ? 'ws' : 'wss'
    if (this.#state !== 'listening') return null
    if (socketPath !== undefined) return `${scheme}+unix://${socketPath}`
    return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${this.port}`
  }

  /** Which implementation carries the bytes: 'engine' (an epoll loop in C++), 'native' (streams, kernels in C++) or 'js'. */
  get tier(): Tier {
    return tier
  }

  /**
   * The HTTP server that gets requests on the same port which are no handshakes: add 'request' listeners to it. It comes
   * into being when it is first asked for; without it such requests get 426.
   */
  get http(): HttpServer {
    return this.#parts.door.http
  }

  /**
   * Takes the handshakes that come to an HTTP server of yours, also before or without `listen`. Several servers may be
   * attached to one HTTP server; the first that serves a path gets it. Handshakes at other paths are left to other 'upgrade'
   * listeners; where there are none they get 404. Returns a function that detaches: connections that came by it live on.
   * `close` detaches, too, and leaves the HTTP server as it is. Throws WebSocketError 'invalid-option', 'invalid-argument',
   * and 'listen-failed' after `close`.
   */
  attach(http: HttpServer | HttpsServer, options: AttachOptions = {}): () => void {
    if (!(http instanceof EventEmitter)) {
      const detail = `attach takes an http.Server or https.Server, not ${describe(http)}`
      throw new WebSocketError('invalid-argument', { detail })
    }
    return this.#parts.door.attach(http, resolvePaths(options, this.#options.locations))
  }

  /**
   * Takes a connected stream as if it had been accepted at a port, also before or without `listen`: a socket of another server,
   * the end of a pipe, a channel of SSH. With the option `tls` TLS goes over it first, unless it is a TLSSocket. It belongs to the
   * server from here on. Resolves with the connection, after `onopen`. Rejects with a WebSocketError that tells why there is none
   * ('handshake-denied', 'connection-lost', 'handshake-timeout', 'malformed-request' and so on); the stream is gone then, or
   * `http` has it. There is no need to wait for either. Throws WebSocketError 'invalid-argument' for what is no stream that can be
   * read and written, and 'listen-failed' after `close`.
   */
  accept(stream: Duplex): Promise<Connection<T>> {
    if (!(stream instanceof Duplex) || !stream.readable || !stream.writable) {
      const what = stream instanceof Duplex ? 'one that has ended' : describe(stream)
      const detail = `accept takes a Duplex stream that can be read and written, not ${what}`
      throw new WebSocketError('invalid-argument', { detail })
    }
    const opened = this.#parts.door.accept(stream)
    // Whom it does not interest need not look.
    opened.catch(() => {})
    return opened
  }

  /**
   * Replaces certificates, and other members of the option `tls` that are about keys, authorities, ciphers and versions, while
   * the server runs: handshakes from here on get the new ones, open connections live on. What `tls` does not have stays as it
   * is; of `key`, `cert`, `pfx` and `passphrase` one replaces all. Sessions begun before are not resumed, unless `ticketKeys` says
   * so; with `requestCert`, new `ca`, `crl` or `contexts` then need new `ticketKeys`. Throws WebSocketError 'invalid-option', after which nothing has changed; for a server without the option `tls`, too. An
   * HTTP server that it is attached to has its own: `https.Server.setSecureContext`. In threads of `serveWorkers` each server
   * reloads its own.
   *
   * @example
   * process.on('SIGHUP', () => {
   *   try {
   *     server.reloadTls({ key: readFileSync('key.pem'), cert: readFileSync('cert.pem') })
   *   } catch (error) {
   *     console.error(error.message) // the old ones are still in use
   *   }
   * })
   */
  reloadTls(tls: TlsReload): void {
    if (this.#tls === null)
      refuseOption('reloadTls is for servers with the option tls, and this one has none')
    this.#tls.reload(tls)
    this.#logger.info('TLS was reloaded')
  }

  /**
   * Begins to listen and resolves when it does. `at` goes before the options of the same names. Rejects with WebSocketError
   * 'invalid-option', and with 'listen-failed', after which it may be tried again; a server that has listened does not listen
   * a second time.
   */
  async listen(at: ListenAt = {}): Promise<this> {
    const options = resolveOptions({ ...this.#options, ...at })
    if (this.#state !== 'new') throw new WebSocketError('listen-failed', { detail: 'a server listens once' })
    this.#state = 'listening'
    this.#listening = this.#listen(options)
    return this.#listening
  }

  /**
   * Listens, if it does not yet, until `close` is called or the process gets SIGINT or SIGTERM, which closes it, or with the option
   * `drain` has it end gracefully; a second signal ends the process at once. Rejects with WebSocketError 'listen-failed', and as `drain`
   * for wrong options.
   */
  async run({ drain }: RunOptions = {}): Promise<void> {
    if (drain !== undefined) resolveDrainOptions(drain)
    try {
      await (this.#listening ?? this.listen())
    } catch (error) {
      // That `close` was called before it listened is an end like any other.
      if (this.#closed === null && this.#drained === null) throw error
    }
    const onsignal = (signal: NodeJS.Signals) => {
      process.off('SIGINT', onsignal).off('SIGTERM', onsignal)
      if (signal === 'SIGTERM' && drain !== undefined) return void this.drain(drain)
      this.#logger.info(`${signal}: closing ${this.clients.size} connections`)
      void this.close()
    }
    process.on('SIGINT', onsignal).on('SIGTERM', onsignal)
    await this.#closing
    await this.#closed
    process.off('SIGINT', onsignal).off('SIGTERM', onsignal)
  }

  /**
   * Stops: accepts nothing more, asks every client to close (by default with 1001, "going away"), sends what is queued,
   * and drops those that have not gone after closeTimeoutMs. Resolves when all are gone. Rejects with WebSocketError
   * 'invalid-argument' for a code or reason that must not be sent.
   */
  async close(code: number = CloseCode.GOING_AWAY, reason = ''): Promise<void> {
    encodeClose(code, reason)
    this.#closed ??= this.#close(code, reason)
    this.#onclosing()
    await this.#closed
  }

  /**
   * Ends gracefully: accepts nothing more, asks the clients to leave, each at a moment of its own within `jitterMs`, by a close
   * frame behind all that is queued for it; then closes. A client of a `Server` is asked when the handler that is at work for it is done, but
   * no later than after half of `deadlineMs`. Who is still there at `deadlineMs` is dropped; a client that does not answer
   * already closeTimeoutMs after the kernel has taken its close frame. Resolves when all is over. If it has begun before, that one
   * goes on; `close` cuts it short. Rejects with WebSocketError 'invalid-option', 'invalid-argument'.
   */
  async drain(options: DrainOptions = {}): Promise<DrainResult> {
    const resolved = resolveDrainOptions(options)
    this.#drained ??= this.#drain(resolved)
    return this.#drained
  }

  async #drain(options: ResolvedDrainOptions): Promise<DrainResult> {
    const { connections, counters } = this.#parts.endpoint
    const { door } = this.#parts
    this.#state = 'closing'
    door.stopListening()
    this.#logger.info(`draining ${connections.size} connections within ${options.deadlineMs} ms`)
    const isOpening = () => this.#closed === null && door.isOpening
    const release = (client: Connection<T>) => this.#topics.release(client)
    const result = await new Drain({ connections, counters, isOpening, release }, options).run()
    await this.close(options.code, options.reason)
    const { left, dropped, unsentMessages, durationMs } = result
    const outcome = `drained in ${Math.round(durationMs)} ms: ${left} clients left, ${dropped} were dropped`
    this.#logger.info(`${outcome}, ${unsentMessages} messages were not sent`)
    return result
  }

  async #listen(options: ResolvedOptions): Promise<this> {
    try {
      await this.#parts.door.listen(options)
    } catch (error) {
      // Whatever is in the way, e.g. a port in use, may be gone the next time.
      if (this.#state === 'listening') this.#state = 'new'
      this.#listening = null
      throw error
    }
    this.#logger.info(`listening at ${this.url}, tier ${this.tier}`)
    return this
  }

  async #close(code: number, reason: string): Promise<void> {
    const { endpoint, door } = this.#parts
    this.#state = 'closing'
    const closed = endpoint.closeAll(code, reason)
    door.stopAccepting()
    await Promise.all([closed, door.finishHttp(this.#options.closeTimeoutMs)])
    door.destroyRest()
    await this.#publisher.close()
  }

  /** @internal Whether there is a handler of that name; one may be set when the server is there already. */
  isHandled(name: keyof ConnectionOwner<unknown>): boolean {
    return this[name] !== AsyncServer.prototype[name]
  }

  /** @internal Who is told what connections tell. */
  protected makeOwner(): ConnectionOwner<T> {
    return this
  }

  /** Made late, when all handlers are there: a subclass may set them in its constructor. */
  get #parts(): { endpoint: Endpoint<T>; door: FrontDoor<T> } {
    const options = this.#options
    this.#endpoint ??= new Endpoint<T>({
      ...options,
      role: 'server',
      owner: this.makeOwner(),
      isHandled: (name) => this.isHandled(name),
      logger: this.#logger,
      limits: options,
      topics: this.#topics
    })
    this.#door ??= new FrontDoor<T>(options, this.#logger, this.#endpoint, this.#tls, (request) =>
      this.onhandshake(request)
    )
    return { endpoint: this.#endpoint, door: this.#door }
  }
}
