import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import { DeflateFrame } from '../../src/extensions/deflate-frame.js'
import { DeflateMessage } from '../../src/extensions/deflate-message.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { readSent } from '../conformance/subject.js'
import { binary, close, more, ping, sentClose, sentPong, text } from '../conformance/vector.js'
import { encode, type FrameSpec, hex, join, noise, toHex, utf8 } from '../conformance/wire.js'
import { agree } from '../extensions/deflate-pair.js'
import { CALLS, PiecesSubject } from './pieces-subject.js'
import { fixedEnvironment } from './support.js'

const bytesOf = (...frames: FrameSpec[]) => join(frames.map((frame) => encode(frame, 'server')))

function make(limits = {}) {
  const subject = new PiecesSubject(fixedEnvironment(), 'server', limits)
  const receive = (...frames: FrameSpec[]) => subject.receive(bytesOf(...frames))
  const sent = () => readSent(subject.takeBytes(), 'server')
  return { subject, protocol: subject.protocol, lines: subject.lines, receive, sent }
}

const FRAMES = [
  text('é', { fin: false }),
  ping(utf8('p')),
  more('', { fin: false }),
  more('€x'),
  binary(noise(300)),
  binary(new Uint8Array(0)),
  text('', { fin: false }),
  more('')
]
const TOLD = [
  'begin 1',
  'frame 2',
  `data ${toHex(utf8('é'))}`,
  'frame end',
  'ping 70',
  'frame 0',
  'frame end',
  'frame 4 final',
  `data ${toHex(utf8('€x'))}`,
  'frame end',
  'end',
  'begin 2',
  'frame 300 final',
  `data ${toHex(noise(300))}`,
  'frame end',
  'end',
  ...['begin 2', 'frame 0 final', 'frame end', 'end'],
  ...['begin 1', 'frame 0', 'frame end', 'frame 0 final', 'frame end', 'end']
]

describe('§5.4 messages piece by piece', () => {
  it('are told the same wherever a chunk is cut in two', () => {
    const bytes = bytesOf(...FRAMES)
    for (let at = 0; at <= bytes.length; at++) {
      const { subject, lines } = make()
      subject.receive(bytes.slice(0, at))
      subject.receive(bytes.slice(at))
      expect(subject.joined, `cut at ${at}`).toEqual(TOLD)
      expect(lines.length - TOLD.length).toBeLessThan(2)
    }
  })

  it('are told the same at every chunk size, and no piece is empty', () => {
    const bytes = bytesOf(...FRAMES)
    for (let size = 1; size <= 40; size++) {
      const { subject } = make()
      for (let at = 0; at < bytes.length; at += size) subject.receive(bytes.slice(at, at + size))
      expect(subject.joined).toEqual(TOLD)
      expect(subject.kept.every(({ length }) => length > 0 && length <= size)).toBe(true)
    }
  })

  it('begin with the header of their first frame, before any payload is there', () => {
    const { subject, lines } = make()
    subject.receive(encode(binary(noise(1000)), 'server').slice(0, 8))
    expect(lines).toEqual(['begin 2', 'frame 1000 final'])
  })

  it('come whole again where the handler says null, and the choice is made message by message', () => {
    const { subject, lines, receive } = make()
    subject.pieces = null
    receive(text('a'), text('b', { fin: false }))
    subject.pieces = subject
    receive(more('c'), text('d'))
    expect(lines).toEqual([
      ...['message 61', 'message 6263'],
      ...['begin 1', 'frame 1 final', 'data 64', 'frame end', 'end']
    ])
  })

  it('stay as they are when the chunk that brought them is used again', () => {
    const { subject } = make()
    const payload = noise(50_000)
    const bytes = bytesOf(binary(payload.subarray(0, 100), { fin: false }), more(payload.subarray(100)))
    for (let at = 0; at < bytes.length; at += 16_384) subject.receive(bytes.slice(at, at + 16_384))
    expect(subject.payload).toEqual(payload)
    for (const piece of subject.kept) expect(piece.length * 4).toBeGreaterThanOrEqual(piece.buffer.byteLength)
  })

  it('are not gathered: a message of 64 MiB holds no memory', () => {
    const { subject, lines } = make()
    let told = 0
    subject.handleFrameData = (bytes) => {
      told += bytes.length
    }
    const header = encode({ ...binary(new Uint8Array(0)), lengthBits: 64, announced: 67_108_864n }, 'server')
    subject.receive(header)
    const before = process.memoryUsage().arrayBuffers
    const chunk = new Uint8Array(65_536)
    for (let i = 0; i < 1024; i++) subject.receive(chunk)
    expect(told).toBe(67_108_864)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
    expect(lines.at(-1)).toBe('end')
  })
})

