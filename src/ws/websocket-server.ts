// Owns the class WebSocketServer as programs written for `ws` know it. Must not know what connections do.
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
  STATUS_CODES
} from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Environment } from '../core/environment.js'
import type { Extension, ExtensionOffer, NegotiatedExtension } from '../core/extension.js'
import { acceptKey } from '../core/handshake-key.js'
import { formatExtensions, parseExtensions, parseUniqueTokens } from '../core/header-values.js'
import type { Endpoint } from '../endpoint.js'
import { acceptExtensions, closeExtensions } from '../extensions/negotiation.js'
import { createEndpoint } from './endpoint.js'
import { COMMON_DEFAULTS, environmentOf, extensionsOf } from './options.js'
import { findFault, refuse } from './refusal.js'
import type { RequestClass, ServerOptions, WebSocketClass } from './server-options.js'
import { isTaken, type Session } from './session.js'
import { TypedEmitter } from './typed-emitter.js'
import { sessionOf, WebSocket } from './websocket.js'

/** What the listeners of a server get. */
export interface ServerEventArguments<Client, Request> {
  close: []
  connection: [websocket: Client, request: Request]
  error: [error: Error]
  headers: [headers: string[], request: Request]
  listening: []
  wsClientError: [error: Error, socket: Duplex, request: Request]
}

const DEFAULTS = {
  ...COMMON_DEFAULTS,
  backlog: null,
  clientTracking: true,
  handleProtocols: null,
  host: null,
  noServer: false,
  path: null,
  perMessageDeflate: false,
  port: null,
  server: null,
  verifyClient: null,
  WebSocket
}

/** A server with the interface of the class of that name in the package `ws`; docs/FROM-WS.md tells what differs. */
export class WebSocketServer<
  Client extends WebSocketClass = WebSocketClass,
  Request extends RequestClass = RequestClass
