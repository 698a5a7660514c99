// Owns one stream from its acceptance to the end of the opening handshake: it becomes a connection, goes to an HTTP
// server, or is refused. Must not know frames.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Timeouts } from '../clock.js'
import type { Connection } from '../connection.js'
import { increment } from '../core/counters.js'
import { type ErrorCode, WebSocketError } from '../core/errors.js'
import { acceptKey } from '../core/handshake-key.js'
import {
  chooseProtocol,
  encodeAccept,
  encodeRefusal,
  type HandshakeRequest,
  matchesLocation,
  type Refusal,
  readUpgrade
} from '../core/handshake-server.js'
import { HeaderFields } from '../core/header-fields.js'
import { HeadParser, REQUEST_LINE, type RequestHead, type RequestLine } from '../core/http-head.js'
import { isTrustedOrigin } from '../core/origin.js'
import { channels } from '../diagnostics.js'
import type { Endpoint } from '../endpoint.js'
import { acceptExtensions, closeExtensions } from '../extensions/negotiation.js'
import { environment } from '../kernels/index.js'
import type { Logger } from '../log.js'
import type { HandshakeOutcome } from '../metrics/server-metrics.js'
import { type ArrivalHandler, StreamArrival } from '../transport/arrival.js'
import type { EngineArrival } from '../transport/engine-arrival.js'
import type { Authenticator } from './auth.js'
import { type Acceptance, type HandshakeDecision, isRefusal } from './decision.js'
import type { ForwardedReader, Source } from './forwarded.js'
import type { ResolvedOptions } from './options.js'
import { rememberSource, takeSource } from './proxied-streams.js'
import { ProxyHeaderReader } from './proxy-header.js'
import { encodeWithoutUpgrade } from './replayed-request.js'

const NO_BYTES = new Uint8Array(0)

/** What all openings of one server share. */
export interface OpeningContext<T> {
  readonly options: ResolvedOptions
  readonly endpoint: Endpoint<T>
  readonly logger: Logger
  /** Openings that are under way, those that were refused and are about to end included. */
  readonly openings: Set<Opening<T>>
  readonly handshakeTimeouts: Timeouts<Opening<T>>
  /** For those that were refused: how long the peer may take to read the answer and go. */
  readonly closeTimeouts: Timeouts<Opening<T>>
  /** Null: everybody may connect. */
  readonly authenticator: Authenticator | null
  /** Null: no proxy is trusted. */
  readonly proxies: ForwardedReader | null
  /** Whether a peer must send a header of the PROXY protocol. */
  expectsProxyHeader(address: string | null): boolean
  onhandshake(request: HandshakeRequest): HandshakeDecision<T> | PromiseLike<HandshakeDecision<T>>
  /** Whether requests that are no handshakes have somewhere to go. */
  wantsHttp(): boolean
  /** Takes a stream whose request is no handshake. `bytes`: all that was read of it. */
  giveToHttp(stream: Duplex, bytes: Uint8Array): void
}

/** Told once how an opening ended: with a connection, or why not; in the latter case the stream is gone, or has gone to `server.http`. */
export type OpeningCallback<T> = (outcome: Connection<T> | WebSocketError) => void

/** One opening handshake. */
export class Opening<T> implements ArrivalHandler {
  /** Where it stands; 'identifying' waits for the header of a proxy, 'refused' for the peer to read the answer and go. */
  #state: 'identifying' | 'reading' | 'deciding' | 'refused' | 'over' = 'reading'
  readonly #context: OpeningContext<T>
  #arrival: StreamArrival | EngineArrival
  #parser: HeadParser<RequestLine> | null = null
  #proxyHeader: ProxyHeaderReader | null = null
  readonly #isSecure: boolean
  /** The client that a proxy speaks for; null: the peer is the client. */
  #remote: Source | null = null
  /** What was asked, once it is known. */
  #request: HandshakeRequest | null = null
  readonly #onsettled: OpeningCallback<T> | null
  /** Why there will be no connection; null: that is not known, or nobody wants to. */
  #failure: WebSocketError | null = null

