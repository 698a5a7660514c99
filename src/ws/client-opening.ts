// Owns the opening handshake of a client as `ws` does it: the request by node:http, redirects, the check of the answer. Must not
// know what becomes of the connection.
import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp
} from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Environment } from '../core/environment.js'
import type { Extension, ExtensionOffer } from '../core/extension.js'
import { acceptKey, makeKey } from '../core/handshake-key.js'
import { formatExtensions, isToken, parseExtensions } from '../core/header-values.js'
import { confirmExtensions, offerExtensions } from '../extensions/negotiation.js'
import { readUrl, type Target } from './client-url.js'
import { createEndpoint } from './endpoint.js'
import { type ClientOptions, environmentOf, extensionsToOffer } from './options.js'
import type { Session } from './session.js'
import type { WebSocket } from './websocket.js'

const GIVEN_UP = 'WebSocket was closed before the connection was established'
const VERSIONS = [8, 13]
/** Headers that are for the host that they were meant for. */
const PRIVATE_HEADERS = ['authorization', 'cookie']

/** What the answer is held against. */
interface Expectation {
  readonly key: string
  readonly extensions: readonly Extension[]
}

/** One opening handshake, over all of its redirects. */
export class ClientOpening {
  readonly #websocket: WebSocket
  readonly #session: Session
  readonly #protocols: readonly string[]
  readonly #options: ClientOptions
  readonly #environment: Environment
  readonly #setUrl: (url: string) => void
  /** Names in lower case, where redirects may come. */
  #headers: Record<string, unknown>
  #auth: string | undefined
  #first: Target | null = null
  #redirectCount = 0
  /** The request under way. */
  #request: ClientRequest | null = null

  /** Throws SyntaxError and RangeError for protocols and versions that there are not. */
  constructor(
    websocket: WebSocket,
    session: Session,
    protocols: readonly string[],
    options: ClientOptions,
    setUrl: (url: string) => void
  ) {
    const { protocolVersion = 13 } = options
    if (!VERSIONS.includes(protocolVersion)) {
      throw new RangeError(
        `Unsupported protocol version: ${protocolVersion} (supported versions: ${VERSIONS.join(', ')})`
      )
    }
    const isSound = protocols.every((protocol) => typeof protocol === 'string' && isToken(protocol))
    if (!isSound || new Set(protocols).size < protocols.length)
      throw new SyntaxError('An invalid or duplicated subprotocol was specified')
    this.#websocket = websocket
    this.#session = session
    this.#protocols = protocols
    this.#options = options
    this.#environment = environmentOf(options)
    this.#setUrl = setUrl
    this.#headers = { ...options.headers }
    this.#auth = options.auth
    session.abort = () => this.#abort(GIVEN_UP)
    session.allowsSynchronousEvents = options.allowSynchronousEvents ?? true
  }

