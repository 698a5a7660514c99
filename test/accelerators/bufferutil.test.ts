import { createRequire } from 'node:module'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import bufferutil, { mask, unmask } from '../../src/accelerators/bufferutil.js'
import { isSame, noise } from '../kernels/byte-subjects.js'
import { NO_VIEWS, ODD_VIEWS } from './views.js'

const require = createRequire(import.meta.url)
const KEY = Buffer.of(0x37, 0xfa, 0x21, 0x3d)

/** The package itself, and what it does where its addon does not load. */
const PEERS = { bufferutil: require('bufferutil'), fallback: require('bufferutil/fallback') } as Record<
  string,
  typeof bufferutil
>

/** Calls with wrong numbers, and an output of 16 bytes that none of them may touch. */
const OUTPUT = new Uint8Array(16)
const WRONG_COUNTS: readonly [string, number, number][] = [
  ['an offset beyond the end', 17, 0],
  ['an offset that leaves too little room', 9, 8],
  ['a length beyond the source', 0, 9],
  ['a length of 2^32', 0, 2 ** 32],
  ['an offset of 2^32', 2 ** 32, 8],
  ['an offset of 2^53', 2 ** 53, 8],
  ['a negative offset', -1, 8],
  ['a negative length', 0, -1],
  ['a broken offset', 0.5, 8],
  ['a broken length', 0, 7.5],
  ['NaN for an offset', Number.NaN, 8],
  ['Infinity for a length', 0, Number.POSITIVE_INFINITY]
]
const NO_NUMBERS = [undefined, null, '0', 0n, true, {}, Symbol('0')]

describe.each(Object.entries(PEERS))('hotsocket/bufferutil beside %s', (_, peer) => {
  it('§5.3 masks the same at every length 0-300, offset and alignment', () => {
    const failures: string[] = []
    const bytes = noise(400)
    for (let length = 0; length <= 300; length++) {
      for (let place = 0; place < 16; place++) {
        const source = Buffer.from(bytes.buffer, place, length + (place % 3))
        const offset = (5 * place + length) % 24
        const [ours, theirs] = [0, 1].map(() => Buffer.alloc(350, 0xa5)) as [Buffer, Buffer]
        const at = (memory: Buffer) => memory.subarray((7 * place) % 16)
        mask(source, KEY, at(ours), offset, length)
        peer.mask(source, KEY, at(theirs), offset, length)
        if (!isSame(ours, theirs)) failures.push(`length ${length}, place ${place}`)
      }
    }
    expect(failures).toEqual([])
  })

  it('§5.3 masks any bytes with any key, into other memory or in place', () => {
    const random = fc.record({
      payload: fc.uint8Array({ maxLength: 3000 }),
      key: fc.uint8Array({ minLength: 4, maxLength: 6 }),
      offset: fc.nat(20),
      isInPlace: fc.boolean(),
      isShorter: fc.boolean()
    })
    fc.assert(
      fc.property(random, ({ payload, key, offset, isInPlace, isShorter }) => {
        const run = (call: typeof mask) => {
          const memory = Buffer.alloc(payload.length + 64, 0xa5)
          const output = memory.subarray(8 + (payload.length % 8))
          const source = isInPlace ? output.subarray(offset, offset + payload.length) : Buffer.from(payload)
          source.set(payload)
          call(source, key, output, offset, isShorter ? payload.length >> 1 : payload.length)
          return memory
        }
        expect(isSame(run(mask), run(peer.mask))).toBe(true)
      }),
      { seed: 6455, numRuns: 500 }
    )
  })

  it('§5.3 unmasks the same at every length 0-300 and alignment, and nothing besides', () => {
    const failures: string[] = []
    for (let length = 0; length <= 300; length++) {
      for (let place = 0; place < 16; place++) {
        const [ours, theirs] = [0, 1].map(() => Buffer.from(noise(330, length + 1))) as [Buffer, Buffer]
        unmask(ours.subarray(place, place + length), KEY)
        peer.unmask(theirs.subarray(place, place + length), KEY)
        if (!isSame(ours, theirs)) failures.push(`length ${length}, place ${place}`)
      }
    }
    expect(failures).toEqual([])
  })

  it.each([65_535, 65_536, 1_048_579])('masks and unmasks %d bytes', (byteLength) => {
    const source = Buffer.from(noise(byteLength))
    const [ours, theirs] = [Buffer.alloc(byteLength + 3), Buffer.alloc(byteLength + 3)]
    mask(source, KEY, ours, 3, byteLength)
    peer.mask(source, KEY, theirs, 3, byteLength)
    expect(isSame(ours, theirs)).toBe(true)
    unmask(ours.subarray(3), KEY)
    expect(isSame(ours.subarray(3), source)).toBe(true)
  })
})

