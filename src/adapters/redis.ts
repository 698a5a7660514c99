// Owns the entry point `hotsocket/redis`: Redis as the broker between servers, by the client of npm's `redis`. Must not know what
// servers tell each other.

/**
 * `hotsocket/redis`: publications between servers by Redis or Valkey. The client is yours, of npm's `redis`, version 5.
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

/** What is needed of a client of npm's `redis`; `createClient()` returns one. */
export interface RedisClient {
  readonly isReady: boolean
  readonly isOpen: boolean
  duplicate(overrides?: { disableOfflineQueue: boolean }): RedisClient
  connect(): Promise<unknown>
  destroy(): void
  on(event: string, listener: (error: unknown) => void): unknown
  ping(): Promise<unknown>
  publish(channel: string, message: Buffer): Promise<unknown>
  subscribe(channels: string[], listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>
  pSubscribe(patterns: string[], listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>
  unsubscribe(channels: string[], listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>
  pUnsubscribe(patterns: string[], listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>
}

/**
 * Makes a backplane on Redis' PUBLISH, SUBSCRIBE and PSUBSCRIBE. `client`: of npm's `redis`; it need not be connected, and stays yours:
 * two duplicates of it are used, which reconnect as its options say, and are closed with the server. A filter with wildcards becomes
 * a pattern, which Redis compares with each publication: prefer topics without, if there are many. Channels begin with the option
 * `prefix`, in which '/' becomes '%2F'. Throws WebSocketError
 * 'invalid-option'.
 *
 * @example
 * import { createClient } from 'redis'
 * const server = new AsyncServer({ port: 8000 })
 * server.use(redisBackplane(createClient({ url: 'redis://10.0.0.1' })))
 */
export function redisBackplane(client: RedisClient, options: BackplaneOptions = {}): BrokerBackplane {
  return new BrokerBackplane(new RedisBroker(client, options.prefix ?? 'hotsocket'), options)
}

/** Redis, by two connections: one that subscribes can do nothing else. */
class RedisBroker implements Broker {
  readonly #client: RedisClient
  readonly #prefix: string
  #events: BrokerEvents | null = null
  #connections: { readonly publisher: RedisClient; readonly subscriber: RedisClient } | null = null
  #isUp = false
  readonly #onbytes = (bytes: Buffer) => this.#events!.onbytes(bytes)

  constructor(client: RedisClient, prefix: string) {
    this.#client = client
    // It is one level, or one prefix could stand for topics of another.
    this.#prefix = prefix.replace(/[%/]/g, encodeURIComponent)
  }

  topicChannel(topic: string): string {
    return `${this.#prefix}/t/${topic}`
  }

  filterChannels(filter: string): readonly Channel[] {
    const levels = filter.split('/')
    const isOpenEnded = levels.at(-1) === '#'
    if (isOpenEnded) levels.pop()
    const isPattern = levels.includes('+')
    const base = this.topicChannel(levels.join('/'))
    const pattern = escapeGlob(this.topicChannel('')) + levels.map(toGlob).join('/')
    const channels = [isPattern ? { name: pattern, isPattern } : { name: base, isPattern }]
    if (!isOpenEnded) return channels
    // '#' stands for no level at all, too, unless it is alone.
    if (levels.length === 0) return [{ name: `${pattern}*`, isPattern: true }]
    return [...channels, { name: `${pattern}/*`, isPattern: true }]
  }

  controlChannel(name: string): string {
    return `${this.#prefix}/c/${name}`
  }

  start(events: BrokerEvents): void {
    this.#events = events
    this.#open()
  }

  publish(channel: string, bytes: Uint8Array): void {
    const { buffer, byteOffset, length } = bytes
    this.#connections!.publisher.publish(
      channel,
      Buffer.from(buffer as ArrayBuffer, byteOffset, length)
    ).catch(() => this.#events!.ondropped())
  }

  async subscribe(channels: readonly Channel[]): Promise<void> {
    const { subscriber } = this.#connections!
    const [names, patterns] = split(channels)
    if (names.length > 0) await subscriber.subscribe(names, this.#onbytes, true)
    if (patterns.length > 0) await subscriber.pSubscribe(patterns, this.#onbytes, true)
  }

  async unsubscribe(channels: readonly Channel[]): Promise<void> {
    const { subscriber } = this.#connections!
    const [names, patterns] = split(channels)
    if (names.length > 0) await subscriber.unsubscribe(names, this.#onbytes, true)
    if (patterns.length > 0) await subscriber.pUnsubscribe(patterns, this.#onbytes, true)
  }

  async flush(): Promise<void> {
    const { publisher, subscriber } = this.#connections!
    await Promise.all([publisher.ping(), subscriber.ping()])
  }

  restart(): void {
    const { publisher, subscriber } = this.#connections!
    // What is about to connect does so without being told; what has given up, by its options, is left alone.
    if (!publisher.isReady || !subscriber.isReady) return
    this.#drop()
    this.#events!.ondown('its connections are made anew')
    this.#open()
  }

  async close(): Promise<void> {
    if (this.#connections !== null) this.#drop()
  }

  #open(): void {
    // Redis may be away for long: what cannot be written at once is not kept.
    const make = () => this.#client.duplicate({ disableOfflineQueue: true })
    const connections = { publisher: make(), subscriber: make() }
    this.#connections = connections
    let isFresh = true
    const check = (cause: unknown) => {
      if (this.#connections !== connections) return
      const isUp = connections.publisher.isReady && connections.subscriber.isReady
      if (isUp && !this.#isUp) {
        this.#isUp = true
        this.#events!.onup(isFresh)
        isFresh = false
      } else if (!isUp && (this.#isUp || cause !== null)) {
        this.#isUp = false
        this.#events!.ondown(cause ?? 'the connection has ended')
      }
    }
    for (const client of [connections.publisher, connections.subscriber]) {
      client.on('ready', () => check(null))
      client.on('end', () => check(null))
      client.on('error', (error) => check(error))
      // 'error' has told why already; it goes on trying, unless its options say otherwise.
      client.connect().catch((error: unknown) => check(error))
    }
  }

  /** Ends the connections at once. */
  #drop(): void {
    const { publisher, subscriber } = this.#connections!
    this.#connections = null
    this.#isUp = false
    // One that has given up would throw.
    for (const client of [publisher, subscriber]) if (client.isOpen) client.destroy()
  }
}

/** '+' becomes '*', which in Redis stands for '/' as well: what it brings too much concerns nobody here. */
function toGlob(level: string): string {
  return level === '+' ? '*' : escapeGlob(level)
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&')
}

/** Names, and patterns. */
function split(channels: readonly Channel[]): [string[], string[]] {
  const names = (wanted: boolean) =>
    channels.filter(({ isPattern }) => isPattern === wanted).map(({ name }) => name)
  return [names(false), names(true)]
}
