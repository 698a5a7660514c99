import { describe, expect, it } from 'vitest'
import { OutputBytes } from '../../src/core/output.js'
import { hex, join, noise, toHex } from '../conformance/wire.js'

function write(output: OutputBytes, bytes: Uint8Array, reserved = bytes.length): void {
  const offset = output.reserve(reserved)
  output.buffer.set(bytes, offset)
  output.advance(bytes.length)
}

describe('OutputBytes', () => {
  it('gives what was written, in order, once', () => {
    const output = new OutputBytes()
    write(output, hex('01'))
    write(output, hex('0203'), 100)
    const referenced = hex('0405')
    output.append(referenced)
    write(output, hex('06'))
    expect(output.pendingBytes).toBe(6)
    const taken = output.take()
    expect(toHex(join(taken))).toBe('010203040506')
    expect(taken).toContain(referenced)
    expect([output.pendingBytes, output.take()]).toEqual([0, []])
  })

  it('keeps what was taken when more is written', () => {
    const output = new OutputBytes()
    write(output, hex('0102'))
    const first = output.take()
    for (let i = 0; i < 300; i++) write(output, Uint8Array.of(i & 0xff, 0xff))
    expect(toHex(join(first))).toBe('0102')
    expect(toHex(join(output.take()))).toBe(
      Array.from({ length: 300 }, (_, i) => `${toHex(Uint8Array.of(i & 0xff))}ff`).join('')
    )
  })

  it('makes room for more than its buffer', () => {
    const output = new OutputBytes()
    write(output, hex('01'))
    write(output, noise(100_000))
    expect(toHex(join(output.take()))).toBe(`01${toHex(noise(100_000))}`)
  })

  it('does not allocate for each of many small writes', () => {
    const output = new OutputBytes()
    const buffers = new Set<Uint8Array>()
    for (let i = 0; i < 10_000; i++) {
      write(output, noise(100), 300)
      buffers.add(output.buffer)
    }
    expect(buffers.size).toBeLessThan(30)
  })

  it('does not hold on to a large buffer once that is taken', () => {
    const output = new OutputBytes()
    write(output, noise(1_000_000))
    const large = output.buffer
    output.take()
    expect(output.buffer).not.toBe(large)
    write(output, hex('01'))
    expect(toHex(join(output.take()))).toBe('01')
  })

  it('forgets what was reserved and not accepted', () => {
    const output = new OutputBytes()
    output.buffer.fill(0xee, output.reserve(5))
    write(output, hex('01'))
    output.reserve(1000)
    expect(toHex(join(output.take()))).toBe('01')
  })
})
