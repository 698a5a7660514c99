// Owns the rules of topics' names and of the filters that match them: MQTT's (MQTT 5.0 §4.7). Must not know who subscribes.
import { WebSocketError } from '../core/errors.js'
import { describe } from '../core/message.js'

/** Longest name in UTF-16 units. */
const MAX_LENGTH = 65_535

/** Whether a filter has wildcards: '+' stands for one level, '#' at the end for all that follow, and for none. */
export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#')
}

/** Throws WebSocketError 'invalid-argument' unless `topic` can be published to: levels between '/', without wildcards. */
export function checkTopic(topic: string): void {
  checkName(topic, 'topic')
  if (hasWildcard(topic)) refuse(`a topic to publish to has no wildcards, and "${topic}" has`)
}

/** Throws WebSocketError 'invalid-argument' unless `filter` can be subscribed to: a topic, or one with wildcards as whole levels. */
export function checkFilter(filter: string): void {
  checkName(filter, 'topic')
  if (!hasWildcard(filter)) return
  const levels = filter.split('/')
  levels.forEach((level, index) => {
    if (level.includes('+') && level !== '+')
      refuse(`"+" must be a whole level of a topic, not as in "${filter}"`)
    const isLast = index === levels.length - 1
    if (level.includes('#') && (level !== '#' || !isLast))
      refuse(`"#" must be the whole last level of a topic, not as in "${filter}"`)
  })
}

function checkName(name: unknown, what: string): void {
  if (typeof name !== 'string' || name === '')
    refuse(`a ${what} is a string that is not empty, not ${describe(name)}`)
  const { length } = name as string
  if (length > MAX_LENGTH) refuse(`a ${what} has at most ${MAX_LENGTH} characters, not ${length}`)
  if ((name as string).includes('\0')) refuse(`a ${what} has no U+0000`)
}

function refuse(detail: string): never {
  throw new WebSocketError('invalid-argument', { detail })
}
