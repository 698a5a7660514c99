// Owns the measuring of memory in tests.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Counts the bytes of all array buffers that are in use. */
export function heldBytes(): number {
  // The buffers that one collection finds dead are freed in the background; the next one waits for that.
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}
