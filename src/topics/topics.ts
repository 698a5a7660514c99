// Owns the subscriptions of one server's connections, and the way of a publication to them. Must not know how a message is
// sent.
import type { Connection } from '../connection.js'
import type { Sendable } from '../core/message.js'
import { prepare } from '../core/prepared.js'
import { checkPublishOptions, type PublishOptions } from './publish-options.js'
import { type OverflowSettings, SlowClients } from './slow-clients.js'
import { checkFilter, checkTopic } from './topic-name.js'
import { TopicTree } from './topic-tree.js'

/** What a server's topics look like from outside. */
export interface TopicCounts extends Iterable<[string, number]> {
  /** How many topics (and filters with wildcards) somebody subscribes to. */
  readonly size: number
  /** Publications that were dropped for clients that do not keep up, each counted for each client. */
  readonly droppedCount: number
  /** How many subscribe to that very topic or filter. */
  count(topic: string): number
}

/** Of one server. */
export class Topics<T> implements TopicCounts {
  readonly #tree = new TopicTree<Connection<T>>()
  readonly #slow: SlowClients<T>
  /** The filters of each connection that has some. */
  readonly #filters = new Map<Connection<T>, Set<string>>()

  constructor(settings: OverflowSettings) {
    this.#slow = new SlowClients(settings)
  }

  get size(): number {
    return this.#tree.size
  }

  get droppedCount(): number {
    return this.#slow.droppedCount
  }

  count(topic: string): number {
    return this.#tree.count(topic)
  }

  [Symbol.iterator](): Iterator<[string, number]> {
    return this.#tree.counts()
  }

  /** Returns whether the subscription is new. Throws WebSocketError 'invalid-argument' for what is no filter. */
  subscribe(connection: Connection<T>, filter: string): boolean {
    checkFilter(filter)
    if (!this.#tree.add(filter, connection)) return false
    const filters = this.#filters.get(connection) ?? new Set()
    this.#filters.set(connection, filters.add(filter))
    return true
  }

  /** Returns whether there was a subscription. */
  unsubscribe(connection: Connection<T>, filter: string): boolean {
    if (!this.#tree.delete(filter, connection)) return false
    const filters = this.#filters.get(connection)!
    filters.delete(filter)
    if (filters.size === 0) this.#filters.delete(connection)
    return true
  }

  /** Whether publications wait for a connection that does not keep up. */
  holds(connection: Connection<T>): boolean {
    return this.#slow.holds(connection)
  }

  /** The connection is over. */
  forget(connection: Connection<T>): void {
    this.#slow.forget(connection)
    const filters = this.#filters.get(connection)
    if (filters === undefined) return
    this.#filters.delete(connection)
    for (const filter of filters) this.#tree.delete(filter, connection)
  }

  /** What a connection subscribes to, in the order in which it did. */
  of(connection: Connection<T>): readonly string[] {
    return [...(this.#filters.get(connection) ?? [])]
  }

  /** Sends a message to those whom a topic concerns. Returns to how many. Throws WebSocketError 'invalid-argument'. */
  publish(topic: string, message: Sendable, options: PublishOptions<T>): number {
    checkTopic(topic)
    return this.publishTo(this.#tree.match(topic), topic, message, options)
  }

  /** Sends a message to some connections. `key`: if the options have none. */
  publishTo(
    connections: ReadonlySet<Connection<T>>,
    key: string,
    message: Sendable,
    options: PublishOptions<T>
  ): number {
    const { except, from, overflow } = checkPublishOptions(options)
    const publication = {
      message: prepare(message, options),
      key: options.key ?? key,
      overflow: overflow ?? null,
      from: from ?? null
    }
    let count = 0
    for (const connection of connections) {
      if (connection !== except && this.#slow.deliver(connection, publication)) count++
    }
    return count
  }
}
