// Owns the nonces of Digest on the server's side: made without being kept, and counted once they are used (RFC 7616 §3.4).
// Must not know requests. Time is an argument, of a clock that all who share a key agree on.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Used nonces whose counts are kept: about 200 bytes each. */
const MAX_COUNTED = 10_000
/** A nonce: when it was made, chance, and the signature of both. 36 bytes are 48 characters, without a spare bit. */
const TIME_BYTES = 6
const SIGNED_BYTES = 20
const BYTES = 36
const NONCE = /^[\w-]{48}$/

/** What became of a nonce. */
export type NonceState = 'fresh' | 'foreign' | 'expired' | 'replayed'

/**
 * Makes nonces and knows them again by their signature, so that those who only ask cost no memory. Of those that were used
 * rightly the last count is kept. When it has expired, or there are too many of them, the one used first is forgotten, and with it
 * every unused nonce that is as old: so none is taken twice, whatever happens. If the clock is set back behind those, time
 * stands still until it has caught up.
 */
export class Nonces {
  readonly #key: Uint8Array
  readonly #lifetimeMs: number
  readonly #maxCounted: number
  /** In the order of their first use. */
  readonly #counts = new Map<string, number>()
  /** Nonces that are not counted must have been made later than this. */
  #floorMs = 0

  constructor(key: Uint8Array, lifetimeMs: number, maxCounted = MAX_COUNTED) {
    this.#key = key
    this.#lifetimeMs = lifetimeMs
    this.#maxCounted = maxCounted
  }

  /** How many counts are kept. */
  get countedNonces(): number {
    return this.#counts.size
  }

  /** Makes one. `nowMs`: since 1970. */
  make(nowMs: number): string {
    const bytes = Buffer.alloc(BYTES)
    bytes.writeUIntBE(this.#notBefore(nowMs), 0, TIME_BYTES)
    randomBytes(SIGNED_BYTES - TIME_BYTES).copy(bytes, TIME_BYTES)
    this.#sign(bytes.subarray(0, SIGNED_BYTES)).copy(bytes, SIGNED_BYTES)
    return bytes.toString('base64url')
  }

  /** Tells whether an answer with this count may still come. */
  look(nonce: string, count: number, nowMs: number): NonceState {
    if (!NONCE.test(nonce)) return 'foreign'
    const bytes = Buffer.from(nonce, 'base64url')
    const signature = this.#sign(bytes.subarray(0, SIGNED_BYTES))
    if (!timingSafeEqual(signature, bytes.subarray(SIGNED_BYTES))) return 'foreign'
    // Nor one of the future: the clock was set back.
    if (Math.abs(this.#notBefore(nowMs) - timeOf(nonce)) > this.#lifetimeMs) return 'expired'
    const last = this.#counts.get(nonce)
    if (last === undefined) return timeOf(nonce) > this.#floorMs ? 'fresh' : 'expired'
    return count > last ? 'fresh' : 'replayed'
  }

  /** Looks, and if it is fresh takes the count: once only. For answers that are right. */
  use(nonce: string, count: number, nowMs: number): NonceState {
    const state = this.look(nonce, count, nowMs)
    if (state !== 'fresh') return state
    this.#counts.set(nonce, count)
    this.#forget(nowMs)
    return state
  }

  #forget(nowMs: number): void {
    for (const nonce of this.#counts.keys()) {
      const isOver = nowMs - timeOf(nonce) > this.#lifetimeMs
      if (!isOver && this.#counts.size <= this.#maxCounted) return
      this.#counts.delete(nonce)
      this.#floorMs = Math.max(this.#floorMs, timeOf(nonce))
    }
  }

  #notBefore(nowMs: number): number {
    return Math.max(nowMs, this.#floorMs + 1)
  }

  #sign(bytes: Uint8Array): Buffer {
    return createHmac('sha256', this.#key)
      .update(bytes)
      .digest()
      .subarray(0, BYTES - SIGNED_BYTES)
  }
}

function timeOf(nonce: string): number {
  return Buffer.from(nonce, 'base64url').readUIntBE(0, TIME_BYTES)
}
