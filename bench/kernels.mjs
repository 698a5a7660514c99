// Measures the byte kernels against their twins, against bufferutil, utf-8-validate and buffer.isUtf8, alone and in the shape
// of these packages (accelerators), and against copying the same bytes, which is the ceiling. Run after a build: node bench/kernels.mjs [--json FILE]
// All contenders of a case take turns, so that a slow moment of the machine hits all of them; medians are printed.
import { isUtf8 } from 'node:buffer'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import * as accelerator from '../dist/accelerators/bufferutil.js'
import { isValidUTF8 } from '../dist/accelerators/utf-8-validate.js'
import { ROW_WORDS, SCAN_STATE_WORDS } from '../dist/core/layout.js'
import { jsKernels } from '../dist/kernels/js/index.js'
import { loadAddon, loadNativeKernels } from '../dist/kernels/native.js'

const ROUNDS = 15
const SAMPLE_NS = 1_500_000
const SIZES = [16, 64, 256, 1024, 16_384, 65_536, 1_048_576]
const SHORT_SIZES = [4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 96, 128]
const KEY = 0x3d21fa37

const TEXTS = {
  ascii: 'The quick brown fox jumps over the lazy dog. ',
  latin: 'Größe für Äpfel, très déjà vu, señor. ',
  cjk: '日本語の漢字と仮名、한국어。',
  emoji: '😀🎉👍🚀'
}

const require = createRequire(import.meta.url)
const bufferutil = require('bufferutil')
const utf8Validate = require('utf-8-validate')

const addonLoad = loadAddon()
const nativeLoad = loadNativeKernels()
if (addonLoad.status !== 'loaded') throw new Error(addonLoad.reason)
const { addon } = addonLoad
const { kernels } = nativeLoad

const { values: options } = parseArgs({ options: { json: { type: 'string' } } })
const results = [...maskCases(), ...unmaskCases(), ...utf8Cases(), ...scanCases(), ...thresholdCases()].map(
  measure
)
print(results)
if (options.json !== undefined) writeJson(options.json, results)

function maskCases() {
  const key = Buffer.of(0x37, 0xfa, 0x21, 0x3d)
  return SIZES.map((byteLength) => {
    const source = bytesOf(TEXTS.ascii, byteLength)
    const target = Buffer.alloc(byteLength)
    return {
      kernel: 'mask',
      byteLength,
      contenders: {
        native: () => kernels.mask(source, target, 0, KEY, 0),
        js: () => jsKernels.mask(source, target, 0, KEY, 0),
        bufferutil: () => bufferutil.mask(source, key, target, 0, byteLength),
        'hotsocket/bufferutil': () => accelerator.mask(source, key, target, 0, byteLength),
        copy: () => source.copy(target)
      }
    }
  })
}

function unmaskCases() {
  const key = Buffer.of(0x37, 0xfa, 0x21, 0x3d)
  return SIZES.map((byteLength) => {
    const bytes = bytesOf(TEXTS.ascii, byteLength)
    const target = Buffer.alloc(byteLength)
    return {
      kernel: 'unmask',
      byteLength,
      contenders: {
        native: () => kernels.mask(bytes, bytes, 0, KEY, 0),
        js: () => jsKernels.mask(bytes, bytes, 0, KEY, 0),
        bufferutil: () => bufferutil.unmask(bytes, key),
        'hotsocket/bufferutil': () => accelerator.unmask(bytes, key),
        copy: () => bytes.copy(target)
      }
    }
  })
}

function utf8Cases() {
  return Object.entries(TEXTS).flatMap(([name, text]) =>
    SIZES.map((byteLength) => {
      const bytes = bytesOf(text, byteLength)
      const target = Buffer.alloc(bytes.length)
      return {
        kernel: `utf8 ${name}`,
        byteLength: bytes.length,
        contenders: {
          native: () => kernels.validateUtf8(0, bytes),
          js: () => jsKernels.validateUtf8(0, bytes),
          isUtf8: () => isUtf8(bytes),
          'utf-8-validate': () => utf8Validate(bytes),
          'hotsocket/utf-8-validate': () => isValidUTF8(bytes),
          copy: () => bytes.copy(target)
        }
      }
    })
  )
}

/** Chunks of masked frames: payload length and count. */
function scanCases() {
  const shapes = [
    [64, 1],
    [64, 100],
    [1024, 16],
    [65_000, 1]
  ]
  return shapes.map(([payloadLength, count]) => {
    const chunk = Buffer.concat(new Array(count).fill(maskedFrame(payloadLength)))
    const target = Buffer.alloc(chunk.length)
    const state = new Int32Array(SCAN_STATE_WORDS)
    const table = new Int32Array(count * ROW_WORDS)
    return {
      kernel: `scan ${count} x ${payloadLength}`,
      byteLength: chunk.length,
      contenders: {
        native: () => kernels.scan(state, chunk, 0, table),
        js: () => jsKernels.scan(state, chunk, 0, table),
        copy: () => chunk.copy(target)
      }
    }
  })
}

