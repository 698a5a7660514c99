import { describe, expect, it } from 'vitest'
import { OutputBytes } from '../../src/core/output.js'
import { Sender } from '../../src/core/sender.js'
import { DeflateFrame } from '../../src/extensions/deflate-frame.js'
import { DeflateMessage } from '../../src/extensions/deflate-message.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { IMPLEMENTATIONS } from '../conformance/kernels.js'
import { readSent } from '../conformance/subject.js'
import { sentClose } from '../conformance/vector.js'
import { decode, hex, join, noise, toHex, utf8 } from '../conformance/wire.js'
import { agree } from '../extensions/deflate-pair.js'
import { random } from '../support/random.js'
import { BINARY, failure, make, refused, TEXT, t, thrower } from './message-stream-subject.js'
import { fixedEnvironment } from './support.js'

describe('§5.4 a message that is sent piece by piece', () => {
  it('goes out as the frames that are written', () => {
    const { begin, sent, turns, protocol } = make()
    const stream = begin(BINARY)
    stream.writeFrames(hex('01'), false)
    stream.writeFrames(hex(''), false)
    stream.writeFrames(hex('0203040506'), true, 2)
    expect(sent()).toEqual([
      ['02', '01'],
      ['00', ''],
      ['00', '0203'],
      ['00', '0405'],
      ['80', '06']
    ])
    expect([stream.isOver, stream.isEnded, turns, protocol.deferredMessages.streamCount]).toEqual([
      true,
      true,
      ['a begun'],
      0
    ])
  })

  it('of one frame is as any other message, an empty one too', () => {
    const { begin, sent } = make()
    begin().writeFrames(utf8('x'), true)
    begin().writeFrames(utf8(''), true)
    const stream = begin()
    stream.beginFrame(0, true)
    expect([sent(), stream.isEnded]).toEqual([[t('x'), t(''), t('')], true])
  })

  it('has frames whose payload comes in pieces', () => {
    const { begin, sent } = make()
    const stream = begin(BINARY)
    stream.beginFrame(5, false)
    expect(stream.frameBytesLeft).toBe(5)
    stream.writePiece(hex('0102'))
    stream.writePiece(hex(''))
    stream.writePiece(hex('030405'))
    expect([stream.isInFrame, stream.frameBytesLeft]).toEqual([false, 0])
    stream.beginFrame(0, false)
    stream.beginFrame(1, true)
    stream.writePiece(hex('06'))
    expect(sent()).toEqual([
      ['02', '0102030405'],
      ['00', ''],
      ['80', '06']
    ])
  })

  it('is masked rightly by a client, at whatever phase a piece begins', () => {
    for (const { environment } of IMPLEMENTATIONS) {
      if (environment === null) continue
      const subject = new CoreSubject(environment, 'client')
      const next = random(9)
      for (let round = 0; round < 60; round++) {
        const payload = noise(next(3) === 0 ? next(40_000) : next(60))
        const stream = subject.protocol.beginMessage(BINARY, { handleTurn: () => {} })!
        stream.beginFrame(payload.length, true)
        for (let at = 0; at < payload.length; ) {
          const end = Math.min(payload.length, at + 1 + next(next(2) === 0 ? 7 : 20_000))
          stream.writePiece(payload.subarray(at, end))
          at = end
        }
        expect(readSent(subject.takeBytes(), 'client')).toEqual([['82', toHex(payload)]])
      }
    }
  })

  it('keeps the bytes that are written as they are', () => {
    for (const role of ['client', 'server'] as const) {
      const { begin } = make([], role)
      const payload = noise(20_000)
      const stream = begin(BINARY)
      stream.writeFrames(payload, false)
      stream.beginFrame(payload.length, true)
      stream.writePiece(payload)
      expect(payload).toEqual(noise(20_000))
    }
  })

  it('is masked, or not, as is asked for', () => {
    const { protocol, subject } = make()
    const owner = { handleTurn: () => {} }
    const masked = protocol.beginMessage(TEXT, owner, true)!
    masked.writeFrames(utf8('a'), false)
    masked.beginFrame(1, true)
    masked.writePiece(utf8('b'))
    protocol.send('c', { mask: true })
    protocol.send('d', { mask: true, fragmentSize: 1 })
    protocol.send('e', { mask: false })
    protocol.sendPing(utf8('f'))
    expect(decode(subject.takeBytes()).map(({ payload, isMasked }) => [toHex(payload), isMasked])).toEqual([
      ['61', true],
      ['62', true],
      ['63', true],
      ['64', true],
      ['65', false],
      ['66', false]
    ])
  })

  it('refuses what would break its frames, and stays as it was', () => {
    const { begin, sent } = make()
    const stream = begin(BINARY)
    const errors = [failure(() => stream.writePiece(hex('01')))]
    stream.beginFrame(2, false)
    errors.push(failure(() => stream.writeFrames(hex('01'), true)))
    errors.push(failure(() => stream.beginFrame(1, true)))
    errors.push(failure(() => stream.writePiece(hex('010203'))))
    stream.writePiece(hex('0102'))
    stream.writeFrames(hex('03'), true)
    errors.push(failure(() => stream.writeFrames(hex('04'), true)))
    errors.push(failure(() => stream.beginFrame(1, true)))
    errors.push(failure(() => stream.writePiece(hex('04'))))
    expect(errors).toEqual(errors.map(() => refused))
    expect(sent()).toEqual([
      ['02', '0102'],
      ['80', '03']
    ])
  })

  it('refuses an opcode that nobody has negotiated, and returns null where nothing can be sent', () => {
    const { protocol } = make()
    const owner = { handleTurn: () => {} }
    expect(failure(() => protocol.beginMessage(3, owner))).toEqual(refused)
    protocol.close()
    expect(protocol.beginMessage(TEXT, owner)).toBe(null)
  })
})

