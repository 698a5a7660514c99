import { constants, deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import type { ExtensionData, ExtensionSession, NegotiatedExtension } from '../../src/core/extension.js'
import { DeflateFrame } from '../../src/extensions/deflate-frame.js'
import { DeflateMessage } from '../../src/extensions/deflate-message.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { readSent } from '../conformance/subject.js'
import { binary, close, more, ping, sentClose, text } from '../conformance/vector.js'
import { encode, type FrameSpec, join, toHex, utf8 } from '../conformance/wire.js'
import { fixedEnvironment } from '../core/support.js'
import { deferring, ENVIRONMENTS, json, serverOf } from './deflate-pair.js'

const RSV1 = 0x40

/** Turns messages marked by RSV1 around, one byte in each slice. */
const slowReverser = (more: ExtensionSession = {}): NegotiatedExtension => ({
  name: 'x-slow',
  rsv: RSV1,
  opcodes: [],
  session: {
    decodeMessage(message) {
      if (message.rsv === 0) return null
      const bytes = [...message.payload]
      const reversed: number[] = []
      return {
        next(): ExtensionData | null {
          if (bytes.length > 0) reversed.push(bytes.pop()!)
          if (bytes.length > 0) return null
          return { ...message, rsv: 0, payload: Uint8Array.from(reversed) }
        }
      }
    },
    ...more
  }
})

/** Appends a letter when the others are through. */
const appender: NegotiatedExtension = {
  name: 'x-append',
  rsv: 0,
  opcodes: [],
  session: {
    decodeMessage: (message) => ({ ...message, payload: join([message.payload, utf8('!')]) })
  }
}

function make(extensions: readonly NegotiatedExtension[]) {
  const { environment, runNext } = deferring(fixedEnvironment())
  const busy: boolean[] = []
  class Subject extends CoreSubject {
    handleBusy(isBusy: boolean): void {
      busy.push(isBusy)
    }
  }
  const subject = new Subject(environment, 'server', {}, extensions)
  const receive = (...frames: FrameSpec[]) =>
    subject.receive(join(frames.map((frame) => encode(frame, 'server'))))
  const run = () => {
    let count = 0
    while (runNext()) count++
    return count
  }
  return { subject, receive, run, busy }
}

describe('§9 a hook that works in slices', () => {
  it('holds back what arrived behind its message, control frames too, and then all comes in order', () => {
    const { subject, receive, run, busy } = make([appender, slowReverser()])
    receive(
      text('one'),
      text('owt', { rsv: RSV1 }),
      ping(utf8('p')),
      text('eerht', { rsv: RSV1 }),
      text('four')
    )
    receive(text('five'))
    expect(subject.events).toEqual([['text', 'one!']])
    expect([busy, subject.protocol.isHolding]).toEqual([[true], true])
    expect(run()).toBe(3 + 5)
    expect(subject.events.slice(1)).toEqual([
      ['text', 'two!'],
      ['ping', '70'],
      ['text', 'three!'],
      ['text', 'four!'],
      ['text', 'five!']
    ])
    expect([busy, subject.protocol.isHolding]).toEqual([[true, false, true, false], false])
  })

  it('lets us send, and ping, all the while', () => {
    const { subject, receive } = make([slowReverser()])
    receive(text('cba', { rsv: RSV1 }))
    subject.protocol.send('answer')
    subject.protocol.sendPing(utf8('p'))
    expect(readSent(subject.takeBytes(), 'server')).toEqual([
      ['81', toHex(utf8('answer'))],
      ['89', '70']
    ])
  })

  it('goes on while reading is paused; its message comes, and what follows waits', () => {
    const { subject, receive, run } = make([slowReverser()])
    receive(text('cba', { rsv: RSV1 }), text('next'))
    subject.protocol.pause()
    run()
    expect(subject.events).toEqual([['text', 'abc']])
    subject.protocol.resume()
    expect(subject.events.slice(1)).toEqual([['text', 'next']])
  })

  it('resume does not hand anything on before it is done', () => {
    const { subject, receive, run } = make([slowReverser()])
    receive(text('cba', { rsv: RSV1 }), text('next'))
    subject.protocol.pause()
    subject.protocol.resume()
    expect(subject.events).toEqual([])
    run()
    expect(subject.events).toEqual([
      ['text', 'abc'],
      ['text', 'next']
    ])
  })

  it("finds the peer's close frame behind its message, after ours", () => {
    const { subject, receive, run } = make([slowReverser()])
    receive(text('cba', { rsv: RSV1 }), close(1000))
    subject.protocol.close(1001)
    expect(subject.protocol.state).toBe('close-sent')
    run()
    expect(subject.events).toEqual([['text', 'abc'], ['finish']])
    expect(subject.protocol.end().wasClean).toBe(true)
  })

  it('that throws fails the connection, and nothing comes after it', () => {
    let count = 0
    const bad = slowReverser({
      decodeMessage: () => ({
        next() {
          if (++count === 3) throw new Error('too hard')
          return null
        }
      })
    })
    const { subject, receive, run } = make([bad])
    receive(text('x', { rsv: RSV1 }), text('after'))
    expect(run()).toBe(3)
    expect(subject.events).toEqual([['error', 'extension-failed'], ['finish']])
    expect(readSent(subject.takeBytes(), 'server')).toEqual([sentClose(1002)])
  })

  it('is given up when the connection fails or ends; the session is closed once', () => {
    for (const end of ['fail', 'lose'] as const) {
      let closeCount = 0
      const { subject, receive, run } = make([slowReverser({ close: () => void closeCount++ })])
      receive(text('cba', { rsv: RSV1 }), text('after'))
      run()
      receive(text('fedcba', { rsv: RSV1 }), text('after'))
      const events = subject.events.length
      if (end === 'fail') subject.protocol.fail(new WebSocketError('handler-failed'))
      subject.protocol.end()
      expect(run()).toBe(1)
      expect(subject.events.slice(events).filter(([kind]) => kind !== 'finish')).toEqual([])
      expect(closeCount).toBe(1)
    }
  })

  it('of frames goes on with the message', () => {
    const { decodeMessage } = slowReverser().session
    const perFrame: NegotiatedExtension = { ...slowReverser(), session: { decodeFrame: decodeMessage! } }
    const { subject, receive, run } = make([appender, perFrame])
    receive(
      text('cba', { rsv: RSV1, fin: false }),
      more('d', { fin: false }),
      more('fe', { rsv: RSV1 }),
      text('x')
    )
    run()
    expect(subject.events).toEqual([
      ['text', 'abcdef!'],
      ['text', 'x!']
    ])
  })
})

describe.each(ENVIRONMENTS)('with $title', ({ environment: env }) => {
  const deflate = (bytes: Uint8Array) =>
    new Uint8Array(deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4))
  const isNative = env.kernels.name === 'native'

  it.each([
    ['permessage-deflate', () => new DeflateMessage()],
    ['permessage-deflate', () => new DeflateMessage({ clientNoContextTakeover: false })],
    ['deflate-frame', () => new DeflateFrame()]
  ] as const)(
    '%s inflates messages of 5 MB in slices, and what follows them in order',
    (name, makeExtension) => {
      const { environment, runNext } = deferring(env)
      const extension = makeExtension()
      const { subject, receive } = serverOf(extension, name, environment)
      const long = utf8(json(5_000_000))
      const lengths: number[] = []
      subject.handleMessage = ({ bytes }) => {
        lengths.push(bytes.length)
        expect(Buffer.compare(bytes, bytes.length === long.length ? long : utf8('short'))).toBe(0)
      }
      receive(
        text(deflate(long), { rsv: RSV1 }),
        text('short'),
        binary(deflate(long), { rsv: RSV1 }),
        text('short')
      )
      let count = 0
      while (runNext()) count++
      expect(lengths).toEqual([long.length, 5, long.length, 5])
      if (isNative) expect(count).toBeGreaterThan(2 * 9)
      else expect(count).toBe(0)
      expect(subject.events).toEqual([])
    }
  )

  it('a limit in the middle, invalid UTF-8 and a corrupt end are found', () => {
    const long = utf8(json(3_000_000))
    const whole = deflate(long)
    for (const [payload, maxMessageBytes, code] of [
      [whole, 2_999_999, 'message-too-big'],
      [deflate(join([long, Uint8Array.of(0xff)])), 3_000_001, 'invalid-utf8'],
      [whole.subarray(0, whole.length - 20), 3_000_000, 'extension-failed'],
      [whole, 3_000_000, null]
    ] as const) {
      const { environment, runNext } = deferring(env)
      const extension = new DeflateMessage()
      const { subject, receive } = serverOf(extension, 'permessage-deflate', environment, { maxMessageBytes })
      receive(text(payload, { rsv: RSV1 }))
      while (runNext());
      expect(subject.events[0]?.[code === null ? 0 : 1]).toBe(code ?? 'text')
      subject.protocol.end()
    }
  })

  it('the end of a connection in the middle leaves the pool whole', () => {
    const { environment, runNext } = deferring(env)
    const extension = new DeflateMessage()
    const payload = deflate(new Uint8Array(3_000_000))
    const first = serverOf(extension, 'permessage-deflate', environment)
    first.receive(binary(payload, { rsv: RSV1 }))
    runNext()
    first.subject.protocol.end()
    while (runNext());
    const second = serverOf(extension, 'permessage-deflate', environment)
    second.receive(text(deflate(utf8('fine')), { rsv: RSV1 }))
    expect(second.subject.events).toEqual([['text', 'fine']])
  })
})
