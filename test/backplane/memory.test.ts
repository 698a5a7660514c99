import { beforeEach, describe } from 'vitest'
import { MemoryHub, memoryBackplane } from '../../src/adapters/memory.js'
import { guard } from '../support/harness.js'
import { testBackplane } from './suite.js'

guard()

let hub: MemoryHub
beforeEach(() => {
  hub = new MemoryHub()
  return () => hub.close()
})

describe('a backplane in memory', () => {
  testBackplane((options) => memoryBackplane(hub, options))
})
