import { expect, it } from 'vitest'
import { Utf8Validator } from '../../src/core/utf8.js'
import { jsKernels } from '../../src/kernels/js/index.js'
import { describeEach } from '../kernels/byte-subjects.js'

// "κόσμε", the word of Markus Kuhn's decoder test.
const KOSME = Uint8Array.of(0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xcf, 0x83, 0xce, 0xbc, 0xce, 0xb5)
const SURROGATE = Uint8Array.of(0xed, 0xa0, 0x80)

const result = (isValid: boolean, endsOnCodePoint: boolean, index: number, totalIndex: number) => ({
  isValid,
  endsOnCodePoint,
  index,
  totalIndex
})

describeEach('Utf8Validator', (kernels) => {
  const create = () => new Utf8Validator({ ...jsKernels, ...kernels })

  it('reports a valid text as wsaccel does: valid, ends on a code point, both indexes at the end', () => {
    expect(create().validate(KOSME)).toEqual(result(true, true, 11, 11))
  })

  it('reports an empty piece as valid and on a code point', () => {
    expect(create().validate(new Uint8Array(0))).toEqual(result(true, true, 0, 0))
  })

  it('reports every byte of a text that comes one at a time', () => {
    const validator = create()
    const boundaries = new Set([2, 5, 7, 9, 11])
    KOSME.forEach((byte, i) => {
      expect(validator.validate(Uint8Array.of(byte))).toEqual(result(true, boundaries.has(i + 1), 1, i + 1))
    })
  })

  it('reports the index of the bad byte in the piece and in the text', () => {
    const validator = create()
    expect(validator.validate(KOSME)).toEqual(result(true, true, 11, 11))
    expect(validator.validate(SURROGATE)).toEqual(result(false, false, 1, 12))
  })

  it('finds a bad byte in a later piece than its lead byte', () => {
    const validator = create()
    expect(validator.validate(SURROGATE.subarray(0, 1))).toEqual(result(true, false, 1, 1))
    expect(validator.validate(SURROGATE.subarray(1))).toEqual(result(false, false, 0, 1))
  })

  it('stays failed, at the same place, until it is reset', () => {
    const validator = create()
    validator.validate(SURROGATE)
    expect(validator.validate(KOSME)).toEqual(result(false, false, 0, 1))
    validator.reset()
    expect(validator.validate(KOSME)).toEqual(result(true, true, 11, 11))
  })

  it('reports the same for a long text cut at every point', () => {
    const text = new TextEncoder().encode('日本語 and 😀, très ').slice()
    const long = new Uint8Array(Buffer.concat([text, text, text, text, SURROGATE, text]))
    const badIndex = 4 * text.length + 1
    for (let cut = 0; cut <= badIndex; cut++) {
      const validator = create()
      validator.validate(long.subarray(0, cut))
      expect(validator.validate(long.subarray(cut))).toEqual(result(false, false, badIndex - cut, badIndex))
    }
  })
})
