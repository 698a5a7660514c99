import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import { ControlFrame, checkFragmentSize, Frame } from '../../src/core/frame.js'
import { close } from '../conformance/vector.js'
import { encode, hex, join, noise, toHex, utf8 } from '../conformance/wire.js'
import { EXAMPLE_KEY, fixedEnvironment } from './support.js'

const { kernels } = fixedEnvironment()
const masking = { key: EXAMPLE_KEY, kernels }
const fields = ({ opcode, payload, isFinal, rsv }: Frame) => ({
  opcode,
  payload: toHex(payload),
  isFinal,
  rsv
})

describe('pack', () => {
  it('§5.7 packs the examples of the RFC', () => {
    expect(toHex(new Frame(1, utf8('Hello')).pack())).toBe('810548656c6c6f')
    expect(toHex(new Frame(1, utf8('Hello')).pack(masking))).toBe('818537fa213d7f9f4d5158')
    expect(toHex(new Frame(1, utf8('Hel'), { isFinal: false }).pack())).toBe('010348656c')
    expect(toHex(new Frame(0, utf8('lo')).pack())).toBe('80026c6f')
    expect(toHex(new ControlFrame(9, utf8('Hello')).pack())).toBe('890548656c6c6f')
    expect(toHex(new Frame(2, noise(256)).pack())).toBe(`827e0100${toHex(noise(256))}`)
    expect(toHex(new Frame(2, noise(65536)).pack())).toBe(`827f0000000000010000${toHex(noise(65536))}`)
  })

  it('§5.2 packs reserved bits', () => {
    expect(toHex(new Frame(2, hex('01'), { rsv: 0x50 }).pack())).toBe('d20101')
  })

  it('§5.3 leaves the payload unmasked in memory', () => {
    const payload = utf8('Hello')
    new Frame(1, payload).pack(masking)
    expect(toHex(payload)).toBe('48656c6c6f')
  })
})

describe('constructor', () => {
  it('§5.2 an opcode is 0-15 and reserved bits are the three', () => {
    for (const opcode of [-1, 16, 1.5, Number.NaN, '1' as unknown as number])
      expect(() => new Frame(opcode)).toThrow(WebSocketError)
    for (const rsv of [1, 0x80, 0x48, -1])
      expect(() => new Frame(1, hex(''), { rsv })).toThrow('rsv must be made of 0x40, 0x20 and 0x10')
  })

  it('§5.5 a control frame has a control opcode and at most 125 bytes, and is not fragmented', () => {
    expect(() => new ControlFrame(2)).toThrow("a control frame's opcode is 8-15, not 2")
    expect(() => new ControlFrame(9, noise(126))).toThrow(
      'a control frame carries at most 125 bytes, not 126'
    )
    expect(() => new ControlFrame(9).fragment(1)).toThrow('a control frame must not be fragmented')
    expect(new ControlFrame(9, noise(125)).isFinal).toBe(true)
  })
})

describe('fragment', () => {
  it('§5.4 cuts a frame; opcode and reserved bits stand on the first', () => {
    const frames = new Frame(1, utf8('abcde'), { rsv: 0x40 }).fragment(2)
    expect(frames.map(fields)).toEqual([
      { opcode: 1, payload: '6162', isFinal: false, rsv: 0x40 },
      { opcode: 0, payload: '6364', isFinal: false, rsv: 0 },
      { opcode: 0, payload: '65', isFinal: true, rsv: 0 }
    ])
  })

  it('§5.4 cuts nothing that fits, not even an empty frame; no empty frame comes last', () => {
    expect(new Frame(2, hex('')).fragment(5).map(fields)).toEqual([
      { opcode: 2, payload: '', isFinal: true, rsv: 0 }
    ])
    expect(new Frame(2, hex('0102')).fragment(2).map(fields)).toEqual([
      { opcode: 2, payload: '0102', isFinal: true, rsv: 0 }
    ])
    expect(new Frame(2, hex('01020304')).fragment(2)).toHaveLength(2)
  })

  it('§5.4 the pieces of a frame that is not final are not final', () => {
    const frames = new Frame(0, hex('010203'), { isFinal: false }).fragment(2)
    expect(frames.map((frame) => frame.isFinal)).toEqual([false, false])
  })

  it('payloads are views', () => {
    const payload = noise(10)
    for (const frame of new Frame(2, payload).fragment(3)) expect(frame.payload.buffer).toBe(payload.buffer)
  })

  it('refuses a size that is no positive integer', () => {
    for (const size of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '2' as unknown as number]) {
      expect(() => checkFragmentSize(size)).toThrow("a fragment's size must be a positive integer")
      expect(() => new Frame(2, noise(3)).fragment(size)).toThrow(WebSocketError)
    }
  })
})

