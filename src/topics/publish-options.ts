// Owns the options of publications. Must not know how they are sent.
import { boolean, type Check } from '../checks.js'
import { Connection } from '../connection.js'
import { WebSocketError } from '../core/errors.js'
import { describe } from '../core/message.js'
import type { PrepareOptions } from '../core/prepared.js'
import { type Overflow, overflow } from './overflow.js'

/** Options of `publish` and `broadcast`. */
export interface PublishOptions<T> extends PrepareOptions {
  /** A client that does not get it, e.g. the one that it came from. Default: none. */
  except?: Connection<T> | undefined
  /** The client that published it: who waits for slow subscribers if `overflow` is 'pause-publisher'. Default: none. */
  from?: Connection<T> | undefined
  /**
   * What becomes of it for clients that do not keep up. Default: the server's option `topicOverflow` for that topic, or else
   * `overflow`; a client's own goes before all.
   */
  overflow?: Overflow | undefined
  /** For `overflow: 'latest'`: of publications with the same key only the latest waits. Default: the topic; of a broadcast ''. */
  key?: string | undefined
}

const CHECKS: { readonly [Name in keyof Required<PublishOptions<unknown>>]: Check } = {
  except: connection,
  from: connection,
  overflow,
  key: (value) => (typeof value === 'string' ? null : 'a string'),
  compress: boolean
}

/** Throws WebSocketError 'invalid-argument', naming the option that is wrong. */
export function checkPublishOptions(options: object): void {
  for (const name in options) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof typeof CHECKS] : undefined
    if (check === undefined)
      refuse(`there is no option "${name}"; there are ${Object.keys(CHECKS).join(', ')}`)
    const value = options[name as keyof typeof options]
    const expected = value === undefined ? null : check(value)
    if (expected !== null) refuse(`${name} must be ${expected}, not ${describe(value)}`)
  }
}

function connection(value: unknown): string | null {
  return value instanceof Connection ? null : 'a connection'
}

function refuse(detail: string): never {
  throw new WebSocketError('invalid-argument', { detail })
}
