// Owns the options of a graceful end, with their defaults and checks. Must not know how it goes.
import { type Check, checkOptions, integer, MAX_TIMEOUT_MS, refuseOption } from '../checks.js'
import { CloseCode, encodeClose } from '../core/closing.js'

/** Options of `AsyncServer.drain`, and of `WorkerGroup.restart` for each worker. */
export interface DrainOptions {
  /** How long in ms all clients together may take to leave; who is there then is dropped. 0 waits for ever. Default 30 000. */
  deadlineMs?: number
  /**
   * Over how much time in ms the clients are asked to leave, in an order left to chance, so that they do not all come back at the same
   * moment. At most `deadlineMs`. Default 5 000, or half of `deadlineMs` if that is less.
   */
  jitterMs?: number
  /** The close code that they get. Default 1012, "service restart". */
  code?: number
  /** The close reason, at most 123 bytes of UTF-8. Default ''. */
  reason?: string
}

/** Options of `AsyncServer.run`. */
export interface RunOptions {
  /** Has SIGTERM `drain` the server, with these options; SIGINT closes it. Default: both close it. */
  drain?: DrainOptions
}

/** What a graceful end came to. */
export interface DrainResult {
  /** Connections that were open at its beginning, or opened during it. */
  readonly clients: number
  /** How many of them left in order: both sides closed, and all that was queued was sent. */
  readonly left: number
  /** How many did not: lost, or dropped because they did not answer, or when the time was over. */
  readonly dropped: number
  /** Messages that were accepted for those, and are not known to be sent. */
  readonly unsentMessages: number
  readonly durationMs: number
}

/** Options with their defaults filled in. */
export type ResolvedDrainOptions = Required<DrainOptions>

const DEFAULT_DEADLINE_MS = 30_000
const DEFAULT_JITTER_MS = 5_000

const CHECKS: { readonly [Name in keyof DrainOptions]-?: Check } = {
  deadlineMs: integer(0, MAX_TIMEOUT_MS),
  jitterMs: integer(0, MAX_TIMEOUT_MS),
  // `encodeClose` says more.
  code: () => null,
  reason: () => null
}

/** Checks options and fills in the defaults. Throws WebSocketError 'invalid-option', and 'invalid-argument' for a code or reason that must not be sent. */
export function resolveDrainOptions(options: DrainOptions): ResolvedDrainOptions {
  checkOptions(options, CHECKS)
  const { deadlineMs = DEFAULT_DEADLINE_MS, code = CloseCode.SERVICE_RESTART, reason = '' } = options
  const most = deadlineMs === 0 ? Number.POSITIVE_INFINITY : deadlineMs
  const jitterMs = options.jitterMs ?? Math.min(DEFAULT_JITTER_MS, most / 2)
  if (jitterMs > most) refuseOption(`jitterMs (${jitterMs}) must be at most deadlineMs (${deadlineMs})`)
  encodeClose(code, reason)
  return { deadlineMs, jitterMs, code, reason }
}
