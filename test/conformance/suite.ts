// Owns the conformance suite: all vectors of RFC 6455, as tests of any subject.
import { describe, expect, it } from 'vitest'
import type { Role } from '../../src/core/terms.js'
import { CLOSING } from '../vectors/closing.js'
import { CONTROL_FRAMES } from '../vectors/control.js'
import { FRAGMENTATION } from '../vectors/fragmentation.js'
import { FRAMING } from '../vectors/framing.js'
import { LIMITS } from '../vectors/limits.js'
import { TEXT } from '../vectors/text.js'
import { CHUNK_SIZES, replay, type SubjectMaker } from './subject.js'
import type { Vector } from './vector.js'

/** Every vector. */
export const VECTORS: readonly Vector[] = [
  ...FRAMING,
  ...FRAGMENTATION,
  ...CONTROL_FRAMES,
  ...CLOSING,
  ...TEXT,
  ...LIMITS
]

/** Defines a test per vector for endpoints of that role, each at all `chunkSizes`. */
export function testConformance(
  role: Role,
  makeSubject: SubjectMaker,
  chunkSizes: readonly number[] = CHUNK_SIZES
): void {
  describe(role, () => {
    for (const vector of VECTORS) {
      if (vector.roles?.includes(role) ?? true) {
        it(vector.name, async () => {
          const { events, sends, end } = vector
          for (const size of chunkSizes) {
            const outcome = await replay(vector, role, makeSubject, size)
            expect(outcome, `in chunks of ${size}`).toEqual({ events, sends, end })
          }
        })
      }
    }
  })
}
