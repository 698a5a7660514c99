// Owns the pure-JavaScript kernels as one object. They run wherever no addon loads.
import type { Kernels } from '../../core/kernels.js'
import { mask } from './mask.js'
import { scan } from './scanner.js'
import { decodeUtf8, validateUtf8 } from './utf8.js'
import { createDeflater, createInflater } from './zlib.js'

/** The JavaScript twins of all kernels. */
export const jsKernels: Kernels = {
  name: 'js',
  scan,
  mask,
  validateUtf8,
  decodeUtf8,
  createInflater,
  createDeflater
}
