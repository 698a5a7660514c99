import { describe, expect, it } from 'vitest'
import { Inbox } from '../../src/core/inbox.js'
import { binary, text } from '../conformance/vector.js'
import { encode, join, noise, utf8 } from '../conformance/wire.js'
import { HandledReceiver } from './handled-receiver.js'
import { fixedEnvironment } from './support.js'

const environment = fixedEnvironment()
const bytesOf = (...texts: string[]) => join(texts.map((letter) => encode(text(letter), 'server')))

function make(onmessage: (payload: unknown) => void = () => {}) {
  const messages: unknown[] = []
  const handler = {
    receiveMessage({ payload }: { payload: unknown }) {
      messages.push(payload)
      onmessage(payload)
    },
    receiveControl() {},
    receiveWork() {},
    receiveViolation() {}
  }
  const receiver = new HandledReceiver(handler)
  return { messages, receiver, inbox: new Inbox(environment.kernels, receiver) }
}

describe('Inbox', () => {
  it('takes more frames than its table has rows', () => {
    const { inbox, messages } = make()
    const texts = Array.from({ length: 5000 }, (_, i) => `${i}`)
    inbox.receiveBytes(bytesOf(...texts))
    expect([messages, inbox.isHolding]).toEqual([texts, false])
  })

  it('holds what comes while it is paused, and hands it on in order', () => {
    const { inbox, messages, receiver } = make()
    inbox.receiveBytes(bytesOf('a'))
    receiver.isPaused = true
    inbox.receiveBytes(bytesOf('b', 'c'))
    inbox.receiveBytes(bytesOf('d'))
    expect([messages, inbox.isHolding]).toEqual([['a'], true])
    receiver.isPaused = false
    inbox.release()
    expect([messages, inbox.isHolding]).toEqual([['a', 'b', 'c', 'd'], false])
  })

  it('stops at each message whose handler pauses, whatever the chunks and however many rows', () => {
    const { inbox, messages, receiver } = make(() => {
      receiver.isPaused = true
    })
    const texts = Array.from({ length: 2500 }, (_, i) => `${i}`)
    inbox.receiveBytes(bytesOf(...texts.slice(0, 2000)))
    inbox.receiveBytes(bytesOf(...texts.slice(2000)))
    for (let count = 1; count <= texts.length; count++) {
      expect([messages.length, inbox.isHolding]).toEqual([count, count < texts.length])
      receiver.isPaused = false
      inbox.release()
    }
    expect([messages, inbox.isHolding]).toEqual([texts, false])
  })

  it('keeps what it holds apart from the rows of others that are scanned meanwhile', () => {
    const paused = make(() => {
      paused.receiver.isPaused = true
    })
    paused.inbox.receiveBytes(bytesOf('a', 'b', 'c'))
    const other = make()
    other.inbox.receiveBytes(bytesOf('other', 'bytes', 'of', 'other', 'lengths'))
    for (let i = 0; i < 2; i++) {
      paused.receiver.isPaused = false
      paused.inbox.release()
    }
    expect(paused.messages).toEqual(['a', 'b', 'c'])
  })

  it('keeps the order when bytes come between the end of a pause and the release', () => {
    const { inbox, messages, receiver } = make()
    receiver.isPaused = true
    inbox.receiveBytes(bytesOf('a'))
    receiver.isPaused = false
    inbox.receiveBytes(bytesOf('b'))
    inbox.release()
    expect(messages).toEqual(['a', 'b'])
  })

  it('keeps the order of bytes that a handler gives it', () => {
    const { inbox, messages, receiver } = make((payload) => {
      if (payload === 'a') inbox.receiveBytes(bytesOf('x', 'y'))
      if (payload === 'x') inbox.receiveBytes(bytesOf('z'))
      if (payload === 'b') receiver.isPaused = true
    })
    inbox.receiveBytes(bytesOf('a', 'b', 'c'))
    expect(messages).toEqual(['a', 'b'])
    receiver.isPaused = false
    inbox.release()
    expect(messages).toEqual(['a', 'b', 'c', 'x', 'y', 'z'])
  })

  it('serves the bytes of another inbox from inside a handler, without mixing their rows', () => {
    const inner = make()
    const outer = make((payload) => inner.inbox.receiveBytes(bytesOf(`inner ${payload}`)))
    outer.inbox.receiveBytes(bytesOf('1', '2', '3'))
    expect([outer.messages, inner.messages]).toEqual([
      ['1', '2', '3'],
      ['inner 1', 'inner 2', 'inner 3']
    ])
  })

  it('takes a Buffer; payloads are plain Uint8Arrays', () => {
    const { inbox, messages } = make()
    inbox.receiveBytes(Buffer.from(encode(binary(noise(40)), 'server')))
    expect(messages).toEqual([noise(40)])
    expect(Object.getPrototypeOf(messages[0])).toBe(Uint8Array.prototype)
  })

  it('takes a chunk inside a larger buffer, and leaves the rest of that buffer as it is', () => {
    const { inbox, messages } = make()
    const frame = encode(text('Hello'), 'server')
    const whole = join([utf8('<<'), frame, utf8('>>')])
    inbox.receiveBytes(whole.subarray(2, 2 + frame.length))
    expect(messages).toEqual(['Hello'])
    expect([...whole.slice(0, 2), ...whole.slice(-2)]).toEqual([...utf8('<<>>')])
  })

  it('takes nothing more once a handler has thrown: the rows behind it are lost', () => {
    const { inbox, messages, receiver } = make((payload) => {
      if (payload === 'b') throw new Error('thrown by the handler')
    })
    expect(() => inbox.receiveBytes(bytesOf('a', 'b', 'c'))).toThrow('thrown by the handler')
    expect([messages, inbox.isHolding, receiver.isDone]).toEqual([['a', 'b'], false, true])
    inbox.receiveBytes(bytesOf('d'))
    inbox.release()
    expect(messages).toEqual(['a', 'b'])
  })

  it('forgets what it holds when told so', () => {
    const { inbox, receiver } = make()
    receiver.isPaused = true
    inbox.receiveBytes(bytesOf('a'))
    inbox.discard()
    expect(inbox.isHolding).toBe(false)
  })
})
