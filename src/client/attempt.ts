// Owns one request of an opening handshake over HTTP/1.1, from its socket to the server's answer. Must not know what answers
// mean: redirects, credentials and the check of a 101 are opening.ts's.
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect as connectTcp, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { type RefusalResponse, WebSocketError } from '../core/errors.js'
import { HeaderFields } from '../core/header-fields.js'
import type { ResponseHead } from '../core/http-head.js'
import type { ResolvedClientOptions } from './options.js'
import type { TlsSessions } from './tls-sessions.js'
import type { Target } from './url.js'

/** What a server answered: a 101, with the socket that is the client's now; or anything else, whose socket is gone. */
export type Answer =
  | { readonly head: ResponseHead; readonly socket: Duplex; readonly rest: Uint8Array }
  | { readonly response: RefusalResponse }

/** What an attempt is made of. */
export interface AttemptSettings {
  readonly target: Target
  /** All header fields of the request. */
  readonly fields: readonly (readonly [string, string])[]
  readonly options: ResolvedClientOptions
  readonly sessions: TlsSessions
  /** The stream to send it over; null: a socket is made. */
  readonly socket: Duplex | null
  /** Whether the body of an answer is of interest. */
  readonly wantsBody: (status: number) => boolean
}

/** One request. */
export class Attempt {
  /** Rejects with WebSocketError; then the socket is gone, or going. */
  readonly answer: Promise<Answer>
  readonly #settings: AttemptSettings
  #resolve: (answer: Answer) => void = () => {}
  #reject: (error: WebSocketError) => void = () => {}
  #request: ClientRequest | null = null
  /** Its own, or one that was given; that of an agent belongs to the agent. */
  #socket: Duplex | null = null
  /** The answer's head, and what has come of its body. */
  #message: IncomingMessage | null = null
  readonly #body: Buffer[] = []
  #bodyLength = 0
  #isOver = false

  constructor(settings: AttemptSettings) {
    this.#settings = settings
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    try {
      this.#request = this.#send()
    } catch (cause) {
      // Node.js throws at once for what does not go together, such as an http.Agent with wss:.
      this.#fail(cause as Error)
    }
  }

