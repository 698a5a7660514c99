// Owns the options of connections that are opened again: meaning, unit, default; and the check that names the wrong one.
import {
  type Check,
  callable,
  checkOptions,
  integer,
  MAX_TIMEOUT_MS,
  oneOf,
  refuseOption
} from '../checks.js'
import type { Connection } from '../connection.js'
import type { CloseDetails } from '../core/closing.js'
import type { WebSocketError } from '../core/errors.js'
import type { Message } from '../core/message.js'
import type { ConnectOptions } from './agent.js'

/** Why there is no connection: one was over, or an attempt came to nothing. */
export interface Outage {
  /** How the connection ended; null: none was open. */
  readonly details: CloseDetails | null
  /** Why the attempt failed, or the connection's end was not clean; null if it was. */
  readonly error: WebSocketError | null
}

/** What is about to be tried again. */
export interface Retry extends Outage {
  /** Failures in a row, from 1. */
  readonly failureCount: number
  /** When it is tried, in ms from now. */
  readonly delayMs: number
}

/** What `connectPersistently` has besides the options of `connect`. */
export interface ReconnectOptions<T = undefined> {
  /** Opens one connection. Default: `connect`; to share an agent, `(url, options) => agent.connect(url, options)`. */
  connect?: (url: string | URL, options: ConnectOptions<T>) => Promise<Connection<T>>
  /** Most delay in ms before the first new attempt; it doubles with each failure, and a random part of it is waited. Default 500. */
  minDelayMs?: number
  /** Most delay in ms before any attempt. Default 30 000. */
  maxDelayMs?: number
  /** A connection that was open for so long, in ms, makes delays and attempts count anew. Default 10 000. */
  stableAfterMs?: number
  /** Failures in a row after which it gives up; 0: never. Default 0. */
  maxAttempts?: number
  /**
   * Whether to try again. Default: after every end, unless the attempt failed with an argument or option that is wrong, or
   * with a status 4xx other than 408, 425 and 429.
   */
  shouldRetry?: (outage: Outage) => boolean
  /** What becomes of messages sent while there is no connection: 'queue' keeps them for the next one, 'drop' does not. Default 'queue'. */
  outbox?: 'queue' | 'drop'
  /** Payload bytes that wait at most; what does not fit is dropped. Default 1 MiB. Raising it: that much memory per client that is cut off. */
  maxOutboxBytes?: number
  /** There is no connection; it is tried again. */
  onretry?: (retry: Retry) => unknown
  /** It is not tried again, and over: 'gave-up', whose `cause` is the last failure. */
  ongiveup?: (error: WebSocketError) => unknown
  /** A message was dropped before any connection had it; `send` returned 'dropped', or the end came while it waited. */
  ondropped?: (message: Message, reason: WebSocketError) => unknown
}

/** `ReconnectOptions` with defaults. */
export type ResolvedReconnectOptions<T> = Required<Omit<ReconnectOptions<T>, 'connect'>>

const CHECKS: { readonly [Name in keyof Required<ReconnectOptions>]: Check } = {
  connect: callable,
  minDelayMs: integer(0, MAX_TIMEOUT_MS),
  maxDelayMs: integer(0, MAX_TIMEOUT_MS),
  stableAfterMs: integer(0, MAX_TIMEOUT_MS),
  maxAttempts: integer(0, Number.MAX_SAFE_INTEGER),
  shouldRetry: callable,
  outbox: oneOf('queue', 'drop'),
  maxOutboxBytes: integer(0, Number.MAX_SAFE_INTEGER),
  onretry: callable,
  ongiveup: callable,
  ondropped: callable
}

/** The names of `ReconnectOptions`. */
export const RECONNECT_NAMES = Object.keys(CHECKS) as (keyof ReconnectOptions)[]

/** Checks options and fills in the defaults. Throws WebSocketError 'invalid-option', naming the first wrong one. */
export function resolveReconnectOptions<T>(options: ReconnectOptions<T>): ResolvedReconnectOptions<T> {
  checkOptions(options, CHECKS)
  const { minDelayMs = 500, maxDelayMs = 30_000 } = options
  if (minDelayMs > maxDelayMs) refuseOption(`minDelayMs (${minDelayMs}) is above maxDelayMs (${maxDelayMs})`)
  return {
    minDelayMs,
    maxDelayMs,
    stableAfterMs: options.stableAfterMs ?? 10_000,
    maxAttempts: options.maxAttempts ?? 0,
    shouldRetry: options.shouldRetry ?? (({ error }) => error === null || !isPermanent(error)),
    outbox: options.outbox ?? 'queue',
    maxOutboxBytes: options.maxOutboxBytes ?? 1024 * 1024,
    onretry: options.onretry ?? ignore,
    ongiveup: options.ongiveup ?? ignore,
    ondropped: options.ondropped ?? ignore
  }
}

const WRONG_USE = new Set(['invalid-url', 'invalid-option', 'invalid-argument'])
/** Statuses 4xx that ask for another attempt: Request Timeout, Too Early, Too Many Requests. */
const PASSING = new Set([408, 425, 429])

/** Whether another attempt would end in the same way. */
function isPermanent({ code, response }: WebSocketError): boolean {
  if (WRONG_USE.has(code)) return true
  const status = code === 'unexpected-status' && response !== null ? response.status : 0
  return status >= 400 && status < 500 && !PASSING.has(status)
}

function ignore(): void {}
