// Owns what happens to the tests of a tier that is not there: they are skipped with the reason, or fail where continuous
// checks promise that it is there.
import { beforeEach } from 'vitest'
import { loadNativeKernels } from '../../src/kernels/native.js'

const reason = whyNot()
if (reason !== null) {
  if (process.env.CI) throw new Error(`the tier ${process.env.HOTSOCKET_TIER} must be there: ${reason}`)
  // The files under test are about to choose their kernels.
  process.env.HOTSOCKET_TIER = 'js'
  beforeEach((context) => context.skip(reason))
}

function whyNot(): string | null {
  const load = loadNativeKernels()
  if (load.status !== 'loaded') return load.reason
  return process.env.HOTSOCKET_TIER === 'engine' && load.engine === null ? 'the engine is for Linux' : null
}
