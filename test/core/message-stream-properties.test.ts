// Whatever is sent, piece by piece or whole: a strict peer reads it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MessageStream } from '../../src/core/message-stream.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { noise, toHex } from '../conformance/wire.js'
import { BINARY, make } from './message-stream-subject.js'
import { fixedEnvironment } from './support.js'

describe('a strict peer', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('send' as const), size: fc.integer({ min: 0, max: 200 }) }),
    fc.record({ kind: fc.constant('begin' as const) }),
    fc.record({
      kind: fc.constant('write' as const),
      size: fc.integer({ min: 0, max: 200 }),
      final: fc.boolean()
    }),
    fc.record({
      kind: fc.constant('frame' as const),
      size: fc.integer({ min: 0, max: 50 }),
      final: fc.boolean()
    }),
    fc.record({ kind: fc.constant('piece' as const), size: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ kind: fc.constant('ping' as const) }),
    fc.record({ kind: fc.constant('run' as const) })
  )

  it('reads whatever is written, in the order in which it was sent', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom('client' as const, 'server' as const),
        (steps, role) => {
          const { protocol, subject, run } = make([], role)
          const expected: string[] = []
          const streams: { stream: MessageStream; index: number }[] = []
          let seed = 0
          const finish = (stream: MessageStream, index: number) => {
            if (stream.isInFrame) {
              const rest = noise(stream.frameBytesLeft)
              expected[index]! += toHex(rest)
              stream.writePiece(rest)
            }
            if (!stream.isOver) stream.writeFrames(new Uint8Array(0), true)
          }
          for (const one of steps) {
            const payload = 'size' in one ? noise(one.size + (seed++ % 3)) : new Uint8Array(0)
            const active = streams.find(({ stream }) => stream.isBegun)
            if (one.kind === 'send') {
              protocol.send(payload)
              expected.push(toHex(payload))
            } else if (one.kind === 'begin') {
              const stream = protocol.beginMessage(BINARY, { handleTurn: () => {} })!
              streams.push({ stream, index: expected.push('') - 1 })
            } else if (one.kind === 'ping') protocol.sendPing(payload)
            else if (one.kind === 'run') run()
            else if (active !== undefined) {
              const { stream, index } = active
              if (one.kind === 'piece') {
                const piece = payload.subarray(0, stream.frameBytesLeft)
                if (stream.isInFrame) expected[index]! += toHex(piece)
                if (stream.isInFrame) stream.writePiece(piece)
              } else if (!stream.isInFrame && one.kind === 'write') {
                expected[index]! += toHex(payload)
                stream.writeFrames(payload, one.final, 1 + (seed % 80))
              } else if (!stream.isInFrame && one.kind === 'frame')
                stream.beginFrame(payload.length, one.final)
            }
          }
          protocol.close(1000)
          for (const { stream, index } of streams) {
            run()
            if (!stream.isOver) finish(stream, index)
          }
          run()
          const peer = new CoreSubject(fixedEnvironment(), role === 'client' ? 'server' : 'client')
          peer.receive(subject.takeBytes())
          const got = peer.events.filter(([kind]) => kind === 'binary' || kind === 'error')
          expect(got).toEqual(expected.map((payload) => ['binary', payload]))
          expect(peer.events.at(-1)).toEqual(['finish'])
        }
      ),
      { seed: 6455, numRuns: 500 }
    )
  })

  it('refuses frames that are masked, or not, against its rules', () => {
    for (const role of ['client', 'server'] as const) {
      const { protocol, subject } = make([], role)
      protocol.send('x', { mask: role === 'server' })
      const peer = new CoreSubject(fixedEnvironment(), role === 'client' ? 'server' : 'client')
      peer.receive(subject.takeBytes())
      expect(peer.events[0]).toEqual(['error', role === 'client' ? 'unmasked-frame' : 'masked-frame'])
    }
  })
})
