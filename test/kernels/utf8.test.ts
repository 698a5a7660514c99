import fc from 'fast-check'
import { expect, it } from 'vitest'
import { referenceValidateUtf8, UTF8_SEQUENCES } from './byte-references.js'
import { type ByteKernels, describeEach } from './byte-subjects.js'

const encoder = new TextEncoder()
const TEXTS = {
  ascii: 'The quick brown fox. ',
  latin: 'Größe für Äpfel, très déjà vu. ',
  cjk: '日本語の漢字と仮名。',
  emoji: '😀🎉👍🏽🚀',
  mixed: 'a£€𐍈 plain ascii in between ÿ߿ࠀ\uffff𐀀\u{10ffff}'
} as const

function repeat(text: string, byteLength: number): Uint8Array {
  const unit = encoder.encode(text)
  return Uint8Array.from({ length: byteLength }, (_, i) => unit[i % unit.length]!)
}

/** Validates piece by piece; an index counts from the start of the text. */
function validatePieces(kernels: ByteKernels, text: Uint8Array, cuts: readonly number[]): number {
  let state = 0
  let from = 0
  for (const to of [...cuts, text.length]) {
    state = kernels.validateUtf8(state, text.subarray(from, to))
    if (state < 0) return state - from
    from = to
  }
  return state
}

/** All sequences made of the lowest and highest bytes that each row of the grammar allows. */
function edgeSequences(): number[][] {
  return UTF8_SEQUENCES.flatMap((ranges) =>
    ranges.reduce<number[][]>(
      (heads, range) => heads.flatMap((head) => range.map((byte) => [...head, byte])),
      [[]]
    )
  )
}

const INVALID = {
  'a continuation alone': [0x80],
  'overlong /, two bytes': [0xc0, 0xaf],
  'overlong U+007F, two bytes': [0xc1, 0xbf],
  'overlong /, three bytes': [0xe0, 0x80, 0xaf],
  'overlong U+07FF': [0xe0, 0x9f, 0xbf],
  'overlong U+FFFF': [0xf0, 0x8f, 0xbf, 0xbf],
  'the first surrogate': [0xed, 0xa0, 0x80],
  'the last surrogate': [0xed, 0xbf, 0xbf],
  'a pair of surrogates': [0xed, 0xa0, 0x81, 0xed, 0xb0, 0x80],
  'U+110000': [0xf4, 0x90, 0x80, 0x80],
  'a lead byte F5': [0xf5, 0x80, 0x80, 0x80],
  'a lead byte F8': [0xf8, 0x88, 0x80, 0x80, 0x80],
  FE: [0xfe],
  FF: [0xff],
  'two bytes, one missing': [0xc3, 0x41],
  'three bytes, one missing': [0xe2, 0x82, 0x41],
  'four bytes, one missing': [0xf0, 0x9f, 0x98, 0x41],
  'a lead byte after a lead byte': [0xe2, 0xe2, 0x82, 0xac],
  'a continuation too many': [0xe2, 0x82, 0xac, 0x80]
} as const

