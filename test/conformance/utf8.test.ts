// Proves that bad text fails the connection at its first bad byte, not later: every sequence of the vectors, a byte
// at a time, in one frame and spread over frames.
import { describe, expect, it } from 'vitest'
import { BAD_TEXTS } from '../vectors/text.js'
import { CoreSubject } from './core-subject.js'
import { IMPLEMENTATIONS } from './kernels.js'
import { more, text } from './vector.js'
import { encode, type FrameSpec } from './wire.js'

for (const { title, environment } of IMPLEMENTATIONS) {
  describe.skipIf(environment === null)(title, () => {
    for (const { what, bytes, badAt } of BAD_TEXTS) {
      it(`§8.1 fails at the first bad byte of ${what}`, () => {
        const subject = new CoreSubject(environment!, 'server')
        const frame = encode(text(bytes, { announced: 1000n }), 'server')
        const payloadStart = frame.length - bytes.length
        const failedAfter = frame.findIndex((byte) => {
          subject.receive(Uint8Array.of(byte))
          return subject.events.length > 0
        })
        expect(failedAfter).toBe(badAt < bytes.length ? payloadStart + badAt : -1)
      })

      it(`§8.1 fails at the frame that brings the first bad byte of ${what}`, () => {
        const subject = new CoreSubject(environment!, 'client')
        const frames: FrameSpec[] = [
          text('', { fin: false }),
          ...Array.from(bytes, (byte) => more(Uint8Array.of(byte), { fin: false })),
          more('')
        ]
        const failedAt = frames.findIndex((frame) => {
          subject.receive(encode(frame, 'client'))
          return subject.events.length > 0
        })
        expect(failedAt).toBe(badAt < bytes.length ? 1 + badAt : frames.length - 1)
      })
    }
  })
}
