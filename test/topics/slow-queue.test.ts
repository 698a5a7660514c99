import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/core/prepared.js'
import { SlowQueue } from '../../src/topics/slow-queue.js'

/** A queue, and what is told of it. */
function make(maxBytes: number) {
  const queue = new SlowQueue(maxBytes)
  const dropped: string[] = []
  const put = (text: string, key: string | null = null) =>
    queue.put(prepare(text), key, ({ payload }, isReplaced) =>
      dropped.push(`${payload}${isReplaced ? ' replaced' : ''}`)
    )
  const takeAll = () => {
    const texts: unknown[] = []
    for (let one = queue.take(); one !== null; one = queue.take()) texts.push(one.payload)
    return texts
  }
  return { queue, dropped, put, takeAll }
}

describe('SlowQueue', () => {
  it('gives in the order of publication; of those with one key the latest, at the place of the first', () => {
    const { queue, dropped, put, takeAll } = make(1e6)
    put('a1', 'a')
    put('x')
    put('b1', 'b')
    put('y')
    put('a2', 'a')
    put('a3', 'a')
    expect([queue.isEmpty, queue.byteLength]).toEqual([false, 4 * 64 + 3 + 1 + 3 + 1])
    expect(takeAll()).toEqual(['a3', 'x', 'b1', 'y'])
    expect(dropped).toEqual(['a1 replaced', 'a2 replaced'])
    expect([queue.isEmpty, queue.byteLength, queue.take()]).toEqual([true, 0, null])
  })

  it('drops the oldest beyond its limit, but never the last one', () => {
    const { queue, dropped, put, takeAll } = make(3 * 64 + 3)
    for (const one of ['1', '2', '3', '4']) put(one)
    expect(dropped).toEqual(['1'])
    put('much longer than all', 'key')
    expect(dropped).toEqual(['1', '2', '3'])
    put('x'.repeat(1000), 'key')
    expect(dropped).toEqual(['1', '2', '3', 'much longer than all replaced', '4'])
    expect(queue.byteLength).toBe(1067)
    expect(takeAll()).toEqual(['x'.repeat(1000)])
    expect(queue.byteLength).toBe(0)
  })

  it('counts keys, which may be longer than what they stand for', () => {
    const { queue, dropped, put } = make(10_000)
    for (let i = 0; i < 100; i++) put('', String(i).padStart(1000))
    expect(queue.byteLength).toBeLessThanOrEqual(10_000)
    expect(dropped).toHaveLength(91)
  })

  it('a limit of 0 keeps the latest', () => {
    const { dropped, put, takeAll } = make(0)
    for (const one of ['1', '2', '3']) put(one)
    expect([takeAll(), dropped]).toEqual([['3'], ['1', '2']])
  })

  it('a key is no other than itself: null stands for none, a word of Object is a word', () => {
    const { put, takeAll } = make(1e6)
    put('1', '__proto__')
    put('2', '')
    put('3', null)
    put('4', '')
    expect(takeAll()).toEqual(['1', '4', '3'])
  })
})
