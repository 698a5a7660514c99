// Owns the rules of topics' names and of the filters that match them: MQTT's (MQTT 5.0 §4.7). Must not know who subscribes.
import { WebSocketError } from '../core/errors.js'
import { describe } from '../core/message.js'

/** Longest name in bytes of UTF-8. Source: MQTT 5.0 §4.7.3. */
const MAX_BYTES = 65_535

/** Most levels: filters come from clients, and a tree of them must not be deeper than the stack. Mosquitto has the same limit. */
const MAX_LEVELS = 200

const encoder = new TextEncoder()

/** Whether a filter has wildcards: '+' stands for one level, '#' at the end for all that follow, and for none. */
export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#')
}

/** Throws WebSocketError 'invalid-argument' unless `topic` can be published to: levels between '/', without wildcards. */
export function checkTopic(topic: string): void {
  refuse(nameFault(topic))
  if (hasWildcard(topic)) refuse(`a topic to publish to has no wildcards, and ${quote(topic)} has`)
}

/** Throws WebSocketError 'invalid-argument' unless `filter` can be subscribed to: a topic, or one with wildcards as whole levels. */
export function checkFilter(filter: string): void {
  refuse(filterFault(filter))
}

/** What is wrong with a filter, or null. */
export function filterFault(filter: string): string | null {
  const fault = nameFault(filter)
  if (fault !== null || !hasWildcard(filter)) return fault
  const levels = filter.split('/')
  const last = levels.length - 1
  if (levels.some((level) => level.includes('+') && level !== '+'))
    return `"+" must be a whole level of a topic, not as in ${quote(filter)}`
  if (levels.some((level, index) => level.includes('#') && (level !== '#' || index < last)))
    return `"#" must be the whole last level of a topic, not as in ${quote(filter)}`
  return null
}

/**
 * Whether a filter matches a topic; both are sound. A wildcard at the beginning matches nothing that begins with '$'.
 * Source: MQTT 5.0 §4.7.1, §4.7.2.
 */
export function matchesTopic(filter: string, topic: string): boolean {
  if (filter === topic) return true
  if (topic.startsWith('$') && !filter.startsWith('$')) return false
  const wanted = filter.split('/')
  const levels = topic.split('/')
  const isOpenEnded = wanted.at(-1) === '#'
  if (isOpenEnded) wanted.pop()
  if (isOpenEnded ? levels.length < wanted.length : levels.length !== wanted.length) return false
  return wanted.every((level, index) => level === '+' || level === levels[index])
}

function nameFault(name: unknown): string | null {
  if (typeof name !== 'string' || name === '')
    return `a topic is a string that is not empty, not ${name === '' ? "''" : describe(name)}`
  // Each UTF-16 unit has at least one byte of UTF-8, and three at most.
  const { length } = name
  const byteLength = 3 * length <= MAX_BYTES ? length : encoder.encode(name).length
  if (byteLength > MAX_BYTES) return `a topic has at most ${MAX_BYTES} bytes, not ${byteLength}`
  const levelCount = name.split('/', MAX_LEVELS + 1).length
  if (levelCount > MAX_LEVELS) return `a topic has at most ${MAX_LEVELS} levels`
  if (name.includes('\0')) return `a topic has no U+0000, and ${quote(name)} has`
  if (/\p{Surrogate}/u.test(name)) return `a topic has no lone surrogates, and ${quote(name)} has`
  return null
}

function quote(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name)
}

function refuse(fault: string | null): void {
  if (fault !== null) throw new WebSocketError('invalid-argument', { detail: fault })
}
