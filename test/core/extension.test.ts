import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import type { ExtensionData, ExtensionSession, NegotiatedExtension } from '../../src/core/extension.js'
import { toExtensionError } from '../../src/core/extension.js'
import type { Limits } from '../../src/core/limits.js'
import { ExtensionMessage, type Payload } from '../../src/core/message.js'
import type { Role } from '../../src/core/terms.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { CHUNK_SIZES, readSent, receiveInChunks } from '../conformance/subject.js'
import { binary, close, type Event, more, ping, sentClose, sentPong, text } from '../conformance/vector.js'
import {
  encode,
  type FrameSpec,
  hex,
  join,
  noise,
  toHex,
  utf8,
  type WrittenFrame
} from '../conformance/wire.js'
import { fixedEnvironment } from './support.js'

function extension(
  session: ExtensionSession,
  { name = 'x-test', rsv = 0, opcodes = [] as number[] } = {}
): NegotiatedExtension {
  return { name, rsv, opcodes, session }
}

function make(
  role: Role,
  extensions: readonly NegotiatedExtension[],
  limits: Partial<Limits> = {}
): { subject: CoreSubject; sent: () => WrittenFrame[]; receive: (...frames: FrameSpec[]) => void } {
  const subject = new CoreSubject(fixedEnvironment(), role, limits, extensions)
  return {
    subject,
    sent: () => readSent(subject.takeBytes(), role),
    receive: (...frames) => subject.receive(join(frames.map((frame) => encode(frame, role))))
  }
}

/** Receives frames as a server with these extensions; returns all that came of it, the same at every chunk size. */
function receiveAll(
  makeExtensions: () => readonly NegotiatedExtension[],
  frames: readonly FrameSpec[],
  limits: Partial<Limits> = {}
): { events: readonly Event[]; sends: WrittenFrame[] } {
  const bytes = join(frames.map((frame) => encode(frame, 'server')))
  const outcomes = CHUNK_SIZES.map((size) => {
    const { subject, sent } = make('server', makeExtensions(), limits)
    void receiveInChunks(subject, bytes, size)
    return { events: subject.events, sends: sent() }
  })
  for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0])
  return outcomes[0]!
}

const RSV1 = 0x40
const RSV2 = 0x20
const reversed = (data: ExtensionData, rsv: number): ExtensionData => ({
  ...data,
  rsv,
  payload: data.payload.toReversed()
})
/** Sends messages of more than two bytes backwards, marked by RSV2. */
const reverser = () =>
  extension(
    {
      encodeMessage: (message) => (message.payload.length > 2 ? reversed(message, message.rsv | RSV2) : null),
      decodeMessage: (message) => ((message.rsv & RSV2) === 0 ? null : reversed(message, message.rsv & ~RSV2))
    },
    { name: 'x-reverse', rsv: RSV2 }
  )
/** Inverts every frame, marked by RSV1. */
const inverter = () => {
  const invert = (frame: ExtensionData, rsv: number) => ({
    ...frame,
    rsv,
    payload: frame.payload.map((byte) => byte ^ 0xff)
  })
  return extension(
    {
      encodeFrame: (frame) => invert(frame, frame.rsv | RSV1),
      decodeFrame: (frame) => ((frame.rsv & RSV1) === 0 ? null : invert(frame, frame.rsv & ~RSV1))
    },
    { name: 'x-invert', rsv: RSV1 }
  )
}
/** Appends a letter, and takes it off again. */
const appender = (letter: string) =>
  extension({
    encodeMessage: (message) => ({ ...message, payload: join([message.payload, utf8(letter)]) }),
    decodeMessage(message) {
      if (message.payload.at(-1) !== utf8(letter)[0]) throw new Error(`no ${letter} at the end`)
      return { ...message, payload: message.payload.slice(0, -1) }
    }
  })

