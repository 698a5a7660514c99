// Owns what becomes of publications for clients that do not keep up. Must not know topics.
import type { Connection } from '../connection.js'
import { ReadyState } from '../connection-status.js'
import { WebSocketError } from '../core/errors.js'
import type { PreparedMessage } from '../core/prepared.js'
import type { Overflow } from './overflow.js'
import { SlowQueue } from './slow-queue.js'

/** How a server deals with them. */
export interface SlowSettings {
  readonly maxOverflowBytes: number
  readonly overflowCloseCode: number
}

/** A publication on its way to many clients. */
export interface Publication<T> {
  readonly message: PreparedMessage
  /** Unless a client has a policy of its own. */
  readonly overflow: Overflow
  readonly key: string
  /** The client that published it, or null. */
  readonly from: Connection<T> | null
}

/** Why a publication was dropped. */
const Why = {
  NEWEST: "the client did not keep up, and overflow is 'drop-newest'",
  OLDEST: 'more than maxOverflowBytes waited for the client',
  REPLACED: "a later one with the same key took its place: overflow is 'latest'",
  CLOSED: "the client did not keep up and was closed: overflow is 'close'",
  ENDED: 'the connection is over',
  LIMIT: 'the process buffered more than maxBufferedBytes'
} as const
type Why = (typeof Why)[keyof typeof Why]

interface Drop {
  readonly message: PreparedMessage
  readonly why: Why
}

/** The clients of one server that do not keep up. */
export class SlowClients<T> {
  readonly #settings: SlowSettings
  /** Of clients for which publications wait. */
  readonly #queues = new Map<Connection<T>, SlowQueue>()
  /** Publishers that are not read, and the clients that they wait for. */
  readonly #paused = new Map<Connection<T>, Set<Connection<T>>>()
  /** What is dropped and `onunsent` is not told yet, by clients. */
  readonly #unreported = new Map<Connection<T>, Drop[]>()
  /** Publications that were dropped so far, each counted for each client. */
  droppedCount = 0

  constructor(settings: SlowSettings) {
    this.#settings = settings
  }

  /** About how many bytes wait for a client here. */
  waitingBytes(client: Connection<T>): number {
    return this.#queues.size === 0 ? 0 : (this.#queues.get(client)?.byteLength ?? 0)
  }

  /** Sends a publication to a client, or does with it what is agreed on for a slow one. Returns false if it is dropped at once. */
  deliver(client: Connection<T>, publication: Publication<T>): boolean {
    const queue = this.#queues.size === 0 ? undefined : this.#queues.get(client)
    if (queue === undefined && !client.isSlow) return client.sendPublication(publication.message)
    return this.#deliverSlowly(client, queue, publication)
  }

  /** Sends what waits for a client, whether it takes it or not. */
  release(client: Connection<T>): void {
    const queue = this.#queues.get(client)
    if (queue !== undefined) this.#sendWaiting(client, queue, () => true)
  }

  /** Drops what waits for a client. */
  dropWaiting(client: Connection<T>, why: Why = Why.LIMIT): void {
    const queue = this.#queues.get(client)
    if (queue === undefined) return
    this.#queues.delete(client)
    for (let message = queue.take(); message !== null; message = queue.take())
      this.#drop(client, message, why)
  }

  /** A client is over: what waits for it never gets there, and whoever waits for it waits no more. `cause`: of its end. */
  end(client: Connection<T>, cause: WebSocketError | null): void {
    this.dropWaiting(client, Why.ENDED)
    this.#report(client, cause)
    // As a publisher. That a slow client is over wakes who waits until it has caught up.
    this.#paused.delete(client)
  }

