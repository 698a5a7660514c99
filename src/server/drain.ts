// Owns the graceful end of a server's connections: when each is asked to leave, and what becomes of those that do not. Must
// not know what is accepted, or how bytes travel.
import type { Connection } from '../connection.js'
import type { Counters } from '../core/counters.js'
import type { DrainResult, ResolvedDrainOptions } from './drain-options.js'

/** How often it looks who is to be asked, and whose queue is not empty yet. */
const STEP_MS = 10
/** The part of the time for which handlers that are at work are waited for. */
const PATIENCE = 0.5

/** Whose connections end. */
export interface DrainSource<T> {
  readonly connections: ReadonlySet<Connection<T>>
  readonly counters: Counters
  /** Whether handshakes are under way that may still open connections. */
  isOpening(): boolean
  /** Sends the publications that wait for a connection outside of its send queue. */
  release(connection: Connection<T>): void
}

/** One graceful end. */
export class Drain<T> {
  readonly #source: DrainSource<T>
  readonly #options: ResolvedDrainOptions
  readonly #beganAt = performance.now()
  /** In the order in which they are asked; those that open later come behind. */
  readonly #clients: Connection<T>[]
  readonly #known: Set<Connection<T>>
  /** The even steps begin a part of one later, so that few clients have no fixed moment either. */
  readonly #offset = Math.random()
  #askedCount = 0
  /** Those whose turn has come, with a handler at work that may still answer. */
  readonly #busy = new Set<Connection<T>>()
  /** Those who were asked, with something queued before the close frame. */
  readonly #reading = new Set<Connection<T>>()
  #leftCount = 0
  #acceptedCount: number | undefined

  constructor(source: DrainSource<T>, options: ResolvedDrainOptions) {
    this.#source = source
    this.#options = options
    this.#acceptedCount = source.counters.handshakes.get('accepted')
    this.#clients = shuffle([...source.connections])
    this.#known = new Set(this.#clients)
  }

  /** Asks all to leave. Resolves when all have gone, or were dropped because the time was over. */
  async run(): Promise<DrainResult> {
    const unsentBefore = this.#source.counters.messagesUnsent
    for (const client of this.#clients) this.#watch(client)
    await new Promise<void>((resolve) => {
      const step = () => {
        if (this.#step()) return
        clearInterval(timer)
        resolve()
      }
      const timer = setInterval(step, STEP_MS)
      step()
    })
    const clients = this.#clients.length
    return {
      clients,
      left: this.#leftCount,
      dropped: clients - this.#leftCount,
      unsentMessages: this.#source.counters.messagesUnsent - unsentBefore,
      durationMs: performance.now() - this.#beganAt
    }
  }

  /** Returns false when all are gone. */
  #step(): boolean {
    const { connections } = this.#source
    const { deadlineMs } = this.#options
    if (connections.size === 0 && !this.#source.isOpening()) return false
    const elapsedMs = performance.now() - this.#beganAt
    if (deadlineMs > 0 && elapsedMs >= deadlineMs) return this.#giveUp()
    this.#meet()
    this.#ask()
    if (deadlineMs > 0 && elapsedMs >= deadlineMs * PATIENCE)
      for (const client of this.#busy) this.#dismiss(client)
    for (const client of this.#reading) if (!client.extendClose()) this.#reading.delete(client)
    return true
  }

  /** Handshakes that were under way may have opened connections. */
  #meet(): void {
    const { connections, counters } = this.#source
    const accepted = counters.handshakes.get('accepted')
    if (accepted === this.#acceptedCount) return
    this.#acceptedCount = accepted
    for (const client of connections) {
      if (this.#known.has(client)) continue
      this.#known.add(client)
      this.#clients.push(client)
      this.#watch(client)
    }
  }

  #watch(client: Connection<T>): void {
    void client.closed().then(({ wasClean }) => {
      this.#reading.delete(client)
      this.#busy.delete(client)
      if (wasClean) this.#leftCount++
    })
  }

  /** Those whose turn has come. */
  #ask(): void {
    const { jitterMs } = this.#options
    const share = jitterMs === 0 ? 1 : Math.min(1, (performance.now() - this.#beganAt) / jitterMs)
    const due = share === 1 ? this.#clients.length : Math.ceil(share * this.#clients.length - this.#offset)
    for (; this.#askedCount < due; this.#askedCount++) {
      const client = this.#clients[this.#askedCount]!
      this.#busy.add(client)
      client.whenIdle(() => this.#dismiss(client))
    }
  }

  #dismiss(client: Connection<T>): void {
    if (!this.#busy.delete(client)) return
    this.#source.release(client)
    // From here on nothing is accepted for it any more, so that its queue has an end.
    void client.close(this.#options.code, this.#options.reason)
    this.#reading.add(client)
  }

  #giveUp(): boolean {
    for (const client of this.#source.connections) client.expireClose()
    // Their ends are told in a moment; handshakes end with the server.
    return this.#source.connections.size > 0
  }
}

/** Brings a list into an order of chance (Fisher and Yates). */
function shuffle<Item>(items: Item[]): Item[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    const item = items[last]!
    items[last] = items[other]!
    items[other] = item
  }
  return items
}
