// Owns what comes to a server's port: accepted streams become connections, go to the HTTP server, or are refused.
// Must not know handlers other than `onhandshake`, nor what connections do.
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { Timeouts } from '../clock.js'
import type { Endpoint } from '../endpoint.js'
import type { Logger } from '../log.js'
import { listen } from './listener.js'
import { Opening, type OpeningContext } from './opening.js'
import type { ResolvedOptions } from './options.js'

/** Accepts streams for one endpoint. */
export class FrontDoor<T> {
  readonly #options: ResolvedOptions
  readonly #logger: Logger
  readonly #context: OpeningContext<T>
  /** Streams that the HTTP server has. */
  readonly #httpStreams = new Set<Duplex>()
  #listener: NetServer | null = null
  #http: HttpServer | null = null

  constructor(
    options: ResolvedOptions,
    logger: Logger,
    endpoint: Endpoint<T>,
    onhandshake: OpeningContext<T>['onhandshake']
  ) {
    this.#options = options
    this.#logger = logger
    this.#context = {
      options,
      endpoint,
      logger,
      onhandshake,
      openings: new Set(),
      handshakeTimeouts: new Timeouts(options.handshakeTimeoutMs, (opening: Opening<T>) => opening.expire()),
      wantsHttp: () => this.#http !== null,
      giveToHttp: (stream, bytes) => this.#giveToHttp(stream, bytes)
    }
  }

  /** The port it listens at; null unless it listens at one. */
  get port(): number | null {
    const address = this.#listener?.address() ?? null
    return address === null || typeof address === 'string' ? null : (address satisfies AddressInfo).port
  }

  /** Gets the requests that are no handshakes; made when it is first asked for. */
  get http(): HttpServer {
    this.#http ??= this.#createHttp()
    return this.#http
  }

  /** Begins to listen. Rejects with WebSocketError 'listen-failed'. */
  async listen(): Promise<void> {
    this.#listener = await listen(this.#options, this.#logger, (stream, isSecure) => {
      new Opening(this.#context, stream, isSecure).read()
    })
  }

  /** Accepts nothing more, and drops the handshakes under way. */
  stopAccepting(): void {
    this.#listener?.close()
    this.#http?.close()
    for (const opening of [...this.#context.openings]) opening.destroy()
    this.#context.handshakeTimeouts.clear()
  }

  /** Resolves when the HTTP server has ended its responses; those that take longer than `graceMs` are cut off. */
  async finishHttp(graceMs: number): Promise<void> {
    this.#http?.closeIdleConnections()
    if (this.#httpStreams.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs)
        const check = () => {
          if (this.#httpStreams.size > 0) return
          clearTimeout(timer)
          resolve()
        }
        for (const stream of this.#httpStreams) stream.on('close', check)
      })
    }
    for (const stream of this.#httpStreams) stream.destroy()
  }

  #createHttp(): HttpServer {
    const server = createHttpServer()
    // A keep-alive connection may ask for an upgrade after other requests.
    server.on('upgrade', (message: IncomingMessage, stream: Duplex, head: Buffer) => {
      this.#httpStreams.delete(stream)
      new Opening(this.#context, stream, 'encrypted' in stream).take(message, head)
    })
    // It never listens itself; this event is what starts its timeouts for slow requests.
    server.emit('listening')
    return server
  }

  #giveToHttp(stream: Duplex, bytes: Uint8Array): void {
    this.#httpStreams.add(stream)
    stream.on('close', () => this.#httpStreams.delete(stream))
    stream.unshift(bytes)
    this.http.emit('connection', stream)
    stream.resume()
  }
}
