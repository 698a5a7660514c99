// Owns an opening handshake from the URL to the connection: attempts, redirects, credentials, its time limit and its abort.
// Must not know what the connection is used for.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Timeouts } from '../clock.js'
import type { Connection } from '../connection.js'
import { type RefusalResponse, WebSocketError } from '../core/errors.js'
import type { ExtensionOffer } from '../core/extension.js'
import { listRequestFields, readResponse } from '../core/handshake-client.js'
import { acceptKey, makeKey } from '../core/handshake-key.js'
import type { ResponseHead } from '../core/http-head.js'
import type { Endpoint } from '../endpoint.js'
import { closeExtensions, confirmExtensions, offerExtensions } from '../extensions/negotiation.js'
import { environment } from '../kernels/index.js'
import { Attempt } from './attempt.js'
import { Authorization } from './authorization.js'
import type { ClientHandlers } from './handlers.js'
import type { ResolvedClientOptions } from './options.js'
import type { TlsSessions } from './tls-sessions.js'
import { isSameServer, parseUrl, resolveRedirect, type Target } from './url.js'

/** What an opening handshake is made of. */
export interface OpeningSettings<T> {
  readonly url: string | URL
  readonly options: ResolvedClientOptions
  readonly handlers: Pick<ClientHandlers<T>, 'onhandshake'>
  readonly data: T
  readonly signal: AbortSignal | null
  /** A stream to do the handshake over, with one request; null: sockets of its own. */
  readonly socket: Duplex | null
  readonly endpoint: Endpoint<T>
  readonly sessions: TlsSessions
  readonly timeouts: Timeouts<Cancellable>
  /** Openings put themselves in here when they begin, and out when they are over. */
  readonly openings: Set<Cancellable>
}

/** What time limits and those who close everything do to an opening. */
export interface Cancellable {
  /** The time is over. */
  expire(): void
  /** Nobody wants it any more. */
  abort(cause: unknown): void
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** What is for the URL's own server only, in lower case. */
const SECRET_HEADERS = new Set(['authorization', 'cookie', 'proxy-authorization'])

/** One opening handshake. */
export class Opening<T> implements Cancellable {
  readonly #settings: OpeningSettings<T>
  #attempt: Attempt | null = null
  /** Why it is over before its time; null: it is not. */
  #failure: WebSocketError | null = null

  constructor(settings: OpeningSettings<T>) {
    this.#settings = settings
  }

  /** Opens the connection. Rejects with WebSocketError; then no socket is left. */
  async run(): Promise<Connection<T>> {
    const { signal, timeouts, openings, socket } = this.#settings
    const onabort = () => this.abort(signal?.reason)
    if (signal?.aborted) onabort()
    timeouts.start(this)
    openings.add(this)
    signal?.addEventListener('abort', onabort)
    try {
      return await this.#open()
    } catch (error) {
      // Nobody else will listen to what it says when it ends.
      socket?.on('error', () => {}).destroy()
      throw error
    } finally {
      timeouts.stop(this)
      openings.delete(this)
      signal?.removeEventListener('abort', onabort)
    }
  }

  expire(): void {
    this.#cancel(new WebSocketError('handshake-timeout'), true)
  }

  abort(cause: unknown): void {
    this.#cancel(new WebSocketError('aborted', { cause }), false)
  }

  #cancel(error: WebSocketError, mayBePartial: boolean): void {
    this.#failure ??= error
    this.#attempt?.cancel(error, mayBePartial)
  }

