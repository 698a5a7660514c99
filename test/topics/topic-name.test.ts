import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import { overflowOf, topicOverflow } from '../../src/topics/overflow.js'
import { checkFilter, checkTopic, hasWildcard, matchesTopic } from '../../src/topics/topic-name.js'
import { TopicTree } from '../../src/topics/topic-tree.js'

/** What a check throws, as its code and text; null: it lets the name pass. */
function faultOf(check: (name: string) => void, name: unknown): string | null {
  try {
    check(name as string)
    return null
  } catch (error) {
    const { code, message } = error as WebSocketError
    expect(error).toBeInstanceOf(WebSocketError)
    expect(code).toBe('invalid-argument')
    return message
  }
}

/** Filters, topics that they match, and topics that they do not. */
const TABLE: readonly [string, readonly string[], readonly string[]][] = [
  [
    'sport/tennis/player1/#',
    ['sport/tennis/player1', 'sport/tennis/player1/ranking', 'sport/tennis/player1/score/wimbledon'],
    ['sport/tennis', 'sport/tennis/player12', 'sport/tennis/player2/ranking']
  ],
  ['sport/#', ['sport', 'sport/', 'sport/tennis'], ['sports', '/sport', '$sport']],
  ['#', ['sport', 'a/b/c', '/', '/finance'], ['$SYS', '$SYS/uptime', '$']],
  [
    'sport/tennis/+',
    ['sport/tennis/player1', 'sport/tennis/'],
    ['sport/tennis', 'sport/tennis/player1/ranking']
  ],
  ['sport/+', ['sport/', 'sport/tennis'], ['sport', 'sport/a/b']],
  ['+/+', ['/finance', 'a/b', '/'], ['finance', 'a/b/c', '$SYS/b']],
  ['/+', ['/finance', '/'], ['finance', '/a/b']],
  ['+', ['finance', 'x'], ['/finance', 'a/b', '$SYS']],
  ['+/tennis/#', ['a/tennis', '/tennis', 'a/tennis/b/c'], ['tennis', 'a/b/tennis', '$a/tennis']],
  ['+/monitor/Clients', ['x/monitor/Clients'], ['$SYS/monitor/Clients']],
  ['$SYS/#', ['$SYS', '$SYS/', '$SYS/monitor/Clients'], ['SYS', '$SYSTEM', 'a/$SYS']],
  ['$SYS/monitor/+', ['$SYS/monitor/Clients'], ['$SYS/monitor', '$SYS/monitor/a/b']],
  ['a/+/$x', ['a/b/$x', 'a/$b/$x'], ['a/b/x']],
  ['a//b', ['a//b'], ['a/b', 'a/x/b']],
  ['a/+/b', ['a//b', 'a/x/b'], ['a/b']],
  ['/', ['/'], ['', '//']],
  ['Accounts', ['Accounts'], ['ACCOUNTS', 'accounts', 'Accounts ']],
  ['Accounts payable', ['Accounts payable'], ['Accounts']]
]

describe('topics and filters (MQTT 5.0 §4.7)', () => {
  it.each(TABLE)('§4.7.1, §4.7.2 %s', (filter, matched, others) => {
    const tree = new TopicTree<string>()
    tree.add(filter, 'me')
    expect(faultOf(checkFilter, filter)).toBeNull()
    const answers = (topics: readonly string[]) =>
      topics.map((topic) => [topic, tree.match(topic).has('me'), matchesTopic(filter, topic)])
    expect(answers(matched)).toEqual(matched.map((topic) => [topic, true, true]))
    expect(answers(others)).toEqual(others.map((topic) => [topic, false, false]))
  })

  it.each(['sport+', '+sport/a', 'a/b+/c', '++', 'a/++'])(
    '§4.7.1.3 refuses %s: "+" is a whole level',
    (filter) => {
      expect(faultOf(checkFilter, filter)).toContain(
        `"+" must be a whole level of a topic, not as in "${filter}"`
      )
    }
  )

  it.each(['sport/tennis#', 'sport/tennis/#/ranking', '#/a', '##', 'a/##'])(
    '§4.7.1.2 refuses %s: "#" is the whole last level',
    (filter) => {
      expect(faultOf(checkFilter, filter)).toContain('"#" must be the whole last level')
    }
  )

  it.each(['+', '#', 'a/+', 'a/#'])('§3.3.2.1 nothing can be published to %s', (topic) => {
    expect(faultOf(checkTopic, topic)).toContain(`a topic to publish to has no wildcards, and "${topic}" has`)
  })

  it('§4.7.3 names have a character at least, no U+0000, and 65 535 bytes of UTF-8 at most', () => {
    for (const check of [checkTopic, checkFilter]) {
      expect(faultOf(check, '')).toContain("a topic is a string that is not empty, not ''")
      expect(faultOf(check, 7)).toContain('a topic is a string that is not empty, not number 7')
      expect(faultOf(check, null)).toContain('not null')
      expect(faultOf(check, 'a\0b')).toContain('a topic has no U+0000, and "a\\u0000b" has')
      for (const half of ['\ud800', 'a\udc00'])
        expect(faultOf(check, half)).toContain('a topic has no lone surrogates')
      expect(faultOf(check, 'x'.repeat(65_535))).toBeNull()
      expect(faultOf(check, 'x'.repeat(65_536))).toContain('at most 65535 bytes, not 65536')
      expect(faultOf(check, 'ä'.repeat(32_767))).toBeNull()
      expect(faultOf(check, 'ä'.repeat(32_768))).toContain('at most 65535 bytes, not 65536')
    }
  })

  it('names have 200 levels at most', () => {
    for (const check of [checkTopic, checkFilter]) {
      expect(faultOf(check, '/'.repeat(199))).toBeNull()
      expect(faultOf(check, '/'.repeat(200))).toContain('a topic has at most 200 levels')
    }
    expect(faultOf(checkFilter, '+/'.repeat(20_000))).toContain('a topic has at most 200 levels')
  })

  it('knows wildcards', () => {
    expect(['a/b', '+', 'a/#', 'a#b', ''].map(hasWildcard)).toEqual([false, true, true, true, false])
  })
})

describe('topicOverflow', () => {
  it('the first filter that matches counts', () => {
    const policies = { 'prices/eur': 'close', 'prices/#': 'latest', '#': 'drop-newest' } as const
    const found = ['prices/eur', 'prices/usd', 'prices', 'chat', '$SYS'].map((topic) =>
      overflowOf(policies, topic)
    )
    expect(found).toEqual(['close', 'latest', 'latest', 'drop-newest', null])
    expect(overflowOf({}, 'prices')).toBeNull()
  })

  it.each([
    [null, "an object as { 'prices/#': 'latest' }"],
    ['latest', "an object as { 'prices/#': 'latest' }"],
    [['latest'], "an object as { 'prices/#': 'latest' }"],
    [{ 'a#': 'latest' }, 'an object with topics as names ("#" must be the whole last level of a topic'],
    [{ '': 'latest' }, 'a topic is a string that is not empty'],
    [{ a: 'newest' }, `an object whose member "a" is one of 'queue', `]
  ])('refuses %j', (value, reason) => {
    expect(topicOverflow(value)).toContain(reason)
  })
})
