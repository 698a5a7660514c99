// What a peer may do is proved by the conformance suite; here is what the application may do, in every state.
import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import { ExtensionMessage, TextMessage } from '../../src/core/message.js'
import { close, more, ping, pong, sentClose, sentPong, text } from '../conformance/vector.js'
import { hex, noise, utf8 } from '../conformance/wire.js'
import { make } from './protocol-subject.js'

/** Brings a protocol into each of its states. */
const STATES = {
  open: () => make(),
  'close-sent': () => {
    const made = make()
    made.protocol.close(1000)
    return made
  },
  finished: () => {
    const made = make()
    made.receive(close(1000))
    return made
  },
  failed: () => {
    const made = make()
    made.receive(more('x'))
    return made
  },
  ended: () => {
    const made = make()
    made.protocol.end()
    return made
  }
}
const stateNames = Object.keys(STATES) as (keyof typeof STATES)[]

describe('in every state', () => {
  for (const state of stateNames) {
    const enter = () => {
      const made = STATES[state]()
      made.sent()
      made.events.length = 0
      expect(made.protocol.state).toBe(state)
      return made
    }
    const isOpen = state === 'open'

    it(`${state}: send, sendPing and sendPong ${isOpen ? 'send' : 'return false and send nothing'}`, () => {
      const { protocol, sent } = enter()
      const results = [
        protocol.send('a'),
        protocol.send(hex('01')),
        protocol.send(new TextMessage('b')),
        protocol.send('cd', { fragmentSize: 1 }),
        protocol.sendPing(hex('02')),
        protocol.sendPong(hex('03'))
      ]
      expect(results).toEqual(Array.from({ length: 6 }, () => isOpen))
      const frames = '8161 8201 8162 0163 8064 8902 8a03'
        .split(' ')
        .map((two) => [two.slice(0, 2), two.slice(2)])
      expect(sent()).toEqual(isOpen ? frames : [])
    })

    it(`${state}: wrong arguments throw, and send nothing`, () => {
      const { protocol, sent } = enter()
      const wrong: (() => unknown)[] = [
        () => protocol.send(5 as unknown as string),
        () => protocol.send(new ArrayBuffer(1) as unknown as string),
        () => protocol.send(new ExtensionMessage(3, noise(1))),
        () => protocol.send(new ExtensionMessage(8, noise(1))),
        () => protocol.send(new ExtensionMessage(0, noise(1))),
        ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY].map(
          (size) => () => protocol.send('abc', { fragmentSize: size })
        ),
        () => protocol.sendPing(noise(126)),
        () => protocol.sendPong(noise(126)),
        () => protocol.sendPing(100 as unknown as Uint8Array),
        () => protocol.sendPong('x' as unknown as Uint8Array),
        () => protocol.close(1005),
        () => protocol.close(1000, noise(8) as unknown as string),
        () => protocol.close(undefined, 'x')
      ]
      for (const call of wrong) expect(call).toThrow(WebSocketError)
      expect([protocol.state, sent()]).toEqual([state, []])
    })

    it(`${state}: close ${isOpen ? 'sends a close frame' : 'does nothing'}`, () => {
      const { protocol, sent, events } = enter()
      protocol.close(1001, 'bye')
      expect([sent(), events]).toEqual([isOpen ? [sentClose(1001, 'bye')] : [], []])
      expect(protocol.state).toBe(isOpen ? 'close-sent' : state)
    })

    it(`${state}: fail ${isOpen ? 'sends a close frame and finishes' : 'sends nothing'}`, () => {
      const { protocol, sent, events, receive } = enter()
      protocol.fail(new WebSocketError('handler-failed'))
      protocol.fail(new WebSocketError('slow-consumer'))
      const canFail = isOpen || state === 'close-sent'
      expect([sent(), events]).toEqual([isOpen ? [sentClose(1011)] : [], canFail ? [['finish']] : []])
      expect(protocol.state).toBe(canFail ? 'failed' : state)
      receive(text('a'), ping(), close(1000))
      expect([sent(), events.length]).toEqual([[], canFail ? 1 : 0])
    })

    it(`${state}: end ${state === 'ended' ? 'is impossible a second time' : 'ends it; then nothing counts'}`, () => {
      const { protocol, sent, events, receive } = enter()
      if (state === 'ended') {
        expect(() => protocol.end()).toThrow('impossible closing event "end" in state "ended"')
        return
      }
      const { cause, ...details } = protocol.end()
      expect([details, cause?.code ?? null]).toEqual(ENDS[state])
      receive(text('a'), ping(), more('x'), close(1000))
      protocol.drained()
      protocol.pause()
      protocol.resume()
      expect([sent(), events, protocol.isHolding]).toEqual([[], [], false])
    })
  }
})