describe('§5.6 text that is sent piece by piece', () => {
  it('may be cut inside a character; what is no UTF-8 is refused whole, and changes nothing', () => {
    const { begin, sent } = make()
    const stream = begin()
    stream.writeFrames(hex('e2'), false)
    expect(failure(() => stream.writeFrames(hex('82 41'), false, 1))).toEqual(refused)
    expect(failure(() => stream.writeFrames(hex('82'), true))).toEqual(refused)
    stream.beginFrame(3, true)
    stream.writePiece(hex('82'))
    expect(failure(() => stream.writePiece(hex('41')))).toEqual(refused)
    stream.writePiece(hex('ac'))
    expect(failure(() => stream.writePiece(hex('c3')))).toEqual(refused)
    stream.writePiece(hex('41'))
    expect(sent()).toEqual([
      ['01', 'e2'],
      ['80', '82ac41']
    ])
  })

  it('cannot end inside a character, by an empty frame either', () => {
    const { begin, sent } = make()
    const stream = begin()
    stream.writeFrames(hex('c3'), false)
    expect(failure(() => stream.writeFrames(hex(''), true))).toEqual(refused)
    expect(failure(() => stream.beginFrame(0, true))).toEqual(refused)
    stream.writeFrames(hex('a4'), true)
    expect(sent()).toEqual([
      ['01', 'c3'],
      ['80', 'a4']
    ])
  })
})

describe('§9 extensions', () => {
  const environment = fixedEnvironment()

  it('permessage-deflate leaves it as it is, and its peer reads it, with contexts kept', () => {
    const agreement = agree(environment, [new DeflateMessage()], [new DeflateMessage()])
    const server = new CoreSubject(environment, 'server', {}, agreement.server)
    const client = new CoreSubject(environment, 'client', {}, agreement.client)
    client.protocol.send('x'.repeat(300))
    const stream = client.protocol.beginMessage(TEXT, { handleTurn: () => {} })!
    stream.writeFrames(utf8('y'.repeat(300)), false, 100)
    stream.beginFrame(1, true)
    stream.writePiece(utf8('z'))
    client.protocol.send('x'.repeat(300))
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      server.receive(client.takeBytes())
      expect(server.events).toEqual([
        ['text', 'x'.repeat(300)],
        ['text', `${'y'.repeat(300)}z`],
        ['text', 'x'.repeat(300)]
      ])
    })
  })

  it('that encode frames get each whole frame, and refuse those that come in pieces', () => {
    const agreement = agree(environment, [new DeflateFrame()], [new DeflateFrame()])
    const server = new CoreSubject(environment, 'server', {}, agreement.server)
    const client = new CoreSubject(environment, 'client', {}, agreement.client)
    const stream = client.protocol.beginMessage(TEXT, { handleTurn: () => {} })!
    expect(failure(() => stream.beginFrame(3, false))).toEqual(refused)
    stream.writeFrames(utf8('y'.repeat(900)), true, 300)
    const bytes = client.takeBytes()
    expect(bytes.length).toBeLessThan(200)
    server.receive(bytes)
    expect(server.events).toEqual([['text', 'y'.repeat(900)]])
  })

  it('whose hook throws end the connection, and nothing follows the close frame', () => {
    const { protocol, begin, sent, turns, events } = make([thrower])
    const stream = begin()
    protocol.send('behind')
    stream.writeFrames(utf8('a!b'), false, 1)
    expect(sent()).toEqual([t('a', '01'), sentClose(1011)])
    expect([stream.isOver, stream.isEnded, turns]).toEqual([true, false, ['a begun', 'a over']])
    expect(events).toEqual([['error', 'extension-failed'], ['finish']])
  })
})

it('a sender writes long pieces by reference where they are not masked, and copies of short ones', () => {
  const environment = fixedEnvironment()
  const sender = new Sender({ role: 'server', environment })
  const output = new OutputBytes()
  const piece = noise(10_000)
  sender.beginFrame(output, 0x82, 10_010, undefined)
  sender.writePiece(output, piece, null, 0)
  sender.writePiece(output, noise(10), null, 10_000)
  const parts = output.take()
  expect(parts.some((part) => part.buffer === piece.buffer)).toBe(true)
  expect(decode(join(parts))).toHaveLength(1)
})
