// Owns what goes out to a broker: bounded by what the broker has confirmed, and the watch whether it answers at all. Must not
// know what is sent.
import { WebSocketError } from '../core/errors.js'
import type { Broker } from './broker.js'

/** What a line reports. */
export interface LineEvents {
  /** Publications may go out, or not any more. `cause`: why not. */
  onchange(isUp: boolean, cause: WebSocketError | null): void
}

/** How a line deals with a broker. */
export interface LineSettings {
  readonly timeoutMs: number
  readonly maxPendingBytes: number
}

/** The way to a broker. */
export class Line {
  readonly #broker: Broker
  readonly #settings: LineSettings
  readonly #events: LineEvents
  /** Whether the broker's connection stands, as far as its client knows. */
  #isConnected = false
  #isAnswering = false
  /** Bytes that were given to the broker since it has last confirmed, and among them those behind the flush under way. */
  #pendingBytes = 0
  #newBytes = 0
  /** Counts connections; a flush of an earlier one says nothing. */
  #epoch = 0
  /** Runs while a flush is under way. */
  #timer: NodeJS.Timeout | null = null

  constructor(broker: Broker, settings: LineSettings, events: LineEvents) {
    this.#broker = broker
    this.#settings = settings
    this.#events = events
  }

  get isUp(): boolean {
    return this.#isConnected && this.#isAnswering
  }

  /** Whether so many more bytes may go out now. */
  hasRoom(byteLength: number): boolean {
    // One that is longer than all that may wait goes alone.
    return (
      this.isUp &&
      (this.#pendingBytes === 0 || this.#pendingBytes + byteLength <= this.#settings.maxPendingBytes)
    )
  }

  /** Gives bytes to the broker; there must be room. Throws what the broker throws. */
  send(channel: string, bytes: Uint8Array): void {
    this.#broker.publish(channel, bytes)
    this.#pendingBytes += bytes.length
    this.#newBytes += bytes.length
    // Not each publication costs a question; small change waits for the next heartbeat.
    if (this.#pendingBytes * 16 > this.#settings.maxPendingBytes) this.check()
  }

  /** Asks the broker whether it is there, unless it owes an answer already. */
  check(): void {
    if (!this.#isConnected || this.#timer !== null) return
    const epoch = this.#epoch
    this.#newBytes = 0
    this.#timer = setTimeout(() => this.#stall(), this.#settings.timeoutMs).unref()
    this.#broker.flush().then(
      () => {
        if (epoch === this.#epoch) this.#confirm()
      },
      (cause: unknown) => {
        if (epoch === this.#epoch) this.disconnect(cause)
      }
    )
  }

  /** Resolves when the broker has taken all that it was given, or is gone, or after `limitMs`. */
  async finish(limitMs: number): Promise<void> {
    if (!this.isUp) return
    // It keeps the process alive, or nobody would learn of the end.
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs)
    })
    // A broker that is gone takes nothing more.
    await Promise.race([this.#broker.flush().catch(() => {}), late])
    clearTimeout(timer)
  }

  /** The broker's client says that it is connected. */
  connect(): void {
    this.#begin()
    this.#isConnected = true
    const wasUp = this.#isAnswering
    this.#isAnswering = true
    if (!wasUp) this.#events.onchange(true, null)
    this.check()
  }

  /** The broker's client says that it is not. */
  disconnect(cause: unknown): void {
    const wasUp = this.isUp
    this.#begin()
    this.#isConnected = this.#isAnswering = false
    if (wasUp) this.#events.onchange(false, brokerLost(cause))
  }

  #begin(): void {
    this.#epoch++
    this.#pendingBytes = this.#newBytes = 0
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #confirm(): void {
    clearTimeout(this.#timer!)
    this.#timer = null
    this.#pendingBytes = this.#newBytes
    if (!this.#isAnswering) {
      this.#isAnswering = true
      this.#events.onchange(true, null)
    }
    if (this.#pendingBytes * 16 > this.#settings.maxPendingBytes) this.check()
  }

  /** It owes an answer for too long: at first it counts as lost, then its connections are made anew. */
  #stall(): void {
    const { timeoutMs } = this.#settings
    const wasUp = this.isUp
    this.#isAnswering = false
    this.#timer = setTimeout(() => this.#stall(), 2 * timeoutMs).unref()
    if (wasUp) this.#events.onchange(false, brokerLost(`no answer within ${timeoutMs} ms`))
    else this.#broker.restart()
  }
}

/** Makes the error for a broker that is not there. */
export function brokerLost(cause: unknown): WebSocketError {
  return new WebSocketError('broker-lost', {
    detail:
      cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : String(cause),
    cause
  })
}
