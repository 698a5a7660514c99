// Owns the reading of WWW-Authenticate (RFC 9110 §11.6.1): which schemes a server offers, with which parameters.
// Must not know what any scheme means.
import { ValueReader } from '../core/header-values.js'

/** What a server asks for, by one scheme. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  /** By name in lower case; of a name that stands there twice, the first. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Challenges that are looked at; servers send one to four. */
const MAX_CHALLENGES = 32

/**
 * Reads the challenges of all WWW-Authenticate fields, in order. One field may hold several; the commas between them are
 * the same as those between parameters, and may stand within quotes. What is behind a mistake is left out.
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  const challenges: Challenge[] = []
  for (const value of values) readChallenges(new ValueReader(value), challenges)
  return challenges.slice(0, MAX_CHALLENGES)
}

function readChallenges(reader: ValueReader, challenges: Challenge[]): void {
  let parameters: Map<string, string> | null = null
  while (!reader.isAtEnd() && challenges.length <= MAX_CHALLENGES) {
    if (reader.take(',')) continue
    const name = reader.takeToken()?.toLowerCase()
    if (name === undefined) return
    if (parameters !== null && reader.take('=')) {
      const value = reader.isAt('"') ? reader.takeQuoted() : reader.takeToken()
      if (value === null) return
      if (!parameters.has(name)) parameters.set(name, value)
      if (!reader.isAt(',') && !reader.isAtEnd()) return
    } else {
      parameters = new Map()
      challenges.push({ scheme: name, parameters })
      if (reader.isAt(',')) continue
      reader.takeToken68()
    }
  }
}
