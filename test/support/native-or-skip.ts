// Owns what happens to the tests of the native tier where there is no addon: they are skipped with the reason, or fail
// where continuous checks promise that it is there.
import { beforeEach } from 'vitest'
import { loadNativeKernels } from '../../src/kernels/native.js'

const load = loadNativeKernels()
if (load.status !== 'loaded') {
  if (process.env.CI) throw new Error(`the native tier must be there: ${load.reason}`)
  // The files under test are about to choose their kernels.
  process.env.HOTSOCKET_TIER = 'js'
  beforeEach((context) => context.skip(load.reason))
}
