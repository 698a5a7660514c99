// A binary payload may be a view into the chunk it came in; an application that gives that memory away (to a worker) must
// harm its own connection only, and never by an exception out of a transport's callback.
import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/core/message.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { readSent } from '../conformance/subject.js'
import { binary, more, ping, pong, text } from '../conformance/vector.js'
import { encode, type FrameSpec, join, noise } from '../conformance/wire.js'
import { fixedEnvironment } from './support.js'

const BINARY: FrameSpec = binary(new Uint8Array(8192).fill(1))

/** Gives memory away as `worker.postMessage(payload, [payload.buffer])` does. */
function transfer({ payload }: Message): void {
  structuredClone(payload, { transfer: [(payload as Uint8Array).buffer as ArrayBuffer] })
}

/** A protocol whose handler does `act` with the first message. */
class Transferring extends CoreSubject {
  readonly messages: Message[] = []
  constructor(readonly act: (message: Message, subject: Transferring) => void) {
    super(fixedEnvironment(), 'server')
  }

  override handleMessage(message: Message): void {
    this.messages.push(message)
    this.events.push(['message'] as unknown as (typeof this.events)[number])
    if (this.messages.length === 1) this.act(message, this)
  }

  receiveFrames(...frames: FrameSpec[]): void {
    this.receive(join(frames.map((frame) => encode(frame, 'server'))))
  }
}

const FAILED = [['message'], ['error', 'payload-transferred'], ['finish']]

describe('a payload that the handler transfers', () => {
  it.each<[string, FrameSpec[]]>([
    ['a binary message', [BINARY]],
    ['a short text', [text('text')]],
    ['a long text', [text('x'.repeat(5000))]],
    ['a text that is not ASCII', [text('ä')]],
    ['a ping', [ping(noise(1))]],
    ['a first fragment', [binary(noise(5000), { fin: false })]],
    ['more frames than a table has rows', Array(3000).fill(pong())]
  ])('fails the connection with 1011 if there was more in its chunk: %s', (_, rest) => {
    const subject = new Transferring(transfer)
    subject.receiveFrames(BINARY, ...rest)
    expect(subject.events).toEqual(FAILED)
    expect(readSent(subject.takeBytes(), 'server')).toEqual([['88', '03f3']])
    expect(subject.finish().end).toMatchObject({ code: 1006, wasClean: false, cause: 'payload-transferred' })
  })

  it('does no harm if it was the last one in its chunk', () => {
    const subject = new Transferring(transfer)
    subject.receiveFrames(BINARY)
    subject.receiveFrames(BINARY)
    expect(subject.events).toEqual([['message'], ['message']])
  })

  it('fails the connection when what a pause held back is handed on', () => {
    const subject = new Transferring((_, { protocol }) => protocol.pause())
    subject.receiveFrames(BINARY, BINARY)
    transfer(subject.messages[0]!)
    subject.protocol.resume()
    expect(subject.events).toEqual(FAILED)
  })

  it('§5.4 fails the connection if a fragment of the next message stands in the same memory', () => {
    for (const fragmentCount of [1, 2]) {
      const subject = new Transferring(() => {})
      const fragments = [binary(noise(6000), { fin: false }), more(noise(6000), { fin: false })].slice(
        0,
        fragmentCount
      )
      subject.receiveFrames(BINARY, ...fragments)
      transfer(subject.messages[0]!)
      subject.receiveFrames(more(''))
      expect(subject.events).toEqual(FAILED)
    }
  })

  it('lets what a handler throws through, as ever', () => {
    const subject = new Transferring(() => {
      throw new RangeError('oops')
    })
    expect(() => subject.receiveFrames(BINARY)).toThrow('oops')
  })
})
