import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import type { ExtensionData, ExtensionSession, NegotiatedExtension } from '../../src/core/extension.js'
import { DeflateMessage } from '../../src/extensions/deflate-message.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { readSent } from '../conformance/subject.js'
import { close, sentClose, sentPong } from '../conformance/vector.js'
import { encode, type FrameSpec, join, toHex, utf8 } from '../conformance/wire.js'
import { fixedEnvironment } from '../core/support.js'
import { agree, deferring, ENVIRONMENTS, json, Pair } from './deflate-pair.js'

/** Turns messages of three bytes around, one byte in each slice. */
const slowReverser = (more: ExtensionSession = {}): NegotiatedExtension => ({
  name: 'x-slow',
  rsv: 0,
  opcodes: [],
  session: {
    encodeMessage(message) {
      const bytes = [...message.payload]
      if (bytes.length !== 3) return null
      const reversed: number[] = []
      return {
        next(): ExtensionData | null {
          reversed.push(bytes.pop()!)
          return bytes.length > 0 ? null : { ...message, payload: Uint8Array.from(reversed) }
        }
      }
    },
    ...more
  }
})
const appender: NegotiatedExtension = {
  name: 'x-append',
  rsv: 0,
  opcodes: [],
  session: {
    encodeMessage: (message) => ({ ...message, payload: join([message.payload, utf8('!')]), isShared: false })
  }
}

