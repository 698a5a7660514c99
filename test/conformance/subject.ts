// Owns the replaying of vectors on whatever implements an endpoint. Must not know which implementation it is:
// a Protocol in memory is one subject, a server behind a socket another.
import type { Limits } from '../../src/core/limits.js'
import type { Role } from '../../src/core/terms.js'
import type { Ending, Event, Step, Vector } from './vector.js'
import { decode, encode, join, toHex, type WrittenFrame } from './wire.js'

/** All that an endpoint told and wrote. */
export interface Transcript {
  readonly events: readonly Event[]
  /** Every byte it wrote after the opening handshake. */
  readonly bytes: Uint8Array
  readonly end: Ending
}

/** An endpoint under test, after its opening handshake. */
export interface Subject {
  /** Gives it bytes from its peer, as one chunk where the transport has chunks. */
  receive(chunk: Uint8Array): void | Promise<void>
  /** Lets its application begin the closing handshake. */
  close(code?: number, reason?: string): void | Promise<void>
  /** Lets its application send a ping. */
  ping(payload: Uint8Array): void | Promise<void>
  /** Ends the transport from the peer's side, and returns all that was observed. */
  finish(): Transcript | Promise<Transcript>
}

/** Makes a fresh subject. */
export type SubjectMaker = (role: Role, limits: Partial<Limits>) => Subject | Promise<Subject>

/** Chunk sizes at which every vector is replayed; Infinity leaves the bytes between two calls whole. */
export const CHUNK_SIZES = [1, 2, 3, 7, 1024, Number.POSITIVE_INFINITY] as const

/** What a vector expects, and what a replay of it yields. */
export type Outcome = Pick<Vector, 'events' | 'sends' | 'end'>

/** Replays a vector. Fails if the endpoint wrote anything but whole frames that are masked as its role must. */
export async function replay(
  vector: Vector,
  role: Role,
  makeSubject: SubjectMaker,
  chunkSize: number
): Promise<Outcome> {
  const subject = await makeSubject(role, vector.limits ?? {})
  for (const part of gather(vector.steps, role)) {
    if (part instanceof Uint8Array) await receiveInChunks(subject, part, chunkSize)
    else if ('close' in part) await subject.close(...part.close)
    else await subject.ping(part.ping)
  }
  const { events, bytes, end } = await subject.finish()
  return { events, sends: readSent(bytes, role), end }
}

/** Reads what an endpoint of that role wrote: checks the masking and returns the frames. */
export function readSent(bytes: Uint8Array, role: Role): WrittenFrame[] {
  return decode(bytes).map(({ first, payload, isMasked }) => {
    if (isMasked !== (role === 'client'))
      throw new Error(`a ${role} wrote a frame with the mask bit ${isMasked}`)
    return [first.toString(16).padStart(2, '0'), toHex(payload)]
  })
}

/** Calls `receive` with pieces of at most `chunkSize` bytes, each in memory of its own. */
export async function receiveInChunks(subject: Subject, bytes: Uint8Array, chunkSize: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const done = subject.receive(bytes.slice(at, Math.min(at + chunkSize, bytes.length)))
    if (done !== undefined) await done
  }
}

type Call = Exclude<Step, { opcode: number } | { raw: Uint8Array }>

/** Joins the bytes between two calls. */
function gather(steps: readonly Step[], role: Role): (Uint8Array | Call)[] {
  const parts: (Uint8Array | Call)[] = []
  for (const step of steps) {
    if (!('opcode' in step) && !('raw' in step)) {
      parts.push(step)
      continue
    }
    const bytes = 'raw' in step ? step.raw : encode(step, role)
    const last = parts.at(-1)
    if (last instanceof Uint8Array) parts[parts.length - 1] = join([last, bytes])
    else parts.push(bytes)
  }
  return parts
}
