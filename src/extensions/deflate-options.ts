// Owns the options that both deflate extensions have: meaning, unit, default, cost; and the check that names the wrong one.
import { WebSocketError } from '../core/errors.js'
import type { ExtensionData } from '../core/extension.js'
import { describe } from '../core/message.js'
import { LEAST_WINDOW_BITS, MOST_WINDOW_BITS } from './deflate-parameters.js'

/** How much an extension compresses, and what it may cost. */
export interface DeflateOptions {
  /**
   * zlib's compression level, 0-9. Default: 6 for payloads up to 4 KiB and wherever the window is kept, 2 for longer ones,
   * which takes a third to a half of the time and yields 4 to 9 % more bytes of JSON.
   */
  level?: number
  /** zlib's memLevel, 1-9. Default: 8 for payloads over 4 KiB, else 6; 5 where the window is kept. Memory: 2^(memLevel+9) bytes. */
  memLevel?: number
  /** Payloads below so many bytes are sent as they are. Default 256: of fewer there is little to be saved. */
  thresholdBytes?: number
  /**
   * Says whether a message (or a frame) of at least `thresholdBytes` is compressed, where `send` was not told. An exception
   * fails the connection with 1011. Default: all are.
   */
  compress?: (data: ExtensionData) => boolean
  /**
   * Most memory in bytes for windows that are kept from message to message, over all connections of this object: 110 to 140 KiB
   * each by default. It is set aside when a connection opens, and taken at its first use; beyond it a server agrees with new
   * clients that none are kept. Default 128 MiB. Clients count theirs, without a limit.
   */
  maxContextBytes?: number
}

/** The same with defaults; null: chosen by the payload. */
export interface ResolvedDeflateOptions {
  readonly level: number | null
  readonly memLevel: number | null
  readonly thresholdBytes: number
  readonly compress: ((data: ExtensionData) => boolean) | null
  readonly maxContextBytes: number
}

/** Returns what a value must be, or null if it is that. */
export type Check = (value: unknown) => string | null

const CHECKS = {
  level: integer(0, 9),
  memLevel: integer(1, 9),
  thresholdBytes: integer(0, Number.MAX_SAFE_INTEGER),
  compress: (value: unknown) => (typeof value === 'function' ? null : 'a function'),
  maxContextBytes: integer(0, Number.MAX_SAFE_INTEGER)
} satisfies Record<keyof DeflateOptions, Check>

export const isWindowBits: Check = integer(LEAST_WINDOW_BITS, MOST_WINDOW_BITS)
export const isBoolean: Check = (value) => (typeof value === 'boolean' ? null : 'true or false')

/**
 * Checks options, those of `more` among them, and fills in the defaults. Throws WebSocketError 'invalid-option', naming
 * the first wrong one.
 */
export function resolveDeflateOptions(
  name: string,
  options: DeflateOptions,
  more: Readonly<Record<string, Check>>
): ResolvedDeflateOptions {
  const checks: Readonly<Record<string, Check>> = { ...CHECKS, ...more }
  for (const [option, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, option) ? checks[option] : undefined
    if (check === undefined)
      fail(`${name} has no option "${option}"; there are ${Object.keys(checks).join(', ')}`)
    const expected = value === undefined ? null : check(value)
    if (expected !== null) fail(`${name}: ${option} must be ${expected}, not ${describe(value)}`)
  }
  return {
    level: options.level ?? null,
    memLevel: options.memLevel ?? null,
    thresholdBytes: options.thresholdBytes ?? 256,
    compress: options.compress ?? null,
    maxContextBytes: options.maxContextBytes ?? 128 * 1024 * 1024
  }
}

function integer(lowest: number, highest: number): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= lowest && (value as number) <= highest
      ? null
      : `an integer from ${lowest} to ${highest}`
}

function fail(detail: string): never {
  throw new WebSocketError('invalid-option', { detail })
}
