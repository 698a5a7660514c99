// Owns the list of kernel implementations that suites run on.

import type { Environment } from '../../src/core/environment.js'
import { createEnvironment } from '../../src/kernels/environment.js'
import { naiveKernels } from './naive-kernels.js'

/** An implementation; `environment` is null where it is not there, for the reason given. */
export interface Implementation {
  readonly name: string
  readonly environment: Environment | null
  readonly reason: string
}

/** All implementations of the kernels. */
export const IMPLEMENTATIONS: readonly Implementation[] = [
  { name: 'js', environment: createEnvironment(naiveKernels), reason: '' }
]
