// Owns the words for what becomes of publications for a client that does not keep up. Must not know how they are carried out.

import { oneOf } from '../checks.js'
import { describe } from '../core/message.js'
import { filterFault, matchesTopic } from './topic-name.js'

/**
 * What becomes of a publication for a client that does not keep up: the kernel refuses bytes for it, and more than its low
 * watermark waits. 'queue': it is sent all the same, as by `send`. 'drop-newest': it is dropped. 'drop-oldest': it waits, and
 * when more than `maxOverflowBytes` do, those that have waited longest are dropped. 'latest': it waits, and takes the place
 * of one that waits with the same key, which is dropped: for prices, positions. 'pause-publisher': it is sent, and the publishing
 * client (`from`) is not read until the slow one has caught up; for a client of another server that is the same as 'queue'. 'close': the slow client is closed, with `overflowCloseCode`.
 */
export type Overflow = 'queue' | 'drop-newest' | 'drop-oldest' | 'latest' | 'pause-publisher' | 'close'

/** Checks for an `Overflow`. */
export const overflow = oneOf('queue', 'drop-newest', 'drop-oldest', 'latest', 'pause-publisher', 'close')

/** By topics, or filters with wildcards; the first that matches counts. */
export type TopicOverflow = Readonly<Record<string, Overflow>>

/** Checks for a `TopicOverflow`. */
export function topicOverflow(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return "an object as { 'prices/#': 'latest' }"
  for (const [filter, policy] of Object.entries(value)) {
    const fault = filterFault(filter)
    if (fault !== null) return `an object with topics as names (${fault})`
    const expected = overflow(policy)
    if (expected !== null)
      return `an object whose member "${filter}" is ${expected}, and that one is ${describe(policy)}`
  }
  return null
}

/** What is said for a topic, or null. */
export function overflowOf(policies: TopicOverflow, topic: string): Overflow | null {
  for (const filter in policies) if (matchesTopic(filter, topic)) return policies[filter]!
  return null
}
