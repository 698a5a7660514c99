import { describe, expect, it } from 'vitest'
import { Assembler, keepBytes } from '../../src/core/assembler.js'
import { join, noise, toHex } from '../conformance/wire.js'

describe('keepBytes', () => {
  it('makes a view where that pins at most four times as much, else a copy', () => {
    const chunk = noise(400)
    const view = keepBytes(chunk, 100, 200)
    const copy = keepBytes(chunk, 100, 199)
    expect([toHex(view), toHex(copy)]).toEqual([toHex(chunk.slice(100, 200)), toHex(chunk.slice(100, 199))])
    expect([view.buffer === chunk.buffer, copy.buffer.byteLength]).toEqual([true, 99])
  })

  it('counts the whole buffer behind a chunk', () => {
    const chunk = noise(4000).subarray(0, 400)
    expect(keepBytes(chunk, 0, 400).buffer.byteLength).toBe(400)
  })

  it('pins nothing for no bytes', () => {
    expect(keepBytes(noise(4), 2, 2).buffer.byteLength).toBe(0)
  })
})

describe('Assembler', () => {
  const sizes = [0, 1, 3, 255, 256, 257, 4095, 4096, 5000, 65535, 65536, 70_000, 200_000]

  it('joins pieces of all sizes, in every order of two', () => {
    for (const first of sizes) {
      for (const second of sizes) {
        const assembler = new Assembler((byteLength) => new Uint8Array(byteLength))
        const pieces = [noise(first), noise(second + 1).subarray(1), noise(7)]
        for (const piece of pieces) assembler.add(piece, 0, piece.length)
        const whole = join(pieces)
        expect(assembler.byteLength).toBe(whole.length)
        expect(Buffer.compare(assembler.take(), whole)).toBe(0)
        expect([assembler.byteLength, assembler.take().length]).toEqual([0, 0])
      }
    }
  })

  it('does not see what a reused chunk holds later, where it copied', () => {
    const assembler = new Assembler((byteLength) => new Uint8Array(byteLength))
    const chunk = new Uint8Array(100)
    for (let i = 0; i < 1000; i++) assembler.add(chunk.fill(i & 0xff), 40, 41)
    expect(toHex(assembler.take())).toBe(toHex(Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff)))
  })

  it('§10.4 a million pieces of one byte are joined in time that grows with their count', () => {
    const assembler = new Assembler((byteLength) => new Uint8Array(byteLength))
    for (let i = 0; i < 1_000_000; i++) assembler.add(Uint8Array.of(i & 0xff), 0, 1)
    const whole = assembler.take()
    expect(whole.length).toBe(1_000_000)
    expect(whole.every((byte, i) => byte === (i & 0xff))).toBe(true)
  })
})
