// Owns a connection that is opened again whenever it is lost: the attempts, the delays between them, what waits meanwhile.
// Must not know how a connection is opened.
import { splitHandlers } from '../checks.js'
import type { Connection } from '../connection.js'
import { HANDLER_NAMES } from '../connection-settings.js'
import { ReadyState, type SendOptions, type SendStatus } from '../connection-status.js'
import { CloseCode, type CloseDetails, encodeClose } from '../core/closing.js'
import { WebSocketError } from '../core/errors.js'
import { type Sendable, toMessage } from '../core/message.js'
import { callHandler } from '../handler-calls.js'
import { createLogger, type Logger } from '../log.js'
import { refuseCallback } from '../receipts.js'
import type { ConnectOptions } from './agent.js'
import { Backoff } from './backoff.js'
import { connect } from './connect.js'
import { resolveClientOptions } from './options.js'
import { Outbox, type Waiting } from './outbox.js'
import {
  type Outage,
  RECONNECT_NAMES,
  type ReconnectOptions,
  type ResolvedReconnectOptions,
  resolveReconnectOptions
} from './persistent-options.js'
import { parseUrl } from './url.js'

/** Options of `connectPersistently`. */
export type PersistentOptions<T = undefined> = ConnectOptions<T> & ReconnectOptions<T>

/** Where to connect: a URL, or a function that is asked before each attempt, for a token that changes, say. */
export type UrlSource = string | URL | (() => string | URL | Promise<string | URL>)

/** Time and chance, for tests. */
export interface Chance {
  /** Calls back after so many ms; returns what prevents it. */
  later(callback: () => void, delayMs: number): () => void
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** At least 0 and less than 1. */
  random(): number
}

