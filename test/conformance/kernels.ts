// Owns the list of kernel implementations that suites run on.
import type { Environment } from '../../src/core/environment.js'
import { createEnvironment } from '../../src/kernels/environment.js'
import { jsKernels } from '../../src/kernels/js/index.js'
import { loadNativeKernels } from '../../src/kernels/native.js'

/** An implementation of the kernels. `environment` is null where it is not there; `title` says why. */
export interface Implementation {
  readonly title: string
  readonly environment: Environment | null
}

/** The JavaScript kernels, which are always there. */
export const JS_ENVIRONMENT = createEnvironment(jsKernels)

function loadNative(): Implementation {
  const load = loadNativeKernels()
  if (load.status === 'loaded')
    return { title: 'native kernels', environment: createEnvironment(load.kernels) }
  return { title: `native kernels (skipped: ${load.reason})`, environment: null }
}

/** All implementations of the kernels. */
export const IMPLEMENTATIONS: readonly Implementation[] = [
  { title: 'js kernels', environment: JS_ENVIRONMENT },
  loadNative()
]
