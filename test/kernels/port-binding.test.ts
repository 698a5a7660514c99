import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { loadNativeKernels } from '../../src/kernels/index.js'

const load = loadNativeKernels()
const bind = load.status === 'loaded' ? load.bindSharedPort : null
const { EADDRNOTAVAIL, EINVAL } = constants.errno

describe.runIf(bind !== null)('bindSharedPort', () => {
  const bindSharedPort = bind as (...values: unknown[]) => number

  it.each(['127.0.0.1', '0.0.0.0', '::', '::1'])('returns a descriptor of its own for %s', (address) => {
    const descriptors = [bindSharedPort(address, 0), bindSharedPort(address, 0)]
    expect(descriptors.every((descriptor) => descriptor > 2)).toBe(true)
    expect(new Set(descriptors).size).toBe(2)
    for (const descriptor of descriptors) closeSync(descriptor)
  })

  it.each([
    ['a name', 'localhost', EINVAL],
    ['nothing', '', EINVAL],
    ['no address', '127.0.0.256', EINVAL],
    ['an address of another machine', '192.0.2.7', EADDRNOTAVAIL]
  ])('returns an errno for %s', (_, address, errno) => {
    expect(bindSharedPort(address, 0)).toBe(-errno)
  })

  it.each([
    [[], 'address must be an address as a string'],
    [[null, 1], 'address must be an address as a string'],
    [[`${'0'.repeat(200)}127.0.0.1`, 1], 'address must be an address as a string'],
    [['127.0.0.1\0.example', 1], 'address must be an address as a string'],
    [['127.0.0.1'], 'port must be a number from 0 to 65535'],
    [['127.0.0.1', -1], 'port must be a number from 0 to 65535'],
    [['127.0.0.1', 65_536], 'port must be a number from 0 to 65535'],
    [['127.0.0.1', '80'], 'port must be a number from 0 to 65535']
  ])('throws for %j', (values, text) => {
    expect(() => bindSharedPort(...values)).toThrow(new TypeError(text))
  })
})
