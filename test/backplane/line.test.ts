// What stands between a server and its broker, with a broker that does what the test says.
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { RemotePublication } from '../../src/backplane/backplane.js'
import { BrokerBackplane } from '../../src/backplane/broker-backplane.js'
import { Kind, packNumbers, packPublication } from '../../src/backplane/envelope.js'
import type { BackplaneOptions } from '../../src/backplane/options.js'
import { Peers } from '../../src/backplane/peers.js'
import { TextMessage } from '../../src/core/message.js'
import {
  begin,
  delivered,
  errors,
  guardScripted,
  other,
  publication,
  ScriptedBroker,
  warnings
} from './scripted.js'

guardScripted()

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
    broker.confirms = true
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
    broker.confirms = true
    await backplane.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is taken by the broker when close resolves, unless it does not answer for a second', async () => {
    vi.useFakeTimers()
    for (const answer of ['resolve', 'reject', null] as const) {
      const { broker, backplane } = begin()
      broker.events.onup(true)
      broker.confirms = false
      backplane.publish(publication('a'))
      const events: string[] = []
      broker.close = async () => void events.push('broker closed')
      void backplane.close().then(() => events.push('closed'))
      await vi.advanceTimersByTimeAsync(999)
      expect(events).toEqual([])
      if (answer === null) await vi.advanceTimersByTimeAsync(1)
      else broker.flushes.at(-1)![answer](new Error('cut'))
      await vi.advanceTimersByTimeAsync(0)
      expect(events).toEqual(['broker closed', 'closed'])
      expect(broker.published.at(-1)!.channel).toBe('c/all')
      expect(vi.getTimerCount()).toBe(0)
    }
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

describe('onstate', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('as the test wants it')
      }
    ],
    [
      'rejects',
      async () => {
        throw new Error('as the test wants it')
      }
    ]
  ])('that %s harms nobody, and the log tells', async (_, onstate) => {
    const { broker, backplane } = begin({ onstate })
    broker.events.onup(true)
    await turn()
    expect(backplane.state).toBe('connected')
    expect(errors.splice(0)).toEqual([expect.stringContaining('as the test wants it')])
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
