// Owns what the core needs from Node.js: text, randomness, hashes, time, on top of the chosen kernels.
import { createHash, randomFillSync } from 'node:crypto'
import type { Environment } from '../core/environment.js'
import type { Kernels } from '../core/kernels.js'

/** Masking keys are drawn so many at a time: one call into the generator costs as much as a thousand keys. */
const KEY_COUNT = 1024

const { latin1Slice, utf8Write } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string
  utf8Write(this: Uint8Array, text: string, offset: number): number
}

/** Makes the environment of the core for Node.js. */
export function createEnvironment(kernels: Kernels): Environment {
  const keys = new Int32Array(KEY_COUNT)
  let next = KEY_COUNT
  return {
    kernels,
    decodeLatin1: (bytes, start, end) => latin1Slice.call(bytes, start, end),
    encodeUtf8: (text) => Buffer.from(text, 'utf8'),
    writeUtf8: (text, target, offset) => utf8Write.call(target, text, offset),
    allocate: (byteLength) => new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer),
    maskingKey() {
      if (next === KEY_COUNT) {
        randomFillSync(keys)
        next = 0
      }
      return keys[next++]!
    },
    randomBytes: (byteLength) => randomFillSync(new Uint8Array(byteLength)),
    sha1: (text) => createHash('sha1').update(text, 'latin1').digest('base64'),
    defer: (task) => void setImmediate(task),
    now: () => performance.now()
  }
}
