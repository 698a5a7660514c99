// Replays every vector on a Protocol in memory: both roles, all kernels, all chunk sizes.
import { describe, expect, it } from 'vitest'
import { CLOSING } from '../vectors/closing.js'
import { CONTROL_FRAMES } from '../vectors/control.js'
import { FRAGMENTATION } from '../vectors/fragmentation.js'
import { FRAMING } from '../vectors/framing.js'
import { LIMITS } from '../vectors/limits.js'
import { TEXT } from '../vectors/text.js'
import { CoreSubject } from './core-subject.js'
import { IMPLEMENTATIONS } from './kernels.js'
import { CHUNK_SIZES, replay } from './subject.js'

const VECTORS = [...FRAMING, ...FRAGMENTATION, ...CONTROL_FRAMES, ...CLOSING, ...TEXT, ...LIMITS]

for (const { name, environment, reason } of IMPLEMENTATIONS) {
  describe.skipIf(environment === null)(
    `${name} kernels${environment === null ? ` (skipped: ${reason})` : ''}`,
    () => {
      for (const role of ['server', 'client'] as const) {
        describe(role, () => {
          for (const vector of VECTORS.filter(({ roles }) => roles?.includes(role) ?? true)) {
            it(vector.name, async () => {
              const expected = { events: vector.events, sends: vector.sends, end: vector.end }
              for (const size of CHUNK_SIZES) {
                const outcome = await replay(
                  vector,
                  role,
                  (_, limits) => new CoreSubject(environment!, role, limits),
                  size
                )
                expect(outcome, `in chunks of ${size}`).toEqual(expected)
              }
            })
          }
        })
      }
    }
  )
}
