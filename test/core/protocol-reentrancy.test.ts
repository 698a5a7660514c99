// What a handler of a Protocol may do from inside a callback.
import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import type { CoreSubject } from '../conformance/core-subject.js'
import { close, more, ping, sentClose, sentPong, text } from '../conformance/vector.js'
import { hex, noise, toHex } from '../conformance/wire.js'
import { make } from './protocol-subject.js'

describe('a handler', () => {
  it('may pause and resume at every message', () => {
    const { protocol, subject, receive, events } = make()
    const handleMessage = subject.handleMessage.bind(subject)
    subject.handleMessage = (message) => {
      handleMessage(message)
      protocol.pause()
    }
    receive(...Array.from('abc', (letter) => text(letter)))
    for (let i = 0; i < 3; i++) {
      expect(events).toHaveLength(i + 1)
      protocol.resume()
    }
    expect(events).toEqual(Array.from('abc', (letter) => ['text', letter]))
  })

  it('may pause and resume in one go', () => {
    const { protocol, subject, receive } = make()
    let count = 0
    subject.handleMessage = () => {
      count++
      protocol.pause()
      protocol.resume()
    }
    receive(text('a'), text('b'), text('c'))
    expect([count, protocol.isHolding]).toEqual([3, false])
  })

  it('may send, close, fail and end from inside each event; nothing follows what it may not', () => {
    const actions: [(protocol: CoreSubject['protocol']) => unknown, string[][], number][] = [
      [(protocol) => protocol.send('x'), [['81', '78']], 2],
      [(protocol) => protocol.close(1001), [['88', '03e9']], 2],
      [(protocol) => protocol.fail(new WebSocketError('handler-failed')), [['88', '03f3']], 1],
      [(protocol) => protocol.end(), [], 1]
    ]
    for (const [act, frames, messageCount] of actions) {
      const { protocol, subject, receive, sent } = make()
      let count = 0
      subject.handleMessage = () => {
        if (count++ === 0) act(protocol)
      }
      receive(text('a'), text('b'))
      expect([sent(), count]).toEqual([frames, messageCount])
    }
  })

  it('of a ping that ends the protocol: nothing more is sent', () => {
    const { protocol, subject, receive, sent, events } = make()
    subject.handlePing = () => void protocol.end()
    receive(ping(hex('01')), ping(hex('02')), more('x'))
    expect([sent(), events]).toEqual([[sentPong(hex('01'))], []])
  })

  it('of handleError that ends the protocol gets no handleFinish', () => {
    const { protocol, subject, receive, sent, events } = make()
    subject.handleError = () => void protocol.end()
    receive(more('x'))
    expect([sent(), events]).toEqual([[sentClose(1002)], []])
  })

  it('of handleError that throws gets its handleFinish still', () => {
    const { subject, receive, events } = make()
    subject.handleError = () => {
      throw new Error('from handleError')
    }
    expect(() => receive(more('x'))).toThrow('from handleError')
    expect(events).toEqual([['finish']])
  })

  it('that throws leaves receiveBytes; nothing that arrives counts until the application fails the protocol', () => {
    const { protocol, subject, receive, sent, events } = make()
    subject.handleMessage = () => {
      throw new Error('from handleMessage')
    }
    expect(() => receive(text('a'), ping(hex('01')))).toThrow('from handleMessage')
    receive(ping(hex('02')))
    expect([sent(), events, protocol.state]).toEqual([[], [], 'open'])
    protocol.fail(new WebSocketError('handler-failed'))
    expect([sent(), events]).toEqual([[sentClose(1011)], [['finish']]])
  })

  it('may give the same protocol bytes: they come after those at hand', () => {
    const { subject, receive, events } = make()
    const handleMessage = subject.handleMessage.bind(subject)
    subject.handleMessage = (message) => {
      handleMessage(message)
      if (message.payload === 'a') receive(text('c'), close(1000))
    }
    receive(text('a'), text('b'))
    expect(events).toEqual([['text', 'a'], ['text', 'b'], ['text', 'c'], ['finish']])
  })

  it('may feed another protocol, which feeds this one, a thousand times deep without a deep stack', () => {
    const server = make()
    const client = make({}, 'client')
    let count = 0
    const deliver = (from: CoreSubject, to: CoreSubject) => {
      for (const bytes of from.output.take()) to.receive(bytes)
    }
    server.subject.handleMessage = (message) => {
      server.protocol.send(message)
      deliver(server.subject, client.subject)
    }
    client.subject.handleMessage = (message) => {
      if (++count < 20_000) client.protocol.send(message)
      deliver(client.subject, server.subject)
    }
    client.protocol.send('ball')
    deliver(client.subject, server.subject)
    expect(count).toBe(20_000)
  })
})

it('§5.6 a received message can be sent on as it is', () => {
  const { protocol, subject, receive, sent } = make()
  subject.handleMessage = (message) => void protocol.send(message)
  receive(text('ä'), text('a'), { opcode: 2, payload: noise(3) }, text('', { fin: false }), more('x'))
  expect(sent()).toEqual([
    ['81', 'c3a4'],
    ['81', '61'],
    ['82', toHex(noise(3))],
    ['81', '78']
  ])
})