const lost = { code: 1006, reason: '', wasClean: false }
const ENDS = {
  open: [{ ...lost, initiator: 'remote' }, 'connection-lost'],
  'close-sent': [{ ...lost, initiator: 'local' }, 'connection-lost'],
  finished: [{ code: 1000, reason: '', wasClean: true, initiator: 'remote' }, null],
  failed: [{ ...lost, initiator: 'local' }, 'unexpected-continuation']
}

describe('fail', () => {
  it('§7.1.7 sends no close frame where the error has no close code, or one that must not be sent', () => {
    for (const error of [
      new WebSocketError('connection-lost'),
      new WebSocketError('handler-failed', { closeCode: 1006 }),
      new WebSocketError('handler-failed', { closeCode: 70_000 })
    ]) {
      const { protocol, sent, events } = make()
      protocol.fail(error)
      expect([sent(), events, protocol.state]).toEqual([[], [['finish']], 'failed'])
      expect(protocol.end().cause).toBe(error)
    }
  })

  it('tells whose doing it was', () => {
    const { protocol } = make()
    protocol.fail(new WebSocketError('connection-lost'), 'remote')
    expect(protocol.end().initiator).toBe('remote')
  })

  it('the first error is the cause, whatever the transport says later', () => {
    const { protocol } = make()
    protocol.fail(new WebSocketError('slow-consumer'))
    expect(protocol.end(new WebSocketError('transport-error')).cause?.code).toBe('slow-consumer')
  })

  it('drops what a pause holds back', () => {
    const { protocol, receive, events } = make()
    protocol.pause()
    receive(text('a'))
    expect(protocol.isHolding).toBe(true)
    protocol.fail(new WebSocketError('handler-failed'))
    expect(protocol.isHolding).toBe(false)
    protocol.resume()
    expect(events).toEqual([['finish']])
  })
})

describe('end', () => {
  it('takes the failure of the transport as cause', () => {
    const error = new WebSocketError('transport-error')
    expect(make().protocol.end(error).cause).toBe(error)
  })

  it('a failure of the transport after a whole closing handshake does not make it unclean', () => {
    const { protocol } = STATES.finished()
    expect(protocol.end(new WebSocketError('transport-error'))).toMatchObject({ wasClean: true, cause: null })
  })
})

describe('ping and pong', () => {
  it('§5.5.3 tells the round-trip time', () => {
    const clock = { now: 1000 }
    const { protocol, subject, receive } = make({}, 'server', clock)
    const trips: (number | null)[] = []
    subject.handlePong = (_, roundTripMs) => trips.push(roundTripMs)
    protocol.sendPing(utf8('a'))
    clock.now = 1012.5
    receive(pong(utf8('a')), pong(utf8('a')))
    expect(trips).toEqual([12.5, null])
  })

  it("§10.4 of a peer's pings beyond maxUnansweredPings only the newest is answered, when the output is drained", () => {
    const { protocol, receive, sent } = make({ maxUnansweredPings: 3 })
    receive(...Array.from({ length: 10 }, (_, i) => ping(Uint8Array.of(i))))
    expect(sent()).toEqual([0, 1, 2].map((i) => sentPong(Uint8Array.of(i))))
    protocol.drained()
    expect(sent()).toEqual([sentPong(Uint8Array.of(9))])
    protocol.drained()
    expect(sent()).toEqual([])
  })

  it('§5.5.3 a pong that was held back never follows a newer one', () => {
    const { protocol, receive, sent } = make({ maxUnansweredPings: 1 })
    receive(ping(hex('01')), ping(hex('02')))
    expect(sent()).toEqual([sentPong(hex('01'))])
    receive(ping(hex('03')))
    expect(sent()).toEqual([sentPong(hex('03'))])
    protocol.drained()
    expect(sent()).toEqual([])
  })

  it('pings are answered one by one as long as the output is drained between them', () => {
    const { receive, sent } = make({ maxUnansweredPings: 2 })
    for (let i = 0; i < 100; i++) {
      receive(ping(Uint8Array.of(i)))
      expect(sent()).toEqual([sentPong(Uint8Array.of(i))])
    }
  })

  it("§5.5.2 a pong that was held back is not sent after the peer's close frame", () => {
    const { protocol, receive, sent } = make({ maxUnansweredPings: 1 })
    receive(ping(hex('01')), ping(hex('02')), close(1000))
    expect(sent()).toEqual([sentPong(hex('01')), sentClose(1000)])
    protocol.drained()
    expect(sent()).toEqual([])
  })
})

describe('pause and resume', () => {
  it('hold back messages, pings and the close frame, in order', () => {
    const { protocol, receive, events, sent } = make()
    protocol.pause()
    receive(text('a'), ping(hex('01')), text('b'), close(1000))
    expect([events, sent(), protocol.isHolding]).toEqual([[], [], true])
    protocol.resume()
    expect(events).toEqual([['text', 'a'], ['ping', '01'], ['text', 'b'], ['finish']])
    expect([sent(), protocol.isHolding]).toEqual([[sentPong(hex('01')), sentClose(1000)], false])
  })
})
