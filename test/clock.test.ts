import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Timeouts } from '../src/clock.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Time limits of that length, and what ended when. */
function record(durationMs: number, onexpire: (item: string, timeouts: Timeouts<string>) => void = () => {}) {
  const log: string[] = []
  const began = performance.now()
  const timeouts: Timeouts<string> = new Timeouts(durationMs, (item: string) => {
    log.push(`${item} ${Math.round(performance.now() - began)}`)
    onexpire(item, timeouts)
  })
  return { timeouts, log }
}

describe('Timeouts', () => {
  it('ends each item once, after its own time, with one timer for all', () => {
    const { timeouts, log } = record(100)
    timeouts.start('a')
    vi.advanceTimersByTime(30)
    timeouts.start('b')
    timeouts.start('c')
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1000)
    expect(log).toEqual(['a 100', 'b 130', 'c 130'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('begins anew for an item that waits already', () => {
    const { timeouts, log } = record(100)
    timeouts.start('a')
    vi.advanceTimersByTime(60)
    timeouts.start('a')
    vi.advanceTimersByTime(1000)
    expect(log).toEqual(['a 160'])
  })

  it('does not end what was stopped, in time or by another that ends', () => {
    const { timeouts, log } = record(100, (item, all) => item === 'a' && all.stop('b'))
    for (const item of ['a', 'b', 'c', 'd']) timeouts.start(item)
    timeouts.stop('d')
    timeouts.stop('unknown')
    vi.advanceTimersByTime(1000)
    expect(log).toEqual(['a 100', 'c 100'])
  })

  it('takes items again that are started while they end', () => {
    const { timeouts, log } = record(100, (item, all) => {
      if (log.length < 3) all.start(item)
    })
    timeouts.start('a')
    vi.advanceTimersByTime(50)
    timeouts.start('b')
    vi.advanceTimersByTime(1000)
    expect(log).toEqual(['a 100', 'b 150', 'a 200', 'b 250'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('goes on with the others if what it calls throws', () => {
    const { timeouts, log } = record(100, (item) => {
      if (item === 'a') throw new Error('oops')
    })
    timeouts.start('a')
    timeouts.start('b')
    vi.advanceTimersByTime(30)
    timeouts.start('c')
    expect(() => vi.advanceTimersByTime(80)).toThrow('oops')
    vi.advanceTimersByTime(1000)
    expect(log.map((line) => line[0])).toEqual(['a', 'b', 'c'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('with 0 never ends anything', () => {
    const { timeouts, log } = record(0)
    timeouts.start('a')
    vi.advanceTimersByTime(10_000)
    expect([log, vi.getTimerCount()]).toEqual([[], 0])
  })

  it('forgets everything when it is cleared, and can go on', () => {
    const { timeouts, log } = record(100)
    timeouts.start('a')
    timeouts.clear()
    timeouts.clear()
    expect(vi.getTimerCount()).toBe(0)
    timeouts.start('b')
    vi.advanceTimersByTime(1000)
    expect(log).toEqual(['b 100'])
  })

  it('does not keep the process alive', () => {
    vi.useRealTimers()
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const timeouts = new Timeouts<string>(10_000, () => {})
    timeouts.start('a')
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    timeouts.clear()
    expect(after).toBe(before)
  })
})
