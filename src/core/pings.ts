// Owns the pings that wait for their pong, and the pongs that wait to be sent. Must not know frames or timers.
import { WebSocketError } from './errors.js'
import { MAX_CONTROL_BYTES } from './header.js'

interface SentPing {
  readonly payload: Uint8Array
  readonly sentAt: number
}

/** Remembers sent pings, in order, to tell round-trip times. */
export class SentPings {
  readonly #maxCount: number
  #pings: SentPing[] = []

  /** `maxCount`: of more unanswered pings the oldest are forgotten. */
  constructor(maxCount: number) {
    this.#maxCount = maxCount
  }

  /** Whether no ping waits. */
  get isEmpty(): boolean {
    return this.#pings.length === 0
  }

  /** Remembers a ping sent at `now` (milliseconds). */
  add(payload: Uint8Array, now: number): void {
    this.#pings.push({ payload, sentAt: now })
    if (this.#pings.length > this.#maxCount) this.#pings.shift()
  }

  /**
   * Matches a pong to the newest ping with its payload; that one and all before it count as answered. Returns the
   * round-trip time in milliseconds, or null for an unsolicited pong. Source: RFC 6455 §5.5.3.
   */
  answer(payload: Uint8Array, now: number): number | null {
    for (let index = this.#pings.length - 1; index >= 0; index--) {
      const ping = this.#pings[index]!
      if (equalBytes(ping.payload, payload)) {
        this.#pings.splice(0, index + 1)
        return now - ping.sentAt
      }
    }
    return null
  }
}

/** The pongs of one connection that wait in its output. */
export interface Pongs {
  /** Pongs written since the output was last seen empty. */
  count: number
  /** The newest ping that is not answered. */
  held: Uint8Array | null
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** Throws WebSocketError 'invalid-argument' unless `payload` can be a ping's or a pong's. Source: RFC 6455 §5.5. */
export function checkControlPayload(payload: Uint8Array): void {
  if (!(payload instanceof Uint8Array)) {
    throw new WebSocketError('invalid-argument', {
      detail: `a ping or pong carries a Uint8Array, not ${typeof payload}`
    })
  }
  if (payload.length > MAX_CONTROL_BYTES) {
    throw new WebSocketError('invalid-argument', {
      detail: `a ping or pong carries at most ${MAX_CONTROL_BYTES} bytes, not ${payload.length}`
    })
  }
}
