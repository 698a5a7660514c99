// Owns the choice between native and JavaScript kernels, made once, when this module loads.
// Must not know what the kernels are used for.
import { WebSocketError } from '../core/errors.js'
import type { Kernels } from '../core/kernels.js'
import { createEnvironment } from './environment.js'
import { jsKernels } from './js/index.js'
import { loadNativeKernels } from './native.js'

export type { Environment } from '../core/environment.js'
export type { Deflater, DeflaterOptions, InflateFailure, Inflater, Kernels } from '../core/kernels.js'
export { createEnvironment } from './environment.js'
export { type LoadProblem, loadNativeKernels, type NativeLoad } from './native.js'
export { jsKernels }

/** How to get the addon, and how to do without it in silence. */
const REMEDY =
  'To build it: npm rebuild hotsocket (in a clone: npm run install), with a C++20 compiler, make and Python 3 installed. To choose JavaScript: HOTSOCKET_TIER=js.'

/** What runs the loops over bytes: the addon, or JavaScript. */
export type Tier = Kernels['name']

/**
 * The kernels that this process uses: native ones where the addon loads and gives the known answers, else their
 * JavaScript twins with one warning (code HOTSOCKET_JS_TIER). The environment variable HOTSOCKET_TIER forces
 * `native` or `js`; importing fails with a `WebSocketError` ("tier-unavailable") if that cannot be.
 */
export const kernels: Kernels = chooseKernels(process.env.HOTSOCKET_TIER)

/** Which kernels they are. */
export const tier: Tier = kernels.name

/** What the core needs from Node.js, on top of these kernels. */
export const environment = createEnvironment(kernels)

function chooseKernels(wanted: string | undefined): Kernels {
  switch (wanted) {
    case undefined:
    case '':
      return nativeOrJs()
    case 'native':
      return nativeOnly()
    case 'js':
      return jsKernels
    case 'engine':
      throw unavailable('"engine" is not part of this version; set it to "native" or "js", or unset it')
    default:
      throw unavailable(`"${wanted}" is none; set it to "native" or "js", or unset it`)
  }
}

function nativeOrJs(): Kernels {
  const load = loadNativeKernels()
  if (load.status === 'loaded') return load.kernels
  process.emitWarning(`${load.reason}; JavaScript is used, which is slower. ${REMEDY}`, {
    type: 'HotsocketWarning',
    code: 'HOTSOCKET_JS_TIER'
  })
  return jsKernels
}

function nativeOnly(): Kernels {
  const load = loadNativeKernels()
  if (load.status === 'loaded') return load.kernels
  throw unavailable(`"native": ${load.reason}. ${REMEDY}`, load.cause)
}

function unavailable(detail: string, cause?: unknown): WebSocketError {
  return new WebSocketError('tier-unavailable', { detail, cause })
}
