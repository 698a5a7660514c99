// Owns the options of backplanes. Must not know how they work.
import { type Check, callable, checkOptions, integer, MAX_TIMEOUT_MS, text } from '../checks.js'
import type { WebSocketError } from '../core/errors.js'
import type { BackplaneState } from './backplane.js'

/** Options of `redisBackplane`, `natsBackplane` and `memoryBackplane`. */
export interface BackplaneOptions {
  /** Begins the name of each channel: servers with another one know nothing of each other. Default 'hotsocket'. */
  prefix?: string
  /**
   * How often in ms a server tells the others that it is there, and asks the broker whether it is. One that was silent for three
   * times as long does not count any more. Default 5 000; lower finds out sooner, and costs each server a message of each other.
   */
  heartbeatMs?: number
  /** How long in ms the broker may take to answer until it counts as lost; after twice as long it is connected to anew. Default 5 000. */
  timeoutMs?: number
  /** How long in ms `count` and `disconnect` wait for other servers. Default 1 000. */
  answerTimeoutMs?: number
  /** What the broker has not confirmed, in bytes; publications beyond that are dropped. Default 16 MiB. */
  maxPendingBytes?: number
  /** Longest publication in bytes, going out and coming in. Default 16 MiB. Brokers have limits of their own: NATS' default is 1 MiB. */
  maxPublicationBytes?: number
  /** The state is another one. `cause`: of 'lost', a WebSocketError 'broker-lost'; otherwise null. Default: the server's log tells. */
  onstate?(state: BackplaneState, cause: WebSocketError | null): unknown
}

/** With the defaults filled in. */
export type ResolvedBackplaneOptions = Required<Omit<BackplaneOptions, 'onstate'>> &
  Pick<BackplaneOptions, 'onstate'>

const CHECKS: { readonly [Name in keyof Required<BackplaneOptions>]: Check } = {
  prefix: text,
  heartbeatMs: integer(10, MAX_TIMEOUT_MS / 3),
  timeoutMs: integer(10, MAX_TIMEOUT_MS / 2),
  answerTimeoutMs: integer(10, MAX_TIMEOUT_MS),
  maxPendingBytes: integer(1024, Number.MAX_SAFE_INTEGER),
  maxPublicationBytes: integer(1, 2 ** 31 - 1),
  onstate: callable
}

/** Checks options and fills in the defaults. Throws WebSocketError 'invalid-option', naming the first wrong one. */
export function resolveBackplaneOptions(options: BackplaneOptions): ResolvedBackplaneOptions {
  checkOptions(options, CHECKS)
  return {
    prefix: 'hotsocket',
    heartbeatMs: 5000,
    timeoutMs: 5000,
    answerTimeoutMs: 1000,
    maxPendingBytes: 16 * 1024 * 1024,
    maxPublicationBytes: 16 * 1024 * 1024,
    ...withoutUndefined(options)
  }
}

function withoutUndefined(options: BackplaneOptions): BackplaneOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