describe('§8.1 text in pieces', () => {
  it('that is no UTF-8 fails at the first bad byte, which is not told', () => {
    for (const [good, bad] of [
      ['c3', '28'],
      ['', '80'],
      ['e2 82', '41'],
      ['f0 9f 98', 'f0'],
      ['ed', 'a0'],
      ['f4', '90']
    ] as const) {
      const { subject, lines, sent } = make()
      const payload = join([utf8('abc'), hex(good), hex(bad), new Uint8Array(100)])
      const end = encode(text(payload), 'server').length - 100
      subject.receive(encode(text(payload), 'server').slice(0, end - 1))
      expect(lines.slice(0, 2)).toEqual(['begin 1', `frame ${payload.length} final`])
      expect(subject.payload).toEqual(join([utf8('abc'), hex(good)]))
      subject.receive(encode(text(payload), 'server').slice(end - 1, end))
      expect(lines.slice(3)).toEqual(['error invalid-utf8'])
      expect(sent()).toEqual([sentClose(1007)])
    }
  })

  it('that ends inside a character fails, over frames and within one', () => {
    for (const frames of [
      [text(hex('e282'))],
      [text(hex('e2'), { fin: false }), more(hex('82'))],
      [text(hex('e282'), { fin: false }), more('')]
    ]) {
      const { lines, receive, sent } = make()
      receive(...frames)
      expect([lines.at(-1), lines.includes('end'), sent()]).toEqual([
        'error invalid-utf8',
        false,
        [sentClose(1007)]
      ])
    }
  })

  it('may be cut inside a character, by frames with others between and by chunks', () => {
    const { subject, lines, receive } = make()
    receive(
      text(hex('f0'), { fin: false }),
      ping(),
      more('', { fin: false }),
      more(hex('9f98'), { fin: false })
    )
    receive(more(hex('80')))
    expect(lines.at(-1)).toBe('end')
    expect(toHex(subject.payload)).toBe('f09f9880')
  })
})

describe('§10.4 limits for messages in pieces', () => {
  it('of a frame and of a message fire with the header, before a piece of that frame', () => {
    const { lines, receive, sent } = make({ maxFrameBytes: 10, maxMessageBytes: 15 })
    receive(binary(noise(10), { fin: false }), more(noise(6)))
    expect(lines.slice(3)).toEqual(['frame end', 'error message-too-big'])
    expect(sent()).toEqual([sentClose(1009)])
    const other = make({ maxFrameBytes: 10 })
    other.receive(binary(noise(11)))
    expect(other.lines).toEqual(['error frame-too-big'])
  })

  it('count what was told in pieces of all sizes', () => {
    for (const size of [1, 7, 1000]) {
      const { subject, lines } = make({ maxMessageBytes: 300 })
      const bytes = bytesOf(binary(noise(150), { fin: false }), more(noise(150)), binary(noise(301)))
      for (let at = 0; at < bytes.length; at += size) subject.receive(bytes.slice(at, at + size))
      expect([subject.payload.length, lines.at(-1)]).toEqual([300, 'error message-too-big'])
    }
  })

  it('of fragments fires', () => {
    const { lines, receive } = make({ maxFragments: 3 })
    receive(...[text('', { fin: false }), ...Array.from({ length: 5 }, () => more('', { fin: false }))])
    expect(lines.filter((line) => line === 'frame end')).toHaveLength(3)
    expect(lines.at(-1)).toBe('error too-many-fragments')
  })

  it('and the rules of fragmentation are those of whole messages', () => {
    for (const [frames, code] of [
      [[more('a')], 'unexpected-continuation'],
      [[text('a', { fin: false }), text('b')], 'interleaved-message'],
      [[text('a', { rsv: 0x40 })], 'reserved-bits'],
      [[text('a', { masking: 'wrong' })], 'unmasked-frame']
    ] as const) {
      const { lines, receive } = make()
      receive(...frames)
      expect(lines.at(-1)).toBe(`error ${code}`)
    }
  })
})