  #deliverSlowly(client: Connection<T>, queue: SlowQueue | undefined, publication: Publication<T>): boolean {
    if (client.readyState !== ReadyState.OPEN) return false
    const { message, from, key } = publication
    const overflow = client.overflow ?? publication.overflow
    if (overflow === 'drop-oldest' || overflow === 'latest') {
      this.#wait(client, queue, message, overflow === 'latest' ? key : null)
      return true
    }
    // Who has caught up a moment ago, so that what waits is about to be sent, is not slow any more.
    if (client.isSlow) {
      if (overflow === 'drop-newest') return this.#drop(client, message, Why.NEWEST)
      if (overflow === 'close') return this.#close(client, message)
      if (overflow === 'pause-publisher' && from !== null) this.#pause(from, client)
    }
    // What waits goes before it: a client's publications stay in their order.
    if (queue !== undefined) this.#sendWaiting(client, queue, () => true)
    return client.send(message) !== 'dropped'
  }

  #close(client: Connection<T>, message: PreparedMessage): false {
    this.dropWaiting(client, Why.CLOSED)
    void client.close(this.#settings.overflowCloseCode, 'publications were not read')
    return this.#drop(client, message, Why.CLOSED)
  }

  #wait(
    client: Connection<T>,
    known: SlowQueue | undefined,
    message: PreparedMessage,
    key: string | null
  ): void {
    const queue = known ?? new SlowQueue(this.#settings.maxOverflowBytes)
    queue.put(message, key, (one, isReplaced) =>
      this.#drop(client, one, isReplaced ? Why.REPLACED : Why.OLDEST)
    )
    if (known !== undefined) return
    this.#queues.set(client, queue)
    void this.#sendLater(client, queue)
  }

  /** Sends what waits as soon as the client takes it. */
  async #sendLater(client: Connection<T>, queue: SlowQueue): Promise<void> {
    for (;;) {
      await client.drained()
      // All was sent or dropped meanwhile; or, if it is closing, waits for its end.
      if (this.#queues.get(client) !== queue || client.readyState !== ReadyState.OPEN) return
      if (this.#sendWaiting(client, queue, () => !client.isFull)) return
    }
  }

  /** Sends what waits, as long as `goesOn` says so after each. Returns whether that was all. */
  #sendWaiting(client: Connection<T>, queue: SlowQueue, goesOn: () => boolean): boolean {
    do {
      const message = queue.take()!
      // A hook of an extension threw.
      if (client.send(message) === 'dropped') this.#drop(client, message, Why.ENDED)
    } while (!queue.isEmpty && goesOn())
    if (queue.isEmpty && this.#queues.get(client) === queue) this.#queues.delete(client)
    return queue.isEmpty
  }

  #pause(publisher: Connection<T>, client: Connection<T>): void {
    if (publisher === client || publisher.readyState !== ReadyState.OPEN) return
    let clients = this.#paused.get(publisher)
    if (clients === undefined) {
      clients = new Set()
      this.#paused.set(publisher, clients)
      publisher.holdBack(true)
    }
    if (clients.has(client)) return
    clients.add(client)
    void client.drained().then(() => this.#letGo(publisher, client))
  }

  #letGo(publisher: Connection<T>, client: Connection<T>): void {
    const clients = this.#paused.get(publisher)
    if (clients === undefined || !clients.delete(client) || clients.size > 0) return
    this.#paused.delete(publisher)
    publisher.holdBack(false)
  }

  #drop(client: Connection<T>, message: PreparedMessage, why: Why): false {
    this.droppedCount++
    if (!client.wantsDrops) return false
    const drops = this.#unreported.get(client)
    if (drops !== undefined) {
      drops.push({ message, why })
    } else {
      this.#unreported.set(client, [{ message, why }])
      // Not amid a publication, which the handler might change by what it does; and not in this turn, or one that publishes
      // anew what was dropped would keep all others waiting.
      setImmediate(() => this.#report(client, null))
    }
    return false
  }

  #report(client: Connection<T>, cause: WebSocketError | null): void {
    const drops = this.#unreported.get(client)
    if (drops === undefined) return
    this.#unreported.delete(client)
    for (const { message, why } of drops) {
      const reason = new WebSocketError('publication-dropped', { detail: why, cause: cause ?? undefined })
      client.reportDropped(message, reason)
    }
  }
}
