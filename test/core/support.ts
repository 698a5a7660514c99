// Owns what tests of the core share: an environment without chance or clock.
import type { Environment } from '../../src/core/environment.js'
import { JS_ENVIRONMENT } from '../conformance/kernels.js'

/** The masking key of the examples in RFC 6455 §5.7: 37 fa 21 3d on the wire. */
export const EXAMPLE_KEY = 0x3d21fa37

/** A clock that is set by hand. */
export interface Clock {
  now: number
}

/** Makes an environment on the JavaScript kernels whose masking key is always the example's. */
export function fixedEnvironment(clock: Clock = { now: 0 }): Environment {
  return { ...JS_ENVIRONMENT, maskingKey: () => EXAMPLE_KEY, now: () => clock.now }
}
