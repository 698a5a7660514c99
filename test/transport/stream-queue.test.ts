import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamQueue } from '../../src/transport/stream-queue.js'

/** Accepts bytes the way senders do: a copy into reserved memory, of which more may be reserved than is used. */
function write(queue: StreamQueue, bytes: Uint8Array, spare = 0): void {
  const offset = queue.reserve(bytes.length + spare)
  queue.buffer.set(bytes, offset)
  queue.advance(bytes.length)
}

type Numbers = Pick<StreamQueue, 'pendingBytes' | 'sentBytes' | 'messageCount' | 'isWriting' | 'hasQueued'>

const EMPTY: Numbers = { pendingBytes: 0, sentBytes: 0, messageCount: 0, isWriting: false, hasQueued: false }

function numbers({ pendingBytes, sentBytes, messageCount, isWriting, hasQueued }: StreamQueue): Numbers {
  return { pendingBytes, sentBytes, messageCount, isWriting, hasQueued }
}

describe('StreamQueue', () => {
  it('counts what is queued, taken and settled', () => {
    const queue = new StreamQueue()
    expect(numbers(queue)).toEqual(EMPTY)
    write(queue, Buffer.from('abc'))
    queue.endMessage()
    expect(numbers(queue)).toEqual({ ...EMPTY, pendingBytes: 3, messageCount: 1, hasQueued: true })
    const taken = queue.take()
    queue.append(Buffer.from('defg'))
    queue.endMessage()
    expect(numbers(queue)).toEqual({
      pendingBytes: 7,
      sentBytes: 0,
      messageCount: 2,
      isWriting: true,
      hasQueued: true
    })
    queue.settle(2)
    expect([queue.pendingBytes, queue.sentBytes, queue.messageCount, queue.isWriting]).toEqual([
      5,
      2,
      2,
      true
    ])
    queue.settle(1)
    expect(numbers(queue)).toEqual({
      ...EMPTY,
      pendingBytes: 4,
      sentBytes: 3,
      messageCount: 1,
      hasQueued: true
    })
    expect(Buffer.concat([...taken, ...queue.take()]).toString()).toBe('abcdefg')
    queue.settle(4)
    expect(numbers(queue)).toEqual({ ...EMPTY, sentBytes: 7 })
  })

  it('drops everything when it is cleared, also under a write', () => {
    const queue = new StreamQueue()
    write(queue, Buffer.from('a'))
    queue.endMessage()
    queue.take()
    write(queue, Buffer.from('b'))
    queue.clear()
    expect(numbers(queue)).toEqual(EMPTY)
    write(queue, Buffer.from('c'))
    expect(Buffer.concat(queue.take()).toString()).toBe('c')
  })

  it('joins small writes of one turn into one piece', () => {
    const queue = new StreamQueue()
    for (let i = 0; i < 100; i++) write(queue, Buffer.from('x'), 20)
    expect(queue.take().map(String)).toEqual(['x'.repeat(100)])
  })

  it('takes over bytes by reference, in their place', () => {
    const queue = new StreamQueue()
    const large = new Uint8Array(100_000).fill(7)
    write(queue, Buffer.from('a'))
    queue.append(large)
    write(queue, Buffer.from('b'))
    const taken = queue.take()
    expect(taken.map(({ length }) => length)).toEqual([1, 100_000, 1])
    expect(taken[1]!.buffer).toBe(large.buffer)
  })

  it('keeps apart what many queues, waiting or not, write in turns into shared memory', () => {
    const operation = fc.record({
      queue: fc.nat(5),
      kind: fc.constantFrom('write', 'write', 'write', 'append', 'take', 'settle', 'clear'),
      byteLength: fc.oneof(fc.nat(40), fc.nat(2000), fc.constantFrom(32_768, 32_769, 65_536, 70_000)),
      spare: fc.oneof(fc.nat(30), fc.constant(40_000))
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const sides = Array.from({ length: 6 }, () => ({
          queue: new StreamQueue(),
          expected: [] as Uint8Array[],
          taken: [] as Uint8Array[],
          underWay: 0
        }))
        let next = 0
        for (const { queue: index, kind, byteLength, spare } of operations) {
          const side = sides[index]!
          const { queue } = side
          const bytes = new Uint8Array(byteLength).fill(++next)
          if (kind === 'write') write(queue, bytes, spare)
          else if (kind === 'append') queue.append(bytes)
          else if (kind === 'take' && !queue.isWriting) {
            side.underWay = queue.pendingBytes
            side.taken.push(...queue.take())
          } else if (kind === 'settle') {
            queue.settle(side.underWay)
            side.underWay = 0
          } else if (kind === 'clear') {
            queue.clear()
            side.expected = []
            side.taken = []
            side.underWay = 0
          }
          if (kind === 'write' || kind === 'append') side.expected.push(bytes)
        }
        for (const { queue, expected, taken, underWay } of sides) {
          queue.settle(underWay)
          const whole = Buffer.concat([...taken, ...queue.take()])
          expect(whole.equals(Buffer.concat(expected))).toBe(true)
        }
      }),
      { seed: 6455, numRuns: 300 }
    )
  })
})
