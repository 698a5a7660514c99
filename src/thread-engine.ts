// Owns this thread's engine: one for all its endpoints.
import { engineBinding } from './kernels/index.js'
import { EngineLoop } from './transport/engine.js'

/** Undefined before it is first asked for. */
let loop: EngineLoop | null | undefined

/** The engine; null where there is none. Made when it is first asked for. */
export function threadEngine(): EngineLoop | null {
  if (loop === undefined) loop = engineBinding === null ? null : EngineLoop.open(engineBinding)
  return loop
}
