import { expect, it } from 'vitest'
import { ROW_WORDS, SCAN_STATE_WORDS } from '../../src/core/layout.js'
import { describeNative } from './byte-subjects.js'

const WRONG_BYTES = [
  undefined,
  null,
  0,
  'bytes',
  {},
  [1, 2, 3],
  new ArrayBuffer(8),
  new Int8Array(8),
  new Uint8ClampedArray(8),
  new Uint16Array(8),
  new Float64Array(8),
  new BigInt64Array(8),
  new DataView(new ArrayBuffer(8)),
  Symbol('bytes'),
  Object.create(Uint8Array.prototype)
]
const WRONG_WORDS = [
  undefined,
  null,
  0,
  [],
  new Uint8Array(64),
  new Uint32Array(64),
  new Float32Array(64),
  {}
]
const WRONG_NUMBERS = [undefined, null, '0', 0n, {}, true, Symbol('0')]

describeNative('byte kernels of the addon', (addon) => {
  const { scan, mask, maskInPlace, validateUtf8 } = addon as unknown as Record<
    string,
    (...values: unknown[]) => unknown
  >
  const state = new Int32Array(SCAN_STATE_WORDS)
  const table = new Int32Array(ROW_WORDS)
  const bytes = new Uint8Array(8)

  it.each([
    ['scan, state', (value: unknown) => scan!(value, bytes, 0, table), WRONG_WORDS],
    ['scan, chunk', (value: unknown) => scan!(state, value, 0, table), WRONG_BYTES],
    ['scan, from', (value: unknown) => scan!(state, bytes, value, table), WRONG_NUMBERS],
    ['scan, table', (value: unknown) => scan!(state, bytes, 0, value), WRONG_WORDS],
    ['mask, source', (value: unknown) => mask!(value, bytes, 0, 1, 0), WRONG_BYTES],
    ['mask, target', (value: unknown) => mask!(bytes, value, 0, 1, 0), WRONG_BYTES],
    ['mask, targetOffset', (value: unknown) => mask!(bytes, bytes, value, 1, 0), WRONG_NUMBERS],
    ['mask, maskingKey', (value: unknown) => mask!(bytes, bytes, 0, value, 0), WRONG_NUMBERS],
    ['mask, phase', (value: unknown) => mask!(bytes, bytes, 0, 1, value), WRONG_NUMBERS],
    ['maskInPlace, bytes', (value: unknown) => maskInPlace!(value, 1), WRONG_BYTES],
    ['maskInPlace, maskingKey', (value: unknown) => maskInPlace!(bytes, value), WRONG_NUMBERS],
    ['validateUtf8, state', (value: unknown) => validateUtf8!(value, bytes), WRONG_NUMBERS],
    ['validateUtf8, bytes', (value: unknown) => validateUtf8!(0, value), WRONG_BYTES]
  ])('throws TypeError for a wrong argument: %s', (_, call, wrong) => {
    for (const value of wrong) expect(() => call(value)).toThrow(TypeError)
    expect(bytes).toEqual(new Uint8Array(8))
  })

  it('throws TypeError without arguments and ignores those beyond its own', () => {
    for (const kernel of [scan!, mask!, maskInPlace!, validateUtf8!])
      expect(() => kernel()).toThrow(TypeError)
    expect(validateUtf8!(0, bytes, 'more')).toBe(0)
  })

  it('throws RangeError for a chunk of 2^31 bytes, whose offsets fit no row', () => {
    const chunk = new Uint8Array(2 ** 31)
    expect(() => scan!(state, chunk, 0, table)).toThrow(RangeError)
    expect(() => validateUtf8!(0, chunk)).toThrow(RangeError)
  })

  it('takes a detached buffer for an empty one', () => {
    const detached = new Uint8Array(8)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    expect(scan!(state, detached, 0, table)).toBe(0)
    expect(validateUtf8!(0, detached)).toBe(0)
    expect(maskInPlace!(detached, 1)).toBeUndefined()
    expect(() => mask!(bytes, detached, 0, 1, 0)).toThrow(RangeError)
  })

  it('survives a state, a chunk and a table in the same memory', () => {
    const memory = new ArrayBuffer(4 * ROW_WORDS * SCAN_STATE_WORDS)
    new Uint8Array(memory).fill(0x81)
    const rowCount = scan!(new Int32Array(memory), new Uint8Array(memory), 0, new Int32Array(memory))
    expect(rowCount).toBeLessThanOrEqual(SCAN_STATE_WORDS)
  })

  it('masks in place as mask does', () => {
    const inPlace = Uint8Array.from({ length: 300 }, (_, i) => i)
    const apart = new Uint8Array(300)
    mask!(inPlace, apart, 0, 0x3d21fa37, 0)
    maskInPlace!(inPlace, 0x3d21fa37)
    expect(inPlace).toEqual(apart)
  })
})
