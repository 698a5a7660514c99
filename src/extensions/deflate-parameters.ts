// Owns the reading of the parameters that both deflate extensions have: flags, and windows of 2^8 to 2^15 bytes.
// Must not know which parameters an extension has.
import type { ExtensionOffer, ExtensionParameter } from '../core/extension.js'

/** The widest window, which is meant where nothing is said. */
export const MOST_WINDOW_BITS = 15
export const LEAST_WINDOW_BITS = 8

/** What a parameter's value may be: none, a window, or either. */
export type ParameterKind = 'flag' | 'window-bits' | 'window-bits-or-flag'

/** The parameters of an offer or an answer by name: window bits, or true where there is no value. */
export type Parameters = ReadonlyMap<string, number | true>

/**
 * Reads the parameters. Returns null if one is unknown, comes twice or has a value that it must not have.
 * Source: RFC 7692 §7.1.
 */
export function readParameters(
  { parameters }: ExtensionOffer,
  kinds: ReadonlyMap<string, ParameterKind>
): Parameters | null {
  const read = new Map<string, number | true>()
  for (const { name, value } of parameters) {
    const kind = kinds.get(name)
    if (kind === undefined || read.has(name)) return null
    const meaning = readValue(kind, value)
    if (meaning === null) return null
    read.set(name, meaning)
  }
  return read
}

/** Returns the window that a parameter sets; undefined if it is not there or has no value. */
export function windowBitsOf(parameters: Parameters, name: string): number | undefined {
  const value = parameters.get(name)
  return typeof value === 'number' ? value : undefined
}

/** Makes the parameter that sets a window; without a value if there is none. */
export function windowParameter(name: string, windowBits: number | null): ExtensionParameter {
  return { name, value: windowBits === null ? null : String(windowBits) }
}

/** Makes a parameter without a value. */
export function flagParameter(name: string): ExtensionParameter {
  return { name, value: null }
}

function readValue(kind: ParameterKind, value: string | null): number | true | null {
  if (value === null) return kind === 'window-bits' ? null : true
  // A decimal integer without leading zeros (RFC 7692 §7.1.2.1).
  return kind !== 'flag' && /^(?:[89]|1[0-5])$/.test(value) ? Number(value) : null
}