describe('§9 a hook per message', () => {
  it('encodes before the message is cut; its reserved bit stands on the first frame', () => {
    const { subject, sent } = make('server', [reverser()])
    subject.protocol.send('abcde', { fragmentSize: 2 })
    subject.protocol.send('ab')
    subject.protocol.send('abc')
    expect(sent()).toEqual([
      ['21', '6564'],
      ['00', '6362'],
      ['80', '61'],
      ['81', '6162'],
      ['a1', '636261']
    ])
  })

  it('decodes the whole message, for text before it is validated', () => {
    const backwards = utf8('ä€').toReversed()
    const { events } = receiveAll(
      () => [reverser()],
      [
        text(backwards.subarray(0, 3), { rsv: RSV2, fin: false }),
        ping(utf8('x')),
        more(backwards.subarray(3)),
        text('as it is'),
        binary(hex('0102'), { rsv: RSV2 })
      ]
    )
    expect(events).toEqual([
      ['ping', '78'],
      ['text', 'ä€'],
      ['text', 'as it is'],
      ['binary', '0201']
    ])
  })

  it('§8.1 text is validated after decoding', () => {
    const { events, sends } = receiveAll(() => [reverser()], [text(utf8('ä'), { rsv: RSV2 }), text('after')])
    expect([events, sends]).toEqual([[['error', 'invalid-utf8'], ['finish']], [sentClose(1007)]])
  })
})

describe('§9 a hook per frame', () => {
  it('encodes and decodes each frame, continuations too', () => {
    const { subject, sent } = make('server', [inverter()])
    subject.protocol.send(hex('000102'), { fragmentSize: 2 })
    expect(sent()).toEqual([
      ['42', 'fffe'],
      ['c0', 'fd']
    ])
    const { events } = receiveAll(
      () => [inverter()],
      [
        binary(hex('fffe'), { rsv: RSV1, fin: false }),
        more(hex('fd'), { rsv: RSV1, fin: false }),
        more(hex('03')),
        binary(noise(5000), { rsv: RSV1 })
      ]
    )
    expect(events).toEqual([
      ['binary', '00010203'],
      ['binary', toHex(noise(5000).map((byte) => byte ^ 0xff))]
    ])
  })
})

describe('§9 several extensions', () => {
  it('encode in the order of negotiation and decode in reverse', () => {
    const chain = () => [appender('1'), appender('2'), reverser(), appender('3')]
    const { subject, sent } = make('server', chain())
    subject.protocol.send('ab')
    expect(sent()).toEqual([['a1', toHex(utf8('21ba3'))]])
    const { events } = receiveAll(chain, [text('21ba3', { rsv: RSV2 }), text('c123')])
    expect(events).toEqual([
      ['text', 'ab'],
      ['text', 'c']
    ])
  })

  it('carry everything from a client to a server and back, in frames of every size', () => {
    const chain = () => [inverter(), appender('!'), reverser()]
    const sendables: Payload[] = ['', 'a', 'ä€😀', noise(0), noise(300), noise(20_000), 'x'.repeat(70_000)]
    for (const role of ['server', 'client'] as const) {
      for (const fragmentSize of [null, 1, 7, 4096]) {
        const from = make(role, chain())
        const to = make(role === 'server' ? 'client' : 'server', chain(), { maxFragments: 100_000 })
        for (const sendable of sendables)
          expect(from.subject.protocol.send(sendable, { fragmentSize })).toBe(true)
        to.subject.receive(from.subject.takeBytes())
        expect(to.subject.events).toEqual(
          sendables.map((one) => (typeof one === 'string' ? ['text', one] : ['binary', toHex(one)]))
        )
      }
    }
  })

  it('text that no hook changes keeps its bytes until it is carried away, however long it is', () => {
    const { subject, sent } = make('server', [extension({ encodeMessage: () => null })])
    const texts = ['漢'.repeat(4000), '字'.repeat(4096), 'x'.repeat(4096)]
    for (const one of texts) subject.protocol.send(one)
    expect(sent()).toEqual(texts.map((one) => ['81', toHex(utf8(one))]))
  })

  it('hooks that return null change nothing', () => {
    const idle = extension({
      encodeMessage: () => null,
      encodeFrame: () => null,
      decodeFrame: () => null,
      decodeMessage: () => null
    })
    const { subject, sent } = make('server', [idle, extension({})])
    subject.protocol.send('abc', { fragmentSize: 2 })
    expect(sent()).toEqual([
      ['01', '6162'],
      ['80', '63']
    ])
    const { events } = receiveAll(() => [idle], [text('a', { fin: false }), more('b'), binary(noise(9))])
    expect(events).toEqual([
      ['text', 'ab'],
      ['binary', toHex(noise(9))]
    ])
  })
})