/** The addon's own functions against the twins at short lengths: where src/kernels/thresholds.ts comes from. */
function thresholdCases() {
  return SHORT_SIZES.flatMap((byteLength) => {
    const source = bytesOf(TEXTS.ascii, byteLength)
    const target = Buffer.alloc(byteLength)
    const text = bytesOf(TEXTS.latin, byteLength)
    return [
      {
        kernel: 'short mask',
        byteLength,
        contenders: {
          native: () => addon.mask(source, target, 0, KEY, 0),
          js: () => jsKernels.mask(source, target, 0, KEY, 0)
        }
      },
      {
        kernel: 'short unmask',
        byteLength,
        contenders: {
          native: () => addon.maskInPlace(source, KEY),
          js: () => jsKernels.mask(source, source, 0, KEY, 0)
        }
      },
      {
        kernel: 'short utf8 ascii',
        byteLength,
        contenders: {
          native: () => addon.validateUtf8(0, source),
          js: () => jsKernels.validateUtf8(0, source)
        }
      },
      {
        kernel: 'short utf8 latin',
        byteLength: text.length,
        contenders: {
          native: () => addon.validateUtf8(0, text),
          js: () => jsKernels.validateUtf8(0, text)
        }
      }
    ]
  })
}

function measure({ kernel, byteLength, contenders }) {
  const runs = Object.entries(contenders).map(([name, call]) => {
    const loop = makeLoop(call)
    return { name, loop, count: calibrate(loop), samples: [] }
  })
  for (let round = 0; round < ROUNDS; round++) {
    for (const run of runs) run.samples.push(time(run.loop, run.count) / run.count)
  }
  const nanoseconds = Object.fromEntries(runs.map(({ name, samples }) => [name, median(samples)]))
  return { kernel, byteLength, nanoseconds }
}

/** A loop of its own for each contender, so that the compiler inlines the call and none pays for another's shape. */
function makeLoop(call) {
  return new Function('call', 'count', 'for (let i = 0; i < count; i++) call()').bind(null, call)
}

function calibrate(loop) {
  let count = 1
  while (time(loop, count) < SAMPLE_NS) count *= 2
  return count
}

function time(loop, count) {
  const start = process.hrtime.bigint()
  loop(count)
  return Number(process.hrtime.bigint() - start)
}

function median(samples) {
  return samples.sort((a, b) => a - b)[samples.length >> 1]
}

/** About `byteLength` bytes of whole characters. */
function bytesOf(text, byteLength) {
  const unit = Buffer.from(text)
  const bytes = Buffer.concat(new Array(Math.ceil(byteLength / unit.length)).fill(unit))
  let end = byteLength
  while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end += 1
  return Buffer.from(bytes.subarray(0, end))
}

function maskedFrame(payloadLength) {
  const header =
    payloadLength < 126
      ? [0x82, 0x80 | payloadLength]
      : [0x82, 0xfe, payloadLength >> 8, payloadLength & 0xff]
  return Buffer.concat([Buffer.from([...header, 0x37, 0xfa, 0x21, 0x3d]), Buffer.alloc(payloadLength, 0x61)])
}

/** Times in nanoseconds per call; in brackets, how many times as fast native is. */
function print(measured) {
  console.log(
    `Node.js ${process.version}, ${cpus()[0].model}; ns per call (native is so many times as fast)\n`
  )
  let heading = ''
  for (const { kernel, byteLength, nanoseconds } of measured) {
    const { native, ...others } = nanoseconds
    const names = Object.keys(others)
      .map((name) => name.padStart(26))
      .join('')
    if (heading !== names)
      console.log(`${''.padEnd(24)}${'bytes'.padStart(9)}${'native'.padStart(10)}${names}`)
    heading = names
    const cells = Object.values(others).map((ns) =>
      `${format(ns)} (${(ns / native).toFixed(2)})`.padStart(26)
    )
    console.log(
      `${kernel.padEnd(24)}${String(byteLength).padStart(9)}${format(native).padStart(10)}${cells.join('')}`
    )
  }
}

function format(ns) {
  return ns < 1000 ? ns.toFixed(1) : Math.round(ns).toString()
}

function writeJson(file, measured) {
  const machine = {
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    cpu: cpus()[0].model
  }
  writeFileSync(file, `${JSON.stringify({ ...machine, rounds: ROUNDS, results: measured }, null, 2)}\n`)
}
