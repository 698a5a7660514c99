// Owns the options of publications. Must not know how they are sent.
import { Connection } from '../connection.js'
import { WebSocketError } from '../core/errors.js'
import type { PrepareOptions } from '../core/prepared.js'
import { type Overflow, overflow } from './overflow.js'

/** Options of `publish` and `broadcast`. */
export interface PublishOptions<T> extends PrepareOptions {
  /** A client that does not get it, e.g. the one that it came from. Default: none. */
  except?: Connection<T>
  /** The client that published it: who waits for slow subscribers if `overflow` is 'pause-publisher'. Default: none. */
  from?: Connection<T>
  /** What becomes of it for clients that do not keep up. Default: the server's option; a client's own goes before both. */
  overflow?: Overflow
  /** For `overflow: 'latest'`: of publications with the same key only the latest waits. Default: the topic. */
  key?: string
}

/** Throws WebSocketError 'invalid-argument', naming the option that is wrong. */
export function checkPublishOptions<T>(options: PublishOptions<T>): PublishOptions<T> {
  for (const name of ['except', 'from'] as const) check(name, options[name], isConnection)
  check('overflow', options.overflow, overflow)
  check('key', options.key, (value) => (typeof value === 'string' ? null : 'a string'))
  return options
}

function check(name: string, value: unknown, test: (value: unknown) => string | null): void {
  const expected = value === undefined ? null : test(value)
  if (expected !== null)
    throw new WebSocketError('invalid-argument', { detail: `${name} must be ${expected}` })
}

function isConnection(value: unknown): string | null {
  return value instanceof Connection ? null : 'a connection'
}