  async #open(): Promise<Connection<T>> {
    const { url, options, socket } = this.#settings
    let target = parseUrl(url)
    let { headers } = options
    const auth = options.auth ?? target.credentials
    // What the application has written itself stays: it may know better.
    const isGiven = headers.some(([name]) => name.toLowerCase() === 'authorization')
    let authorization = auth === null || isGiven ? null : new Authorization(auth)
    for (let redirects = 0; ; ) {
      const request = this.#describe(target, headers, authorization)
      const answer = await this.#try(target, request.fields, authorization !== null)
      if ('socket' in answer) return this.#adopt(answer.head, answer.socket, answer.rest, request)
      const { response } = answer
      if (this.#isRedirect(response.status)) {
        if (++redirects > options.maxRedirects) {
          throw new WebSocketError('too-many-redirects', { detail: `${options.maxRedirects}`, response })
        }
        const next = resolveRedirect(target, response.headers.get('location'))
        if (!isSameServer(target, next)) {
          headers = headers.filter(([name]) => !SECRET_HEADERS.has(name.toLowerCase()))
          authorization = null
        }
        target = next
      } else if (
        response.status !== 401 ||
        socket !== null ||
        !authorization?.accept(response.headers.getAll('www-authenticate'))
      ) {
        throw unexpectedStatus(response)
      }
    }
  }

  #describe(
    target: Target,
    headers: ResolvedClientOptions['headers'],
    authorization: Authorization | null
  ): Request {
    const { protocols, extensions, origin = null } = this.#settings.options
    const key = makeKey(environment.randomBytes(16))
    const offers = offerExtensions(extensions)
    const credentials = authorization?.header(target.path) ?? null
    const own = credentials === null ? headers : [...headers, ['Authorization', credentials] as const]
    const request = {
      host: target.authority,
      target: target.path,
      key,
      protocols,
      extensions: offers,
      origin
    }
    return { key, offers, fields: listRequestFields({ ...request, headers: own }) }
  }

  async #try(target: Target, fields: Request['fields'], hasCredentials: boolean) {
    if (this.#failure !== null) throw this.#failure
    const { options, sessions, socket } = this.#settings
    const isAgain = (status: number) => status === 401 && hasCredentials && socket === null
    const wantsBody = (status: number) => !this.#isRedirect(status) && !isAgain(status)
    this.#attempt = new Attempt({ target, fields, options, sessions, socket, wantsBody })
    return this.#attempt.answer
  }

  #isRedirect(status: number): boolean {
    const { options, socket } = this.#settings
    return options.maxRedirects > 0 && socket === null && REDIRECTS.has(status)
  }

  #adopt(head: ResponseHead, socket: Duplex, rest: Uint8Array, request: Request): Connection<T> {
    const ignore = () => {}
    socket.on('error', ignore)
    try {
      if (this.#failure !== null) throw this.#failure
      if (socket.destroyed) throw new WebSocketError('connect-failed', { detail: 'the server went at once' })
      const connection = this.#accept(head, socket, rest, request)
      return connection
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      if (!socket.destroyed) socket.off('error', ignore)
    }
  }

  #accept(head: ResponseHead, socket: Duplex, rest: Uint8Array, request: Request): Connection<T> {
    const { options, handlers, data, endpoint } = this.#settings
    const expected = {
      acceptKey: acceptKey(request.key, environment.sha1),
      protocols: options.protocols,
      extensions: request.offers
    }
    const agreed = readResponse(head, expected)
    const extensions = confirmExtensions(agreed.extensions, options.extensions, environment)
    try {
      handlers.onhandshake({ ...agreed, headers: head.headers })
    } catch (cause) {
      closeExtensions(extensions)
      const detail = `onhandshake: ${cause instanceof Error ? cause.message : String(cause)}`
      throw new WebSocketError('handler-failed', { detail, cause })
    }
    // Half open, so that a close frame can still go out when the server has ended its side.
    socket.allowHalfOpen = true
    if (socket instanceof Socket) socket.setNoDelay(true).setTimeout(0)
    return endpoint.adopt(socket, { data, protocol: agreed.protocol, extensions, request: null, head: rest })
  }
}

/** One request, and what its answer is held against. */
interface Request {
  readonly key: string
  readonly offers: readonly ExtensionOffer[]
  readonly fields: readonly (readonly [string, string])[]
}

function unexpectedStatus(response: RefusalResponse): WebSocketError {
  const detail = `${response.status} ${response.reason}`.trimEnd()
  return new WebSocketError('unexpected-status', { detail, response })
}