describeEach('validateUtf8', (kernels) => {
  it.each(Object.entries(TEXTS))(
    'RFC 3629 accepts %s text, cut at every length 0-300 and offset 0-63',
    (_, text) => {
      const whole = repeat(text, 300)
      const failures: string[] = []
      for (let length = 0; length <= 300; length++) {
        const expected = referenceValidateUtf8(whole.subarray(0, length))
        for (let offset = 0; offset < 64; offset++) {
          const memory = new Uint8Array(offset + length)
          memory.set(whole.subarray(0, length), offset)
          const found = kernels.validateUtf8(0, memory.subarray(offset))
          if (found !== expected) failures.push(`length ${length}, offset ${offset}: ${found}`)
        }
      }
      expect(failures).toEqual([])
    }
  )

  it('RFC 3629 §4 accepts the edges of every row of the grammar, at every place of a 0-70 byte text', () => {
    const failures: string[] = []
    for (const sequence of edgeSequences()) {
      for (let before = 0; before <= 70; before++) {
        const bytes = Uint8Array.from([...new Array<number>(before).fill(0x61), ...sequence, 0x62])
        if (kernels.validateUtf8(0, bytes) !== 0) failures.push(`${sequence} after ${before}`)
      }
    }
    expect(failures).toEqual([])
  })

  it.each(Object.entries(INVALID))(
    'RFC 3629 §4 finds %s at every place of a 0-200 byte text',
    (_, sequence) => {
      const failures: string[] = []
      for (const text of Object.values(TEXTS)) {
        for (let length = 0; length <= 200; length++) {
          const before = repeat(text, length)
          const bytes = Uint8Array.from([...before, ...sequence, ...encoder.encode(text)])
          const found = kernels.validateUtf8(0, bytes)
          if (found !== referenceValidateUtf8(bytes)) failures.push(`${text}, ${length}: ${found}`)
        }
      }
      expect(failures).toEqual([])
    }
  )

  it('finds any byte put anywhere into a text that does not allow it', () => {
    const failures: string[] = []
    for (const text of Object.values(TEXTS)) {
      for (let i = 0; i < 200; i++) {
        const bytes = repeat(text, 200)
        for (const bad of [
          0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5
        ]) {
          bytes[i] = bad
          if (kernels.validateUtf8(0, bytes) !== referenceValidateUtf8(bytes))
            failures.push(`${text}, ${i}, ${bad}`)
        }
      }
    }
    expect(failures).toEqual([])
  })

  it('gives the same answer for a text in one piece and cut at every point', () => {
    const failures: string[] = []
    const sequences = [...edgeSequences(), ...Object.values(INVALID)]
    for (const sequence of sequences) {
      const bytes = Uint8Array.from([...repeat(TEXTS.mixed, 70), ...sequence, ...repeat(TEXTS.cjk, 40)])
      const expected = referenceValidateUtf8(bytes)
      for (let cut = 0; cut <= bytes.length; cut++) {
        if (validatePieces(kernels, bytes, [cut]) !== expected) failures.push(`${sequence}, cut at ${cut}`)
      }
    }
    expect(failures).toEqual([])
  })

  it('agrees with the grammar on any bytes in any pieces', () => {
    const byte = fc.oneof(
      fc.constantFrom(
        0x61,
        0x7f,
        0x80,
        0x8f,
        0x90,
        0x9f,
        0xa0,
        0xbf,
        0xc2,
        0xdf,
        0xe0,
        0xe1,
        0xed,
        0xf0,
        0xf4
      ),
      fc.integer({ min: 0, max: 255 })
    )
    const piece = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.string({ unit: 'binary', maxLength: 40 }).map((text) => encoder.encode(text))
      },
      fc.array(byte, { maxLength: 5 }).map((bytes) => Uint8Array.from(bytes))
    )
    const text = fc.array(piece, { maxLength: 8 }).map((pieces) => new Uint8Array(Buffer.concat(pieces)))
    const cut = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 })
    fc.assert(
      fc.property(text, cut, (bytes, fractions) => {
        const cuts = fractions.map((fraction) => Math.floor(fraction * bytes.length)).sort((a, b) => a - b)
        expect(validatePieces(kernels, bytes, cuts)).toBe(referenceValidateUtf8(bytes))
      }),
      { seed: 3629, numRuns: 2000 }
    )
  })

  it('finds the first of several bad bytes in a long text', () => {
    const bytes = repeat(TEXTS.cjk, 30_000)
    bytes[29_990] = 0xff
    bytes[12_345] = 0xff
    expect(kernels.validateUtf8(0, bytes)).toBe(referenceValidateUtf8(bytes))
  })

  it('leaves the state of an empty piece as it is', () => {
    const inside = kernels.validateUtf8(0, Uint8Array.of(0xe0))
    expect(kernels.validateUtf8(inside, new Uint8Array(0))).toBe(inside)
    expect(kernels.validateUtf8(0, new Uint8Array(0))).toBe(0)
  })

  it('throws RangeError for the state of a failed text', () => {
    expect(() => kernels.validateUtf8(-1, new Uint8Array(1))).toThrow(RangeError)
  })
})

describeEach('decodeUtf8', ({ decodeUtf8 }) => {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  it('decodes valid text of every kind, length and place as TextDecoder does', () => {
    for (const unit of [
      ...Object.values(TEXTS),
      '\ufeff',
      '\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}'
    ]) {
      for (const count of [0, 1, 2, 7, 40, 3000]) {
        for (const offset of [0, 1, 3, 8]) {
          const text = 'x'.repeat(count % 9) + unit.repeat(count)
          const payload = encoder.encode(text)
          const bytes = new Uint8Array(offset + payload.length + 1)
          bytes.set(payload, offset)
          expect(decodeUtf8(bytes, offset, offset + payload.length) === text).toBe(true)
          expect(decoder.decode(payload) === text).toBe(true)
        }
      }
    }
  })

  it('decodes any string, lone surrogates having been replaced', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const bytes = encoder.encode(text)
        expect(decodeUtf8(bytes, 0, bytes.length)).toBe(decoder.decode(bytes))
      })
    )
  })

  it('makes some string of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(typeof decodeUtf8(bytes, 0, bytes.length)).toBe('string')
      })
    )
  })
})
