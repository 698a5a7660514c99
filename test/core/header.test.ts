import { expect, it } from 'vitest'
import { headerLength, MAX_HEADER_BYTES, writeHeader } from '../../src/core/header.js'
import { toHex } from '../conformance/wire.js'
import { EXAMPLE_KEY } from './support.js'

const KEY = '37fa213d'

const HEADERS: readonly (readonly [byteLength: number, secondByte: number, extended: string])[] = [
  [0, 0, ''],
  [1, 1, ''],
  [125, 125, ''],
  [126, 126, '007e'],
  [127, 126, '007f'],
  [65535, 126, 'ffff'],
  [65536, 127, '0000000000010000'],
  [2 ** 31, 127, '0000000080000000'],
  [2 ** 32, 127, '0000000100000000'],
  [2 ** 40 + 5, 127, '0000010000000005'],
  [Number.MAX_SAFE_INTEGER, 127, '001fffffffffffff']
]

for (const [byteLength, second, extended] of HEADERS) {
  for (const isMasked of [false, true]) {
    it(`§5.2 writes the shortest ${isMasked ? 'masked' : 'unmasked'} header for ${byteLength} bytes`, () => {
      const target = new Uint8Array(20).fill(0xee)
      const end = writeHeader(target, 3, 0x82, byteLength, isMasked ? EXAMPLE_KEY : null)
      const secondByte = toHex(Uint8Array.of(second | (isMasked ? 0x80 : 0)))
      const header = `82${secondByte}${extended}${isMasked ? KEY : ''}`
      expect(toHex(target)).toBe(`eeeeee${header}`.padEnd(40, 'e'))
      expect(end).toBe(3 + header.length / 2)
      expect(headerLength(byteLength, isMasked)).toBe(header.length / 2)
    })
  }
}

it('§5.3 writes a masking key whose highest bit is set, signed or unsigned', () => {
  for (const key of [0xfedcba98, 0xfedcba98 | 0]) {
    const target = new Uint8Array(6)
    writeHeader(target, 0, 0x81, 0, key)
    expect(toHex(target)).toBe('818098badcfe')
  }
})

it('§5.2 no header is longer than MAX_HEADER_BYTES', () => {
  expect(headerLength(Number.MAX_SAFE_INTEGER, true)).toBe(MAX_HEADER_BYTES)
})
