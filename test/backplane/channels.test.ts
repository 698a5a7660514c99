// How filters become channels: whatever a filter matches must be brought, and what else comes should be little.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NatsConnection, natsBackplane } from '../../src/adapters/nats.js'
import { type RedisClient, redisBackplane } from '../../src/adapters/redis.js'
import type { BackplaneHost, RemotePublication } from '../../src/backplane/backplane.js'
import { TextMessage } from '../../src/core/message.js'
import { type BrokerBackplane, TopicTree } from '../../src/index.js'
import { createLogger } from '../../src/log.js'
import { cleanUp, guard } from '../support/harness.js'

guard()

const host: BackplaneHost = {
  logger: createLogger('silent'),
  clientCount: 0,
  filters: () => [],
  subscriberCount: () => 0,
  deliver: () => {},
  disconnect: () => false
}
const publication = (topic: string): RemotePublication => ({
  topic,
  message: new TextMessage(''),
  compress: null,
  overflow: null,
  key: null
})

/** What a broker was asked for, and what it was given. */
class Recorder {
  readonly names = new Set<string>()
  readonly patterns = new Set<string>()
  published = ''
  readonly backplane: BrokerBackplane

  constructor(make: (recorder: Recorder) => BrokerBackplane) {
    this.backplane = make(this)
    this.backplane.start(host)
    cleanUp(() => this.backplane.close())
  }

  async channels(filter: string): Promise<{ names: string[]; patterns: string[] }> {
    await this.backplane.ready()
    this.names.clear()
    this.patterns.clear()
    this.backplane.subscribe(filter)
    await this.backplane.ready()
    const channels = { names: [...this.names], patterns: [...this.patterns] }
    this.backplane.unsubscribe(filter)
    return channels
  }

  channel(topic: string): string {
    this.backplane.publish(publication(topic))
    return this.published
  }
}

function fakeRedis(recorder: Recorder): RedisClient {
  const listeners: (() => void)[] = []
  return {
    isReady: true,
    isOpen: true,
    duplicate: () => fakeRedis(recorder),
    connect: async () => {
      for (const listener of listeners) listener()
    },
    destroy: () => {},
    on: (event: string, listener: (error: unknown) => void) =>
      event === 'ready' && listeners.push(() => listener(null)),
    ping: async () => 'PONG',
    publish: async (channel) => {
      recorder.published = channel
    },
    subscribe: async (names) => names.forEach((name) => void recorder.names.add(name)),
    pSubscribe: async (names) => names.forEach((name) => void recorder.patterns.add(name)),
    unsubscribe: async () => {},
    pUnsubscribe: async () => {}
  }
}

function fakeNats(recorder: Recorder): NatsConnection {
  return {
    publish: (subject) => {
      recorder.published = subject
    },
    subscribe: (subject) => {
      recorder.names.add(subject)
      return { unsubscribe: () => {} }
    },
    flush: async () => {},
    reconnect: async () => {},
    isClosed: () => false,
    status: async function* () {
      await new Promise(() => {})
    }
  }
}

/** Redis' stringmatchlen, by its documentation. */
function globToRegExp(glob: string): RegExp {
  const source = glob.replace(/\\(.)|\*|\?|\[|[^\\*?[]/gs, (part, escaped: string | undefined) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part === '[') throw new Error(`a class in ${glob}`)
    return (escaped ?? part).replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  })
  return new RegExp(`^${source}$`, 's')
}

function subjectMatches(pattern: string, subject: string): boolean {
  const [tokens, levels] = [pattern.split('.'), subject.split('.')]
  for (const [index, token] of tokens.entries()) {
    if (token === '>') return levels.length > index
    if (levels[index] === undefined || (token !== '*' && token !== levels[index])) return false
  }
  return tokens.length === levels.length
}

const level = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'b',
    '*',
    '?',
    '[a]',
    '[^a]',
    '\\',
    '.',
    '>',
    ' ',
    '=',
    '=41',
    '$',
    '-',
    'ü',
    '日本',
    '\n'
  ),
  fc.string({ unit: 'grapheme-ascii', maxLength: 3 }).map((text) => text.replace(/[+#/]/g, ''))
)
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '')
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, isOpenEnded]) => [...levels, ...(isOpenEnded ? ['#'] : [])].join('/'))
  .filter((text) => text !== '')

function matches(one: string, other: string): boolean {
  const tree = new TopicTree<true>()
  tree.add(one, true)
  return tree.match(other).size > 0
}

describe('channels of Redis', () => {
  it('bring what a filter matches', async () => {
    const redis = new Recorder((recorder) => redisBackplane(fakeRedis(recorder)))
    await fc.assert(
      fc.asyncProperty(filter, topic, async (one, other) => {
        const { names, patterns } = await redis.channels(one)
        const channel = redis.channel(other)
        const isBrought = names.includes(channel) || patterns.some((glob) => globToRegExp(glob).test(channel))
        if (matches(one, other)) expect(isBrought).toBe(true)
        // Without a wildcard there is no pattern, and nothing comes that is not meant.
        if (!/[+#]/.test(one)) expect([patterns, isBrought]).toEqual([[], one === other])
      }),
      { numRuns: 500 }
    )
  })

  it.each([
    ['a/b', ['p*/t/a/b'], []],
    ['a/+/c', [], ['p\\*/t/a/*/c']],
    ['a/#', ['p*/t/a'], ['p\\*/t/a/*']],
    ['+/#', [], ['p\\*/t/*', 'p\\*/t/*/*']],
    ['#', [], ['p\\*/t/*']],
    ['[a]/\\?/+', [], ['p\\*/t/\\[a\\]/\\\\\\?/*']]
  ])('of %s', async (given, names, patterns) => {
    const redis = new Recorder((recorder) => redisBackplane(fakeRedis(recorder), { prefix: 'p*' }))
    expect(await redis.channels(given)).toEqual({ names, patterns })
  })
})

describe('subjects of NATS', () => {
  it('bring what a filter matches, and nothing else but for topics that begin with $', async () => {
    const nats = new Recorder((recorder) => natsBackplane(fakeNats(recorder)))
    await fc.assert(
      fc.asyncProperty(filter, topic, async (one, other) => {
        const { names } = await nats.channels(one)
        const subject = nats.channel(other)
        expect(subject).toMatch(/^hotsocket\.t(\.[\w=-]+)+$/)
        const bringing = names.filter((name) => subjectMatches(name, subject))
        if (other.startsWith('$')) expect(bringing.length).toBeGreaterThanOrEqual(Number(matches(one, other)))
        else expect(bringing).toHaveLength(Number(matches(one, other)))
      }),
      { numRuns: 500 }
    )
  })

  it.each([
    ['a/b', ['p=2eq.t.a.b']],
    ['a/+/c', ['p=2eq.long', 'p=2eq.t.a.*.c']],
    ['a/#', ['p=2eq.long', 'p=2eq.t.a', 'p=2eq.t.a.>']],
    ['#', ['p=2eq.long', 'p=2eq.t.>']],
    ['/ü', ['p=2eq.t.=.=c3=bc']],
    ['x'.repeat(2000), ['p=2eq.long']],
    [`${'x'.repeat(2000)}/#`, ['p=2eq.long']]
  ])('of %s', async (given, names) => {
    const nats = new Recorder((recorder) => natsBackplane(fakeNats(recorder), { prefix: 'p.q' }))
    expect(await nats.channels(given)).toEqual({ names, patterns: [] })
  })
})
