// Owns a member of a hub as a broker. Must not know how the hub is reached, nor what is published.
import type { Broker, BrokerEvents, Channel } from '../index.js'
import { takenBytes } from './memory-hub.js'
import { exact, type HubMessage, type Wire } from './memory-wire.js'

/** A member of a `MemoryHub`. */
export class MemoryBroker implements Broker {
  readonly #wire: Wire
  readonly #prefix: string
  readonly #flushes = new Map<number, () => void>()
  #events: BrokerEvents | null = null
  #items: { readonly channel: string; readonly bytes: Uint8Array }[] = []
  #flushCount = 0

  constructor(wire: Wire, prefix: string) {
    this.#wire = wire
    this.#prefix = encodeURIComponent(prefix)
  }

  topicChannel(topic: string): string {
    return `${this.#prefix}/t/${topic}`
  }

  /** The hub knows wildcards itself. */
  filterChannels(filter: string): readonly Channel[] {
    return [{ name: this.topicChannel(filter), isPattern: false }]
  }

  controlChannel(name: string): string {
    return `${this.#prefix}/c/${name}`
  }

  start(events: BrokerEvents): void {
    this.#events = events
    this.#wire.start(
      (message) => this.#handle(message),
      () => events.ondown('the hub is gone')
    )
    events.onup(true)
  }

  publish(channel: string, bytes: Uint8Array): void {
    if (this.#items.push({ channel, bytes: exact(bytes) }) === 1) setImmediate(() => this.#send())
  }

  async subscribe(channels: readonly Channel[]): Promise<void> {
    this.#wire.send({ type: 'subscribe', filters: channels.map(({ name }) => name) })
    await this.flush()
  }

  async unsubscribe(channels: readonly Channel[]): Promise<void> {
    this.#wire.send({ type: 'unsubscribe', filters: channels.map(({ name }) => name) })
  }

  flush(): Promise<void> {
    this.#send()
    this.#flushCount++
    const number = this.#flushCount
    return new Promise((resolve) => {
      this.#flushes.set(number, resolve)
      this.#wire.send({ type: 'flush', number })
    })
  }

  /** There is nothing to be made anew: a hub that is gone does not come back. */
  restart(): void {}

  async close(): Promise<void> {
    this.#wire.close()
  }

  #send(): void {
    const items = this.#items
    this.#items = []
    if (items.length > 0) this.#wire.send({ type: 'publish', items })
  }

  #handle(message: HubMessage): void {
    if (message.type === 'deliver') {
      for (const bytes of message.items) this.#events!.onbytes(bytes)
      this.#wire.send({ type: 'taken', byteLength: takenBytes(message.items) })
    } else if (message.type === 'flushed') {
      this.#flushes.get(message.number)?.()
      this.#flushes.delete(message.number)
    }
  }
}