describe('a handler of pieces', () => {
  it('that pauses gets the rest of its row, and the next row after resume', () => {
    for (const call of CALLS) {
      const { subject, protocol, lines, receive } = make()
      subject.during = (one) => {
        if (one === call) protocol.pause()
      }
      receive(text('a', { fin: false }), more('b'), text('c'))
      const counts: number[] = []
      for (let i = 0; i < 4 && protocol.isHolding; i++) {
        counts.push(lines.length)
        protocol.resume()
      }
      expect(counts.length, call).toBeGreaterThan(0)
      expect(counts[0], call).toBeLessThan(10)
      expect(lines.filter((line) => line.startsWith('data'))).toEqual(['data 61', 'data 62', 'data 63'])
      expect(lines.filter((line) => line === 'end')).toHaveLength(2)
    }
  })

  it('may pause and resume inside each call, and nothing is lost or told twice', () => {
    const { subject, protocol, receive } = make()
    subject.during = () => {
      protocol.pause()
      protocol.resume()
    }
    receive(...FRAMES)
    expect(subject.joined).toEqual(TOLD)
  })

  it('that ends, or fails, the connection inside any call is told nothing more', () => {
    for (const act of ['end', 'fail'] as const) {
      for (const [index, call] of CALLS.entries()) {
        const { subject, protocol, lines, receive, sent } = make()
        subject.during = (one) => {
          if (one !== call) return
          if (act === 'end') protocol.end()
          else protocol.fail(new WebSocketError('handler-failed'))
        }
        // Not even of text that turns out to be none.
        receive(text(call === 'begin' ? hex('ff') : 'a'), text('b'))
        expect(lines, `${act} in ${call}`).toHaveLength(index + 1)
        expect(sent()).toEqual(act === 'end' ? [] : [sentClose(1011)])
      }
    }
  })

  it('that closes inside any call gets the rest, until the peer closes', () => {
    for (const call of CALLS) {
      const { subject, protocol, receive, sent } = make()
      subject.during = (one) => {
        if (one === call) protocol.close(1001)
      }
      receive(...FRAMES, close(1000), text('late'))
      expect(subject.joined).toEqual(TOLD)
      const pong = sentPong(utf8('p'))
      // The ping comes behind the first frame.
      expect(sent()).toEqual(call === 'end' ? [pong, sentClose(1001)] : [sentClose(1001), pong])
      expect(protocol.state).toBe('finished')
    }
  })

  it('that throws leaves receiveBytes; nothing that arrives counts any more', () => {
    for (const [index, call] of CALLS.entries()) {
      const { subject, protocol, lines, receive, sent } = make()
      subject.during = (one) => {
        if (one === call) throw new Error(`from ${call}`)
      }
      expect(() => receive(text('a'), text('b'))).toThrow(`from ${call}`)
      receive(text('c'), ping())
      expect(lines).toHaveLength(index + 1)
      protocol.fail(new WebSocketError('handler-failed'))
      expect(sent()).toEqual([sentClose(1011)])
    }
  })

  it('that transfers a piece away ends the connection with the next one', () => {
    const { subject, receive, lines } = make()
    subject.handleFrameData = (bytes) =>
      void structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] })
    receive(binary(noise(100_000)), binary(noise(10)))
    expect(lines).toEqual(['begin 2', 'frame 100000 final', 'frame end', 'end', 'error payload-transferred'])
  })
})

describe('§9 extensions and messages in pieces', () => {
  const environment = fixedEnvironment()

  it('permessage-deflate: each message comes as one frame in one piece', () => {
    const agreement = agree(environment, [new DeflateMessage()], [new DeflateMessage()])
    const server = new PiecesSubject(environment, 'server', {}, agreement.server)
    const client = new CoreSubject(environment, 'client', {}, agreement.client)
    client.protocol.send('x'.repeat(500), { fragmentSize: 3 })
    client.protocol.send(new Uint8Array(0))
    server.receive(client.takeBytes())
    expect(server.lines).toEqual([
      ...['begin 1', 'frame 500 final', `data ${'78'.repeat(500)}`, 'frame end', 'end'],
      ...['begin 2', 'frame 0 final', 'frame end', 'end']
    ])
  })

  it('deflate-frame: each frame comes in one piece, decoded; text is validated over frames', () => {
    const agreement = agree(environment, [new DeflateFrame()], [new DeflateFrame()])
    const server = new PiecesSubject(environment, 'server', {}, agreement.server)
    const client = new CoreSubject(environment, 'client', {}, agreement.client)
    const content = '€'.repeat(400)
    client.protocol.send(content, { fragmentSize: 500 })
    const bytes = client.takeBytes()
    for (let at = 0; at < bytes.length; at += 5) server.receive(bytes.slice(at, at + 5))
    expect(server.lines.filter((line) => !line.startsWith('data'))).toEqual([
      ...[
        'begin 1',
        'frame 500',
        'frame end',
        'frame 500',
        'frame end',
        'frame 200 final',
        'frame end',
        'end'
      ]
    ])
    expect(server.payload).toEqual(utf8(content))
    expect(server.kept).toHaveLength(3)
  })

  it('deflate-frame: limits count what was decoded', () => {
    const agreement = agree(environment, [new DeflateFrame()], [new DeflateFrame()])
    const server = new PiecesSubject(environment, 'server', { maxMessageBytes: 1200 }, agreement.server)
    const client = new CoreSubject(environment, 'client', {}, agreement.client)
    client.protocol.send('x'.repeat(1500), { fragmentSize: 500 })
    server.receive(client.takeBytes())
    expect([server.payload.length, server.lines.at(-1)]).toEqual([1000, 'error message-too-big'])
  })
})
