// Owns which byte kernels the suites run over, and how a suite is repeated for each of them.
import { describe } from 'vitest'
import type { Kernels } from '../../src/core/kernels.js'
import { mask } from '../../src/kernels/js/mask.js'
import { scan } from '../../src/kernels/js/scanner.js'
import { decodeUtf8, validateUtf8 } from '../../src/kernels/js/utf8.js'
import { type Addon, loadAddon, loadNativeKernels } from '../../src/kernels/native.js'

export type ByteKernels = Pick<Kernels, 'scan' | 'mask' | 'validateUtf8' | 'decodeUtf8'>

export const js: ByteKernels = { scan, mask, validateUtf8, decodeUtf8 }

const load = loadAddon()
const native = loadNativeKernels()

/** Runs a suite over the JavaScript twin and, where there is an addon, over its own functions and the choice of both. */
export function describeEach(subject: string, suite: (kernels: ByteKernels) => void): void {
  describe(`${subject}, js`, () => suite(js))
  describeNative(`${subject}, native`, suite)
  if (native.status === 'loaded') describe(`${subject}, native or js by length`, () => suite(native.kernels))
}

/** Runs a suite over the addon's own functions, or says why it does not. */
export function describeNative(subject: string, suite: (addon: Addon) => void): void {
  if (load.status === 'loaded') describe(subject, () => suite(load.addon))
  else describe.skip(`${subject}: ${load.reason}`, () => {})
}

/** Bytes that are the same in every run. */
export function noise(byteLength: number, seed = 1): Uint8Array {
  let state = seed
  return Uint8Array.from({ length: byteLength }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return state >>> 16
  })
}

/** Whether both hold the same bytes; much faster than an assertion on each. */
export function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}
