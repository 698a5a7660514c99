import { describe, expect, it } from 'vitest'
import {
  BinaryMessage,
  describe as describeValue,
  ExtensionMessage,
  TextMessage,
  toMessage
} from '../../src/core/message.js'
import { hex, noise, toHex, utf8 } from '../conformance/wire.js'

describe('TextMessage', () => {
  it('§5.6 has its text as payload, and as UTF-8', () => {
    const message = new TextMessage('ä€😀')
    expect(message.isEncoded).toBe(false)
    expect([message.opcode, message.payload, toHex(message.bytes)]).toEqual([1, 'ä€😀', 'c3a4e282acf09f9880'])
    expect(message.isEncoded).toBe(true)
    expect(message.bytes).toBe(message.bytes)
  })

  it('§8.1 encodes lone surrogates as U+FFFD', () => {
    expect(toHex(new TextMessage('a\ud800b\udfff').bytes)).toBe('61efbfbd62efbfbd')
  })

  it('decodes bytes when its payload is read, and keeps a byte order mark', () => {
    const bytes = utf8('\ufeffäx')
    const message = TextMessage.fromValidUtf8(bytes)
    expect(message.bytes).toBe(bytes)
    expect(message.payload).toBe('\ufeffäx')
  })

  it('of no bytes is empty', () => {
    expect(TextMessage.fromValidUtf8(hex('')).payload).toBe('')
    expect(toHex(new TextMessage('').bytes)).toBe('')
  })

  it('refuses what is no string', () => {
    expect(() => new TextMessage(5 as unknown as string)).toThrow(
      'a text message carries a string, not number'
    )
  })
})

describe('BinaryMessage', () => {
  it('§5.6 keeps its bytes', () => {
    const bytes = noise(3)
    const message = new BinaryMessage(bytes)
    expect([message.opcode, message.payload, message.bytes]).toEqual([2, bytes, bytes])
    expect(message.payload).toBe(bytes)
  })

  it('refuses what is no Uint8Array', () => {
    for (const [value, name] of [
      [new ArrayBuffer(3), 'ArrayBuffer'],
      [new Uint16Array(3), 'Uint16Array'],
      [[1, 2], 'Array'],
      [100, 'number 100'],
      [null, 'null']
    ] as const)
      expect(() => new BinaryMessage(value as unknown as Uint8Array)).toThrow(`not ${name}`)
  })
})

describe('fragment', () => {
  it('§5.4 cuts the bytes into frames', () => {
    const frames = new TextMessage('a€b').fragment(2)
    expect(frames.map(({ opcode, payload, isFinal }) => [opcode, toHex(payload), isFinal])).toEqual([
      [1, '61e2', false],
      [0, '82ac', false],
      [0, '62', true]
    ])
  })

  it('keeps the opcode of an extension, and refuses a size of 0', () => {
    expect(new ExtensionMessage(3, noise(3)).fragment(2).map((frame) => frame.opcode)).toEqual([3, 0])
    expect(() => new TextMessage('').fragment(0)).toThrow(
      "a fragment's size must be a positive integer, not 0"
    )
  })
})

describe('toMessage', () => {
  it('makes text of strings, binary of bytes, and leaves messages', () => {
    const message = new ExtensionMessage(3, noise(1))
    expect(toMessage(message)).toBe(message)
    expect(toMessage('x')).toEqual(new TextMessage('x'))
    expect(toMessage(noise(2))).toEqual(new BinaryMessage(noise(2)))
    expect(toMessage(Buffer.from('b'))).toBeInstanceOf(BinaryMessage)
  })

  it('refuses all else, naming it', () => {
    for (const value of [5, undefined, null, {}, [1], new ArrayBuffer(1), Symbol('s'), () => 1])
      expect(() => toMessage(value as string)).toThrow(
        'a message is a string, a Uint8Array or a Message, not '
      )
  })
})

it('describe names values briefly, objects without a prototype too', () => {
  expect([describeValue(null), describeValue('x'.repeat(100)), describeValue(Object.create(null))]).toEqual([
    'null',
    `string ${'x'.repeat(40)}`,
    'object'
  ])
})
