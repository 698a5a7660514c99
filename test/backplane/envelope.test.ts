import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RemotePublication } from '../../src/backplane/backplane.js'
import {
  type Content,
  Kind,
  openEnvelope,
  packNumbers,
  packPublication,
  sealEnvelope,
  unpackNumbers,
  unpackPublication
} from '../../src/backplane/envelope.js'
import { BinaryMessage, ExtensionMessage, TextMessage } from '../../src/core/message.js'

const ORIGIN = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i)
const HEX = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'
const seal = (content: Content, sequence = 1) => sealEnvelope(ORIGIN, sequence, content)
const open = (content: Content) => openEnvelope(seal(content))!

const publication: fc.Arbitrary<RemotePublication> = fc.record({
  topic: fc.option(fc.string({ unit: 'grapheme', minLength: 1 })),
  message: fc.oneof(
    fc.string({ unit: 'grapheme' }).map((text) => new TextMessage(text)),
    fc.uint8Array().map((bytes) => new BinaryMessage(bytes)),
    fc.uint8Array().map((bytes) => new ExtensionMessage(5, bytes))
  ),
  compress: fc.option(fc.boolean()),
  overflow: fc.constantFrom(
    ...([null, 'queue', 'drop-newest', 'drop-oldest', 'latest', 'pause-publisher', 'close'] as const)
  ),
  key: fc.option(fc.string({ unit: 'grapheme' }))
})

describe('an envelope', () => {
  it('is what its first bytes say, whatever else changes', () => {
    const content = {
      kind: Kind.PUBLICATION,
      opcode: 1,
      flags: 0b10_1001,
      name: 'a',
      key: 'k',
      body: Buffer.from('text')
    }
    const bytes = `4801010129${HEX}0000000003e8000000010000000161${'6b'}74657874`
    expect(Buffer.from(seal(content, 1000)).toString('hex')).toBe(bytes)
  })

  it('brings a publication as it was', () => {
    fc.assert(
      fc.property(publication, fc.nat(2 ** 31 - 1), (sent, sequence) => {
        const envelope = openEnvelope(sealEnvelope(ORIGIN, sequence, packPublication(sent)))!
        expect(envelope).toMatchObject({ origin: HEX, sequence })
        const { message, ...rest } = unpackPublication(envelope)!
        const { message: original, ...others } = sent
        expect(rest).toEqual(others)
        expect(message.opcode).toBe(original.opcode)
        expect(Buffer.from(message.bytes).equals(original.bytes)).toBe(true)
      })
    )
  })

  it('counts up to 2^48', () => {
    expect(openEnvelope(seal({ kind: Kind.FAREWELL }, 2 ** 48 - 1))?.sequence).toBe(2 ** 48 - 1)
  })

  it('keeps no memory of others', () => {
    const chunk = Buffer.concat([
      Buffer.alloc(60_000),
      seal(
        packPublication({
          topic: 'a',
          message: new TextMessage('b'),
          compress: null,
          overflow: null,
          key: null
        })
      )
    ])
    const { message } = unpackPublication(openEnvelope(chunk.subarray(60_000))!)!
    expect(message.bytes.buffer.byteLength).toBe(1)
    expect(message.payload).toBe('b')
  })

  it('is nothing that is cut or of another kind', () => {
    const whole = seal({ kind: Kind.PUBLICATION, opcode: 1, name: 'topic', key: '' })
    for (let length = 0; length < whole.length; length++)
      expect(openEnvelope(whole.subarray(0, length))).toBeNull()
    expect(openEnvelope(whole)).not.toBeNull()
    const change = (at: number, value: number) => openEnvelope(whole.with(at, value))
    expect([change(0, 0x68), change(1, 0), change(1, 2), change(2, 0), change(2, 8)]).toEqual(
      Array(5).fill(null)
    )
    expect([change(27, 255), change(31, 255), change(34, 200), change(35, 0xff)]).toEqual(Array(4).fill(null))
  })

  it('is opened whatever the bytes are, without an exception', () => {
    const header = fc.tuple(
      fc.constant(0x48),
      fc.constant(1),
      fc.integer({ min: 0, max: 9 }),
      fc.nat(255),
      fc.nat(255)
    )
    const bytes = fc.tuple(
      header,
      fc.uint8Array({ minLength: 16, maxLength: 22 }),
      fc.uint8Array({ maxLength: 4 }),
      fc.uint8Array({ maxLength: 60 })
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          bytes.map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part))))
        ),
        (given) => {
          const envelope = openEnvelope(given)
          if (envelope !== null) unpackPublication(envelope)
        }
      ),
      { numRuns: 2000 }
    )
  })

  it('of a publication has flags, opcode and text that keep to the rules', () => {
    const kind = Kind.PUBLICATION
    const wrong: Content[] = [
      { kind, opcode: 1, name: 'a', body: Uint8Array.of(0xff) },
      { kind, opcode: 1, name: 'a', flags: 3 },
      { kind, opcode: 1, name: 'a', flags: 7 << 2 },
      { kind, opcode: 1, name: 'a', flags: 1 << 6 },
      { kind, opcode: 1, name: 'a', key: 'without its flag' },
      { kind, opcode: 0, name: 'a' },
      { kind, opcode: 8, name: 'a' },
      { kind: Kind.BROADCAST, opcode: 1, name: 'a' }
    ]
    for (const content of wrong) expect(unpackPublication(open(content)), JSON.stringify(content)).toBeNull()
  })

  it('holds numbers', () => {
    expect(unpackNumbers(packNumbers(1, 2 ** 40), 2)).toEqual([1, 2 ** 32 - 1])
    expect(unpackNumbers(packNumbers(1), 2)).toBeNull()
    expect(unpackNumbers(new Uint8Array(3), 0)).toBeNull()
  })
})
