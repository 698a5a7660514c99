import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import type { MessageStream } from '../../src/core/message-stream.js'
import { close, more, ping, sentClose, sentPong } from '../conformance/vector.js'
import { hex, toHex, utf8 } from '../conformance/wire.js'
import { BINARY, failure, make, refused, slowReverser, TEXT, t } from './message-stream-subject.js'

describe('other messages', () => {
  it('wait for its end, in order, whoever sends them and however', () => {
    const { protocol, begin, run, sent, turns, written } = make()
    protocol.send('0')
    const a = begin(TEXT, 'a')
    expect(protocol.send('1')).toBe(true)
    const b = begin(BINARY, 'b')
    protocol.send('22', { fragmentSize: 1 })
    a.writeFrames(utf8('A'), false)
    expect(failure(() => b.writeFrames(hex('bb'), true))).toEqual(refused)
    run()
    expect(sent()).toEqual([t('0'), t('A', '01')])
    expect(protocol.deferredMessages).toMatchObject({ messageCount: 2, byteLength: 3, streamCount: 2 })
    a.writeFrames(utf8('A'), true)
    run()
    expect([sent(), turns]).toEqual([
      [t('A', '80'), t('1')],
      ['a begun', 'b begun']
    ])
    b.writeFrames(hex('bb'), true)
    run()
    expect(sent()).toEqual([['82', 'bb'], t('2', '01'), t('2', '80')])
    expect(written).toEqual([true, true])
    expect(protocol.deferredMessages).toMatchObject({ messageCount: 0, byteLength: 0, streamCount: 0 })
    protocol.send('3')
    expect([sent(), written.length]).toEqual([[t('3')], 2])
  })

  it('of which an extension encodes one in slices keep their place before it and behind it', () => {
    const { protocol, begin, run, sent, turns } = make([slowReverser])
    protocol.send('cba')
    const stream = begin()
    protocol.send('fed')
    protocol.send('last')
    expect([sent(), turns]).toEqual([[], []])
    run()
    expect([sent(), turns]).toEqual([[t('abc')], ['a begun']])
    stream.writeFrames(utf8('xyz'), true)
    run()
    expect(sent()).toEqual([t('xyz'), t('def'), t('last')])
  })

  it('are sent when an owner writes all of it as soon as it is told of its turn', () => {
    const { protocol, begin, run, sent } = make()
    const first = begin()
    const handleTurn = (stream: MessageStream) => stream.writeFrames(utf8('second'), true)
    const second = protocol.beginMessage(TEXT, { handleTurn })
    protocol.send('behind')
    first.writeFrames(utf8('first'), true)
    run()
    expect([sent(), second?.isEnded]).toEqual([[t('first'), t('second'), t('behind')], true])
    // With nothing before it, that is inside `beginMessage`.
    expect(protocol.beginMessage(TEXT, { handleTurn })?.isEnded).toBe(true)
    protocol.send('at once')
    expect(sent()).toEqual([t('second'), t('at once')])
  })
})

describe('§5.5 pings and pongs', () => {
  it('go out between frames', () => {
    const { protocol, begin, receive, sent } = make()
    const stream = begin()
    stream.writeFrames(utf8('a'), false)
    protocol.sendPing(utf8('p'))
    receive(ping(utf8('q')))
    stream.writeFrames(utf8('b'), true)
    expect(sent()).toEqual([t('a', '01'), ['89', '70'], sentPong(utf8('q')), t('b', '80')])
  })

  it('wait amid a frame for its end, and go out before the next one', () => {
    const { protocol, begin, receive, sent } = make()
    const stream = begin(BINARY)
    stream.beginFrame(3, true)
    stream.writePiece(hex('01'))
    protocol.sendPing(utf8('p'))
    protocol.sendPong(utf8('x'))
    receive(ping(utf8('q')))
    expect(protocol.isInFrame).toBe(true)
    stream.writePiece(hex('0203'))
    expect(sent()).toEqual([['82', '010203'], ['89', '70'], sentPong(utf8('q'))])
    expect(protocol.isInFrame).toBe(false)
  })

  it('of a flood amid a frame come to one pong, that of the newest ping', () => {
    const { begin, receive, sent } = make()
    const stream = begin(BINARY)
    stream.beginFrame(1, false)
    for (let i = 0; i < 5000; i++) receive(ping(utf8(`${i}`)))
    stream.writePiece(hex('01'))
    const [frame, ...pongs] = sent()
    expect(frame).toEqual(['02', '01'])
    expect(pongs.length).toBeLessThan(3)
    // Those that the limit holds back come when the output is empty.
    stream.writeFrames(hex(''), true)
  })

  it('whose pong answers a ping that waited amid a frame tell its time', () => {
    const { protocol, begin, receive, events } = make()
    const stream = begin(BINARY)
    stream.beginFrame(1, true)
    protocol.sendPing(utf8('1'))
    protocol.sendPing(utf8('2'))
    stream.writePiece(hex('01'))
    receive({ opcode: 10, payload: utf8('2') })
    expect(events).toEqual([['pong', '32', 'answer']])
  })
})