describe('§5.2 reserved bits', () => {
  const rejected = { events: [['error', 'reserved-bits'], ['finish']], sends: [sentClose(1002)] }

  it('that no extension has are rejected', () => {
    expect(receiveAll(() => [reverser()], [text('abc', { rsv: RSV1 })])).toEqual(rejected)
    expect(receiveAll(() => [reverser()], [text('abc', { rsv: RSV1 | RSV2 })])).toEqual(rejected)
  })

  it('are rejected on a continuation frame where only messages are decoded', () => {
    expect(receiveAll(() => [reverser()], [text('a', { fin: false }), more('b', { rsv: RSV2 })])).toEqual(
      rejected
    )
  })

  it('are rejected on control frames, whatever was negotiated', () => {
    expect(receiveAll(() => [inverter()], [ping(hex(''), { rsv: RSV1 })])).toEqual(rejected)
    expect(receiveAll(() => [inverter()], [{ ...close(1000), rsv: RSV1 }])).toEqual(rejected)
  })
})

describe('§5.2 an opcode of an extension', () => {
  const plain = () => extension({}, { opcodes: [3] })

  it('makes messages of its own, sent and received, fragmented too', () => {
    const { subject, sent } = make('server', [plain()])
    subject.protocol.send(new ExtensionMessage(3, hex('010203')), { fragmentSize: 2 })
    expect(sent()).toEqual([
      ['03', '0102'],
      ['80', '03']
    ])
    const opcodes: number[] = []
    const { subject: other, receive } = make('server', [plain()])
    other.handleMessage = (message) => opcodes.push(message.opcode)
    receive({ opcode: 3, payload: noise(3), fin: false }, more(noise(2)), text('x'), {
      opcode: 3,
      payload: noise(0)
    })
    expect(opcodes).toEqual([3, 1, 3])
  })

  it('may be decoded to text', () => {
    const decoder = () =>
      extension(
        { decodeMessage: (message) => (message.opcode === 3 ? { ...message, opcode: 1 } : null) },
        { opcodes: [3] }
      )
    expect(receiveAll(() => [decoder()], [{ opcode: 3, payload: utf8('ä') }]).events).toEqual([['text', 'ä']])
    const bad = receiveAll(() => [decoder()], [{ opcode: 3, payload: hex('ff') }])
    expect(bad.events).toEqual([['error', 'invalid-utf8'], ['finish']])
  })

  it('of another extension, or a control opcode, is rejected', () => {
    for (const opcode of [4, 0xb])
      expect(receiveAll(() => [plain()], [{ opcode, payload: hex('') }]).events).toEqual([
        ['error', 'reserved-opcode'],
        ['finish']
      ])
    const { subject } = make('server', [plain()])
    for (const opcode of [0, 4, 8, 9])
      expect(() => subject.protocol.send(new ExtensionMessage(opcode, hex('')))).toThrow(
        `no extension has the opcode ${opcode}`
      )
  })

  it('that a hook makes up fails the connection', () => {
    const rogue = () => extension({ decodeMessage: (message) => ({ ...message, opcode: 9 }) })
    expect(receiveAll(() => [rogue()], [text('x')])).toEqual({
      events: [['error', 'extension-failed'], ['finish']],
      sends: [sentClose(1002)]
    })
  })
})

describe('§9 a hook that throws', () => {
  const thrower = (hook: keyof ExtensionSession, thrown: unknown) =>
    extension({
      [hook]: () => {
        throw thrown
      }
    })

  for (const hook of ['decodeFrame', 'decodeMessage'] as const) {
    it(`in ${hook} fails the connection: with its own close code, or with 1002`, () => {
      for (const [thrown, code, closeCode] of [
        [new WebSocketError('message-too-big'), 'message-too-big', 1009],
        [new WebSocketError('invalid-utf8', { closeCode: 4001 }), 'invalid-utf8', 4001],
        [new WebSocketError('invalid-argument'), 'extension-failed', 1002],
        [new WebSocketError('extension-failed', { closeCode: 1006 }), 'extension-failed', 1002],
        [new TypeError('oops'), 'extension-failed', 1002],
        ['a string', 'extension-failed', 1002]
      ] as const) {
        const outcome = receiveAll(() => [thrower(hook, thrown)], [ping(utf8('p')), text('x'), text('after')])
        expect(outcome).toEqual({
          events: [['ping', '70'], ['error', code], ['finish']],
          sends: [sentPong(utf8('p')), sentClose(closeCode)]
        })
      }
    })
  }

  for (const hook of ['encodeMessage', 'encodeFrame'] as const) {
    it(`in ${hook} fails the connection with 1011; send returns false`, () => {
      const cause = new TypeError('oops')
      const { subject, sent } = make('server', [thrower(hook, cause)])
      expect(subject.protocol.send('abc')).toBe(false)
      expect(sent()).toEqual([sentClose(1011)])
      expect(subject.events).toEqual([['error', 'extension-failed'], ['finish']])
      expect(subject.protocol.send('abc')).toBe(false)
      expect(subject.protocol.end().cause?.cause).toBe(cause)
    })
  }

  it('in the middle of a message: no other message follows the half one', () => {
    let count = 0
    const late = extension({
      encodeFrame() {
        if (++count === 2) throw new Error('too much')
        return null
      }
    })
    const { subject, sent } = make('server', [late])
    expect(subject.protocol.send('abcd', { fragmentSize: 2 })).toBe(false)
    expect(subject.protocol.send('next')).toBe(false)
    expect(sent()).toEqual([['01', '6162'], sentClose(1011)])
  })
})

