// Owns what becomes of publications for clients that do not keep up. Must not know topics.
import type { Connection } from '../connection.js'
import { WebSocketError } from '../core/errors.js'
import type { PreparedMessage } from '../core/prepared.js'
import type { Overflow } from './overflow.js'
import { SlowQueue } from './slow-queue.js'

/** How a server deals with them. */
export interface OverflowSettings {
  readonly overflow: Overflow
  readonly maxOverflowBytes: number
  readonly overflowCloseCode: number
}

/** A publication on its way to one client. */
export interface Publication<T> {
  readonly message: PreparedMessage
  /** As the publisher wants it; null: as the server does. */
  readonly overflow: Overflow | null
  readonly key: string
  /** The client that published it, or null. */
  readonly from: Connection<T> | null
}

/** The clients of one server that do not keep up. */
export class SlowClients<T> {
  readonly #settings: OverflowSettings
  /** Of clients for which publications wait. */
  readonly #queues = new Map<Connection<T>, SlowQueue>()
  /** Publishers that are not read, and how many clients they wait for. */
  readonly #paused = new Map<Connection<T>, number>()
  /** Publications that were dropped so far, each counted for each client. */
  droppedCount = 0

  constructor(settings: OverflowSettings) {
    this.#settings = settings
  }

  /** Sends a publication to a client, or does with it what is agreed on for a slow one. Returns false if it is dropped at once. */
  deliver(client: Connection<T>, publication: Publication<T>): boolean {
    const queue = this.#queues.size === 0 ? undefined : this.#queues.get(client)
    if (queue === undefined && !client.isSlow) return client.send(publication.message) !== 'dropped'
    const overflow = client.overflow ?? publication.overflow ?? this.#settings.overflow
    if (overflow === 'drop-newest') return this.#drop(client, publication.message)
    if (overflow === 'drop-oldest' || overflow === 'latest') {
      this.#wait(client, publication, overflow === 'latest' ? publication.key : null)
      return true
    }
    // Behind what waits for it: a client's publications stay in their order.
    if (queue !== undefined) {
      queue.put(publication.message, null)
      return true
    }
    if (overflow === 'close') {
      void client.close(this.#settings.overflowCloseCode, 'publications were not read')
      return this.#drop(client, publication.message)
    }
    if (overflow === 'pause-publisher' && publication.from !== null) this.#pause(publication.from, client)
    return client.send(publication.message) !== 'dropped'
  }

  /** Whether publications wait for a client. */
  holds(client: Connection<T>): boolean {
    return this.#queues.has(client)
  }

  /** A client is over: what waits for it never gets there. */
  forget(client: Connection<T>): void {
    const queue = this.#queues.get(client)
    if (queue === undefined) return
    this.#queues.delete(client)
    for (let message = queue.take(); message !== null; message = queue.take()) this.#drop(client, message)
  }

  #wait(client: Connection<T>, { message }: Publication<T>, key: string | null): void {
    const known = this.#queues.get(client)
    const queue = known ?? new SlowQueue(this.#settings.maxOverflowBytes)
    for (const one of queue.put(message, key)) this.#drop(client, one)
    if (known !== undefined) return
    this.#queues.set(client, queue)
    void this.#sendLater(client, queue)
  }

  /** Sends what waits as soon as the client takes it. */
  async #sendLater(client: Connection<T>, queue: SlowQueue): Promise<void> {
    while (!queue.isEmpty) {
      await client.drained()
      // It is over: `forget` was called.
      if (this.#queues.get(client) !== queue) return
      do client.send(queue.take()!)
      while (!queue.isEmpty && !client.isFull)
    }
    this.#queues.delete(client)
  }

  #pause(publisher: Connection<T>, client: Connection<T>): void {
    if (publisher === client) return
    const count = this.#paused.get(publisher) ?? 0
    this.#paused.set(publisher, count + 1)
    if (count === 0) publisher.holdBack(true)
    void client.drained().then(() => {
      const left = this.#paused.get(publisher)! - 1
      if (left > 0) {
        this.#paused.set(publisher, left)
      } else {
        this.#paused.delete(publisher)
        publisher.holdBack(false)
      }
    })
  }

  #drop(client: Connection<T>, message: PreparedMessage): false {
    this.droppedCount++
    client.reportDropped(message, new WebSocketError('publication-dropped'))
    return false
  }
}
