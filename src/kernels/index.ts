// Owns the choice between native and JavaScript kernels, made once, when this module loads.
// Must not know what the kernels are used for.

import type { EngineBinding } from '../core/engine-binding.js'
import { WebSocketError } from '../core/errors.js'
import type { Kernels } from '../core/kernels.js'
import { createEnvironment } from './environment.js'
import { jsKernels } from './js/index.js'
import { type BindSharedPort, loadNativeKernels } from './native.js'

export type { Environment } from '../core/environment.js'
export type { Deflater, DeflaterOptions, InflateFailure, Inflater, Kernels } from '../core/kernels.js'
export { createEnvironment } from './environment.js'
export { type LoadProblem, loadNativeKernels, type NativeLoad } from './native.js'
export { jsKernels }

/** How to get the addon, and how to do without it in silence. */
const REMEDY =
  'To build it: npm rebuild hotsocket (in a clone: npm run install), with a C++20 compiler, make and Python 3 installed. To choose JavaScript: HOTSOCKET_TIER=js.'

/** What carries the bytes: an epoll loop in the addon, streams with kernels of the addon, or streams with JavaScript. */
export type Tier = 'engine' | 'native' | 'js'

/** What a process works with. */
interface Choice {
  readonly tier: Tier
  readonly kernels: Kernels
  /** The addon's engine; null unless the tier is 'engine'. */
  readonly engine: EngineBinding | null
  readonly bindSharedPort: BindSharedPort | null
}

const JS_CHOICE: Choice = { tier: 'js', kernels: jsKernels, engine: null, bindSharedPort: null }
const choice = choose(process.env.HOTSOCKET_TIER)

/**
 * The kernels that this process uses: native ones where the addon loads and gives the known answers, else their
 * JavaScript twins with one warning (code HOTSOCKET_JS_TIER). The environment variable HOTSOCKET_TIER forces
 * `engine`, `native` or `js`; importing fails with a `WebSocketError` ("tier-unavailable") if that cannot be.
 */
export const kernels: Kernels = choice.kernels

/** Which tier was chosen. */
export const tier: Tier = choice.tier

/** The addon's engine; null unless the tier is 'engine'. */
export const engineBinding: EngineBinding | null = choice.engine

/** The addon's way to share a port; null without the addon, and on other systems than Linux. */
export const bindSharedPort: BindSharedPort | null = choice.bindSharedPort

/** What the core needs from Node.js, on top of these kernels. */
export const environment = createEnvironment(kernels)

function choose(wanted: string | undefined): Choice {
  switch (wanted) {
    case undefined:
    case '':
      return bestChoice()
    case 'engine':
      return engineOnly()
    case 'native':
      return { ...nativeOnly(), tier: 'native', engine: null }
    case 'js':
      return JS_CHOICE
    default:
      throw unavailable(`"${wanted}" is none; set it to "engine", "native" or "js", or unset it`)
  }
}

function bestChoice(): Choice {
  const load = loadNativeKernels()
  if (load.status === 'loaded') return { ...load, tier: load.engine === null ? 'native' : 'engine' }
  process.emitWarning(`${load.reason}; JavaScript is used, which is slower. ${REMEDY}`, {
    type: 'HotsocketWarning',
    code: 'HOTSOCKET_JS_TIER'
  })
  return JS_CHOICE
}

function engineOnly(): Choice {
  const { engine, ...rest } = nativeOnly()
  if (engine !== null) return { ...rest, tier: 'engine', engine }
  throw unavailable('"engine" is for Linux; set it to "native" or "js", or unset it')
}

function nativeOnly(): Omit<Choice, 'tier'> {
  const load = loadNativeKernels()
  if (load.status === 'loaded') return load
  throw unavailable(`"native": ${load.reason}. ${REMEDY}`, load.cause)
}

function unavailable(detail: string, cause?: unknown): WebSocketError {
  return new WebSocketError('tier-unavailable', { detail, cause })
}
