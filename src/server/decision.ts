// Owns what `onhandshake` may decide, and the check of it: what is no decision must not let anybody in.
import { WebSocketError } from '../core/errors.js'
import type { Refusal } from '../core/handshake-server.js'
import type { HeaderSource } from '../core/head-writer.js'
import { describe } from '../core/message.js'

/** Accepts a handshake; every member may be left out. */
export interface Acceptance<T> {
  /** The subprotocol, one of those that the client offered; null: none. Default: by the option `protocols`. */
  readonly protocol?: string | null
  /** Further headers of the response, e.g. Set-Cookie. */
  readonly headers?: HeaderSource
  /** What `client.data` begins with. */
  readonly data?: T
}

/**
 * What `onhandshake` decides: a denial (it has a `status`), an acceptance, or nothing, which accepts. Both are plain objects
 * with no other members than theirs: anything else is answered with 500.
 */
export type HandshakeDecision<T> = Refusal | Acceptance<T> | undefined | void

const ACCEPTANCE_KEYS = ['protocol', 'headers', 'data'] satisfies (keyof Acceptance<unknown>)[] as string[]
const REFUSAL_KEYS = ['status', 'headers', 'body'] satisfies (keyof Refusal)[] as string[]

/** Tells a denial from an acceptance. Throws WebSocketError 'invalid-argument' for what is neither, naming what is wrong. */
export function isRefusal<T>(decision: HandshakeDecision<T>): decision is Refusal {
  if (decision === undefined) return false
  if (!isPlainObject(decision)) fail(`a plain object or nothing, not ${describe(decision)}`)
  const isDenial = Object.hasOwn(decision, 'status')
  const known = isDenial ? REFUSAL_KEYS : ACCEPTANCE_KEYS
  const unknown = Object.keys(decision).find((key) => !known.includes(key))
  if (unknown === undefined) return isDenial
  return fail(`{ ${ACCEPTANCE_KEYS.join(', ')} } or { ${REFUSAL_KEYS.join(', ')} }, without "${unknown}"`)
}

/** Whether the members of a value are its own: an object of a class may have a `status` that is none of its keys. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

function fail(expected: string): never {
  throw new WebSocketError('invalid-argument', { detail: `onhandshake must return ${expected}` })
}
