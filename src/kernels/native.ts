// Owns the way to the addon: finding it, loading it, proving that it works, and handing small inputs to the
// JavaScript twins where a call into C++ costs more than it saves. Must not decide what happens without it.
import { isUtf8 } from 'node:buffer'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { EngineBinding } from '../core/engine-binding.js'
import type { Deflater, Inflater, Kernels } from '../core/kernels.js'
import { ROW_WORDS, Row, RowFlag, RowKind, SCAN_STATE_WORDS, ScanState } from '../core/layout.js'
import { jsKernels } from './js/index.js'
import { rotateMaskingKey } from './js/mask.js'
import { readDeflaterOptions } from './js/zlib.js'
import {
  DECODE_UTF8_NATIVE_MIN_BYTES,
  MASK_IN_PLACE_NATIVE_MIN_BYTES,
  MASK_NATIVE_MIN_BYTES,
  UTF8_NATIVE_MIN_BYTES,
  UTF8_RUNTIME_MAX_BYTES
} from './thresholds.js'

/** The number that native/binding/addon.cc exports for the interface below. */
const INTERFACE_VERSION = 13

/**
 * Binds a TCP socket to an address (numeric) and port that others may be bound to as well (SO_REUSEPORT); it does not listen
 * yet. Returns its descriptor, which is the caller's, or a negative errno. A wrong argument throws TypeError. Linux only.
 */
export type BindSharedPort = (address: string, port: number) => number

/** The addon as it is: no shortcuts, no defaults. */
export interface Addon
  extends Pick<Kernels, 'scan' | 'mask' | 'validateUtf8' | 'decodeUtf8'>,
    Partial<EngineBinding> {
  readonly interfaceVersion: number
  /** As `mask(bytes, bytes, 0, maskingKey, 0)`, in about half the time for a short piece: arguments are the cost. */
  maskInPlace(bytes: Uint8Array, maskingKey: number): void
  /** Looks zlib up in the process; true if the classes below can be used. Ends the process on Bun and Deno. */
  loadZlib(): boolean
  readonly bindSharedPort?: BindSharedPort
  readonly Inflater: new (windowBits: number) => Inflater
  readonly Deflater: new (
    windowBits: number,
    level: number,
    memLevel: number,
    isRunLength: boolean
  ) => Deflater
}

/** Why there is no addon. `missing`: no binary for this platform. `broken`: there is one, and it is of no use. */
export interface LoadProblem {
  readonly status: 'missing' | 'broken'
  /** A clause that tells a user what is wrong. */
  readonly reason: string
  readonly cause: unknown
}

/** The addon, or why there is none. */
export type AddonLoad = { readonly status: 'loaded'; readonly addon: Addon } | LoadProblem

/** The native kernels, or why there are none. */
export type NativeLoad =
  | {
      readonly status: 'loaded'
      readonly kernels: Kernels
      readonly engine: EngineBinding | null
      readonly bindSharedPort: BindSharedPort | null
    }
  | LoadProblem

/** Loads the addon and proves that it gives the known answers. Never throws for an addon that is missing or broken. */
export function loadAddon(): AddonLoad {
  const require = createRequire(import.meta.url)
  const nodeGypBuild = require('node-gyp-build') as { resolve(folder: string): string }
  let path: string
  try {
    path = nodeGypBuild.resolve(PACKAGE_FOLDER)
  } catch (cause) {
    const reason = `there is no addon for ${process.platform}-${process.arch}`
    return { status: 'missing', reason, cause }
  }
  try {
    const addon = require(path) as Addon
    testAddon(addon)
    return { status: 'loaded', addon }
  } catch (cause) {
    const reason = `the addon ${path} does not work: ${(cause as Error).message}`
    return { status: 'broken', reason, cause }
  }
}

/** Loads the addon and makes kernels of it. Never throws for an addon that is missing or broken. */
export function loadNativeKernels(): NativeLoad {
  const load = loadAddon()
  if (load.status !== 'loaded') return load
  const { addon } = load
  const bindSharedPort = addon.bindSharedPort ?? null
  return { status: 'loaded', kernels: makeKernels(addon), engine: engineOf(addon), bindSharedPort }
}

/** The engine is for Linux. */
function engineOf(addon: Addon): EngineBinding | null {
  return addon.engineOpen === undefined ? null : (addon as unknown as EngineBinding)
}

/** The package's own folder, from src/kernels and from dist/kernels alike. */
const PACKAGE_FOLDER = fileURLToPath(new URL('../..', import.meta.url))

