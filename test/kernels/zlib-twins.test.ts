import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernels/native.js'
import {
  bytes,
  concat,
  cut,
  inflateMessage,
  json,
  nativeSkipReason,
  noise,
  subjects,
  TAIL,
  text
} from './zlib-subjects.js'

const [js, native] = subjects
const load = loadAddon()

describe.skipIf(nativeSkipReason !== null)(
  `zlib twins${nativeSkipReason === null ? '' : `: ${nativeSkipReason}`}`,
  () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(
        bytes('f248cdc9c90700'),
        bytes('f348cdc9c90700'),
        bytes('f348cdc9c9070000'),
        bytes('f200110000')
      ),
      fc.constantFrom(
        bytes('000500faff48656c6c6f'),
        bytes('00'),
        bytes('0300'),
        bytes('02'),
        bytes('04c081080000000020'),
        TAIL
      )
    )
    const message = fc
      .tuple(fc.array(piece, { maxLength: 5 }), fc.boolean())
      .map(([pieces, hasTail]) => concat(...pieces, ...(hasTail ? [TAIL] : [])))

    it('agree on every sequence of bytes, cut in whatever way', () => {
      fc.assert(
        fc.property(
          fc.array(message, { minLength: 1, maxLength: 4 }),
          fc.integer({ min: 1, max: 50 }),
          (messages, size) => {
            const inflaters = [js!.createInflater(15), native!.createInflater(15)] as const
            for (const each of messages) {
              const [expected, actual] = inflaters.map((inflater) =>
                inflateMessage(inflater, cut(each, size))
              )
              expect(actual).toEqual(expected)
              if (typeof expected === 'string') break
            }
            for (const inflater of inflaters) inflater.close()
          }
        ),
        { seed: 7692, numRuns: 3000 }
      )
    })

    it('agree on a deflated message in which one byte is changed', () => {
      const deflater = js!.createDeflater()
      const deflated = deflater.deflate(json(2000), true)
      for (let at = 0; at < deflated.length; at++) {
        const damaged = deflated.slice()
        damaged[at] = damaged[at]! ^ (1 << (at & 7))
        const [expected, actual] = [js!, native!].map((subject) =>
          inflateMessage(subject.createInflater(15), [damaged])
        )
        expect({ at, actual }).toEqual({ at, actual: expected })
      }
    })

    it.each([
      ['js', 'native'],
      ['native', 'js']
    ])('understand each other: %s deflates, %s inflates', (from, to) => {
      const deflater = subjects.find(({ name }) => name === from)!.createDeflater({ windowBits: 10 })
      const inflater = subjects.find(({ name }) => name === to)!.createInflater(10)
      for (const each of [json(5000), noise(3000), new Uint8Array(0), json(5000), text('x')]) {
        expect(inflateMessage(inflater, [deflater.deflate(each, true)])).toEqual(each)
      }
    })
  }
)

describe.skipIf(load.status !== 'loaded')('native zlib classes', () => {
  const { Inflater, Deflater } = (load as Extract<typeof load, { status: 'loaded' }>).addon ?? {}

  it('refuse to be called without new', () => {
    const call = Inflater as unknown as (windowBits: number) => void
    expect(() => call(15)).toThrow('a class is called with new')
  })

  it('refuse a this of another kind', () => {
    const inflater = new Inflater(15)
    const deflater = new Deflater(15, 6, 8, false)
    for (const other of [deflater, {}, undefined, Object.create(Inflater.prototype)]) {
      expect(() => inflater.inflate.call(other as never, TAIL, true, 1)).toThrow(TypeError)
      expect(() => inflater.close.call(other as never)).toThrow(TypeError)
      expect(() => Reflect.get(Inflater.prototype, 'failure', other)).toThrow(TypeError)
    }
    expect(() => deflater.deflate.call(inflater as never, TAIL, true)).toThrow(TypeError)
  })

  it('tell the collector about their memory: it frees 1.3 GiB of forgotten ones on the way', async () => {
    const before = process.memoryUsage().rss
    let most = 0
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 50; i++) new Deflater(15, 6, 8, false).deflate(json(1000), true)
      await new Promise(setImmediate)
      most = Math.max(most, process.memoryUsage().rss)
    }
    expect(most - before).toBeLessThan(512 << 20)
  })
})
