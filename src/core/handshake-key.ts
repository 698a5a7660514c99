// Owns Sec-WebSocket-Key and what is derived from it. Hash and randomness are the caller's.
import { WebSocketError } from './errors.js'
import { decodeLatin1 } from './latin1.js'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** 128 bits: 21 digits of six, one of two (its low four bits zero: A, Q, g or w), padding. */
const CANONICAL_KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** Computes the SHA-1 of an ASCII text, in base64. */
export type Sha1 = (text: string) => string

/** Makes a key of 16 fresh random bytes. Throws 'invalid-argument' for another length. Source: RFC 6455 §4.1. */
export function makeKey(randomBytes: Uint8Array): string {
  if (randomBytes.length !== 16) {
    throw new WebSocketError('invalid-argument', { detail: `a key has 16 bytes, not ${randomBytes.length}` })
  }
  return btoa(decodeLatin1(randomBytes))
}

/** Tells whether the text is 16 bytes in canonical base64. Source: RFC 6455 §4.2.1. */
export function isKey(text: string): boolean {
  return CANONICAL_KEY.test(text)
}

/** Computes the Sec-WebSocket-Accept that answers a key. Source: RFC 6455 §4.2.2. */
export function acceptKey(key: string, sha1: Sha1): string {
  return sha1(key + GUID)
}
