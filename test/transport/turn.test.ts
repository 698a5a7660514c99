import { describe, expect, it } from 'vitest'
import { atEndOfTurn } from '../../src/transport/turn.js'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

describe('atEndOfTurn', () => {
  it('calls before anything else of the event loop', async () => {
    const events: string[] = []
    setImmediate(() => events.push('immediate'))
    atEndOfTurn(() => events.push('flush'))
    await nextTurn()
    expect(events).toEqual(['flush', 'immediate'])
  })

  it('lets timers and sockets have their turn although each flush causes the next one', async () => {
    let roundCount = 0
    let isOver = false
    const round = () => {
      roundCount++
      if (!isOver) atEndOfTurn(round)
    }
    round()
    const seen: number[] = []
    for (let turn = 0; turn < 20; turn++) {
      const before = roundCount
      await nextTurn()
      seen.push(roundCount - before)
    }
    isOver = true
    expect([Math.max(...seen) <= 33, roundCount > 20]).toEqual([true, true])
  })

  it('calls every flush once, in order', async () => {
    const calls: number[] = []
    const expected = Array.from({ length: 100 }, (_, index) => index)
    for (const index of expected) atEndOfTurn(() => calls.push(index))
    await nextTurn()
    await nextTurn()
    expect(calls).toEqual(expected)
  })
})
