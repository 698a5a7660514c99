import { expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/core/limits.js'

it('§10.4 limits messages by default, and lets 4 MiB in 64-byte frames through', () => {
  expect(DEFAULT_LIMITS).toEqual({
    maxMessageBytes: 67_108_864,
    maxFrameBytes: 67_108_864,
    maxFragments: 65_536,
    maxUnansweredPings: 64
  })
  expect(DEFAULT_LIMITS.maxFragments * 64).toBe(4 * 1024 * 1024)
})