  /** `arrive` makes the arrival with its handler. */
  constructor(
    context: OpeningContext<T>,
    isSecure: boolean,
    arrive: (handler: ArrivalHandler) => StreamArrival | EngineArrival,
    onsettled: OpeningCallback<T> | null = null
  ) {
    this.#context = context
    this.#onsettled = onsettled
    this.#isSecure = isSecure
    this.#arrival = arrive(this)
    if (context.expectsProxyHeader(this.#arrival.remoteAddress)) this.#state = 'identifying'
    context.openings.add(this)
    context.handshakeTimeouts.start(this)
  }

  /** Whether it takes one of the places that `maxConnections` counts. */
  get isPending(): boolean {
    return this.#state === 'deciding'
  }

  /** Reads the request. */
  read(): void {
    this.#arrival.read()
  }

  /** Takes a request that an HTTP server has read, and the bytes that came behind it. */
  take(message: IncomingMessage, rest: Uint8Array): void {
    const { method = '', url = '', httpVersion, rawHeaders } = message
    this.#remote = takeSource(message.socket)
    const { maxHeaderCount } = this.#context.options
    if (rawHeaders.length > 2 * maxHeaderCount) {
      const detail = `more than ${maxHeaderCount}`
      return this.#refuseFor(new WebSocketError('too-many-headers', { detail }), 431)
    }
    const head = { method, target: url, version: httpVersion, headers: new HeaderFields(rawHeaders) }
    this.#decide(head, rest, () => encodeWithoutUpgrade(message, rest))
  }

  /** Ends the opening because the time is over. */
  expire(): void {
    this.#log('handshake-timeout', `still ${this.#state}`)
    this.#refuse({ status: this.#state === 'deciding' ? 503 : 408 })
  }

  /** Drops what has arrived. */
  destroy(): void {
    this.#arrival.destroy()
  }

  /** @internal */
  handleBytes(chunk: Uint8Array): void {
    if (this.#state === 'identifying') return this.#readProxyHeader(chunk)
    const { maxHeadBytes, maxHeaderCount } = this.#context.options
    this.#parser ??= new HeadParser(REQUEST_LINE, { maxHeadBytes, maxHeaderCount }, environment.decodeLatin1)
    const parser = this.#parser
    try {
      const parsed = parser.push(chunk)
      if (parsed === null) return
      this.#arrival.stop()
      // The application may decide later; the chunk is valid until then only.
      const rest = parsed.rest.length === 0 ? NO_BYTES : new Uint8Array(parsed.rest)
      this.#decide(parsed.head, rest, () => new Uint8Array(parser.takeBytes()))
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      this.#refuseFor(error, error.code === 'malformed-request' ? 400 : 431)
    }
  }

  /** @internal Nobody waits for an answer on a stream that ended before its request was whole. */
  handleEnd(): void {
    this.destroy()
  }

  /** @internal */
  handleError(error: Error): void {
    this.#context.logger.debug(`handshake of ${this.#remoteAddress}: ${error.message}`)
  }

  /** @internal */
  handleClose(): void {
    // Whoever only looks whether somebody is there has not begun a handshake.
    if (this.#state === 'deciding' || (this.#state === 'reading' && this.#parser !== null))
      this.#conclude('lost', 'the client is gone')
    this.#end()
    const detail = 'the peer went amid the opening handshake'
    this.#onsettled?.(this.#failure ?? new WebSocketError('connection-lost', { detail }))
  }

  get #remoteAddress(): string | null {
    return this.#remote === null ? this.#arrival.remoteAddress : this.#remote.address
  }

  #readProxyHeader(chunk: Uint8Array): void {
    this.#proxyHeader ??= new ProxyHeaderReader()
    try {
      const header = this.#proxyHeader.push(chunk)
      if (header === null) return
      this.#proxyHeader = null
      this.#state = 'reading'
      if (header.client !== null) this.#remote = { ...header.client, host: null }
      if (header.rest.length > 0) this.handleBytes(header.rest)
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      // Whoever does not speak the proxy's protocol may not understand an answer of ours.
      this.#log(error.code, error.message)
      this.destroy()
    }
  }

  /** `takeRequest` gives the bytes of the request for an HTTP server, should it be no handshake. */
  #decide(head: RequestHead, rest: Uint8Array, takeRequest: () => Uint8Array): void {
    this.#state = 'deciding'
    const address = this.#arrival.remoteAddress
    const peer = this.#remote ?? { address, port: null, isSecure: this.#isSecure, host: null }
    const source = this.#context.proxies?.read(head.headers, peer) ?? peer
    const { isSecure, host } = source
    const transport = this.#arrival.facts
    const upgrade = readUpgrade(head, { remoteAddress: source.address, isSecure, host, transport })
    if (upgrade.kind === 'http') return this.#giveToHttp(takeRequest)
    if (source.address !== peer.address || source.port !== peer.port) this.#remote = source
    if (upgrade.kind === 'refused') return this.#refuseFor(upgrade.error, upgrade.status)
    const { request } = upgrade
    this.#request = request
    const { error, status } = this.#checkPolicy(request)
    if (error !== null) return this.#refuseFor(error, status)
    this.#authenticate(request, rest)
  }

  #giveToHttp(takeRequest: () => Uint8Array): void {
    this.#remember('malformed-request', 'it asks for no WebSocket')
    if (!this.#context.wantsHttp()) {
      return this.#refuse({ status: 426, body: 'This server speaks WebSocket only.\n' })
    }
    const bytes = takeRequest()
    const { stream } = this.#toStream()
    if (this.#remote !== null) rememberSource(stream, this.#remote)
    this.#end()
    this.#context.giveToHttp(stream, bytes)
    if (this.#failure !== null) this.#onsettled?.(this.#failure)
  }

  #checkPolicy(request: HandshakeRequest): { error: WebSocketError | null; status: number } {
    const { options, endpoint, openings } = this.#context
    const { path, origin, host, isSecure } = request
    if (!matchesLocation(path, options.locations)) {
      return { error: new WebSocketError('unknown-location', { detail: path }), status: 404 }
    }
    if (!isTrustedOrigin(origin, host, isSecure, options.trustedOrigins)) {
      const detail = `${origin} at host ${host}; the option trustedOrigins can allow it`
      return { error: new WebSocketError('untrusted-origin', { detail }), status: 403 }
    }
    // Counting is worth its while only where there is a limit.
    if (options.maxConnections !== Number.POSITIVE_INFINITY) {
      let count = endpoint.connections.size
      for (const opening of openings) if (opening.isPending) count++
      // This one is among the pending.
      if (count > options.maxConnections) {
        const detail = `${options.maxConnections}`
        return { error: new WebSocketError('too-many-connections', { detail }), status: 503 }
      }
    }
    return { error: null, status: 0 }
  }

  #authenticate(request: HandshakeRequest, rest: Uint8Array): void {
    const { authenticator } = this.#context
    if (authenticator === null) return this.#ask(request, rest)
    const authenticate = () => authenticator.authenticate(request)
    this.#await('auth', authenticate, (authentication) => {
      if (authentication.user === null) {
        return this.#deny(authentication.refusal, `auth: ${authentication.reason}`)
      }
      request.identify(authentication.user)
      this.#ask(request, rest)
    })
  }

  #ask(request: HandshakeRequest, rest: Uint8Array): void {
    const ask = () => this.#context.onhandshake(request)
    this.#await('onhandshake', ask, (decision) => this.#answer(request, rest, decision))
  }

  /** Asks the application, and goes on with what it says, unless this opening is over by then. */
  #await<Value>(who: string, ask: () => Value | PromiseLike<Value>, goOn: (value: Value) => void): void {
    const settle = (value: Value) => {
      // The time was over, or the client was lost while the application decided.
      if (this.#state !== 'deciding' || this.#arrival.isLost) return
      try {
        goOn(value)
      } catch (error) {
        // encodeAccept and encodeRefusal check what the application wants to send.
        this.#failHandler(who, error)
      }
    }
    try {
      const value = ask()
      // Whatever has a `then` is waited for: taken for a decision, a promise of another kind would accept everybody.
      if (isThenable(value)) value.then(settle, (error: unknown) => this.#failHandler(who, error))
      else settle(value)
    } catch (error) {
      this.#failHandler(who, error)
    }
  }

  #answer(request: HandshakeRequest, rest: Uint8Array, decision: HandshakeDecision<T>): void {
    if (!isRefusal(decision)) return this.#accept(request, rest, decision ?? {})
    this.#deny(decision, `status ${decision.status}`)
  }

  #deny(refusal: Refusal, detail: string): void {
    // What cannot be encoded is no denial, but a fault.
    encodeRefusal(refusal)
    this.#log('handshake-denied', detail)
    this.#refuse(refusal)
  }

  #accept(request: HandshakeRequest, rest: Uint8Array, acceptance: Acceptance<T>): void {
    const { options, endpoint } = this.#context
    const protocol = acceptance.protocol ?? null
    if (protocol !== null && !request.protocols.includes(protocol)) {
      const detail = `onhandshake chose the subprotocol "${protocol}", which the client did not offer`
      throw new WebSocketError('invalid-argument', { detail })
    }
    const chosen =
      acceptance.protocol === undefined ? chooseProtocol(request.protocols, options.protocols) : protocol
    const { answers, negotiated } = acceptExtensions(request.extensions, options.extensions, environment)
    const key = acceptKey(request.key, environment.sha1)
    const { headers = {} } = acceptance
    let response: Uint8Array
    try {
      response = encodeAccept({ acceptKey: key, protocol: chosen, extensions: answers, headers })
    } catch (error) {
      closeExtensions(negotiated)
      throw error
    }
    const arrival = this.#arrival
    this.#conclude('accepted', '')
    this.#end()
    const connection = endpoint.adopt(arrival instanceof StreamArrival ? arrival.stream : arrival, {
      data: acceptance.data as T,
      protocol: chosen,
      extensions: negotiated,
      request,
      response,
      head: rest,
      remote: this.#remote
    })
    this.#onsettled?.(connection)
  }

  #failHandler(who: string, cause: unknown): void {
    this.#remember('handler-failed', who, cause)
    const detail = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    this.#context.logger.error(`${who} failed, the client gets 500: ${detail}`)
    this.#conclude('handler-failed', detail)
    this.#refuse({ status: 500 })
  }

  #refuseFor(error: WebSocketError, status: number): void {
    this.#failure ??= error
    this.#log(error.code, error.message)
    // How the server is set up is nothing for strangers; what their request lacks, they may know.
    const isPolicy = status === 403 || status === 503
    this.#refuse(isPolicy ? { status } : { status, body: `${error.message}\n` })
  }

  #refuse(refusal: Refusal): void {
    if (this.#state === 'refused' || this.#state === 'over') return
    const response = encodeRefusal(refusal)
    this.#state = 'refused'
    this.#context.handshakeTimeouts.stop(this)
    this.#context.closeTimeouts.start(this)
    this.#toStream().finish(response)
  }

  /** What becomes no connection is a matter for streams. */
  #toStream(): StreamArrival {
    const arrival = this.#arrival.toStream()
    this.#arrival = arrival
    return arrival
  }

  #end(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#arrival.leave()
    this.#context.openings.delete(this)
    this.#context.handshakeTimeouts.stop(this)
    this.#context.closeTimeouts.stop(this)
  }

  /** For who waits for the outcome. */
  #remember(code: ErrorCode, detail: string, cause?: unknown): void {
    if (this.#onsettled !== null) this.#failure ??= new WebSocketError(code, { detail, cause })
  }

  /** Counts what became of the handshake, and tells who wants to know. */
  #conclude(outcome: HandshakeOutcome, detail: string): void {
    increment(this.#context.endpoint.counters.handshakes, outcome)
    if (!channels.handshake.hasSubscribers) return
    const remoteAddress = this.#remoteAddress
    channels.handshake.publish({ outcome, detail, remoteAddress, request: this.#request })
  }

  #log(code: ErrorCode, detail: string): void {
    this.#conclude(code, detail)
    this.#remember(code, detail)
    this.#context.logger.info(
      `refused a handshake of ${this.#remoteAddress ?? 'a local peer'} (${code}): ${detail}`
    )
  }
}

function isThenable<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof (value as PromiseLike<Value> | undefined)?.then === 'function'
}