describe('hotsocket/bufferutil', () => {
  it('has both functions as properties of its default, as bufferutil has', () => {
    expect(Object.keys(bufferutil)).toEqual(Object.keys(PEERS.bufferutil!))
    expect(bufferutil).toEqual({ mask, unmask })
  })

  it('returns nothing, as bufferutil does', () => {
    expect(mask(Buffer.alloc(8), KEY, Buffer.alloc(8), 0, 8)).toBeUndefined()
    expect(unmask(Buffer.alloc(8), KEY)).toBeUndefined()
  })

  it('masks more than a kernel gets at once', () => {
    const byteLength = 2 ** 26 + 5
    const output = Buffer.alloc(byteLength + 1)
    mask(Buffer.alloc(byteLength), KEY, output, 1, byteLength)
    expect(isSame(output.subarray(1), Buffer.alloc(byteLength, KEY))).toBe(true)
    unmask(output.subarray(1), KEY)
    expect(isSame(output, Buffer.alloc(byteLength + 1))).toBe(true)
  })

  it.each(Object.entries(ODD_VIEWS))('takes %s', (_, makeView) => {
    const source = noise(256)
    const expected = Buffer.alloc(256)
    PEERS.fallback!.mask(Buffer.from(source), KEY, expected, 0, 256)
    const view = makeView(source)
    mask(view, makeView(KEY), view, 0, 256)
    expect(isSame(new Uint8Array(view.buffer, view.byteOffset, 256), expected)).toBe(true)
    unmask(view, makeView(KEY))
    expect(isSame(new Uint8Array(view.buffer, view.byteOffset, 256), source)).toBe(true)
  })

  it.each(WRONG_COUNTS)('throws RangeError for %s, and writes nothing', (_, offset, length) => {
    expect(() => mask(new Uint8Array(8), KEY, OUTPUT, offset, length)).toThrow(
      expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    )
    expect(OUTPUT).toEqual(new Uint8Array(16))
  })

  it('throws RangeError for a key of less than 4 bytes, and writes nothing', () => {
    const error = expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' })
    for (let byteLength = 0; byteLength < 4; byteLength++) {
      const key = KEY.subarray(0, byteLength)
      expect(() => mask(new Uint8Array(8), key, OUTPUT, 0, 8)).toThrow(error)
      expect(() => unmask(OUTPUT, key)).toThrow(error)
    }
    expect(OUTPUT).toEqual(new Uint8Array(16))
  })

  it('throws TypeError for what is no view of bytes and no number', () => {
    const call = (...values: unknown[]) => Reflect.apply(mask, undefined, values)
    const error = expect.objectContaining({ name: 'TypeError' })
    for (const value of NO_VIEWS) {
      expect(() => call(value, KEY, OUTPUT, 0, 0)).toThrow(error)
      expect(() => call(OUTPUT, value, OUTPUT, 0, 0)).toThrow(error)
      expect(() => call(OUTPUT, KEY, value, 0, 0)).toThrow(error)
      expect(() => Reflect.apply(unmask, undefined, [value, KEY])).toThrow(error)
      expect(() => Reflect.apply(unmask, undefined, [OUTPUT, value])).toThrow(error)
    }
    for (const value of NO_NUMBERS) {
      expect(() => call(OUTPUT, KEY, OUTPUT, value, 0)).toThrow(error)
      expect(() => call(OUTPUT, KEY, OUTPUT, 0, value)).toThrow(error)
    }
    expect(() => call()).toThrow('source must be a Buffer, a typed array or a DataView, not undefined')
    expect(OUTPUT).toEqual(new Uint8Array(16))
  })

  it('takes a detached buffer for an empty one', () => {
    const detached = new Uint8Array(8)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    expect(unmask(detached, KEY)).toBeUndefined()
    expect(() => mask(new Uint8Array(8), KEY, detached, 0, 8)).toThrow(RangeError)
    expect(() => unmask(OUTPUT, detached)).toThrow(RangeError)
  })

  it('takes arrays of another realm', () => {
    const foreign = runInNewContext('new Uint8Array([1, 2, 3, 4, 5])') as Uint8Array
    expect(foreign instanceof Uint8Array).toBe(false)
    unmask(foreign, KEY)
    expect([...foreign]).toEqual([1 ^ 0x37, 2 ^ 0xfa, 3 ^ 0x21, 4 ^ 0x3d, 5 ^ 0x37])
  })
})
