// Owns what Basic and Digest share on the server's side: the realm, text out of headers, comparing secrets.
// Must not know either scheme.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Check, refuseOption } from '../checks.js'
import { WebSocketError } from '../core/errors.js'
import { describe } from '../core/message.js'

/** Checks a realm: it stands in a header, between quotes. */
export const realm: Check = (value) =>
  typeof value === 'string' && /^[\x20-\x7e]+$/.test(value) ? null : 'printable ASCII, one character at least'

/** Checks for a function, without a word of what is there instead: it may be a password. */
export function lookup(name: string): Check {
  return (value) => (typeof value === 'function' ? null : refuseOption(`${name} must be a function`))
}

/** Whether text can be no password, nor a name: RFC 7617 §2 allows no control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
const CONTROL = /[\0-\x1f\x7f]/

/** Decodes UTF-8 without control characters; null for anything else. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return CONTROL.test(text) ? null : text
  } catch (error) {
    // What TextDecoder throws for bytes that are no UTF-8.
    if (error instanceof TypeError) return null
    throw error
  }
}

/** Of no use but to make digests that nobody else can compute. */
const comparisonKey = randomBytes(32)

/** Tells whether two secrets are equal, in a time that depends on their lengths only. */
export function equalSecrets(one: string, other: string): boolean {
  const digest = (text: string) => createHmac('sha256', comparisonKey).update(text, 'utf8').digest()
  return timingSafeEqual(digest(one), digest(other))
}

/** Throws WebSocketError 'invalid-argument' for what a function of the application returned; never names a secret. */
export function refuseResult(what: string, expected: string, value: unknown): never {
  const shown = typeof value === 'string' ? 'another string' : describe(value)
  throw new WebSocketError('invalid-argument', { detail: `${what} must return ${expected}, not ${shown}` })
}
