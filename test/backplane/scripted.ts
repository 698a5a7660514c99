// Owns a broker that does what the test says, and backplanes at it.
import { beforeEach, vi } from 'vitest'
import type { BackplaneHost, RemotePublication } from '../../src/backplane/backplane.js'
import type { Broker, BrokerEvents, Channel } from '../../src/backplane/broker.js'
import { BrokerBackplane } from '../../src/backplane/broker-backplane.js'
import { sealEnvelope } from '../../src/backplane/envelope.js'
import type { BackplaneOptions } from '../../src/backplane/options.js'
import { BinaryMessage } from '../../src/core/message.js'
import { createLogger } from '../../src/log.js'

/** A broker that takes everything, and confirms when it is told to. */
export class ScriptedBroker implements Broker {
  events!: BrokerEvents
  readonly published: { channel: string; bytes: Uint8Array }[] = []
  readonly told: string[] = []
  readonly refused = new Set<string>()
  /** Of flushes under way. */
  readonly flushes: { resolve(cause?: Error): void; reject(cause: Error): void }[] = []
  confirms = true
  restartCount = 0

  topicChannel = (topic: string) => `t/${topic}`
  filterChannels = (filter: string): Channel[] => [
    { name: `t/${filter.split('/')[0]}`, isPattern: false },
    { name: `t/${filter}`, isPattern: true }
  ]
  controlChannel = (name: string) => `c/${name}`
  start(events: BrokerEvents) {
    this.events = events
  }
  publish(channel: string, bytes: Uint8Array) {
    if (channel === 't/impossible') throw new Error('as the test wants it')
    this.published.push({ channel, bytes })
  }
  async subscribe(channels: readonly Channel[]) {
    for (const { name } of channels) if (this.refused.has(name)) throw new Error(`${name} is refused`)
    this.told.push(...channels.map(({ name, isPattern }) => `${isPattern ? '*' : '+'}${name}`))
  }
  async unsubscribe(channels: readonly Channel[]) {
    this.told.push(...channels.map(({ name }) => `-${name}`))
  }
  flush() {
    if (this.confirms) return Promise.resolve()
    return new Promise<void>((resolve, reject) => this.flushes.push({ resolve: () => resolve(), reject }))
  }
  restart() {
    this.restartCount++
  }
  async close() {}
}

/** What backplanes have logged, and delivered to their server. */
export const warnings: string[] = []
export const errors: string[] = []
export const delivered: RemotePublication[] = []
const host: BackplaneHost = {
  logger: createLogger('warn', {
    error: (text) => void errors.push(text),
    warn: (text) => void warnings.push(text),
    info: () => {},
    debug: () => {}
  }),
  clientCount: 7,
  filters: () => ['early'],
  subscriberCount: () => 2,
  deliver: (publication) => {
    if (publication.topic === '+') throw new Error('no topic')
    delivered.push(publication)
  },
  disconnect: () => false
}
/** Of so many bytes. */
export const publication = (topic: string | null, byteLength = 1): RemotePublication => ({
  topic,
  message: new BinaryMessage(new Uint8Array(byteLength)),
  compress: null,
  overflow: null,
  key: null
})
const ORIGIN = new Uint8Array(16).fill(1)

/** A backplane at such a broker, which is not there yet. */
export function begin(options: BackplaneOptions = {}) {
  const broker = new ScriptedBroker()
  const states: string[] = []
  const backplane = new BrokerBackplane(broker, {
    heartbeatMs: 60_000,
    timeoutMs: 60_000,
    onstate: (state) => void states.push(state),
    ...options
  })
  backplane.start(host)
  return { broker, backplane, states }
}

/** Envelopes from another server. */
export function other(broker: ScriptedBroker, origin = ORIGIN) {
  let sequence = 0
  return (content: Parameters<typeof sealEnvelope>[2], by = 1) => {
    sequence += by
    broker.events.onbytes(sealEnvelope(origin, sequence, content))
  }
}

/** Begins each test of a file anew. */
export function guardScripted(): void {
  beforeEach(() => {
    warnings.length = errors.length = delivered.length = 0
    return () => vi.useRealTimers()
  })
}
