// Owns a Protocol under test together with what tests of it keep asking for.
import type { Limits } from '../../src/core/limits.js'
import type { Role } from '../../src/core/terms.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { readSent } from '../conformance/subject.js'
import { encode, type FrameSpec, join } from '../conformance/wire.js'
import { type Clock, fixedEnvironment } from './support.js'

/** Makes a protocol. `receive` gives it frames as one chunk; `sent` takes the frames it wrote since the last call. */
export function make(limits: Partial<Limits> = {}, role: Role = 'server', clock: Clock = { now: 0 }) {
  const subject = new CoreSubject(fixedEnvironment(clock), role, limits)
  const receive = (...frames: FrameSpec[]) =>
    subject.receive(join(frames.map((frame) => encode(frame, role))))
  const sent = () => readSent(subject.takeBytes(), role)
  return { subject, protocol: subject.protocol, events: subject.events, receive, sent }
}
