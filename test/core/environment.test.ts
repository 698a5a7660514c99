// The contract of `Environment`, kept by every implementation of the kernels.
import { describe, expect, it } from 'vitest'
import { IMPLEMENTATIONS } from '../conformance/kernels.js'
import { hex, toHex, utf8 } from '../conformance/wire.js'

for (const { title, environment } of IMPLEMENTATIONS) {
  describe.skipIf(environment === null)(`environment on ${title}`, () => {
    it('decodes ASCII from start to end', () => {
      const bytes = Uint8Array.from({ length: 128 }, (_, i) => i)
      expect(environment!.decodeLatin1(bytes, 0, 128)).toBe(String.fromCharCode(...bytes))
      expect(environment!.decodeLatin1(utf8('hello'), 1, 3)).toBe('el')
      expect(environment!.decodeLatin1(utf8('hello'), 5, 5)).toBe('')
    })

    it('encodes UTF-8, lone surrogates as U+FFFD', () => {
      const text = 'aä€😀\ud800.\udc00\ufeff'
      const encoded = '61c3a4e282acf09f9880efbfbd2eefbfbdefbbbf'
      expect(toHex(environment!.encodeUtf8(text))).toBe(encoded)
      const target = new Uint8Array(3 * text.length + 2).fill(0xee)
      const byteLength = environment!.writeUtf8(text, target, 2)
      expect(byteLength).toBe(encoded.length / 2)
      expect(toHex(target.subarray(0, 2 + byteLength))).toBe(`eeee${encoded}`)
    })

    it('writes UTF-8 into a buffer with exactly three bytes a unit', () => {
      const target = new Uint8Array(9)
      expect(environment!.writeUtf8('€€€', target, 0)).toBe(9)
      expect(toHex(target)).toBe('e282ac'.repeat(3))
    })

    it('§10.3 draws masking keys of 32 bits that repeat no more than chance has it', () => {
      const keys = Array.from({ length: 5000 }, () => environment!.maskingKey())
      expect(keys.every((key) => Number.isInteger(key) && key >= -(2 ** 31) && key < 2 ** 32)).toBe(true)
      expect(new Set(keys).size).toBeGreaterThan(4990)
    })

    it('draws random bytes', () => {
      const [a, b] = [environment!.randomBytes(16), environment!.randomBytes(16)]
      expect([a.length, toHex(a) === toHex(b)]).toEqual([16, false])
    })

    it('§4.2.2 hashes the example of the RFC', () => {
      const keyed = 'dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
      expect(environment!.sha1(keyed)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    })

    it('has a clock that does not go back', () => {
      const times = Array.from({ length: 100 }, () => environment!.now())
      expect(times).toEqual([...times].sort((a, b) => a - b))
    })

    it('§5.3 masks with the key in wire order', () => {
      const target = new Uint8Array(5)
      environment!.kernels.mask(utf8('Hello'), target, 0, 0x3d21fa37, 0)
      expect(toHex(target)).toBe(toHex(hex('7f9f4d5158')))
    })
  })
}
