import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Deflater, DeflaterOptions } from '../../src/core/kernels.js'
import {
  bytes,
  concat,
  cut,
  inflateMessage,
  inflateOnce,
  json,
  latin1,
  nativeSkipReason,
  noise,
  subjects,
  TAIL,
  text
} from './zlib-subjects.js'

if (nativeSkipReason !== null) it.skip(`native zlib kernels: ${nativeSkipReason}`)

describe.each(subjects)('$name inflater and deflater', (subject) => {
  const roundTrip = (message: Uint8Array, options?: DeflaterOptions) => {
    const deflater = subject.createDeflater(options)
    const deflated = deflater.deflate(message, true)
    deflater.close()
    return inflateOnce(subject, deflated, { windowBits: options?.windowBits ?? 15 })
  }

  it('gives back messages of 0 to 300 bytes, one after another in one context', () => {
    const deflater = subject.createDeflater()
    const inflater = subject.createInflater(15)
    for (let byteLength = 0; byteLength <= 300; byteLength++) {
      const message =
        byteLength % 2 === 0 ? noise(byteLength) : text('abc'.repeat(100)).subarray(0, byteLength)
      const deflated = deflater.deflate(message, true)
      expect(deflated.subarray(-4)).toEqual(TAIL)
      expect(inflateMessage(inflater, [deflated])).toEqual(message)
    }
  })

  it.each([
    ['64 KiB that do not compress', noise(65_536)],
    ['1 MiB of JSON', json(1 << 20)],
    ['300 KiB of one byte', new Uint8Array(300 * 1024).fill(7)]
  ])('gives back %s', (_, message) => {
    expect(latin1(roundTrip(message))).toBe(latin1(message))
  })

  it.each([0, 1, 6, 9])('gives back what level %i deflates', (level) => {
    const message = json(40_000)
    const memLevel = level === 0 ? 1 : 9
    expect(latin1(roundTrip(message, { level, memLevel }))).toBe(latin1(message))
  })

  it('accepts a message cut at any point', () => {
    const message = json(400)
    const deflated = deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH })
    const inflater = subject.createInflater(15)
    for (let at = 0; at <= deflated.length; at++) {
      expect(inflateMessage(inflater, [deflated.subarray(0, at), deflated.subarray(at)])).toEqual(message)
      inflater.reset()
    }
  })

  it.each([1, 2, 3, 7, 1024])('accepts and deflates pieces of %i bytes', (size) => {
    const message = json(3000)
    const deflater = subject.createDeflater()
    const pieces = cut(message, size)
    const deflated = concat(...pieces.map((piece, i) => deflater.deflate(piece, i === pieces.length - 1)))
    expect(inflateMessage(subject.createInflater(15), cut(deflated, size))).toEqual(message)
  })

  it('accepts an empty last piece', () => {
    const deflater = subject.createDeflater()
    const deflated = concat(deflater.deflate(text('Hello'), false), deflater.deflate(new Uint8Array(0), true))
    const inflater = subject.createInflater(15)
    expect(inflateMessage(inflater, [deflated, new Uint8Array(0)])).toEqual(text('Hello'))
    expect(inflateMessage(inflater, [deflated, new Uint8Array(0)])).toEqual(text('Hello'))
  })

  it('does not change its input, nor what it has returned', () => {
    const message = text('Hello, Hello, Hello')
    const deflater = subject.createDeflater()
    const first = deflater.deflate(message, true)
    const copy = first.slice()
    deflater.deflate(noise(100_000), true)
    expect(first).toEqual(copy)
    expect(message).toEqual(text('Hello, Hello, Hello'))
    const inflated = inflateOnce(subject, first) as Uint8Array
    expect(first).toEqual(copy)
    expect(inflated.buffer.byteLength).toBe(message.length)
  })

  describe('window', () => {
    it('RFC 7692 §7.1.1 keeps it between messages until reset', () => {
      const message = noise(1000)
      const deflater = subject.createDeflater()
      const first = deflater.deflate(message, true)
      const second = deflater.deflate(message, true)
      deflater.reset()
      const third = deflater.deflate(message, true)
      expect(second.length).toBeLessThan(100)
      expect(third).toEqual(first)

      const inflater = subject.createInflater(15)
      expect(inflateMessage(inflater, [first])).toEqual(message)
      expect(inflateMessage(inflater, [second])).toEqual(message)
      inflater.reset()
      expect(inflateMessage(inflater, [second])).toBe('corrupt')
    })

    it('forgets a message that has begun with reset', () => {
      const deflater = subject.createDeflater()
      deflater.deflate(text('half a mess'), false)
      deflater.reset()
      const deflated = deflater.deflate(text('Hello'), true)
      const inflater = subject.createInflater(15)
      inflater.inflate(deflated.subarray(0, 3), false, 100)
      inflater.reset()
      expect(inflateMessage(inflater, [deflated], 100)).toEqual(text('Hello'))
    })

    it.each([9, 10, 11, 12, 13, 14, 15])('of %i bits is never left by the deflater', (windowBits) => {
      const message = concat(noise(40_000), noise(40_000), json(40_000))
      const deflater = subject.createDeflater({ windowBits })
      const deflated = cut(message, 1500).map((piece) => deflater.deflate(piece, true))
      // An output buffer of 64 bytes leaves zlib only the window to look back into.
      const options = { windowBits, chunkSize: 64, finishFlush: constants.Z_SYNC_FLUSH }
      expect(latin1(inflateRawSync(concat(...deflated), options))).toBe(latin1(message))
      const inflater = subject.createInflater(windowBits)
      const inflated = deflated.map((piece) => latin1(inflateMessage(inflater, [piece])))
      expect(inflated.join('')).toBe(latin1(message))
    })

    it('of 8 bits is for inflaters only', () => {
      const stored = deflateRawSync(text('Hello'), { level: 0, finishFlush: constants.Z_SYNC_FLUSH })
      expect(inflateOnce(subject, stored, { windowBits: 8 })).toEqual(text('Hello'))
      expect(() => subject.createDeflater({ windowBits: 8 })).toThrow(RangeError)
    })
  })

  describe('limit', () => {
    const message = json(50_000)
    const deflated = deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH })

    it('lets a message of exactly maxBytes through, and none that is longer', () => {
      const at = (maxBytes: number) => latin1(inflateOnce(subject, deflated, { maxBytes }))
      expect(at(message.length + 1)).toBe(latin1(message))
      expect(at(message.length)).toBe(latin1(message))
      expect(at(message.length - 1)).toBe('too-large')
      expect(at(0)).toBe('too-large')
      expect(at(Number.POSITIVE_INFINITY)).toBe(latin1(message))
    })

    it('holds over pieces', () => {
      const at = (maxBytes: number) =>
        latin1(inflateMessage(subject.createInflater(15), cut(deflated, 100), maxBytes))
      expect(at(message.length)).toBe(latin1(message))
      expect(at(message.length - 1)).toBe('too-large')
    })

    it('of 0 lets an empty message through', () => {
      expect(inflateOnce(subject, concat(bytes('00'), TAIL), { maxBytes: 0 })).toEqual(new Uint8Array(0))
    })

    it('stops 1 MiB that inflates to 1 GiB, in bounded memory', () => {
      const mebibyte = deflateRawSync(new Uint8Array(1 << 20), { finishFlush: constants.Z_SYNC_FLUSH })
      const bomb = concat(...Array.from({ length: 1024 }, () => mebibyte))
      const before = process.memoryUsage().rss
      expect(inflateOnce(subject, bomb, { maxBytes: 4 << 20 })).toBe('too-large')
      expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20)
    })

    it('counts what comes in, too: empty blocks yield nothing', () => {
      const emptyBlocks = (count: number) => new Uint8Array(Buffer.alloc(5 * count, bytes('000000ffff')))
      const maxBytes = 488 // 2 * 488 + 1024 = 2000
      expect(inflateOnce(subject, emptyBlocks(400), { maxBytes })).toEqual(new Uint8Array(0))
      expect(inflateOnce(subject, emptyBlocks(401), { maxBytes })).toBe('too-large')
      const pieces = cut(emptyBlocks(401), 1)
      expect(inflateMessage(subject.createInflater(15), pieces, maxBytes)).toBe('too-large')
    })
  })

  describe('streams that the RFC prints', () => {
    const hello = text('Hello')
    it.each([
      ['§7.2.3.1 one block', 'f248cdc9c90700', hello],
      ['§7.2.3.3 no compression', '000500faff48656c6c6f00', hello],
      ['§7.2.3.4 a final block', 'f348cdc9c9070000', hello],
      ['§7.2.3.5 two blocks', 'f24805000000ffffcac9c90700', hello],
      ['§7.2.3.6 an empty message', '00', new Uint8Array(0)]
    ])('RFC 7692 %s', (_, message, expected) => {
      expect(inflateOnce(subject, concat(bytes(message), TAIL))).toEqual(expected)
    })

    it('RFC 7692 §7.2.3.2 a second message from the window', () => {
      const inflater = subject.createInflater(15)
      expect(inflateMessage(inflater, [concat(bytes('f248cdc9c90700'), TAIL)])).toEqual(hello)
      expect(inflateMessage(inflater, [concat(bytes('f200110000'), TAIL)])).toEqual(hello)
    })
  })

  describe('final blocks', () => {
    const final = bytes('f348cdc9c90700')
    const hello = text('Hello')

    it('RFC 7692 §7.2.3.4 may be followed by nothing, or by the bare tail', () => {
      for (const pieces of [[final], cut(final, 1), [concat(final, TAIL)], cut(concat(final, TAIL), 1)]) {
        const inflater = subject.createInflater(15)
        expect(inflateMessage(inflater, pieces)).toEqual(hello)
        expect(inflateMessage(inflater, pieces)).toEqual(hello)
      }
    })

    it('may be followed by another stream', () => {
      const message = concat(final, final, bytes('f248cdc9c90700'), TAIL)
      for (const size of [1, 5, 100]) {
        expect(inflateMessage(subject.createInflater(15), cut(message, size))).toEqual(
          text('HelloHelloHello')
        )
      }
    })

    it.each(['ff', '0000ff', '0000ffff00', '000000ffff07', '0000fffe', '06'])(
      'may not be followed by %s',
      (rest) => {
        const message = concat(final, bytes(rest))
        expect(inflateOnce(subject, message)).toBe('corrupt')
        expect(inflateMessage(subject.createInflater(15), cut(message, 1))).toBe('corrupt')
      }
    )

    it('forget the window', () => {
      const inflater = subject.createInflater(15)
      expect(inflateMessage(inflater, [concat(bytes('f348cdc9c9070000'), TAIL)])).toEqual(hello)
      expect(inflateMessage(inflater, [concat(bytes('f200110000'), TAIL)])).toBe('corrupt')
    })

    it('are at most 1024 in a message, whose limit they share', () => {
      const times = (count: number) => new Uint8Array(Buffer.alloc(final.length * count, final))
      const expected = text('Hello'.repeat(1024))
      expect(inflateOnce(subject, times(1024))).toEqual(expected)
      expect(inflateOnce(subject, times(1025))).toBe('corrupt')
      expect(inflateOnce(subject, times(10), { maxBytes: 50 })).toEqual(text('Hello'.repeat(10)))
      expect(inflateOnce(subject, times(10), { maxBytes: 49 })).toBe('too-large')
    })
  })

  describe('bad input', () => {
    it.each([
      ['a reserved block type', '07'],
      ['a stored block whose length does not match', '0005000000'],
      ['a distance beyond the window', 'f20011'],
      ['too many code lengths', 'fcffffffff'],
      ['a stored block that is cut off', '000500faff4865'],
      ['a block that is not ended', 'f248cdc9c9']
    ])('refuses %s', (_, message) => {
      expect(inflateOnce(subject, concat(bytes(message), TAIL))).toBe('corrupt')
    })

    it('refuses a message that is cut off anywhere', () => {
      const message = deflateRawSync(json(300), { finishFlush: constants.Z_SYNC_FLUSH })
      for (let length = 1; length < message.length; length++) {
        expect({ length, result: inflateOnce(subject, message.subarray(0, length)) }).toEqual({
          length,
          result: 'corrupt'
        })
      }
    })

    it('takes no bytes at all for an empty message', () => {
      const inflater = subject.createInflater(15)
      expect(inflateMessage(inflater, [new Uint8Array(0)], 0)).toEqual(new Uint8Array(0))
      expect(inflateMessage(inflater, [bytes('f248cdc9c90700'), TAIL])).toEqual(text('Hello'))
    })
  })

  describe('misuse', () => {
    it('throws on any call but close after close', () => {
      const inflater = subject.createInflater(15)
      const deflater = subject.createDeflater()
      for (const context of [inflater, deflater]) {
        context.close()
        context.close()
        expect(() => context.reset()).toThrow(/is closed$/)
      }
      expect(() => inflater.inflate(TAIL, true, 1)).toThrow('the inflater is closed')
      expect(() => deflater.deflate(TAIL, true)).toThrow('the deflater is closed')
    })

    it('throws on any call but close after a failure', () => {
      const inflater = subject.createInflater(15)
      expect(inflater.failure).toBe(null)
      expect(inflater.inflate(bytes('07'), true, 10)).toBe(null)
      expect(() => inflater.inflate(TAIL, true, 1)).toThrow(
        'the inflater has failed: only close may be called'
      )
      expect(() => inflater.reset()).toThrow('the inflater has failed: only close may be called')
      inflater.close()
      expect(inflater.failure).toBe('corrupt')
    })

    it.each([7, 16, 9.5, Number.NaN, '15' as unknown as number, -15])(
      'refuses windowBits %s',
      (windowBits) => {
        expect(() => subject.createInflater(windowBits)).toThrow(
          expect.objectContaining({
            name: 'RangeError',
            code: 'ERR_OUT_OF_RANGE',
            message: 'windowBits must be an integer from 8 to 15'
          })
        )
        expect(() => subject.createDeflater({ windowBits })).toThrow(
          'windowBits must be an integer from 9 to 15'
        )
      }
    )

    it('refuses a level and a memLevel out of range', () => {
      expect(() => subject.createDeflater({ level: 10 })).toThrow('level must be an integer from 0 to 9')
      expect(() => subject.createDeflater({ level: -1 })).toThrow('level must be an integer from 0 to 9')
      expect(() => subject.createDeflater({ memLevel: 0 })).toThrow('memLevel must be an integer from 1 to 9')
    })

    it.each([
      'Hello',
      null,
      undefined,
      5,
      new ArrayBuffer(5),
      new Uint16Array(5),
      new Uint8ClampedArray(5),
      [1, 2]
    ])('refuses %s as a piece', (value) => {
      const piece = value as unknown as Uint8Array
      const error = expect.objectContaining({ name: 'TypeError', message: 'piece must be a Uint8Array' })
      expect(() => subject.createInflater(15).inflate(piece, true, 1)).toThrow(error)
      expect(() => subject.createDeflater().deflate(piece, true)).toThrow(error)
    })

    it('refuses an isFinal and a maxBytes of another type, and a limit that is none', () => {
      const inflater = subject.createInflater(15)
      const truthy = 1 as unknown as boolean
      expect(() => inflater.inflate(TAIL, truthy, 1)).toThrow('isFinal must be a boolean')
      expect(() => subject.createDeflater().deflate(TAIL, truthy)).toThrow('isFinal must be a boolean')
      expect(() => inflater.inflate(TAIL, true, '1' as unknown as number)).toThrow(
        'maxBytes must be a number'
      )
      for (const maxBytes of [-1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY]) {
        expect(() => inflater.inflate(TAIL, true, maxBytes)).toThrow(
          'maxBytes must be a non-negative integer or Infinity'
        )
      }
      expect(inflateMessage(inflater, [concat(bytes('00'), TAIL)])).toEqual(new Uint8Array(0))
    })

    it('takes a detached piece for an empty one', () => {
      const piece = Uint8Array.from([1, 2, 3])
      structuredClone(piece.buffer, { transfer: [piece.buffer] })
      expect(subject.createDeflater().deflate(piece, true)).toEqual(bytes('000000ffff'))
    })
  })

  it('works together with node:zlib, both ways', () => {
    const message = json(20_000)
    const deflater: Deflater = subject.createDeflater()
    const first = deflater.deflate(message, true)
    const second = deflater.deflate(message, true)
    const inflated = inflateRawSync(concat(first, second), { finishFlush: constants.Z_SYNC_FLUSH })
    expect(latin1(inflated)).toBe(latin1(concat(message, message)))
    expect(latin1(inflateOnce(subject, deflateRawSync(message)))).toBe(latin1(message))
  })
})
