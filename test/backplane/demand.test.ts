import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { collectGarbage } from '../support/harness.js'
import { begin, guardScripted, warnings } from './scripted.js'

guardScripted()

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

  it.each(['away', 'silent'])(
    'is forgotten while the broker is %s, if nobody wants it any more',
    async (how) => {
      const { broker, backplane } = begin()
      broker.events.onup(true)
      await backplane.ready()
      if (how === 'away') broker.events.ondown('gone')
      else broker.subscribe = () => new Promise<void>(() => {})
      backplane.subscribe('first/x')
      await turn()
      const used = () => {
        collectGarbage()
        return process.memoryUsage().heapUsed
      }
      const before = used()
      for (let i = 0; i < 50_000; i++) {
        backplane.subscribe(`user/${i}`)
        backplane.unsubscribe(`user/${i}`)
      }
      expect(used() - before).toBeLessThan(2_000_000)
      expect(backplane.channelCount).toBe(6)
    }
  )

  it('that nobody wants any more when the broker has confirmed it is given up', async () => {
    const { broker, backplane } = begin()
    broker.events.onup(true)
    await backplane.ready()
    broker.told.length = 0
    const { subscribe } = broker
    let confirm = () => {}
    broker.subscribe = async (channels) => {
      await new Promise<void>((resolve) => {
        confirm = resolve
      })
      await subscribe.call(broker, channels)
    }
    backplane.subscribe('a/x')
    await turn()
    backplane.unsubscribe('a/x')
    confirm()
    await backplane.ready()
    expect(broker.told).toEqual(['+t/a', '*t/a/x', '-t/a', '-t/a/x'])
    expect(backplane.channelCount).toBe(4)
  })

  it('is ready when the broker is there, and not while it is away', async () => {
    const { broker, backplane } = begin()
    broker.events.onup(true)
    await backplane.ready()
    broker.events.ondown('gone')
    let isReady = false
    const ready = backplane.ready().then(() => {
      isReady = true
    })
    await turn()
    expect(isReady).toBe(false)
    backplane.subscribe('a')
    backplane.unsubscribe('a')
    broker.events.onup(false)
    await ready
    broker.events.ondown('gone')
    const closed = backplane.ready()
    await backplane.close()
    await closed
    await backplane.ready()
  })

  it('is ready when the broker has what was wanted then, however much is wanted meanwhile', async () => {
    const { broker, backplane } = begin()
    broker.events.onup(true)
    await backplane.ready()
    const { subscribe } = broker
    let count = 0
    broker.subscribe = async (channels) => {
      // Clients never stop to come.
      if (count < 100) backplane.subscribe(`more/${count}`)
      count++
      await turn()
      await subscribe.call(broker, channels)
    }
    backplane.subscribe('first/x')
    await backplane.ready()
    expect(broker.told).toContain('*t/first/x')
    expect(count).toBeLessThan(4)
    // One that is under way already waits for no other.
    await turn()
    backplane.subscribe('second/x')
    await backplane.ready()
    expect(broker.told).toContain('*t/second/x')
    expect(count).toBeLessThan(8)
    // The broker forgets all amid that.
    backplane.subscribe('third/x')
    const ready = backplane.ready()
    await turn()
    broker.events.ondown('gone')
    broker.told.length = 0
    broker.events.onup(true)
    await ready
    for (const name of ['first', 'second', 'third']) expect(broker.told).toContain(`*t/${name}/x`)
    expect(count).toBeLessThan(16)
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