describe('§10.4 the result of a hook', () => {
  const grow = (hook: 'decodeFrame' | 'decodeMessage', factor: number, seen: number[] = []) =>
    extension({
      [hook]: (data: ExtensionData, maxBytes: number) => {
        seen.push(maxBytes)
        return { ...data, payload: noise(data.payload.length * factor) }
      }
    })
  const tooBig = { events: [['error', 'message-too-big'], ['finish']], sends: [sentClose(1009)] }

  it('counts against maxMessageBytes', () => {
    const limits = { maxMessageBytes: 100 }
    for (const hook of ['decodeFrame', 'decodeMessage'] as const) {
      const fits = receiveAll(() => [grow(hook, 10)], [binary(noise(10))], limits)
      expect(fits.events).toEqual([['binary', toHex(noise(100))]])
      expect(receiveAll(() => [grow(hook, 10)], [binary(noise(11)), binary(noise(1))], limits)).toEqual(
        tooBig
      )
    }
  })

  it('of frames is counted over the message; each is told what is left', () => {
    const seen: number[] = []
    const { subject, receive } = make('server', [grow('decodeFrame', 10, seen)], { maxMessageBytes: 100 })
    receive(binary(noise(4), { fin: false }), more(noise(6)), binary(noise(1)))
    expect(seen).toEqual([100, 60, 100])
    expect(subject.events).toEqual([
      ['binary', toHex(join([noise(40), noise(60)]))],
      ['binary', toHex(noise(10))]
    ])
    receive(binary(noise(4), { fin: false }), more(noise(7)))
    expect(subject.events.slice(2)).toEqual(tooBig.events)
  })
})

describe('close of a session', () => {
  it('is called once, when the transport is gone, for every session', () => {
    const calls: string[] = []
    const closing = (name: string) => extension({ close: () => void calls.push(name) })
    const { subject, receive } = make('server', [closing('a'), extension({}), closing('b')])
    receive(close(1000))
    expect(calls).toEqual([])
    subject.protocol.end()
    expect(() => subject.protocol.end()).toThrow('impossible closing event')
    expect(calls).toEqual(['a', 'b'])
  })

  it('may throw: the others are closed all the same', () => {
    const calls: string[] = []
    const bad = extension({
      close() {
        throw new Error('not now')
      }
    })
    const { subject } = make('server', [bad, extension({ close: () => void calls.push('b') })])
    expect(subject.protocol.end().cause?.message).toContain('x-test: Error: not now')
    expect(calls).toEqual(['b'])
  })
})

it('toExtensionError keeps an error that a peer can be told, and wraps all else', () => {
  const own = new WebSocketError('invalid-utf8')
  expect(toExtensionError(own, 'x')).toBe(own)
  const wrapped = toExtensionError('why', 'x-test', 1011)
  expect([wrapped.code, wrapped.closeCode, wrapped.cause]).toEqual(['extension-failed', 1011, 'why'])
  expect(wrapped.message).toBe('an extension could not encode or decode a message: x-test: why (RFC 6455 §9)')
})

it('a message that no hook changes does not pin its chunk', () => {
  const payloads: Uint8Array[] = []
  const { subject, receive } = make('server', [extension({})])
  subject.handleMessage = ({ payload }) => payloads.push(payload as Uint8Array)
  receive(binary(noise(3)), binary(noise(4000)))
  expect(payloads.map(toHex)).toEqual([toHex(noise(3)), toHex(noise(4000))])
  expect(payloads[0]!.buffer.byteLength).toBeLessThan(1000)
})
