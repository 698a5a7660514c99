// Owns what comes to a server's port: accepted streams become connections, go to the HTTP server, or are refused.
// Must not know handlers other than `onhandshake`, nor what connections do.
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import { type BlockList, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import { Timeouts } from '../clock.js'
import type { Connection } from '../connection.js'
import { WebSocketError } from '../core/errors.js'
import type { Endpoint } from '../endpoint.js'
import type { Logger } from '../log.js'
import { StreamArrival } from '../transport/arrival.js'
import type { EngineArrival } from '../transport/engine-arrival.js'
import { includesAddress, parseAddresses } from './address-list.js'
import { Authenticator } from './auth.js'
import { ForwardedReader } from './forwarded.js'
import { HttpUpgrades } from './http-upgrades.js'
import { type Listener, listen, secure } from './listener.js'
import { Opening, type OpeningCallback, type OpeningContext } from './opening.js'
import type { ResolvedOptions } from './options.js'
import { PendingResponses } from './pending-responses.js'
import type { ServerTls } from './server-tls.js'

/** How often a server that closes looks for HTTP connections whose last response has ended. */
const HTTP_SWEEP_MS = 20

/** HTTP servers that are some front door's own: it takes all of their handshakes. */
const ownHttpServers = new WeakSet<HttpServer>()

/** Accepts streams for one endpoint. */
export class FrontDoor<T> {
  readonly #options: ResolvedOptions
  readonly #logger: Logger
  readonly #context: OpeningContext<T>
  /** Streams that the HTTP server has. */
  readonly #httpStreams = new Set<Duplex>()
  /** Sockets under TLS: one whose TLS handshake is under way stands nowhere else. */
  readonly #securedSockets = new Set<Duplex>()
  readonly #tls: ServerTls | null
  /** What ends each attachment to an HTTP server of the application. */
  readonly #detachers = new Set<() => void>()
  #listener: Listener | null = null
  #http: HttpServer | null = null
  /** 'draining': what has arrived before it stopped to listen may still open. */
  #state: 'open' | 'draining' | 'closed' = 'open'

  constructor(
    options: ResolvedOptions,
    logger: Logger,
    endpoint: Endpoint<T>,
    tls: ServerTls | null,
    onhandshake: OpeningContext<T>['onhandshake']
  ) {
    this.#options = options
    this.#tls = tls
    this.#logger = logger
    this.#context = {
      options,
      endpoint,
      logger,
      onhandshake,
      authenticator: options.auth.length === 0 ? null : new Authenticator(options.auth),
      proxies:
        options.trustProxy === false ? null : new ForwardedReader(options.trustProxy, options.proxyHeaders),
      expectsProxyHeader: proxyHeaderPolicy(options.proxyProtocol),
      openings: new Set(),
      handshakeTimeouts: new Timeouts(options.handshakeTimeoutMs, (opening: Opening<T>) => opening.expire()),
      closeTimeouts: new Timeouts(options.closeTimeoutMs, (opening: Opening<T>) => opening.destroy()),
      wantsHttp: () => this.#http !== null,
      giveToHttp: (stream, bytes) => this.#giveToHttp(stream, bytes)
    }
  }

  /** The port it listens at; null unless it listens at one. */
  get port(): number | null {
    return this.#listener?.port ?? null
  }

  /** Gets the requests that are no handshakes; made when it is first asked for. */
  get http(): HttpServer {
    this.#http ??= this.#createHttp()
    return this.#http
  }

  /**
   * Begins to listen where `options` say. Rejects with WebSocketError 'listen-failed', also if `stopAccepting` was called
   * meanwhile.
   */
  async listen(options: ResolvedOptions): Promise<void> {
    const listener = await listen(options, this.#tls, this.#logger, {
      onstream: (stream, isSecure) => this.#open(stream, isSecure)?.read(),
      onarrival: (arrival) => this.#openArrival(arrival),
      onsecured: (socket) => this.#keepSecured(socket)
    })
    if (this.#state !== 'open') {
      listener.close()
      throw new WebSocketError('listen-failed', { detail: 'the server was closed' })
    }
    this.#listener = listener
  }

  /**
   * Takes the handshakes of an HTTP server at `locations` (undefined: all). Returns what ends that. Throws WebSocketError
   * 'listen-failed' after `stopAccepting`, 'invalid-argument' for the `http` of a front door.
   */
  attach(http: HttpServer, locations: readonly string[] | undefined): () => void {
    if (this.#state !== 'open') throw new WebSocketError('listen-failed', { detail: 'the server was closed' })
    if (ownHttpServers.has(http)) {
      const detail = 'server.http has its handshakes taken already; attach to an HTTP server of your own'
      throw new WebSocketError('invalid-argument', { detail })
    }
    const takeAt = (served: readonly string[] | undefined) => {
      const context = this.#contextAt(http, served)
      return (message: IncomingMessage, stream: Duplex, head: Buffer) =>
        this.#open(likeOurs(stream), 'encrypted' in stream, context)?.take(message, head)
    }
    const remove = HttpUpgrades.of(http).add({
      wants: (path) => locations === undefined || (path !== null && locations.includes(path)),
      take: takeAt(locations),
      refuse: takeAt([])
    })
    const detach = () => {
      remove()
      this.#detachers.delete(detach)
    }
    this.#detachers.add(detach)
    return detach
  }

  /** Whether handshakes are under way that are decided. */
  get isOpening(): boolean {
    for (const opening of this.#context.openings) if (opening.isPending) return true
    return false
  }

  /**
   * Takes a stream as if it had been accepted. Resolves with its connection; rejects with WebSocketError. Throws WebSocketError
   * 'listen-failed' after `stopAccepting`.
   */
  accept(stream: Duplex): Promise<Connection<T>> {
    if (this.#state !== 'open') throw new WebSocketError('listen-failed', { detail: 'the server was closed' })
    return this.#tls === null || 'encrypted' in stream
      ? this.#openStream(stream)
      : this.#openSecurely(stream, this.#tls)
  }

  /** Listens no more; what has arrived may still open. */
  stopListening(): void {
    this.#state = 'draining'
    for (const detach of this.#detachers) detach()
    this.#listener?.close()
    this.#listener = null
    this.#http?.close()
  }

  /** Accepts nothing more, and drops the handshakes under way. */
  stopAccepting(): void {
    this.stopListening()
    this.#state = 'closed'
    for (const opening of [...this.#context.openings]) opening.destroy()
    this.#context.handshakeTimeouts.clear()
    this.#context.closeTimeouts.clear()
  }

  /** Resolves when the HTTP server has ended its responses; those that take longer than `graceMs` (0: no limit) are cut off. */
  async finishHttp(graceMs: number): Promise<void> {
    const http = this.#http
    const end = graceMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + graceMs
    while (http !== null && this.#httpStreams.size > 0 && performance.now() < end) {
      http.closeIdleConnections()
      await delay(HTTP_SWEEP_MS)
    }
    for (const stream of this.#httpStreams) stream.destroy()
  }

  /** Drops what is left when connections and responses have ended: TLS handshakes that are under way. */
  destroyRest(): void {
    for (const socket of this.#securedSockets) socket.destroy()
  }

  /** For what comes from an HTTP server of the application, which gets back what is no handshake. */
  #contextAt(http: HttpServer, locations: readonly string[] | undefined): OpeningContext<T> {
    return {
      ...this.#context,
      options: locations === undefined ? this.#options : { ...this.#options, locations },
      // That server reads the requests.
      expectsProxyHeader: () => false,
      wantsHttp: () => true,
      giveToHttp: (stream, bytes) => emitConnection(http, stream, bytes)
    }
  }

  #keepSecured(socket: Duplex): void {
    this.#securedSockets.add(socket)
    socket.on('close', () => this.#securedSockets.delete(socket))
  }

  async #openSecurely(stream: Duplex, tls: ServerTls): Promise<Connection<T>> {
    this.#keepSecured(stream)
    try {
      return await this.#openStream(await secure(stream, this.#options, tls))
    } catch (cause) {
      if (cause instanceof WebSocketError) throw cause
      throw new WebSocketError('connection-lost', { detail: `TLS: ${(cause as Error).message}`, cause })
    }
  }

  #openStream(stream: Duplex): Promise<Connection<T>> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: Connection<T> | WebSocketError) =>
        outcome instanceof WebSocketError ? reject(outcome) : resolve(outcome)
      const opening = this.#open(likeOurs(stream), 'encrypted' in stream, this.#context, settle)
      if (opening === null) reject(new WebSocketError('connection-lost', { detail: 'the server was closed' }))
      opening?.read()
      // Its former owner may have paused it.
      stream.resume()
    })
  }

  /** A TLS handshake or a request before this one may have ended only after the server stopped accepting. */
  #open(
    stream: Duplex,
    isSecure: boolean,
    context = this.#context,
    onsettled: OpeningCallback<T> | null = null
  ): Opening<T> | null {
    if (this.#state !== 'closed')
      return new Opening(context, isSecure, (opening) => new StreamArrival(stream, opening), onsettled)
    stream.destroy()
    return null
  }

  #openArrival(arrival: EngineArrival): void {
    const opening = new Opening(this.#context, false, (handler) => {
      arrival.handler = handler
      return arrival
    })
    if (this.#state === 'closed') opening.destroy()
  }

  #createHttp(): HttpServer {
    const { maxHeadBytes, maxHeaderCount } = this.#options
    const server = createHttpServer({ maxHeaderSize: maxHeadBytes })
    // Node.js drops what is beyond its limit: one more shows that there were too many.
    server.maxHeadersCount = maxHeaderCount + 1
    ownHttpServers.add(server)
    const pending = new PendingResponses(server)
    // A keep-alive connection may ask for an upgrade after other requests.
    server.on('upgrade', (message: IncomingMessage, stream: Duplex, head: Buffer) => {
      this.#httpStreams.delete(stream)
      // What is still to be written into it would stand between our frames.
      if (pending.has(stream)) stream.destroy()
      else this.#open(stream, 'encrypted' in stream)?.take(message, head)
    })
    // It never listens itself; this event is what starts its timeouts for slow requests.
    server.emit('listening')
    return server
  }

  #giveToHttp(stream: Duplex, bytes: Uint8Array): void {
    this.#httpStreams.add(stream)
    stream.on('close', () => this.#httpStreams.delete(stream))
    emitConnection(this.http, stream, bytes)
  }
}

/** Which peers must send a header of the PROXY protocol. `option`: checked before. */
function proxyHeaderPolicy(option: ResolvedOptions['proxyProtocol']): (address: string | null) => boolean {
  if (typeof option === 'boolean') return () => option
  const list = parseAddresses(option) as BlockList
  return (address) => includesAddress(list, address)
}

/** Has an HTTP server read a request from a stream, of which `bytes` were read already. */
function emitConnection(http: HttpServer, stream: Duplex, bytes: Uint8Array): void {
  stream.unshift(bytes)
  // To an https.Server 'connection' would mean that TLS is still to come.
  http.emit(http instanceof TlsServer ? 'secureConnection' : 'connection', stream)
  stream.resume()
}

/** Makes a stream that comes from elsewhere as our own listener's are: half open, without delay, without a time limit. */
function likeOurs(stream: Duplex): Duplex {
  stream.allowHalfOpen = true
  if (stream instanceof Socket) stream.setNoDelay(true).setTimeout(0)
  return stream
}