> extends TypedEmitter<ServerEventArguments<InstanceType<Client>, InstanceType<Request>>> {
  /** The options, with defaults. */
  options: ServerOptions<Client, Request>
  /** The option `path`. */
  path: string
  /** The open clients; undefined without `clientTracking`. */
  clients: Set<InstanceType<Client>>
  #state: 'running' | 'closing' | 'closed' = 'running'
  #http: HttpServer | HttpsServer | null = null
  /** Takes our listeners off the HTTP server. */
  #leave: (() => void) | null = null
  #closesWithLast = false
  readonly #keeper = { forget: (client: WebSocket) => this.#forget(client) }
  readonly #endpoint: Endpoint<Session>
  readonly #environment: Environment
  readonly #extensions: readonly Extension[]

  /** `callback`: called when the server listens. Throws TypeError unless one of `port`, `server` and `noServer` is given. */
  constructor(options: ServerOptions<Client, Request> = {}, callback?: () => void) {
    super()
    const given = { ...DEFAULTS, ...options } as unknown as ServerOptions<Client, Request>
    const { port, server, noServer } = given
    if ([port != null, server != null && Boolean(server), noServer === true].filter(Boolean).length !== 1) {
      throw new TypeError('One and only one of the "port", "server", or "noServer" options must be specified')
    }
    this.options = given
    this.path = given.path ?? ''
    this.clients = (given.clientTracking ? new Set() : undefined) as Set<InstanceType<Client>>
    this.#environment = environmentOf({ skipUTF8Validation: given.skipUTF8Validation })
    this.#extensions = extensionsOf(given.perMessageDeflate)
    this.#endpoint = createEndpoint('server', given, this.#environment)
    if (port != null) {
      this.#attach(createServer(answerUpgradeRequired))
      const { host, backlog } = given
      this.#http!.listen(
        { port, ...(host != null && { host }), ...(backlog != null && { backlog }) },
        callback
      )
    } else if (server) {
      this.#attach(server as HttpServer)
    }
  }

  /** Where the server listens: an object, or the path of a unix socket; null: nowhere. Throws Error in the mode `noServer`. */
  address(): AddressInfo | string | null {
    if (this.options.noServer) throw new Error('The server is operating in "noServer" mode')
    return this.#http?.address() ?? null
  }

  /**
   * Accepts nothing more. Clients stay connected, and 'close' is emitted when the last one is gone; with `noServer` or `server`
   * and without `clientTracking`, at once. `callback`: a listener for 'close'; it gets an error if the server was closed before.
   */
  close(callback?: (error?: Error) => void): void {
    if (this.#state === 'closed') {
      if (callback !== undefined) this.once('close', () => callback(new Error('The server is not running')))
      process.nextTick(() => this.#emitClose())
      return
    }
    if (callback !== undefined) this.once('close', callback)
    if (this.#state === 'closing') return
    this.#state = 'closing'
    const http = this.#http
    this.#leave?.()
    this.#leave = this.#http = null
    const isOwn = this.options.port != null
    // Its end waits for all connections, ours among them.
    if (isOwn) http!.close(() => this.#emitClose())
    else if (this.clients?.size > 0) this.#closesWithLast = true
    else process.nextTick(() => this.#emitClose())
  }

  /** Whether a request is for this server; to be overridden. By default: whether it has the path of the option `path`. */
  shouldHandle(request: InstanceType<Request>): boolean | Promise<boolean> {
    const { path } = this.options
    return !path || request.url?.split('?', 1)[0] === path
  }

  /**
   * Answers an upgrade request: `callback` gets the client, unless the request is refused. `socket` and `head`: as of the event
   * 'upgrade' of an HTTP server. Throws Error if the socket was upgraded before.
   */
  handleUpgrade(
    request: InstanceType<Request>,
    socket: Duplex,
    head: Buffer,
    callback: (client: InstanceType<Client>, request: InstanceType<Request>) => void
  ): void {
    const destroy = () => socket.destroy()
    socket.on('error', destroy)
    const fault = findFault(request)
    if (fault !== null) return this.#refuse(request, socket, fault.status, fault.text, fault.headers)
    if (!this.shouldHandle(request)) return refuse(socket, 400)
    const list = request.headers['sec-websocket-extensions'] as string | undefined
    const offers = list === undefined || this.#extensions.length === 0 ? [] : parseExtensions(list)
    if (offers === null)
      return this.#refuse(request, socket, 400, 'Invalid or unacceptable Sec-WebSocket-Extensions header')
    const complete = () => {
      socket.off('error', destroy)
      this.#complete(request, socket, head, offers, callback)
    }
    this.#verify(request, socket, complete)
  }

  #verify(request: InstanceType<Request>, socket: Duplex, accept: () => void): void {
    const { verifyClient } = this.options
    if (!verifyClient) return accept()
    const { headers } = request
    const originName = Number(headers['sec-websocket-version']) === 8 ? 'sec-websocket-origin' : 'origin'
    const { authorized, encrypted } = request.socket as { authorized?: boolean; encrypted?: boolean }
    const info = {
      origin: headers[originName] as string,
      secure: authorized === true || encrypted === true,
      req: request
    }
    if (verifyClient.length < 2) {
      const isAccepted = (verifyClient as (about: typeof info) => boolean).call(this.options, info)
      if (isAccepted) accept()
      else refuse(socket, 401)
      return
    }
    verifyClient.call(this.options, info, (isAccepted, status = 401, text, answer) => {
      if (isAccepted) accept()
      else refuse(socket, status || 401, text || undefined, answer)
    })
  }

  #complete(
    request: InstanceType<Request>,
    socket: Duplex,
    head: Buffer,
    offers: readonly ExtensionOffer[],
    callback: (client: InstanceType<Client>, request: InstanceType<Request>) => void
  ): void {
    // The client has gone already.
    if (!socket.readable || !socket.writable) {
      socket.destroy()
      return
    }
    if (isTaken(socket)) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration'
      )
    }
    if (this.#state !== 'running') return refuse(socket, 503)
    const client = this.#open(request, socket, head, offers)
    callback(client, request)
  }

  #open(
    request: InstanceType<Request>,
    socket: Duplex,
    head: Buffer,
    offers: readonly ExtensionOffer[]
  ): InstanceType<Client> {
    const { WebSocket: Class, allowSynchronousEvents } = this.options
    try {
      const client = new Class!(null, undefined, this.options) as InstanceType<Client>
      const session = sessionOf(client)
      session.allowsSynchronousEvents = allowSynchronousEvents ?? true
      const protocol = this.#chooseProtocol(request)
      const { answers, negotiated } = acceptExtensions(offers, this.#extensions, this.#environment)
      const response = this.#respond(request, protocol, answers, negotiated)
      const opened = { protocol, extensions: negotiated, request: null, response, head }
      session.open(this.#endpoint, socket, opened)
      if (this.options.clientTracking) {
        session.keeper = this.#keeper
        this.clients.add(client)
      }
      return client
    } catch (error) {
      // The program's, whose process may go on: nobody has the socket any more.
      socket.destroy()
      throw error
    }
  }

  #chooseProtocol(request: InstanceType<Request>): string | null {
    const list = request.headers['sec-websocket-protocol']
    const offered = new Set(list === undefined ? [] : parseUniqueTokens(list))
    if (offered.size === 0) return null
    const { handleProtocols } = this.options
    const chosen = handleProtocols ? handleProtocols.call(this.options, offered, request) : [...offered][0]
    return chosen || null
  }

  /** The bytes of the answer, to which listeners may add lines. */
  #respond(
    request: InstanceType<Request>,
    protocol: string | null,
    answers: readonly ExtensionOffer[],
    negotiated: readonly NegotiatedExtension[]
  ): Uint8Array {
    const key = acceptKey(request.headers['sec-websocket-key']!, this.#environment.sha1)
    const headers = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${key}`
    ]
    if (protocol !== null) headers.push(`Sec-WebSocket-Protocol: ${protocol}`)
    if (answers.length > 0) headers.push(`Sec-WebSocket-Extensions: ${formatExtensions(answers)}`)
    try {
      this.#emit('headers', headers, request)
    } catch (error) {
      closeExtensions(negotiated)
      throw error
    }
    return Buffer.from(`${headers.join('\r\n')}\r\n\r\n`, 'latin1')
  }

  #forget(client: WebSocket): void {
    this.clients.delete(client as InstanceType<Client>)
    if (this.#closesWithLast && this.clients.size === 0) process.nextTick(() => this.#emitClose())
  }

  #refuse(
    request: InstanceType<Request>,
    socket: Duplex,
    status: number,
    text: string,
    headers?: OutgoingHttpHeaders
  ): void {
    if (!this.#emit('wsClientError', new Error(text), socket, request)) refuse(socket, status, text, headers)
  }

  #attach(http: HttpServer | HttpsServer): void {
    this.#http = http
    const onlistening = () => this.#emit('listening')
    const onerror = (error: Error) => this.#emit('error', error)
    const onupgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.handleUpgrade(request as InstanceType<Request>, socket, head, (client, about) =>
        this.#emit('connection', client, about)
      )
    http.on('listening', onlistening).on('error', onerror).on('upgrade', onupgrade)
    this.#leave = () => {
      http.off('listening', onlistening).off('error', onerror).off('upgrade', onupgrade)
    }
  }

  #emitClose(): void {
    this.#state = 'closed'
    this.#emit('close')
  }

  /** The types of the arguments depend on parameters of ours. */
  #emit(name: keyof ServerEventArguments<unknown, unknown>, ...parameters: unknown[]): boolean {
    return (this as unknown as NodeJS.EventEmitter).emit(name, ...parameters)
  }
}

function answerUpgradeRequired(_request: IncomingMessage, response: ServerResponse): void {
  const body = STATUS_CODES[426]!
  response.writeHead(426, { 'Content-Length': body.length, 'Content-Type': 'text/plain' })
  response.end(body)
}
