// What stands between a server and its broker, with a broker that does what the test says.
import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { BackplaneHost, RemotePublication } from '../../src/backplane/backplane.js'
import type { Broker, BrokerEvents, Channel } from '../../src/backplane/broker.js'
import { BrokerBackplane } from '../../src/backplane/broker-backplane.js'
import { Kind, packNumbers, packPublication, sealEnvelope } from '../../src/backplane/envelope.js'
import type { BackplaneOptions } from '../../src/backplane/options.js'
import { Peers } from '../../src/backplane/peers.js'
import { BinaryMessage, TextMessage } from '../../src/core/message.js'
import { createLogger } from '../../src/log.js'

/** A broker that takes everything, and confirms when it is told to. */
class ScriptedBroker implements Broker {
  events!: BrokerEvents
  readonly published: { channel: string; bytes: Uint8Array }[] = []
  readonly told: string[] = []
  readonly refused = new Set<string>()
  /** Of flushes under way. */
  readonly flushes: { resolve(): void; reject(cause: Error): void }[] = []
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
    return new Promise<void>((resolve, reject) => this.flushes.push({ resolve, reject }))
  }
  restart() {
    this.restartCount++
  }
  async close() {}
}

const warnings: string[] = []
const delivered: RemotePublication[] = []
const host: BackplaneHost = {
  logger: createLogger('warn', {
    error: () => {},
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
const publication = (topic: string | null, byteLength = 1): RemotePublication => ({
  topic,
  message: new BinaryMessage(new Uint8Array(byteLength)),
  compress: null,
  overflow: null,
  key: null
})
const ORIGIN = new Uint8Array(16).fill(1)

function begin(options: BackplaneOptions = {}) {
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
function other(broker: ScriptedBroker, origin = ORIGIN) {
  let sequence = 0
  return (content: Parameters<typeof sealEnvelope>[2], by = 1) => {
    sequence += by
    broker.events.onbytes(sealEnvelope(origin, sequence, content))
  }
}

beforeEach(() => {
  warnings.length = delivered.length = 0
  return () => vi.useRealTimers()
})

describe('what is wanted of a broker', () => {
  it('is asked for once, however many filters want it, and in one go', async () => {
    const { broker, backplane } = begin()
    backplane.subscribe('a/x')
    backplane.subscribe('a/y')
    backplane.unsubscribe('a/y')
    expect(broker.told).toEqual([])
    broker.events.onup(true)
    await backplane.ready()
    const own = ['+c/all', `+c/${backplane.serverId}`, '+t/early', '*t/early']
    expect(broker.told.splice(0)).toEqual([...own, '+t/a', '*t/a/x'])
    expect(backplane.channelCount).toBe(6)
    backplane.unsubscribe('a/x')
    backplane.subscribe('a/z')
    backplane.subscribe('a/x')
    await backplane.ready()
    expect(broker.told.splice(0)).toEqual(['*t/a/z'])
    for (const filter of ['a/x', 'a/z']) backplane.unsubscribe(filter)
    await backplane.ready()
    expect(broker.told.splice(0).sort()).toEqual(['-t/a', '-t/a/x', '-t/a/z'])
    expect(backplane.channelCount).toBe(4)
  })

  it('is told again to a broker that has forgotten all, and otherwise only what has changed', async () => {
    const { broker, backplane } = begin()
    broker.events.onup(true)
    await backplane.ready()
    broker.told.length = 0
    broker.events.ondown('gone')
    backplane.subscribe('late')
    await turn()
    expect(broker.told).toEqual([])
    broker.events.onup(false)
    await backplane.ready()
    expect(broker.told.splice(0)).toEqual(['+t/late', '*t/late'])
    broker.events.ondown('gone')
    broker.events.onup(true)
    await backplane.ready()
    expect(broker.told.splice(0)).toHaveLength(6)
  })

  it('does not suffer from what the broker refuses, which is asked for again later', async () => {
    const { broker, backplane } = begin()
    broker.refused.add('t/bad')
    backplane.subscribe('bad')
    backplane.subscribe('good')
    broker.events.onup(true)
    await backplane.ready()
    expect(broker.told.splice(0)).toContain('*t/good')
    expect(warnings).toEqual(['backplane: t/bad is refused'])
    broker.refused.clear()
    broker.events.onup(false)
    await backplane.ready()
    expect(broker.told.sort()).toEqual(['*t/bad', '+t/bad'])
  })
})

describe('what goes out', () => {
  it('is bounded by what the broker has confirmed', async () => {
    const { broker, backplane } = begin({ maxPendingBytes: 100_000 })
    broker.confirms = false
    broker.events.onup(true)
    await turn()
    for (let i = 0; i < 30; i++) backplane.publish(publication('a', 9_900))
    expect(backplane.metrics()).toMatchObject({ published: 10, dropped: 20 })
    // The question of the connection's begin, then one for the first that were sent: never two at a time.
    expect(broker.flushes).toHaveLength(1)
    broker.flushes.shift()!.resolve()
    await turn()
    expect(broker.flushes).toHaveLength(1)
    backplane.publish(publication('a', 9_900))
    expect(backplane.metrics().published).toBe(10)
    broker.flushes.shift()!.resolve()
    await turn()
    for (let i = 0; i < 30; i++) backplane.publish(publication('a', 9_900))
    expect(backplane.metrics()).toMatchObject({ published: 20, dropped: 41 })
    await backplane.close()
  })

  it('may be longer than the bound if nothing else waits', async () => {
    const { broker, backplane } = begin({ maxPendingBytes: 1024 })
    broker.events.onup(true)
    await backplane.ready()
    await turn()
    backplane.publish(publication('a', 5000))
    backplane.publish(publication('a', 1))
    expect(backplane.metrics()).toMatchObject({ published: 1, dropped: 1 })
  })

  it('is dropped where the broker throws, and before and after it is there', async () => {
    const { broker, backplane, states } = begin()
    backplane.publish(publication('a'))
    broker.events.onup(true)
    backplane.publish(publication('impossible'))
    expect(warnings).toEqual(['backplane: as the test wants it'])
    broker.events.ondown(new Error('cut'))
    expect(warnings.at(-1)).toContain('the broker between servers is gone or does not answer: cut')
    backplane.publish(publication(null))
    expect(backplane.metrics()).toMatchObject({ published: 0, dropped: 3, state: 'lost' })
    await backplane.close()
    backplane.publish(publication('a'))
    expect(states).toEqual(['connected', 'lost', 'closed'])
  })

  it('stops when the broker does not answer in time, and its connections are made anew', async () => {
    vi.useFakeTimers()
    const { broker, backplane, states } = begin({ timeoutMs: 1000 })
    broker.confirms = false
    broker.events.onup(true)
    vi.advanceTimersByTime(999)
    expect(states).toEqual(['connected'])
    vi.advanceTimersByTime(1)
    expect(states).toEqual(['connected', 'lost'])
    expect(warnings.at(-1)).toContain('no answer within 1000 ms')
    vi.advanceTimersByTime(1999)
    expect(broker.restartCount).toBe(0)
    vi.advanceTimersByTime(1)
    expect(broker.restartCount).toBe(1)
    // It was only late.
    broker.flushes[0]!.resolve()
    await vi.advanceTimersByTimeAsync(0)
    expect(states).toEqual(['connected', 'lost', 'connected'])
    await backplane.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not believe an answer of an earlier connection', async () => {
    const { broker, states } = begin()
    broker.confirms = false
    broker.events.onup(true)
    broker.events.ondown('cut')
    broker.flushes[0]!.resolve()
    await turn()
    expect(states).toEqual(['connected', 'lost'])
    broker.events.onup(false)
    broker.flushes[0]!.reject(new Error('late'))
    await turn()
    expect(states).toEqual(['connected', 'lost', 'connected'])
  })
})

describe('what comes in', () => {
  it('is delivered in order and once for each server; gaps are no fault', async () => {
    const { broker, backplane } = begin()
    broker.events.onup(true)
    const one = other(broker)
    const two = other(broker, new Uint8Array(16).fill(2))
    one(packPublication(publication('a')))
    one(packPublication(publication('a')), 0)
    two(packPublication(publication('b')))
    one(packPublication(publication('a')), 5)
    one(packPublication(publication('late')), -1)
    expect(delivered.map(({ topic }) => topic)).toEqual(['a', 'b', 'a'])
    expect(backplane.metrics()).toMatchObject({
      received: 3,
      receivedBytes: 3,
      repeated: 2,
      refused: 0,
      servers: 3
    })
  })

  it('keeps key, overflow and compress', () => {
    const { broker } = begin()
    broker.events.onup(true)
    const sent: RemotePublication = {
      topic: 'a',
      message: new TextMessage('ü'),
      compress: false,
      overflow: 'latest',
      key: ''
    }
    other(broker)(packPublication(sent))
    expect(delivered).toMatchObject([{ topic: 'a', compress: false, overflow: 'latest', key: '' }])
    expect(delivered[0]!.message.payload).toBe('ü')
  })

  it('is refused where it keeps to no rule, and harms nobody', () => {
    const { broker, backplane } = begin({ maxPublicationBytes: 1000 })
    broker.events.onup(true)
    const send = other(broker)
    const wrong = [
      { kind: Kind.PUBLICATION, opcode: 1, name: '+' },
      { kind: Kind.PUBLICATION, opcode: 9, name: 'a' },
      { kind: Kind.HEARTBEAT, body: new Uint8Array(3) },
      { kind: Kind.COUNT, name: 'a' },
      { kind: Kind.DISCONNECT, name: 'a', body: packNumbers(1) },
      { kind: Kind.ANSWER, body: packNumbers(1) },
      { kind: Kind.PUBLICATION, opcode: 2, name: 'a', body: new Uint8Array(600_000) }
    ]
    for (const content of wrong) send(content)
    send({ kind: Kind.ANSWER, body: packNumbers(99, 1) })
    expect(backplane.metrics()).toMatchObject({ refused: wrong.length, received: 0 })
    expect(delivered).toEqual([])
  })

  it('is asked for an answer once, however many ask', async () => {
    vi.useFakeTimers()
    const { broker, backplane } = begin({ heartbeatMs: 1000 })
    broker.events.onup(true)
    await vi.advanceTimersByTimeAsync(0)
    broker.published.length = 0
    for (let i = 10; i < 60; i++)
      other(broker, new Uint8Array(16).fill(i))({ kind: Kind.HEARTBEAT, flags: 1, body: packNumbers(3) })
    expect(backplane.metrics()).toMatchObject({ servers: 51, clients: 7 + 150 })
    await vi.advanceTimersByTimeAsync(200)
    expect(broker.published.filter(({ channel }) => channel === 'c/all')).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(3000)
    expect(backplane.serverCount()).toBe(1)
    await backplane.close()
  })

  it('answers questions to the one who asked, and sums answers until time is up', async () => {
    vi.useFakeTimers()
    const { broker, backplane } = begin({ answerTimeoutMs: 500 })
    broker.events.onup(true)
    const one = other(broker)
    const two = other(broker, new Uint8Array(16).fill(2))
    one({ kind: Kind.COUNT, name: 'a', body: packNumbers(5) })
    expect(broker.published.at(-1)!.channel).toBe(`c/${'01'.repeat(16)}`)
    two({ kind: Kind.HEARTBEAT, body: packNumbers(0) })
    const all = backplane.count('a')
    await vi.advanceTimersByTimeAsync(0)
    one({ kind: Kind.ANSWER, body: packNumbers(1, 10) })
    two({ kind: Kind.ANSWER, body: packNumbers(1, 20) })
    expect(await all).toBe(32)
    const some = backplane.count('a')
    await vi.advanceTimersByTimeAsync(0)
    two({ kind: Kind.ANSWER, body: packNumbers(2, 20) })
    await vi.advanceTimersByTimeAsync(500)
    expect(await some).toBe(22)
    await backplane.close()
  })
})

describe('options', () => {
  it.each([{ heartbeatMs: 0 }, { prefix: '' }, { maxPendingBytes: 1.5 }, { onstate: 1 }, { nothing: 1 }])(
    'that are wrong are named: %o',
    (options) => {
      const [name] = Object.keys(options)
      expect(() => new BrokerBackplane(new ScriptedBroker(), options as BackplaneOptions)).toThrow(
        expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(name!) })
      )
    }
  )
})

describe('other servers', () => {
  it('are remembered up to a bound: the one that was heard longest ago goes first', () => {
    const peers = new Peers(1000)
    for (let i = 0; i < 10_050; i++) peers.hear(String(i), 1, i)
    expect(peers.size).toBe(10_000)
    expect(peers.hear('10049', 1, 0)).toBe(false)
    expect(peers.hear('0', 1, 20_000)).toBe(true)
    peers.expire(20_000)
    expect(peers.size).toBe(1)
  })
})