describe('§7.1 the end', () => {
  it('waits for the message if it is ours: the close frame goes out behind it', () => {
    const { protocol, begin, receive, run, sent, events } = make()
    const stream = begin()
    stream.writeFrames(utf8('a'), false)
    protocol.send('b')
    protocol.close(1000)
    run()
    expect([sent(), protocol.send('no'), stream.isOver]).toEqual([[t('a', '01')], false, false])
    stream.writeFrames(utf8('c'), true)
    run()
    expect(sent()).toEqual([t('c', '80'), t('b'), sentClose(1000)])
    receive(close(1000))
    expect(events).toEqual([['finish']])
    expect(protocol.end()).toMatchObject({ wasClean: true, initiator: 'local', code: 1000 })
  })

  it('if it is the peer’s, cuts the message short between frames, and our close frame goes out', () => {
    const { protocol, begin, receive, run, sent, turns, events } = make()
    const stream = begin()
    begin(TEXT, 'b')
    stream.writeFrames(utf8('a'), false)
    receive(close(4000, 'bye'))
    expect([sent(), turns, events]).toEqual([
      [t('a', '01'), sentClose(4000)],
      ['a begun', 'a over', 'b over'],
      [['finish']]
    ])
    expect(failure(() => stream.writeFrames(utf8('b'), true))).toEqual(refused)
    run()
    expect(sent()).toEqual([])
    expect(protocol.end()).toMatchObject({ code: 4000, wasClean: false, cause: { code: 'connection-lost' } })
  })

  it('if it is the peer’s, amid a frame, sends no close frame into it', () => {
    const { protocol, subject, begin, receive, events, turns } = make()
    const stream = begin(BINARY)
    stream.beginFrame(3, true)
    stream.writePiece(hex('01'))
    protocol.sendPing(utf8('p'))
    receive(close(1000))
    expect(toHex(subject.takeBytes())).toBe('820301')
    expect([events, turns]).toEqual([[['finish']], ['a begun', 'a over']])
    expect(protocol.end()).toMatchObject({ wasClean: false })
  })

  it('if both close: ours waited for the message, and goes out when the peer’s has come', () => {
    const { protocol, begin, receive, sent, events } = make()
    begin().writeFrames(utf8('a'), false)
    protocol.close(1001)
    receive(close(1000))
    expect([sent(), events]).toEqual([[t('a', '01'), sentClose(1001)], [['finish']]])
    expect(protocol.end()).toMatchObject({ wasClean: false, initiator: 'local' })
  })

  it('if it is the peer’s while an extension works: what is whole is sent, what comes piece by piece is not begun', () => {
    const { protocol, begin, receive, run, sent, turns, events } = make([slowReverser])
    protocol.send('cba')
    begin()
    protocol.send('never')
    receive(close(1000))
    expect([sent(), events]).toEqual([[], []])
    run()
    expect([sent(), turns, events]).toEqual([[t('abc'), sentClose(1000)], ['a over'], [['finish']]])
    expect(protocol.end()).toMatchObject({ wasClean: false })
  })

  it('by a violation: a close frame between frames, and none amid one', () => {
    for (const isInFrame of [false, true]) {
      const { subject, begin, receive, turns, events } = make()
      const stream = begin(BINARY)
      if (isInFrame) stream.beginFrame(2, true)
      else stream.writeFrames(hex('01'), false)
      if (isInFrame) stream.writePiece(hex('01'))
      receive(more('x'))
      expect(toHex(subject.takeBytes())).toBe(isInFrame ? '820201' : `020101880203ea`)
      expect([turns.at(-1), events]).toEqual(['a over', [['error', 'unexpected-continuation'], ['finish']]])
    }
  })

  it('by a violation while our close frame waits for the message: one goes out still', () => {
    const { protocol, begin, receive, sent } = make()
    begin().writeFrames(utf8('a'), false)
    protocol.close(1000)
    receive(more('x'))
    expect(sent()).toEqual([t('a', '01'), sentClose(1002)])
    expect(protocol.end()).toMatchObject({ wasClean: false, cause: { code: 'unexpected-continuation' } })
    const late = make()
    late.protocol.close(1000)
    late.receive(more('x'))
    expect(late.sent()).toEqual([sentClose(1000)])
  })

  it('of the transport: all are told, nothing is written', () => {
    const { protocol, begin, run, turns, sent } = make()
    begin()
    begin(TEXT, 'b')
    expect(protocol.end()).toMatchObject({ wasClean: false })
    run()
    expect([turns, sent()]).toEqual([['a begun', 'a over', 'b over'], []])
  })
})

it('an error of the application ends it from inside: fail() amid a frame sends nothing more', () => {
  const { protocol, subject, begin } = make()
  const stream = begin(BINARY)
  stream.beginFrame(4, true)
  protocol.fail(new WebSocketError('handler-failed'))
  expect(toHex(subject.takeBytes())).toBe('8204')
  expect(stream.isOver).toBe(true)
})
