import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filterFault } from '../../src/topics/topic-name.js'
import { TopicTree } from '../../src/topics/topic-tree.js'

/** Whether a filter matches, by a regular expression made of MQTT's words: slow, and made in another way. */
function isMatch(filter: string, topic: string): boolean {
  if (/^[+#]/.test(filter) && topic.startsWith('$')) return false
  const escaped = filter.replaceAll(/[.*?^${}()|[\]\\]/g, '\\$&')
  const source = escaped
    .replaceAll(/(^|\/)\+(?=\/|$)/g, '$1[^/]*')
    // Twice: neighbours share the slash between them.
    .replaceAll(/(^|\/)\+(?=\/|$)/g, '$1[^/]*')
    .replace(/\/#$/, '(/.*)?')
    .replace(/^#$/, '.*')
  return new RegExp(`^${source}$`, 's').test(topic)
}

const level = fc.constantFrom('a', 'b', '', '$s')
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, isOpenEnded]) => [...levels, ...(isOpenEnded ? ['#'] : [])].join('/'))
const anyFilter = fc.oneof(filter, fc.constant('#')).filter((one) => filterFault(one) === null)
const step = fc.record({
  isAdded: fc.boolean(),
  filter: anyFilter,
  subscriber: fc.integer({ min: 0, max: 4 })
})

describe('TopicTree', () => {
  it('finds whom a list of filters, each asked, finds; counts them; and holds nothing when all have gone', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(topic, { maxLength: 12 }), (steps, topics) => {
        const tree = new TopicTree<number>()
        const reference = new Map<string, Set<number>>()
        for (const { isAdded, filter, subscriber } of steps) {
          const subscribers = reference.get(filter) ?? new Set()
          const isThere = subscribers.has(subscriber)
          if (isAdded) {
            expect(tree.add(filter, subscriber)).toBe(!isThere)
            reference.set(filter, subscribers.add(subscriber))
          } else {
            expect(tree.delete(filter, subscriber)).toBe(isThere)
            subscribers.delete(subscriber)
            if (subscribers.size === 0) reference.delete(filter)
          }
        }
        for (const name of topics) {
          const expected = [...reference].flatMap(([one, subscribers]) =>
            isMatch(one, name) ? [...subscribers] : []
          )
          expect([...tree.match(name)].sort()).toEqual([...new Set(expected)].sort())
        }
        expect(new Map(tree.counts())).toEqual(
          new Map([...reference].map(([one, subscribers]) => [one, subscribers.size]))
        )
        expect(tree.size).toBe(reference.size)
        for (const [one, subscribers] of reference) {
          expect(tree.count(one)).toBe(subscribers.size)
          for (const subscriber of subscribers) tree.delete(one, subscriber)
        }
        expect([tree.size, [...tree.counts()], tree.nodeCount]).toEqual([0, [], 0])
      }),
      { numRuns: 300 }
    )
  })

  it('finds each once, in the order of subscriptions where one filter matches', () => {
    const tree = new TopicTree<string>()
    for (const one of ['c', 'a', 'b']) tree.add('x/y', one)
    expect([...tree.match('x/y')]).toEqual(['c', 'a', 'b'])
    for (const one of ['#', 'x/#', '+/y', 'x/+', 'x/y/#']) tree.add(one, 'a')
    expect([...tree.match('x/y')].sort()).toEqual(['a', 'b', 'c'])
    expect(tree.match('z/z')).toEqual(new Set(['a']))
  })
})
