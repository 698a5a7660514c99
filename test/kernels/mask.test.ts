import { expect, it } from 'vitest'
import { referenceMask } from './byte-references.js'
import { describeEach, isSame, noise } from './byte-subjects.js'

const KEY = 0x3d21fa37
const MAX_LENGTH = 300
const OFFSETS = 64
const GUARD = 0xa5

describeEach('mask', (kernels) => {
  it('§5.3 masks every length 0-300 at every offset 0-63 and phase 0-3, and nothing besides', () => {
    const failures: string[] = []
    const bytes = noise(MAX_LENGTH + OFFSETS)
    for (let length = 0; length <= MAX_LENGTH; length++) {
      for (let offset = 0; offset < OFFSETS; offset++) {
        const phase = (length + offset) % 4
        const source = bytes.subarray(offset, offset + length)
        const target = new Uint8Array(length + OFFSETS + 1).fill(GUARD)
        const expected = target.slice()
        const targetOffset = (offset * 7) % OFFSETS
        expected.set(referenceMask(source, KEY, phase), targetOffset)
        kernels.mask(source, target, targetOffset, KEY, phase)
        if (!isSame(target, expected)) failures.push(`length ${length}, offset ${offset}`)
      }
    }
    expect(failures).toEqual([])
  })

  it('§5.3 masks in place at every length 0-300, offset 0-63 and phase 0-3, and nothing besides', () => {
    const failures: string[] = []
    for (let length = 0; length <= MAX_LENGTH; length++) {
      for (let offset = 0; offset < OFFSETS; offset++) {
        const phase = (length + offset) % 4
        const memory = noise(offset + length + 1, length + 1)
        const bytes = memory.subarray(offset, offset + length)
        const expected = memory.slice()
        expected.set(referenceMask(bytes, KEY, phase), offset)
        kernels.mask(bytes, bytes, 0, KEY, phase)
        if (!isSame(memory, expected)) failures.push(`length ${length}, offset ${offset}`)
      }
    }
    expect(failures).toEqual([])
  })

  it.each([0, 1, 2, 3, 4, 7, 2 ** 32 + 1, 2 ** 53 - 1])('§5.3 takes phase %d modulo 4', (phase) => {
    const source = noise(257)
    const target = new Uint8Array(257)
    kernels.mask(source, target, 0, KEY, phase)
    expect(target).toEqual(referenceMask(source, KEY, phase % 4))
  })

  it.each([0, 1, -1, 0x7fffffff, 0x80000000, 0xffffffff])('takes the key %d, signed or not', (key) => {
    const source = noise(300)
    const target = new Uint8Array(300)
    kernels.mask(source, target, 0, key, 0)
    expect(target).toEqual(referenceMask(source, key, 0))
  })

  it('§5.3 gives back the payload when applied twice, however the payload is cut', () => {
    const payload = noise(1000)
    const bytes = payload.slice()
    kernels.mask(bytes, bytes, 0, KEY, 0)
    for (let from = 0, size = 1; from < bytes.length; from += size, size++) {
      const piece = bytes.subarray(from, from + size)
      kernels.mask(piece, piece, 0, KEY, from)
    }
    expect(bytes).toEqual(payload)
  })

  it.each([
    [1, 0, 0],
    [4, 4, 1],
    [4, 8, 5],
    [0, 4, 5],
    [3, 4, -1],
    [3, 4, 2 ** 32 - 1]
  ])('throws RangeError for %d bytes into %d at %d, and writes nothing', (sourceLength, length, offset) => {
    const target = new Uint8Array(length)
    expect(() => kernels.mask(new Uint8Array(sourceLength), target, offset, KEY, 0)).toThrow(RangeError)
    expect(target).toEqual(new Uint8Array(length))
  })
})
