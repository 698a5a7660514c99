// Owns those who wait for the pong that answers their ping. Must not know connections.
import type { CloseDetails } from './core/closing.js'
import { WebSocketError } from './core/errors.js'

interface Ping {
  readonly payload: Uint8Array
  readonly sentAt: number
  /** Null: nobody waits for its pong. */
  readonly waiter: { resolve(roundTripMs: number): void; reject(error: Error): void } | null
}

/** Of one connection, in the order of their pings. */
export class PingWaiters {
  #pings: Ping[] = []

  /** Resolves with the time in ms until the pong comes. */
  wait(payload: Uint8Array): Promise<number> {
    const sentAt = performance.now()
    return new Promise((resolve, reject) => {
      this.#pings.push({ payload, sentAt, waiter: { resolve, reject } })
    })
  }

  /** A ping was sent for whose pong nobody waits: that answers those before it, too. */
  note(payload: Uint8Array): void {
    // Of several in a row the last one says as much as all of them.
    if (this.#pings.at(-1)?.waiter === null) this.#pings.pop()
    if (this.#pings.length > 0) this.#pings.push({ payload, sentAt: 0, waiter: null })
  }

  /** A pong with this payload answers its ping and those before it. Source: RFC 6455 §5.5.3. */
  answer(payload: Uint8Array): void {
    const index = this.#pings.findLastIndex((ping) => Buffer.compare(ping.payload, payload) === 0)
    const now = performance.now()
    for (const { sentAt, waiter } of this.#pings.splice(0, index + 1)) waiter?.resolve(now - sentAt)
  }

  /** No pong will come. */
  end({ cause }: CloseDetails): void {
    for (const { waiter } of this.#pings.splice(0)) waiter?.reject(cause ?? new WebSocketError('not-open'))
  }
}