describe('parse', () => {
  for (const receiver of ['server', 'client'] as const) {
    it(`§5.2 parses what a ${receiver} receives, of every form of length`, () => {
      for (const byteLength of [0, 1, 13, 125, 126, 65535, 65536, 70_000]) {
        const bytes = encode({ opcode: 2, payload: noise(byteLength), fin: false, rsv: 0x20 }, receiver)
        const parsed = Frame.parse(join([bytes, hex('ff00ff')]), kernels)!
        expect(fields(parsed.frame)).toEqual({
          opcode: 2,
          payload: toHex(noise(byteLength)),
          isFinal: false,
          rsv: 0x20
        })
        expect(parsed.byteLength).toBe(bytes.length)
      }
    })

    it(`§5.2 returns null while a frame that a ${receiver} receives is not whole`, () => {
      const bytes = encode({ opcode: 1, payload: noise(130) }, receiver)
      for (let end = 0; end < bytes.length; end++)
        expect(Frame.parse(bytes.subarray(0, end), kernels)).toBeNull()
    })
  }

  it('leaves the bytes as they are, also those of a Buffer, whose slice is a view', () => {
    const bytes = encode({ opcode: 1, payload: utf8('Hello') }, 'server')
    const buffer = Buffer.from(bytes)
    const { frame } = Frame.parse(buffer, kernels)!
    expect(toHex(buffer)).toBe(toHex(bytes))
    buffer.fill(0)
    expect(toHex(frame.payload)).toBe('48656c6c6f')
  })

  it('copies no more than the frame it reads', () => {
    const bytes = join([encode({ opcode: 1, payload: utf8('x') }, 'client'), new Uint8Array(1_000_000)])
    let copied = 0
    const counting = {
      ...kernels,
      scan: (...[state, chunk, from, table]: Parameters<typeof kernels.scan>) => {
        copied += chunk.length
        return kernels.scan(state, chunk, from, table)
      }
    }
    Frame.parse(bytes, counting)
    expect(copied).toBeLessThan(20)
  })

  it('§5.2 a length of 2^64 - 1 is not whole', () => {
    expect(Frame.parse(hex('827fffffffffffffffff00'), kernels)).toBeNull()
  })

  it('§5.5 makes a ControlFrame of what is one', () => {
    expect(Frame.parse(encode(close(1000), 'client'), kernels)!.frame).toBeInstanceOf(ControlFrame)
    const fragmented = Frame.parse(encode({ ...close(1000), fin: false }, 'client'), kernels)!.frame
    expect(fragmented).not.toBeInstanceOf(ControlFrame)
  })
})

describe('unpackClose', () => {
  const unpack = (payload: string) => new ControlFrame(8, hex(payload)).unpackClose()

  it('§5.5.1 §7.1.5 reads code and reason; without them 1005', () => {
    expect(unpack('')).toEqual({ code: 1005, reason: '' })
    expect(unpack('03e8')).toEqual({ code: 1000, reason: '' })
    expect(unpack('03e9e282ac')).toEqual({ code: 1001, reason: '€' })
  })

  it('§7.4 throws for what must not be sent', () => {
    const codeOf = (payload: string) => {
      try {
        return unpack(payload)
      } catch (error) {
        return (error as WebSocketError).code
      }
    }
    expect(codeOf('03')).toBe('close-payload')
    expect(codeOf('03ed')).toBe('close-code')
    expect(codeOf('03e8ff')).toBe('close-reason')
    expect(() => new ControlFrame(9).unpackClose()).toThrow("opcode 9 is not a close frame's")
  })
})
