// Owns the grammar of WWW-Authenticate and Authorization (RFC 9110 §11): schemes and their parameters, read and written.
// Must not know what any scheme means. Every function takes linear time on any input.
import { ValueReader } from '../core/header-values.js'

/** What a server asks for, by one scheme. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  /** By name in lower case; of a name that stands there twice, the first. */
  readonly parameters: ReadonlyMap<string, string>
}

/** What a client answers, by one scheme. */
export interface Credentials {
  /** In lower case. */
  readonly scheme: string
  /** What some schemes, as Basic and Bearer, have instead of parameters; null: nothing. Source: RFC 9110 §11.2. */
  readonly token: string | null
  /** By name in lower case; none stands there twice. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Challenges that are looked at; servers send one to four. */
const MAX_CHALLENGES = 32
/** Parameters that one scheme may have. Digest knows twelve. */
const MAX_PARAMETERS = 32

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
      const value = takeValue(reader)
      if (value === null || parameters.size === MAX_PARAMETERS) return
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

/**
 * Reads an Authorization field. Returns null for what is malformed, names a parameter twice, or has more than 32 of them: who
 * may be let in is not guessed. Source: RFC 9110 §11.6.2.
 */
export function parseCredentials(value: string): Credentials | null {
  const reader = new ValueReader(value)
  const scheme = reader.takeToken()?.toLowerCase()
  if (scheme === undefined) return null
  const token = reader.takeToken68()
  const parameters = new Map<string, string>()
  const credentials = { scheme, token, parameters }
  if (token !== null || reader.isAtEnd()) return reader.isAtEnd() ? credentials : null
  do {
    const name = reader.takeToken()?.toLowerCase()
    if (name === undefined || !reader.take('=')) return null
    const parameter = takeValue(reader)
    if (parameter === null || parameters.has(name) || parameters.size === MAX_PARAMETERS) return null
    parameters.set(name, parameter)
  } while (reader.take(','))
  return reader.isAtEnd() ? credentials : null
}

/** Writes a quoted string. Source: RFC 9110 §5.6.4. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function takeValue(reader: ValueReader): string | null {
  return reader.isAt('"') ? reader.takeQuoted() : reader.takeToken()
}
