// Owns the way of a server's publications: to its own clients, and through a backplane to those of other servers and back. Must
// not know brokers, nor how a message is sent.
import type { Backplane, BackplaneHost, BackplaneMetrics, RemotePublication } from '../backplane/backplane.js'
import type { Connection } from '../connection.js'
import { WebSocketError } from '../core/errors.js'
import { describe, type Sendable } from '../core/message.js'
import { type PreparedMessage, prepare } from '../core/prepared.js'
import type { Logger } from '../log.js'
import { checkPublishOptions, type PublishOptions } from '../topics/publish-options.js'
import { checkTopic } from '../topics/topic-name.js'
import type { Topics } from '../topics/topics.js'

/** Of one server; its backplane sees it as the server. */
export class Publisher<T> implements BackplaneHost {
  readonly logger: Logger
  readonly #topics: Topics<T>
  readonly #clients: () => ReadonlySet<Connection<T>>
  #backplane: Backplane | null = null
  #isClosed = false

  /** `clients`: asked when they are needed, as the server's parts are made late. */
  constructor(logger: Logger, topics: Topics<T>, clients: () => ReadonlySet<Connection<T>>) {
    this.logger = logger
    this.#topics = topics
    this.#clients = clients
  }

  /** Sends a message to those whom a topic concerns. Returns to how many here. Throws WebSocketError 'invalid-argument'. */
  publish(topic: string, message: Sendable, options: PublishOptions<T>): number {
    if (this.#backplane === null) return this.#topics.publish(topic, message, options)
    checkTopic(topic)
    return this.#topics.publish(topic, this.#publishAway(topic, message, options), options)
  }

  /** Sends a message to all clients; as `publish`. */
  broadcast(message: Sendable, options: PublishOptions<T>): number {
    const sendable = this.#backplane === null ? message : this.#publishAway(null, message, options)
    return this.#topics.broadcast(this.#clients(), sendable, options)
  }

  /** Joins it with other servers. Throws WebSocketError 'invalid-argument'. */
  use(backplane: Backplane): void {
    if (typeof (backplane as Partial<Backplane> | null)?.start !== 'function')
      refuse(`use takes a backplane, not ${describe(backplane)}`)
    if (this.#backplane !== null) refuse('a server uses one backplane, and this one has it already')
    if (this.#isClosed) refuse('the server was closed')
    backplane.start(this)
    this.#backplane = this.#topics.demand = backplane
  }

  /** Of its backplane, if it has one. */
  get backplaneMetrics(): BackplaneMetrics | null {
    return this.#backplane?.metrics() ?? null
  }

  /** Resolves when the other servers were told, and nothing more goes there. No backplane is taken any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#backplane?.close()
  }

  /** Before the clients here, so that what handlers publish amid the publication comes behind it there, too. */
  #publishAway(topic: string | null, sendable: Sendable, options: PublishOptions<T>): PreparedMessage {
    checkPublishOptions(options)
    const { overflow = null, key = null } = options
    const message = prepare(sendable, options)
    const { compress = null } = message
    this.#backplane!.publish({ topic, message, compress, overflow, key })
    return message
  }

  get clientCount(): number {
    return this.#clients().size
  }

  *filters(): Generator<string> {
    for (const [filter] of this.#topics) yield filter
  }

  subscriberCount(topic: string): number {
    return this.#topics.count(topic)
  }

  deliver({ topic, message, compress, overflow, key }: RemotePublication): void {
    const options: PublishOptions<T> = {}
    if (compress !== null) options.compress = compress
    if (overflow !== null) options.overflow = overflow
    if (key !== null) options.key = key
    if (topic === null) this.#topics.broadcast(this.#clients(), message, options)
    else this.#topics.publish(topic, message, options)
  }

  disconnect(clientId: string, code: number, reason: string): boolean {
    for (const client of this.#clients()) {
      if (!client.isCalled(clientId)) continue
      void client.close(code, reason)
      return true
    }
    return false
  }
}

function refuse(detail: string): never {
  throw new WebSocketError('invalid-argument', { detail })
}