  /** Sends the first request. Throws SyntaxError for a URL that is none. */
  begin(address: string | URL): void {
    const target = readUrl(address)
    this.#setUrl(target.href)
    this.#first = target
    if (this.#options.followRedirects === true) {
      const entries = Object.entries(this.#headers).map(([name, value]) => [name.toLowerCase(), value])
      this.#headers = Object.fromEntries(entries) as Record<string, unknown>
    }
    this.#auth = target.auth ?? this.#auth
    this.#send(target)
  }

  #send(target: Target): void {
    const { finishRequest, followRedirects, handshakeTimeout } = this.#options
    const extensions = extensionsToOffer(this.#options.perMessageDeflate)
    const key = makeKey(this.#environment.randomBytes(16))
    const headers = { ...this.#headers, ...this.#fields(key, offerExtensions(extensions)) }
    const request = (target.isSecure ? requestHttps : requestHttp)({
      ...this.#options,
      createConnection:
        this.#options.createConnection ?? (target.isSecure ? connectSecurely : connectPlainly),
      method: 'GET',
      headers,
      auth: this.#auth,
      ...addressOf(target),
      timeout: handshakeTimeout
    } as RequestOptions)
    this.#request = request
    if (this.#redirectCount > 0) this.#session.emit('redirect', target.href, request)
    if (handshakeTimeout) request.on('timeout', () => this.#abort('Opening handshake has timed out'))
    request.on('error', (error) => this.#fail(request, error))
    request.on('response', (response) => {
      const { location } = response.headers
      const { statusCode = 0 } = response
      const isRedirect = location !== undefined && statusCode >= 300 && statusCode < 400
      if (isRedirect && followRedirects === true) this.#redirect(target, location)
      else if (!this.#session.emit('unexpected-response', request, response))
        this.#abort(`Unexpected server response: ${statusCode}`)
    })
    request.on('upgrade', (response, socket, head) => {
      this.#session.emit('upgrade', response)
      if (this.#request !== request) return
      this.#request = null
      const problem = this.#open(response, socket, head, { key, extensions })
      if (problem !== null) this.#refuse(socket, problem)
    })
    if (finishRequest === undefined) request.end()
    else finishRequest(request, this.#websocket)
  }

  /** The header fields of the handshake. */
  #fields(key: string, offers: readonly ExtensionOffer[]): Record<string, string | number> {
    const { origin, protocolVersion = 13 } = this.#options
    const originName = protocolVersion < 13 ? 'Sec-WebSocket-Origin' : 'Origin'
    return {
      'Sec-WebSocket-Version': protocolVersion,
      'Sec-WebSocket-Key': key,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      ...(offers.length > 0 && { 'Sec-WebSocket-Extensions': formatExtensions(offers)! }),
      ...(this.#protocols.length > 0 && { 'Sec-WebSocket-Protocol': this.#protocols.join(',') }),
      ...(origin && { [originName]: origin })
    }
  }

  #redirect(from: Target, location: string): void {
    const { maxRedirects = 10 } = this.#options
    if (++this.#redirectCount > maxRedirects) return this.#abort('Maximum redirects exceeded')
    this.#request?.destroy()
    this.#request = null
    let target: Target
    try {
      target = readUrl(resolve(location, from.href))
    } catch (error) {
      return this.#giveUp(error as Error)
    }
    this.#setUrl(target.href)
    this.#auth = target.auth ?? this.#auth
    this.#forget(target)
    try {
      this.#send(target)
    } catch (error) {
      // Where the server points, the program's agent may not go: that must not be an exception that nobody can catch.
      this.#giveUp(error as Error)
    }
  }

  #giveUp(error: Error): void {
    this.#session.abort = null
    this.#session.fail(error)
    this.#session.end(1006, Buffer.alloc(0))
  }

  /** What was meant for one host does not go to another, unless the program looks after that itself. */
  #forget(target: Target): void {
    const first = this.#first!
    const isSameHost = target.host === first.host
    const isSafe = isSameHost && (target.isSecure || !first.isSecure)
    if (isSafe || this.#websocket.listenerCount('redirect') > 0) return
    for (const name of PRIVATE_HEADERS) delete this.#headers[name]
    if (!isSameHost) delete this.#headers.host
    this.#auth = target.auth ?? undefined
  }

  /** Opens the connection if the answer is right; returns what is wrong otherwise. Source: RFC 6455 §4.1. */
  #open(response: IncomingMessage, socket: Duplex, head: Buffer, expected: Expectation): string | null {
    const { headers } = response
    const { upgrade, 'sec-websocket-protocol': protocol, 'sec-websocket-extensions': extensions } = headers
    if (upgrade?.toLowerCase() !== 'websocket') return 'Invalid Upgrade header'
    if (headers['sec-websocket-accept'] !== acceptKey(expected.key, this.#environment.sha1))
      return 'Invalid Sec-WebSocket-Accept header'
    if (protocol !== undefined && this.#protocols.length === 0)
      return 'Server sent a subprotocol but none was requested'
    if (protocol !== undefined && !this.#protocols.includes(protocol))
      return 'Server sent an invalid subprotocol'
    if (protocol === undefined && this.#protocols.length > 0) return 'Server sent no subprotocol'
    const answers = extensions === undefined ? [] : parseExtensions(extensions as string)
    if (answers === null) return 'Invalid Sec-WebSocket-Extensions header'
    if (answers.length > 0 && expected.extensions.length === 0)
      return 'Server sent a Sec-WebSocket-Extensions header but no extension was requested'
    if (answers.some(({ name }) => !expected.extensions.some((extension) => extension.names.includes(name))))
      return 'Server indicated an extension that was not requested'
    let negotiated: ReturnType<typeof confirmExtensions>
    try {
      negotiated = confirmExtensions(answers, expected.extensions, this.#environment)
    } catch {
      return 'Invalid Sec-WebSocket-Extensions header'
    }
    this.#session.abort = null
    const opened = { protocol: protocol ?? null, extensions: negotiated, request: null, head }
    this.#session.open(createEndpoint('client', this.#options, this.#environment), socket, opened)
    return null
  }

  /** The request, or what came of it, failed. */
  #fail(request: ClientRequest, error: Error): void {
    if (this.#request !== request) return
    this.#request = null
    this.#giveUp(error)
  }

  /** Gives up; the error comes in a later turn. */
  #abort(text: string): void {
    const error = new Error(text)
    const request = this.#request
    this.#request = null
    this.#session.abort = null
    this.#session.giveUp()
    request?.destroy()
    // A request whose response is there leaves its socket alone.
    request?.socket?.destroy()
    process.nextTick(() => this.#giveUp(error))
  }

  /** The answer is wrong. */
  #refuse(socket: Duplex, text: string): void {
    socket.on('error', () => {})
    socket.destroy()
    this.#abort(text)
  }
}

function resolve(location: string, base: string): URL {
  try {
    return new URL(location, base)
  } catch {
    throw new SyntaxError(`Invalid URL: ${location}`)
  }
}

function addressOf({ socketPath, hostname, port, path, isSecure }: Target) {
  const defaultPort = isSecure ? 443 : 80
  return {
    protocol: undefined,
    hostname: undefined,
    host: hostname,
    port,
    path,
    defaultPort,
    socketPath: socketPath ?? undefined
  }
}

/** For requests `path` is that of the URL, for sockets that of a file. */
function connectPlainly(options: NetConnectOpts & { socketPath?: string }): Socket {
  return connectTcp({ ...options, path: options.socketPath } as NetConnectOpts)
}

function connectSecurely(options: ConnectionOptions): Socket {
  const { servername, host = '' } = options
  const named = servername === undefined ? { servername: isIP(host) === 0 ? host : '' } : {}
  return connectTls({ ...options, ...named, path: undefined })
}
