// Owns the options that concern open connections, whichever side began: meaning, unit, default, cost; their checks.
// Must not know servers or clients.
import { type Check, integer, listOf, MAX_TIMEOUT_MS, object, oneOf, refuseOption } from './checks.js'
import type { Extension } from './core/extension.js'
import { MAX_HEAD_BYTES, MAX_HEADER_COUNT } from './core/http-head.js'
import { DEFAULT_LIMITS } from './core/limits.js'
import { LOG_LEVELS, type Logger, type LogLevel } from './log.js'

/** What the options of servers and clients have in common. All have a default. */
export interface ConnectionOptions {
  /** Extensions: a server accepts them when a client offers them, a client offers them in this order. Default: none. */
  extensions?: readonly Extension[]
  /** How long to wait in ms for the peer's close frame, and then for the end of the transport; 0 waits for ever. Default 2 000. */
  closeTimeoutMs?: number
  /** Time between pings to each peer in ms; 0 sends none, and lost peers stay unnoticed. Default 30 000. */
  pingIntervalMs?: number
  /** How long a peer may give no sign of life after a ping, in ms; 0 waits for ever. Default 20 000. */
  pongTimeoutMs?: number
  /** Longest message in bytes. Default 64 MiB. Raising it: one peer may make the process hold that much. */
  maxMessageBytes?: number
  /** Longest frame in bytes. Default: as `maxMessageBytes`. */
  maxFrameBytes?: number
  /** Most frames of one message. Default 65 536. Raising it: more work per message. */
  maxFragments?: number
  /** Pings answered one by one while the answers wait to be sent; of more, the newest one is answered. Default 64. */
  maxUnansweredPings?: number
  /** Longest head of a request or a response in bytes. Default 16 KiB. Raising it: that much for each handshake under way. */
  maxHeadBytes?: number
  /** Most header fields of a request or a response. Default 100. */
  maxHeaderCount?: number
  /**
   * Send queue of a peer in bytes at or below which it is read again and `drained` resolves; above it `onslow: 'pause'` stops
   * reading as soon as the kernel refuses bytes. Default 64 KiB. Raising it: that much more memory per slow peer.
   */
  lowWatermarkBytes?: number
  /**
   * Send queue of a peer in bytes above which `onslow` applies, whether the kernel has refused any of it or not, and `send` returns
   * 'queued'. Default 1 MiB.
   */
  highWatermarkBytes?: number
  /**
   * Messages of more bytes are sent in frames of at most that many, unless `send` is given a `fragmentSize`; 0 sends each in one
   * frame. Default 0.
   */
  autoFragmentBytes?: number
  /** What is logged: 'silent', 'error', 'warn', 'info' or 'debug'. Default 'warn'. */
  logLevel?: LogLevel
  /** Where log lines go: anything with the methods error, warn, info and debug. Default: the standard error stream. */
  logger?: Logger
}

/** `ConnectionOptions` with their defaults filled in. */
export type ResolvedConnectionOptions = Required<Omit<ConnectionOptions, 'logger'>> &
  Pick<ConnectionOptions, 'logger'>

const atLeast = (lowest: number) => integer(lowest, Number.MAX_SAFE_INTEGER)

/** The checks of `ConnectionOptions`, for `checkOptions`. */
export const CONNECTION_CHECKS: { readonly [Name in keyof Required<ConnectionOptions>]: Check } = {
  extensions: listOf(isExtension, 'extensions'),
  closeTimeoutMs: integer(0, MAX_TIMEOUT_MS),
  pingIntervalMs: integer(0, MAX_TIMEOUT_MS),
  pongTimeoutMs: integer(0, MAX_TIMEOUT_MS),
  maxMessageBytes: atLeast(1),
  maxFrameBytes: atLeast(1),
  maxFragments: atLeast(1),
  maxUnansweredPings: atLeast(1),
  maxHeadBytes: integer(64, 2 ** 30),
  maxHeaderCount: integer(1, 2 ** 20),
  lowWatermarkBytes: atLeast(0),
  highWatermarkBytes: atLeast(1),
  autoFragmentBytes: atLeast(0),
  logLevel: oneOf(...LOG_LEVELS),
  logger: object
}

/** Fills in the defaults of checked options. Throws WebSocketError 'invalid-option' if the watermarks are the wrong way round. */
export function withConnectionDefaults<Options extends ConnectionOptions>(
  options: Options
): Options & ResolvedConnectionOptions {
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_LIMITS.maxMessageBytes
  const highWatermarkBytes = options.highWatermarkBytes ?? 1024 * 1024
  const lowWatermarkBytes = options.lowWatermarkBytes ?? Math.min(64 * 1024, highWatermarkBytes)
  if (lowWatermarkBytes > highWatermarkBytes) {
    refuseOption(
      `lowWatermarkBytes (${lowWatermarkBytes}) is above highWatermarkBytes (${highWatermarkBytes})`
    )
  }
  return {
    ...options,
    extensions: options.extensions ?? [],
    closeTimeoutMs: options.closeTimeoutMs ?? 2_000,
    pingIntervalMs: options.pingIntervalMs ?? 30_000,
    pongTimeoutMs: options.pongTimeoutMs ?? 20_000,
    maxMessageBytes,
    maxFrameBytes: options.maxFrameBytes ?? maxMessageBytes,
    maxFragments: options.maxFragments ?? DEFAULT_LIMITS.maxFragments,
    maxUnansweredPings: options.maxUnansweredPings ?? DEFAULT_LIMITS.maxUnansweredPings,
    maxHeadBytes: options.maxHeadBytes ?? MAX_HEAD_BYTES,
    maxHeaderCount: options.maxHeaderCount ?? MAX_HEADER_COUNT,
    lowWatermarkBytes,
    highWatermarkBytes,
    autoFragmentBytes: options.autoFragmentBytes ?? 0,
    logLevel: options.logLevel ?? 'warn'
  }
}

function isExtension(value: unknown): boolean {
  const { names, offers, accept, confirm } = Object(value) as Record<keyof Extension, unknown>
  return Array.isArray(names) && [offers, accept, confirm].every((hook) => typeof hook === 'function')
}
