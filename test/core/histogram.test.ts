import { expect, it } from 'vitest'
import { Histogram } from '../../src/core/histogram.js'

it('counts values by their size, each in all buckets that hold it', () => {
  const histogram = new Histogram([1, 10, 100])
  for (const value of [0, 1, 1.5, 10, 100, 101, 1e9]) histogram.add(value)
  expect(histogram.counts).toEqual({
    buckets: [
      { upTo: 1, count: 2 },
      { upTo: 10, count: 4 },
      { upTo: 100, count: 5 }
    ],
    count: 7,
    sum: 1e9 + 213.5
  })
})

it('tells a copy', () => {
  const histogram = new Histogram([1])
  const before = histogram.counts
  histogram.add(1)
  expect(before).toEqual({ buckets: [{ upTo: 1, count: 0 }], count: 0, sum: 0 })
})