function makeKernels(addon: Addon): Kernels {
  const { scan, mask, maskInPlace, validateUtf8, decodeUtf8, Inflater, Deflater } = addon
  const hasZlib = mayLoadZlib() && addon.loadZlib()
  return {
    name: 'native',
    scan,
    mask(source, target, targetOffset, maskingKey, phase) {
      const isInPlace = source === target && targetOffset === 0
      if (source.length < (isInPlace ? MASK_IN_PLACE_NATIVE_MIN_BYTES : MASK_NATIVE_MIN_BYTES)) {
        jsKernels.mask(source, target, targetOffset, maskingKey, phase)
      } else if (isInPlace) {
        maskInPlace(source, rotateMaskingKey(maskingKey, phase))
      } else {
        mask(source, target, targetOffset, maskingKey, phase)
      }
    },
    validateUtf8(state, bytes) {
      if (bytes.length < UTF8_NATIVE_MIN_BYTES) return jsKernels.validateUtf8(state, bytes)
      // It answers yes or no only: what is no, or goes on in the next piece, is for the kernel.
      if (state === 0 && bytes.length <= UTF8_RUNTIME_MAX_BYTES && isUtf8(bytes)) return 0
      return validateUtf8(state, bytes)
    },
    decodeUtf8(bytes, start, end) {
      const isShort = end - start < DECODE_UTF8_NATIVE_MIN_BYTES
      return isShort ? jsKernels.decodeUtf8(bytes, start, end) : decodeUtf8(bytes, start, end)
    },
    createInflater: hasZlib ? (windowBits) => new Inflater(windowBits) : jsKernels.createInflater,
    createDeflater: hasZlib
      ? (options = {}) => {
          const { windowBits, level, memLevel, isRunLength } = readDeflaterOptions(options)
          return new Deflater(windowBits, level, memLevel, isRunLength)
        }
      : jsKernels.createDeflater
  }
}

/** Bun and Deno export zlib's names, and end the process when one is called. */
function mayLoadZlib(): boolean {
  return process.versions.bun === undefined && process.versions.deno === undefined
}

/** Throws unless the addon has the expected interface and gives the answers that the RFCs print. */
function testAddon(addon: Addon): void {
  if (addon.interfaceVersion !== INTERFACE_VERSION) {
    throw new Error(
      `its interface is ${addon.interfaceVersion}, expected is ${INTERFACE_VERSION}; rebuild it`
    )
  }
  expectAnswer('mask', runMask(addon), [0x7f, 0x9f, 0x4d, 0x51, 0x58])
  expectAnswer('validateUtf8', runValidateUtf8(addon), [0, -3])
  expectAnswer('decodeUtf8', [addon.decodeUtf8(Uint8Array.from([0xce, 0xba, 0x61]), 0, 3).length], [2])
  expectAnswer('scan', runScan(addon), [
    1,
    MASKED_HELLO.length,
    RowKind.SEGMENT | RowFlag.FIRST | RowFlag.LAST | RowFlag.ASCII,
    0x8581,
    HELLO.length,
    0,
    6,
    HELLO.length,
    ...HELLO
  ])
  if (mayLoadZlib() && addon.loadZlib()) expectAnswer('inflate', runInflate(addon), [...HELLO])
}

const HELLO = [...'Hello'].map((character) => character.charCodeAt(0))
/** "Hello" as a client sends it. Source: RFC 6455 §5.7. */
const MASKED_HELLO = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
const HELLO_KEY = 0x3d21fa37
/** "Hello" deflated, with the tail. Source: RFC 7692 §7.2.3.1. */
const DEFLATED_HELLO = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff]

function runMask(addon: Addon): number[] {
  const target = new Uint8Array(HELLO.length)
  addon.mask(Uint8Array.from(HELLO), target, 0, HELLO_KEY, 0)
  return [...target]
}

/** "κόσ", and a surrogate after two letters. */
function runValidateUtf8(addon: Addon): number[] {
  const valid = addon.validateUtf8(0, Uint8Array.from([0xce, 0xba, 0xcf, 0x8c, 0xcf, 0x83]))
  const invalid = addon.validateUtf8(0, Uint8Array.from([0x61, 0xed, 0xa0, 0x80]))
  return [valid, invalid]
}

function runScan(addon: Addon): number[] {
  const state = new Int32Array(SCAN_STATE_WORDS)
  const chunk = Uint8Array.from(MASKED_HELLO)
  const row = new Int32Array(ROW_WORDS)
  const rowCount = addon.scan(state, chunk, 0, row)
  return [
    rowCount,
    state[ScanState.CONSUMED]!,
    ...row.subarray(Row.KIND),
    ...chunk.subarray(MASKED_HELLO.length - HELLO.length)
  ]
}

function runInflate(addon: Addon): number[] {
  const inflater = new addon.Inflater(15)
  const text = inflater.inflate(Uint8Array.from(DEFLATED_HELLO), true, HELLO.length)
  inflater.close()
  return [...(text ?? [])]
}

function expectAnswer(name: string, answer: number[], expected: number[]): void {
  if (answer.join() === expected.join()) return
  throw new Error(`${name} answers ${answer.join()}, expected is ${expected.join()}`)
}
