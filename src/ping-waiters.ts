// Owns those who wait for the pong that answers their ping. Must not know connections.
import type { CloseDetails } from './core/closing.js'
import { WebSocketError } from './core/errors.js'

interface Waiter {
  readonly payload: Uint8Array
  readonly sentAt: number
  readonly resolve: (roundTripMs: number) => void
  readonly reject: (error: Error) => void
}

/** Of one connection, in the order of their pings. */
export class PingWaiters {
  #waiters: Waiter[] = []

  /** Resolves with the time in ms until the pong comes. */
  wait(payload: Uint8Array): Promise<number> {
    const sentAt = performance.now()
    return new Promise((resolve, reject) => this.#waiters.push({ payload, sentAt, resolve, reject }))
  }

  /** A pong with this payload answers its ping and those before it. Source: RFC 6455 §5.5.3. */
  answer(payload: Uint8Array): void {
    const index = this.#waiters.findLastIndex((waiter) => Buffer.compare(waiter.payload, payload) === 0)
    const now = performance.now()
    for (const { sentAt, resolve } of this.#waiters.splice(0, index + 1)) resolve(now - sentAt)
  }

  /** No pong will come. */
  end({ cause }: CloseDetails): void {
    for (const { reject } of this.#waiters.splice(0)) reject(cause ?? new WebSocketError('not-open'))
  }
}
