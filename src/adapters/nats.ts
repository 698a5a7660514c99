// Owns the entry point `hotsocket/nats`: NATS as the broker between servers, by the client `@nats-io/transport-node`. Must not know
// what servers tell each other.

/**
 * `hotsocket/nats`: publications between servers by NATS. The connection is yours, of `@nats-io/transport-node`, version 3.
 *
 * @module
 */

import {
  type BackplaneOptions,
  type Broker,
  BrokerBackplane,
  type BrokerEvents,
  type Channel
} from '../index.js'

/** What is needed of a subscription. */
export interface NatsSubscription {
  unsubscribe(): void
}

/** What is needed of a connection of `@nats-io/transport-node`; `connect()` resolves with one. */
export interface NatsConnection {
  publish(subject: string, payload: Uint8Array): void
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { readonly data: Uint8Array }) => void }
  ): NatsSubscription
  flush(): Promise<void>
  reconnect(): Promise<void>
  isClosed(): boolean
  status(): AsyncIterable<{ readonly type: string }>
}

/**
 * Makes a backplane on subjects of NATS. `connection`: of `@nats-io/transport-node`; it stays yours, and open when the server closes.
 * Connect with `maxReconnectAttempts: -1`, or NATS' client gives up for good after ten attempts. When the broker does not answer for
 * three times `timeoutMs`, the connection is made to reconnect. Each level of a topic becomes a token: letters, digits, '-' and '_'
 * as they are, other characters as '=' and two hexadecimal digits for each byte of UTF-8. Throws WebSocketError 'invalid-option'.
 *
 * @example
 * import { connect } from '@nats-io/transport-node'
 * const connection = await connect({ servers: '10.0.0.1', maxReconnectAttempts: -1 })
 * server.use(natsBackplane(connection))
 */
export function natsBackplane(connection: NatsConnection, options: BackplaneOptions = {}): BrokerBackplane {
  return new BrokerBackplane(new NatsBroker(connection, toToken(options.prefix ?? 'hotsocket')), options)
}

/** Longest subject of a topic: NATS' limit for a line of the protocol is 4 096 by default. */
const MAX_SUBJECT_LENGTH = 1024

class NatsBroker implements Broker {
  readonly #connection: NatsConnection
  readonly #prefix: string
  readonly #subscriptions = new Map<string, NatsSubscription>()
  #events: BrokerEvents | null = null
  #isClosed = false

  constructor(connection: NatsConnection, prefix: string) {
    this.#connection = connection
    this.#prefix = prefix
  }

  topicChannel(topic: string): string {
    const subject = `${this.#prefix}.t.${topic.split('/').map(toToken).join('.')}`
    return subject.length > MAX_SUBJECT_LENGTH ? this.#longChannel : subject
  }

  filterChannels(filter: string): readonly Channel[] {
    const levels = filter.split('/')
    const isOpenEnded = levels.at(-1) === '#'
    if (isOpenEnded) levels.pop()
    const tokens = [`${this.#prefix}.t`, ...levels.map((level) => (level === '+' ? '*' : toToken(level)))]
    const base = tokens.join('.')
    // To NATS all subjects to subscribe to are of one kind.
    const isPattern = false
    if (!isOpenEnded && !levels.includes('+')) return [{ name: this.topicChannel(filter), isPattern }]
    const names = [this.#longChannel]
    if (base.length <= MAX_SUBJECT_LENGTH) {
      // '#' stands for no level at all, too, unless it is alone.
      if (levels.length > 0) names.push(base)
      if (isOpenEnded) names.push(`${base}.>`)
    }
    return names.map((name) => ({ name, isPattern }))
  }

  controlChannel(name: string): string {
    return `${this.#prefix}.c.${name}`
  }

  start(events: BrokerEvents): void {
    this.#events = events
    void this.#watch(this.#connection.status()).then(() => {
      if (!this.#isClosed) events.ondown('the connection was closed')
    })
    if (this.#connection.isClosed()) events.ondown('the connection is closed')
    else events.onup(true)
  }

  publish(channel: string, bytes: Uint8Array): void {
    this.#connection.publish(channel, bytes)
  }

  async subscribe(channels: readonly Channel[]): Promise<void> {
    for (const { name } of channels) {
      const callback = (error: Error | null, message: { readonly data: Uint8Array }) => {
        if (error === null) this.#events!.onbytes(message.data)
        else this.#events!.onfault(error)
      }
      // NATS' client subscribes again when it has reconnected, so once is enough.
      if (!this.#subscriptions.has(name))
        this.#subscriptions.set(name, this.#connection.subscribe(name, { callback }))
    }
    await this.#connection.flush()
  }

  async unsubscribe(channels: readonly Channel[]): Promise<void> {
    for (const { name } of channels) {
      this.#subscriptions.get(name)?.unsubscribe()
      this.#subscriptions.delete(name)
    }
  }

  flush(): Promise<void> {
    return this.#connection.flush()
  }

  restart(): void {
    // The application drains it, or has closed it.
    this.#connection.reconnect().catch((cause: unknown) => this.#events!.onfault(cause))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#connection.isClosed()) return
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe()
    this.#subscriptions.clear()
  }

  /** Topics whose subjects would be too long share one. */
  get #longChannel(): string {
    return `${this.#prefix}.long`
  }

  async #watch(statuses: AsyncIterable<{ readonly type: string }>): Promise<void> {
    for await (const { type } of statuses) {
      if (this.#isClosed) return
      if (type === 'disconnect') this.#events!.ondown('the connection has ended')
      else if (type === 'reconnect') this.#events!.onup(false)
    }
  }
}

/** One token for one level, whatever it is made of; '=' for an empty one. */
function toToken(level: string): string {
  if (level === '') return '='
  if (SAFE.test(level)) return level
  let token = ''
  for (const byte of Buffer.from(level)) {
    const character = String.fromCharCode(byte)
    token += SAFE.test(character) ? character : `=${byte.toString(16).padStart(2, '0')}`
  }
  return token
}

const SAFE = /^[\w-]+$/
