// Owns the subscriptions of one server's connections, and the way of a publication to them. Must not know how a message is
// sent.
import type { Connection } from '../connection.js'
import type { WebSocketError } from '../core/errors.js'
import { Opcode } from '../core/header.js'
import type { Sendable } from '../core/message.js'
import { prepare } from '../core/prepared.js'
import { type Overflow, overflowOf, type TopicOverflow } from './overflow.js'
import { checkPublishOptions, type PublishOptions } from './publish-options.js'
import { type Publication, SlowClients, type SlowSettings } from './slow-clients.js'
import { checkFilter, checkTopic } from './topic-name.js'
import { TopicTree } from './topic-tree.js'

/** How a server deals with clients that do not keep up. */
export interface TopicSettings extends SlowSettings {
  readonly overflow: Overflow
  readonly topicOverflow: TopicOverflow
}

/** What a server's topics look like from outside. */
export interface TopicCounts extends Iterable<[string, number]> {
  /** How many topics (and filters with wildcards) somebody subscribes to. */
  readonly size: number
  /** Publications that were dropped for clients that do not keep up, each counted for each client. */
  readonly droppedCount: number
  /** How many subscribe to that very topic or filter. */
  count(topic: string): number
}

/** Who has to know which topics somebody here subscribes to. */
export interface TopicDemand {
  /** The first one subscribes to a topic or filter. */
  subscribe(filter: string): void
  /** The last one does not any more. */
  unsubscribe(filter: string): void
}

/** Of one server. */
export class Topics<T> implements TopicCounts {
  /** Null: nobody has to. */
  demand: TopicDemand | null = null
  readonly #tree = new TopicTree<Connection<T>>()
  readonly #slow: SlowClients<T>
  /** The filters of each connection that has some. */
  readonly #filters = new Map<Connection<T>, Set<string>>()

  /** Null, but amid a publication. */
  #underWay: Delivery<T> | null = null
  readonly #settings: TopicSettings

  constructor(settings: TopicSettings) {
    this.#settings = settings
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
    if (this.demand !== null && this.#tree.count(filter) === 1) this.demand.subscribe(filter)
    return true
  }

  /** Returns whether there was a subscription. */
  unsubscribe(connection: Connection<T>, filter: string): boolean {
    if (!this.#leave(filter, connection)) return false
    const filters = this.#filters.get(connection)!
    filters.delete(filter)
    if (filters.size === 0) this.#filters.delete(connection)
    return true
  }

  /** Sends the publications that wait for a connection that does not keep up. */
  release(connection: Connection<T>): void {
    this.#slow.release(connection)
  }

  /** The connection is over: it gets no more publications. */
  leave(connection: Connection<T>): void {
    const filters = this.#filters.get(connection)
    if (filters === undefined) return
    this.#filters.delete(connection)
    for (const filter of filters) this.#leave(filter, connection)
  }

  #leave(filter: string, connection: Connection<T>): boolean {
    if (!this.#tree.delete(filter, connection)) return false
    if (this.demand !== null && this.#tree.count(filter) === 0) this.demand.unsubscribe(filter)
    return true
  }

  /** After that: what waits for it is dropped, and told. `cause`: of its end. */
  end(connection: Connection<T>, cause: WebSocketError | null): void {
    this.#slow.end(connection, cause)
  }

  /** About how many bytes of publications wait for a connection that does not keep up. */
  waitingBytes(connection: Connection<T>): number {
    return this.#slow.waitingBytes(connection)
  }

  /** Drops these. */
  dropWaiting(connection: Connection<T>): void {
    this.#slow.dropWaiting(connection)
  }

  /** What a connection subscribes to, in the order in which it did. */
  of(connection: Connection<T>): readonly string[] {
    return [...(this.#filters.get(connection) ?? [])]
  }

  /** Sends a message to those whom a topic concerns. Returns to how many. Throws WebSocketError 'invalid-argument'. */
  publish(topic: string, message: Sendable, options: PublishOptions<T>): number {
    checkTopic(topic)
    const { topicOverflow } = this.#settings
    return this.#publishTo(this.#tree.match(topic), message, options, {
      key: topic,
      overflow: overflowOf(topicOverflow, topic)
    })
  }

  /** Sends a message to some connections; as `publish`. */
  broadcast(connections: ReadonlySet<Connection<T>>, message: Sendable, options: PublishOptions<T>): number {
    return this.#publishTo(connections, message, options, { key: '', overflow: null })
  }

  #publishTo(
    connections: ReadonlySet<Connection<T>>,
    message: Sendable,
    options: PublishOptions<T>,
    defaults: { readonly key: string; readonly overflow: Overflow | null }
  ): number {
    checkPublishOptions(options)
    const delivery: Delivery<T> = {
      publication: {
        message: prepare(message, options),
        key: options.key ?? defaults.key,
        overflow: options.overflow ?? defaults.overflow ?? this.#settings.overflow,
        from: options.from ?? null
      },
      except: options.except ?? null,
      left: connections.values(),
      count: 0
    }
    // A handler that is called amid a publication may publish, too: the first one goes first to all.
    if (this.#underWay !== null) this.#deliver(this.#underWay)
    const outer = this.#underWay
    this.#underWay = delivery
    try {
      this.#deliver(delivery)
    } finally {
      this.#underWay = outer
    }
    return delivery.count
  }

  #deliver(delivery: Delivery<T>): void {
    const { publication, except, left } = delivery
    const { opcode } = publication.message
    const isExtended = opcode !== Opcode.TEXT && opcode !== Opcode.BINARY
    for (const connection of left) {
      if (connection === except || (isExtended && !connection.knowsOpcode(opcode))) continue
      if (this.#slow.deliver(connection, publication)) delivery.count++
    }
  }
}

/** A publication on its way. */
interface Delivery<T> {
  readonly publication: Publication<T>
  readonly except: Connection<T> | null
  /** Those who have not got it. */
  readonly left: SetIterator<Connection<T>>
  count: number
}
