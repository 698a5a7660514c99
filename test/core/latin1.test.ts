import { expect, it } from 'vitest'
import { decodeLatin1, encodeLatin1 } from '../../src/core/latin1.js'

it('maps every byte to the character of the same number, and back', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
  const text = decodeLatin1(bytes)
  expect([...text].map((character) => character.codePointAt(0))).toEqual([...bytes])
  expect(encodeLatin1(text)).toEqual(bytes)
})

it('takes more bytes than a call takes arguments', () => {
  const text = decodeLatin1(new Uint8Array(1_000_001).fill(0xe9))
  expect(text === 'é'.repeat(1_000_001)).toBe(true)
  expect(encodeLatin1(text)).toEqual(new Uint8Array(1_000_001).fill(0xe9))
})

it('takes nothing', () => {
  expect([decodeLatin1(new Uint8Array(0)), encodeLatin1('')]).toEqual(['', new Uint8Array(0)])
})