  /** Ends it: with what is there of a refusal if `mayBePartial`, otherwise with `error`. */
  cancel(error: WebSocketError, mayBePartial: boolean): void {
    if (mayBePartial && this.#message !== null) this.#refuse()
    else this.#fail(error)
  }

  #send(): ClientRequest {
    const { target, fields, options } = this.#settings
    const { agent, tls = {} } = options
    const request = (target.isSecure ? requestHttps : requestHttp)({
      ...(target.isSecure ? tls : {}),
      ...addressOf(target, options),
      method: 'GET',
      path: target.path,
      headers: groupFields(fields),
      maxHeaderSize: options.maxHeadBytes,
      insecureHTTPParser: false,
      ...(agent === undefined ? { createConnection: () => this.#connect() } : { agent })
    })
    // Node.js drops what is beyond its limit: one more shows that there were too many.
    request.maxHeadersCount = options.maxHeaderCount + 1
    request.on('upgrade', (message, socket, rest) => this.#upgrade(message, socket, rest))
    request.on('response', (message) => this.#respond(message))
    // Once there is a refusal, what is told of its message counts: its body may end behind the request.
    request.on('error', (error) => this.#message ?? this.#fail(error))
    request.on('close', () => this.#message ?? this.#fail(new Error('the request was closed')))
    request.end()
    return request
  }

  #connect(): Duplex {
    const { target, options, sessions, socket: given } = this.#settings
    if (given?.destroyed) {
      throw new WebSocketError('connect-failed', { detail: 'the socket that was given is destroyed' })
    }
    const address = addressOf(target, options)
    // The types of `connect` ask for either a port or a path, and `addressOf` gives one of them.
    if (!target.isSecure) {
      this.#socket = given ?? connectTcp(address as { path: string })
      return this.#socket
    }
    const session = sessions.find(target, options.tls)
    const isNamed = target.socketPath === null && isIP(target.host) === 0
    const tlsOptions = {
      ALPNProtocols: ['http/1.1'],
      ...(isNamed && { servername: target.host }),
      ...(session && { session }),
      ...options.tls,
      ...(given === null ? (address as { path: string }) : { socket: given })
    }
    try {
      const socket = connectTls(tlsOptions)
      sessions.keep(socket, target, options.tls)
      this.#socket = socket
      return socket
    } catch (cause) {
      // Keys, certificates or cipher lists that OpenSSL cannot read.
      throw new WebSocketError('invalid-option', { detail: `tls: ${(cause as Error).message}`, cause })
    }
  }

  #upgrade(message: IncomingMessage, socket: Duplex, rest: Uint8Array): void {
    const { maxHeaderCount } = this.#settings.options
    if (message.rawHeaders.length > 2 * maxHeaderCount) this.#failFor(tooManyHeaders(maxHeaderCount), socket)
    else this.#succeed({ head: headOf(message), socket, rest })
  }

  #succeed(answer: Answer & { readonly socket: Duplex }): void {
    if (this.#isOver) {
      answer.socket.destroy()
      return
    }
    this.#isOver = true
    this.#resolve(answer)
  }

  #respond(message: IncomingMessage): void {
    // One without Upgrade and Connection is a response like any other to Node.js.
    if (message.statusCode === 101) return this.#upgrade(message, message.socket, NO_BYTES)
    this.#message = message
    const { maxBodyBytes, maxHeaderCount } = this.#settings.options
    message.on('error', () => this.#refuse())
    if (message.rawHeaders.length > 2 * maxHeaderCount) this.#fail(tooManyHeaders(maxHeaderCount))
    else if (maxBodyBytes === 0 || !this.#settings.wantsBody(message.statusCode!)) this.#refuse()
    else {
      message.on('data', (chunk: Buffer) => {
        this.#body.push(chunk)
        this.#bodyLength += chunk.length
        if (this.#bodyLength >= maxBodyBytes) this.#refuse()
      })
      message.on('close', () => this.#refuse())
    }
  }

  #refuse(): void {
    if (this.#isOver) return
    this.#isOver = true
    const message = this.#message!
    const { status, reason, headers } = headOf(message)
    const body = Buffer.concat(this.#body).subarray(0, this.#settings.options.maxBodyBytes)
    this.#resolve({ response: { status, reason, headers, body } })
    this.#destroy()
  }

  #fail(error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reject(this.#explain(error))
    this.#destroy()
  }

  #destroy(): void {
    this.#request?.destroy()
    // When a response has ended, a request leaves its socket to the other side's manners.
    this.#socket?.destroy()
  }

  #failFor(error: WebSocketError, socket: Duplex): void {
    socket.destroy()
    this.#fail(error)
  }

  /** Tells in our own words what Node.js says. */
  #explain(cause: NodeJS.ErrnoException): WebSocketError {
    if (cause instanceof WebSocketError) return cause
    const { target, options, sessions } = this.#settings
    const { code = '', message } = cause
    if (code === 'HPE_HEADER_OVERFLOW') {
      return new WebSocketError('head-too-big', { detail: `more than ${options.maxHeadBytes} bytes`, cause })
    }
    if (code.startsWith('HPE_')) return new WebSocketError('malformed-response', { detail: message, cause })
    if (/^ERR_(?:INVALID_|OSSL_|MISSING_ARGS|TLS_INVALID_)/.test(code) && this.#request === null) {
      return new WebSocketError('invalid-option', { detail: message, cause })
    }
    sessions.drop(target, options.tls)
    const why = WHY.get(code) ?? message
    const detail = `${target.origin}: ${why}${code === '' || why.includes(code) ? '' : ` (${code})`}`
    return new WebSocketError('connect-failed', { detail, cause })
  }
}

const NO_BYTES = new Uint8Array(0)

/** What the codes of Node.js mean for somebody who wanted to connect; of others its message is shown. */
const WHY: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ECONNRESET', 'the server ended the connection before it answered'],
  ['ENOTFOUND', 'there is no such name'],
  ['EAI_AGAIN', 'the name cannot be resolved now'],
  ['ENOENT', 'there is no such socket'],
  ['EACCES', 'this needs rights that the process has not'],
  ['ETIMEDOUT', 'no answer came'],
  ['EHOSTUNREACH', 'there is no way to this host'],
  ['ENETUNREACH', 'there is no way to this network']
])

function addressOf(target: Target, options: ResolvedClientOptions) {
  const { host, port, socketPath } = target
  // `socketPath` is for requests, `path` for sockets; a request's own path is set behind this.
  if (socketPath !== null) return { socketPath, path: socketPath }
  const { family, localAddress, localPort, lookup } = options
  return {
    host,
    port,
    noDelay: true,
    ...(family !== 0 && { family }),
    ...(localAddress !== undefined && { localAddress }),
    ...(localPort !== 0 && { localPort }),
    ...(lookup !== undefined && { lookup })
  }
}

/** Repeated fields as lists: agents for proxies change the headers of a request, which needs them as an object. */
function groupFields(fields: AttemptSettings['fields']): Record<string, string | string[]> {
  const grouped: Record<string, string | string[]> = Object.create(null)
  const spellings = new Map<string, string>()
  for (const [name, value] of fields) {
    const spelling = spellings.get(name.toLowerCase()) ?? name
    spellings.set(name.toLowerCase(), spelling)
    const before = grouped[spelling]
    grouped[spelling] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  }
  return grouped
}

function headOf({ httpVersion, statusCode, statusMessage, rawHeaders }: IncomingMessage): ResponseHead {
  return {
    version: httpVersion,
    status: statusCode ?? 0,
    reason: statusMessage ?? '',
    headers: new HeaderFields(rawHeaders)
  }
}

function tooManyHeaders(limit: number): WebSocketError {
  return new WebSocketError('too-many-headers', { detail: `more than ${limit}` })
}