function make(extensions: readonly NegotiatedExtension[]) {
  const { environment, runNext } = deferring(fixedEnvironment())
  const written: boolean[] = []
  class Subject extends CoreSubject {
    handleWritten(isMessage: boolean): void {
      written.push(isMessage)
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
  const sent = () => readSent(subject.takeBytes(), 'server')
  return { subject, protocol: subject.protocol, receive, run, sent, written }
}

const t = (text: string) => ['81', toHex(utf8(text))]

describe('§9 a hook that encodes in slices', () => {
  it('has later messages wait, in order, and lets pings and pongs pass', () => {
    const { protocol, receive, run, sent, written } = make([slowReverser(), appender])
    for (const text of ['one.', 'owt', 'four', 'xis', 'last']) expect(protocol.send(text)).toBe(true)
    protocol.sendPing(utf8('p'))
    receive({ opcode: 9, payload: utf8('q') })
    expect(sent()).toEqual([t('one.!'), ['89', '70'], sentPong(utf8('q'))])
    expect(protocol.deferredMessages).toMatchObject({ messageCount: 4, byteLength: 3 + 4 + 3 + 4 })
    run()
    expect(sent()).toEqual([t('two!'), t('four!'), t('six!'), t('last!')])
    expect(protocol.deferredMessages).toMatchObject({ messageCount: 0, byteLength: 0 })
    expect(written).toEqual([true, true, true, true])
    protocol.send('next')
    expect([sent(), written.length]).toEqual([[t('next!')], 4])
  })

  it('cuts fragments when it is done', () => {
    const { protocol, run, sent } = make([slowReverser()])
    protocol.send('abc', { fragmentSize: 2 })
    protocol.send('defg', { fragmentSize: 3 })
    run()
    expect(sent()).toEqual([
      ['01', toHex(utf8('cb'))],
      ['80', toHex(utf8('a'))],
      ['01', toHex(utf8('def'))],
      ['80', toHex(utf8('g'))]
    ])
  })

  it('our close frame goes behind all messages', () => {
    const { subject, protocol, receive, run, sent, written } = make([slowReverser()])
    protocol.send('abc')
    protocol.send('defg')
    protocol.close(1000)
    expect([protocol.state, protocol.send('no')]).toEqual(['close-sent', false])
    run()
    expect(sent()).toEqual([t('cba'), t('defg'), sentClose(1000)])
    expect(written).toEqual([true, true, false])
    receive(close(1000))
    expect(subject.events).toEqual([['finish']])
    expect(protocol.end().wasClean).toBe(true)
  })

  it("the answer to the peer's close frame goes behind all messages, and so does the end", () => {
    const { subject, protocol, receive, run, sent } = make([slowReverser()])
    protocol.send('abc')
    receive(close(1000))
    expect([subject.events, protocol.isHolding, sent()]).toEqual([[], true, []])
    run()
    expect([subject.events, protocol.isHolding]).toEqual([[['finish']], false])
    expect(sent()).toEqual([t('cba'), sentClose(1000)])
    expect(protocol.end().wasClean).toBe(true)
  })

  it('a failure or the end drops what waits, and closes the session once', () => {
    for (const how of ['fail', 'violation', 'end'] as const) {
      let closeCount = 0
      const { protocol, receive, run, sent } = make([slowReverser({ close: () => void closeCount++ })])
      protocol.send('abc')
      protocol.send('defg')
      if (how === 'fail') protocol.fail(new WebSocketError('handler-failed'))
      if (how === 'violation') receive({ opcode: 11, payload: utf8('') })
      const details = protocol.end()
      run()
      expect(sent()).toEqual(how === 'end' ? [] : [sentClose(how === 'fail' ? 1011 : 1002)])
      expect([details.wasClean, closeCount]).toEqual([false, 1])
    }
  })

  it('what is lost behind a close frame of the peer is no clean end', () => {
    const { protocol, receive } = make([slowReverser()])
    protocol.send('abc')
    receive(close(1000))
    expect(protocol.end()).toMatchObject({ wasClean: false, code: 1000 })
  })

  it('that throws fails the connection with 1011, after a close frame of the peer too', () => {
    for (const isClosing of [false, true]) {
      let count = 0
      const bad = slowReverser({
        encodeMessage: () => ({
          next() {
            if (++count === 2) throw new Error('too hard')
            return null
          }
        })
      })
      const { subject, protocol, receive, run, sent } = make([bad])
      protocol.send('abc')
      protocol.send('behind')
      if (isClosing) receive(close(1000))
      expect(run()).toBe(2)
      expect(subject.events).toEqual(isClosing ? [['finish']] : [['error', 'extension-failed'], ['finish']])
      expect(sent()).toEqual(isClosing ? [] : [sentClose(1011)])
      expect(protocol.end()).toMatchObject({ wasClean: false, cause: { code: 'extension-failed' } })
    }
  })
})

describe.each(ENVIRONMENTS)('with $title', ({ environment: env }) => {
  it.each([
    [{}],
    [{ level: 9 }],
    [{ serverNoContextTakeover: false, clientNoContextTakeover: false }],
    [{ serverMaxWindowBits: 8, clientMaxWindowBits: 8 }]
  ])('permessage-deflate of %j deflates long messages in slices, both ways', (options) => {
    const { environment, runNext } = deferring(env)
    const agreement = agree(environment, [new DeflateMessage(options)], [new DeflateMessage(options)])
    const pair = new Pair(environment, agreement)
    // No shorter when it is deflated.
    const random = new Uint8Array(300_000)
    for (let i = 0, x = 1; i < random.length; i++) {
      x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0
      random[i] = x >>> 16
    }
    const messages = [json(1_000_000), 'short', random, json(2000), new Uint8Array(131_073), json(131_072)]
    const expected = messages.map((one) => (typeof one === 'string' ? ['text', one] : ['binary', toHex(one)]))
    for (const fragmentSize of [null, 50_000]) {
      for (const one of messages) {
        pair.server.protocol.send(one, { fragmentSize })
        pair.client.protocol.send(one, { fragmentSize })
      }
      let count = 0
      while (runNext()) count++
      expect(count).toBeGreaterThan(10)
      pair.exchange()
      while (runNext());
      expect(JSON.stringify(pair.client.events.splice(0)) === JSON.stringify(expected)).toBe(true)
      expect(JSON.stringify(pair.server.events.splice(0)) === JSON.stringify(expected)).toBe(true)
    }
  })

  it('memory that the application transfers meanwhile fails its connection with 1011', () => {
    const { environment, runNext } = deferring(env)
    const pair = new Pair(environment, agree(environment, [new DeflateMessage()], [new DeflateMessage()]))
    const payload = new Uint8Array(1_000_000)
    pair.server.protocol.send(payload)
    runNext()
    structuredClone(payload.buffer, { transfer: [payload.buffer] })
    while (runNext());
    expect(pair.server.events).toEqual([['error', 'payload-transferred'], ['finish']])
    expect(readSent(pair.server.takeBytes(), 'server')).toEqual([sentClose(1011)])
  })
})
