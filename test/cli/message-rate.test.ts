import { expect, test } from 'vitest'
import { MessageRate } from '../../src/cli/message-rate.js'

test('reports what fell into the last full second, and the total', () => {
  const rate = new MessageRate()
  const seen = [rate.perSecond(0)]
  for (const ms of [100, 200, 999, 1000, 1500]) rate.add(ms)
  seen.push(rate.perSecond(1999), rate.perSecond(2000), rate.perSecond(2999), rate.perSecond(3000))
  rate.add(3500)
  seen.push(rate.perSecond(5000))
  expect({ seen, total: rate.total }).toEqual({ seen: [0, 3, 2, 2, 0, 0], total: 6 })
})
