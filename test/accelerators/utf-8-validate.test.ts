import { createRequire } from 'node:module'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isValidUTF8 } from '../../src/accelerators/utf-8-validate.js'
import { noise } from '../kernels/byte-subjects.js'
import { NO_VIEWS, ODD_VIEWS } from './views.js'

const require = createRequire(import.meta.url)

/** The package itself, and what it does where its addon does not load. */
const PEERS = {
  'utf-8-validate': require('utf-8-validate'),
  fallback: require('utf-8-validate/fallback')
} as Record<string, typeof isValidUTF8>
const UNITS = ['a', 'é', '€', '😀', 'plain text, é€😀 ', '\u0000\u007f\u0080\u07ff\u0800\uffff\u{10ffff}']

/** Bytes that begin, go on in, or break characters more often than chance would have it. */
const byte = fc.oneof(
  fc.constantFrom(0x61, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5),
  fc.nat(255)
)

describe.each(Object.entries(PEERS))('hotsocket/utf-8-validate beside %s', (_, peer) => {
  it('§8.1 judges text of every kind the same, cut at every length 0-200 and alignment', () => {
    const failures: string[] = []
    for (const unit of UNITS) {
      const memory = Buffer.from(unit.repeat(250))
      for (let length = 0; length <= 200; length++) {
        for (let place = 0; place < 8; place++) {
          const text = memory.subarray(place, place + length)
          if (isValidUTF8(text) !== peer(text)) failures.push(`${unit}, length ${length}, place ${place}`)
        }
      }
    }
    expect(failures).toEqual([])
  })

  it('§8.1 judges any bytes the same, alone and within text', () => {
    const random = fc.tuple(fc.array(byte, { maxLength: 8 }), fc.constantFrom(...UNITS), fc.nat(300))
    fc.assert(
      fc.property(random, ([bytes, unit, count]) => {
        const text = Buffer.concat([Buffer.from(unit.repeat(count)), Buffer.from(bytes), Buffer.from(unit)])
        expect(isValidUTF8(text)).toBe(peer(text))
        expect(isValidUTF8(Buffer.from(bytes))).toBe(peer(Buffer.from(bytes)))
      }),
      { seed: 3629, numRuns: 1000 }
    )
  })

  it.each([65_536, 1_048_576])(
    '§8.1 judges %d bytes the same, with one bad byte and without',
    (byteLength) => {
      const text = Buffer.alloc(byteLength, '€ und mehr 😀 ')
      for (const at of [0, 1, byteLength >> 1, byteLength - 1]) {
        const broken = Buffer.from(text)
        broken[at] = 0xff
        expect(isValidUTF8(broken)).toBe(peer(broken))
      }
      expect(isValidUTF8(text)).toBe(peer(text))
      expect(isValidUTF8(Buffer.from(noise(byteLength)))).toBe(false)
    }
  )
})

describe('hotsocket/utf-8-validate', () => {
  it('judges more than a kernel gets at once, with a character across the cut', () => {
    const text = Buffer.alloc(3 * 22_369_622, '€')
    expect(text.length).toBe(2 ** 26 + 2)
    expect(isValidUTF8(text)).toBe(true)
    expect(isValidUTF8(text.subarray(0, -1))).toBe(false)
    text[2 ** 26] = 0x61
    expect(isValidUTF8(text)).toBe(false)
    text[0] = 0xff
    expect(isValidUTF8(text)).toBe(false)
  })

  it.each(Object.entries(ODD_VIEWS))('takes %s', (_, makeView) => {
    expect(isValidUTF8(makeView(Buffer.from('€1'.repeat(64))))).toBe(true)
    expect(isValidUTF8(makeView(Buffer.from('€1'.repeat(64)).fill(0x80, 100, 101)))).toBe(false)
  })

  it('takes arrays of another realm and detached ones', () => {
    expect(isValidUTF8(runInNewContext('new Uint8Array([0xc3, 0xa9])') as Uint8Array)).toBe(true)
    expect(isValidUTF8(runInNewContext('new Uint8Array([0xc3])') as Uint8Array)).toBe(false)
    const detached = Uint8Array.of(0xff)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    expect(isValidUTF8(detached)).toBe(true)
  })

  it('throws TypeError for what is no view of bytes', () => {
    const error = expect.objectContaining({ name: 'TypeError' })
    for (const value of NO_VIEWS) expect(() => isValidUTF8(value as Uint8Array)).toThrow(error)
    expect(() => isValidUTF8('é' as unknown as Uint8Array)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_TYPE',
        message: 'buffer must be a Buffer, a typed array or a DataView, not string'
      })
    )
  })
})