const realChance: Chance = {
  later(callback, delayMs) {
    // It keeps the process alive: while it waits nothing else may.
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
  now: () => performance.now(),
  random: () => Math.random()
}

/**
 * Keeps one connection open: begins at once, and whenever it is lost, or cannot be opened, tries again after a delay that
 * grows. Handlers of `connect` are called for each connection anew. Throws WebSocketError 'invalid-url' and 'invalid-option'.
 *
 * @example
 * const persistent = connectPersistently('wss://example.com/feed', {
 *   onopen: (connection) => connection.send('subscribe'),
 *   onmessage: (connection, message) => console.log(message.payload),
 *   onretry: ({ delayMs, error }) => console.log(`again in ${delayMs} ms: ${error?.message}`)
 * })
 */
export function connectPersistently<T = undefined>(
  url: UrlSource,
  options: PersistentOptions<T> = {}
): PersistentConnection<T> {
  return new PersistentConnection<T>(url, options)
}

/** A connection that is opened again whenever it is lost; made by `connectPersistently`. */
export class PersistentConnection<T = undefined> {
  readonly #url: UrlSource
  readonly #options: ResolvedReconnectOptions<T>
  readonly #connectOptions: ConnectOptions<T>
  readonly #connect: NonNullable<ReconnectOptions<T>['connect']>
  readonly #logger: Logger
  readonly #chance: Chance
  readonly #backoff: Backoff
  readonly #outbox: Outbox
  /** Aborts the attempt under way. */
  readonly #abort = new AbortController()
  #connection: Connection<T> | null = null
  #state: 'connecting' | 'open' | 'waiting' | 'closed' = 'connecting'
  #openedAt = 0
  #cancelTimer: () => void = () => {}
  readonly #leaveSignal: () => void
  #onclosed: () => void = () => {}
  readonly #closed = new Promise<void>((resolve) => {
    this.#onclosed = resolve
  })

  /** @internal `chance`: for tests. */
  constructor(url: UrlSource, options: PersistentOptions<T>, chance: Chance = realChance) {
    const [reconnect, own] = splitOptions(options)
    const [handlers, { data: _, signal, ...clientOptions }] = splitHandlers(own, HANDLER_NAMES)
    const { logLevel, logger, headers } = resolveClientOptions(clientOptions)
    if (typeof url !== 'function') parseUrl(url)
    this.#url = url
    this.#options = resolveReconnectOptions(reconnect)
    this.#connect = reconnect.connect ?? connect
    this.#logger = createLogger(logLevel, logger)
    // The headers as they were read: what iterates may do so only once.
    this.#connectOptions = {
      ...own,
      headers,
      signal: this.#abort.signal,
      // Nobody calls `recv` on connections that come and go.
      onmessage: handlers.onmessage ?? (() => undefined),
      onopen: (connection) => {
        if (!this.#open(connection)) return undefined
        try {
          return handlers.onopen?.(connection)
        } finally {
          this.#flush(connection)
        }
      },
      onclose: (connection, code, reason, details) => {
        // The application hears of the end first, then of what follows from it.
        queueMicrotask(() => this.#lose({ details, error: details.cause }))
        return handlers.onclose?.(connection, code, reason, details)
      }
    }
    this.#chance = chance
    this.#backoff = new Backoff(this.#options, chance.random)
    this.#outbox = new Outbox(this.#options.outbox === 'queue' ? this.#options.maxOutboxBytes : 0)
    const onabort = () => void this.close(CloseCode.GOING_AWAY)
    signal?.addEventListener('abort', onabort)
    this.#leaveSignal = () => signal?.removeEventListener('abort', onabort)
    if (signal?.aborted) onabort()
    else void this.#attempt()
  }

  /** The connection that is open; null while there is none. */
  get connection(): Connection<T> | null {
    return this.#connection
  }

  /** 'connecting': an attempt is under way. 'waiting': for the next one. 'closed': it is over for good. */
  get state(): 'connecting' | 'open' | 'waiting' | 'closed' {
    return this.#state
  }

  /** Bytes that wait to be sent: of the open connection, or in the outbox. */
  get bufferedAmount(): number {
    return this.#connection?.bufferedAmount ?? this.#outbox.byteLength
  }

  /**
   * Sends as `Connection.send` does, if there is a connection. If not, the message waits in the outbox ('queued'; bytes are
   * copied), or is 'dropped', as `outbox` and `maxOutboxBytes` say. A message that a connection had accepted, and did not send
   * before it was lost, is not sent again: `onunsent` gets it. Throws WebSocketError 'invalid-argument'.
   */
  send(message: Sendable, options?: SendOptions): SendStatus {
    // One that closes sends nothing more: what comes now is for the next one.
    if (this.#connection?.readyState === ReadyState.OPEN) return this.#connection.send(message, options)
    if (this.#state !== 'closed' && this.#outbox.add(message, options)) return 'queued'
    const reason = new WebSocketError(this.#state === 'closed' ? 'not-open' : 'outbox-full')
    this.#drop({ message: toMessage(message), options }, reason)
    return 'dropped'
  }

  /**
   * Ends it for good: closes the connection, or stops trying; what is in the outbox is dropped. Resolves when it is over.
   * `code` and `reason`: as of `Connection.close`.
   */
  async close(code: number = CloseCode.NORMAL, reason = ''): Promise<void> {
    encodeClose(code, reason)
    if (this.#state === 'closed') return this.#closed
    const connection = this.#connection
    this.#end(new WebSocketError('not-open'))
    if (connection !== null) await connection.close(code, reason)
    this.#onclosed()
  }

  /** Resolves when it is over for good: after `close`, or when it gave up. It never rejects. */
  closed(): Promise<void> {
    return this.#closed
  }

  async #attempt(): Promise<void> {
    this.#state = 'connecting'
    try {
      const url = typeof this.#url === 'function' ? await this.#url() : this.#url
      if (this.#isOver()) return
      await this.#connect(url, this.#connectOptions)
    } catch (cause) {
      const error =
        cause instanceof WebSocketError
          ? cause
          : new WebSocketError('connect-failed', { detail: String(cause), cause })
      this.#lose({ details: null, error })
    }
  }

  /** Asked anew behind an await, where the compiler believes to know. */
  #isOver(): boolean {
    return this.#state === 'closed'
  }

  /** Returns false if it came too late. */
  #open(connection: Connection<T>): boolean {
    if (this.#state === 'closed') {
      void connection.close(CloseCode.GOING_AWAY)
      return false
    }
    this.#connection = connection
    this.#state = 'open'
    this.#openedAt = this.#chance.now()
    return true
  }

  #flush(connection: Connection<T>): void {
    for (const waiting of this.#outbox.take()) {
      const { message, options } = waiting
      if (connection.send(message, options) === 'dropped') this.#tell(waiting, new WebSocketError('not-open'))
    }
  }

  #lose(outage: Outage): void {
    this.#connection = null
    if (this.#state === 'closed') return
    const wasOpen = outage.details !== null
    if (wasOpen && this.#chance.now() - this.#openedAt >= this.#options.stableAfterMs) this.#backoff.reset()
    const delayMs = this.#backoff.fail()
    const { maxAttempts } = this.#options
    const { failures: failureCount } = this.#backoff
    if ((maxAttempts > 0 && failureCount >= maxAttempts) || !this.#mayRetry(outage)) {
      this.#giveUp(outage)
      return
    }
    this.#state = 'waiting'
    this.#cancelTimer = this.#chance.later(() => void this.#attempt(), delayMs)
    this.#call(() => this.#options.onretry({ ...outage, failureCount, delayMs }))
  }

  #mayRetry(outage: Outage): boolean {
    try {
      return this.#options.shouldRetry(outage)
    } catch (error) {
      this.#logger.error(`shouldRetry failed: ${String(error)}`)
      return false
    }
  }

  #giveUp({ details, error }: Outage): void {
    const cause = error ?? details
    const detail = error?.message ?? `closed with ${(details as CloseDetails).code}`
    const reason = new WebSocketError('gave-up', { detail, cause })
    this.#end(reason)
    this.#call(() => this.#options.ongiveup(reason))
    this.#onclosed()
  }

  #end(reason: WebSocketError): void {
    this.#state = 'closed'
    this.#cancelTimer()
    this.#leaveSignal()
    this.#abort.abort(reason)
    for (const waiting of this.#outbox.take()) this.#drop(waiting, reason)
  }

  /** Tells of a message that no connection has had. */
  #drop(waiting: Waiting, reason: WebSocketError): void {
    const callback = waiting.options?.sent
    if (callback !== undefined) refuseCallback(this.#caller, callback, reason)
    this.#tell(waiting, reason)
  }

  #tell({ message }: Waiting, reason: WebSocketError): void {
    this.#call(() => this.#options.ondropped(message, reason))
  }

  readonly #caller = {
    failHandler: (cause: unknown) => this.#logger.error(`a handler failed: ${String(cause)}`)
  }

  #call(handler: () => unknown): void {
    callHandler(this.#caller, handler)
  }
}

function splitOptions<T>(options: PersistentOptions<T>): [ReconnectOptions<T>, ConnectOptions<T>] {
  const reconnect: Record<string, unknown> = {}
  const own: Record<string, unknown> = { ...options }
  for (const name of RECONNECT_NAMES) {
    if (own[name] !== undefined) reconnect[name] = own[name]
    delete own[name]
  }
  return [reconnect as ReconnectOptions<T>, own as ConnectOptions<T>]
}
