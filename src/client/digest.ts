// Owns Digest (RFC 7616) on the client's side: which challenge can be answered, and the answers.
// Must not know requests; randomness is an argument.
import { type Challenge, quote } from '../auth/challenges.js'
import {
  ALGORITHM_NAMES,
  type DigestAlgorithm,
  digestAlgorithm,
  digestKey,
  digestName,
  digestResponse
} from '../auth/digest-rules.js'
import type { Credentials } from './url.js'

/** Makes a cnonce: printable ASCII without quotes, unpredictable. */
export type MakeNonce = () => string

/** Answers to one nonce of a server; they are counted. */
export class DigestSession {
  /** The server's nonce. */
  readonly nonce: string
  readonly #challenge: ReadonlyMap<string, string>
  readonly #algorithm: DigestAlgorithm
  readonly #credentials: Credentials
  readonly #makeNonce: MakeNonce
  readonly #hasQop: boolean
  /** Of a session there is one cnonce: its key is made of it. */
  readonly #sessionNonce: string
  #count = 0

  /** Throws nothing: `challenge` is one that `strongestDigest` has chosen. */
  constructor(challenge: Challenge, credentials: Credentials, makeNonce: MakeNonce) {
    const { parameters } = challenge
    this.#challenge = parameters
    this.#algorithm = algorithmOf(challenge)!
    this.#credentials = credentials
    this.#makeNonce = makeNonce
    this.#hasQop = parameters.has('qop')
    this.#sessionNonce = makeNonce()
    this.nonce = parameters.get('nonce')!
  }

  /** Makes the Authorization of one request. `uri`: as in its first line. Source: RFC 7616 §3.4. */
  authorize(method: string, uri: string): string {
    const challenge = this.#challenge
    const cnonce = this.#algorithm.isSession ? this.#sessionNonce : this.#makeNonce()
    const count = (++this.#count).toString(16).padStart(8, '0')
    const fields = [
      ...this.#user(),
      `realm=${quote(this.#realm)}`,
      `nonce=${quote(this.nonce)}`,
      `uri=${quote(uri)}`,
      `response="${this.#respond(method, uri, count, cnonce)}"`
    ]
    if (challenge.has('algorithm')) fields.push(`algorithm=${challenge.get('algorithm')}`)
    if (challenge.has('opaque')) fields.push(`opaque=${quote(challenge.get('opaque')!)}`)
    if (this.#hasQop) fields.push('qop=auth', `nc=${count}`, `cnonce="${cnonce}"`)
    else if (this.#algorithm.isSession) fields.push(`cnonce="${cnonce}"`)
    return `Digest ${fields.join(', ')}`
  }

  get #realm(): string {
    return this.#challenge.get('realm')!
  }

  /** The user's name: in the clear, hashed if the server can deal with that, or as `username*` beyond ASCII. Source: RFC 7616 §3.4.4. */
  #user(): string[] {
    const { username } = this.#credentials
    if (this.#challenge.get('userhash')?.toLowerCase() === 'true') {
      return [`username="${digestName(this.#algorithm, username, this.#realm)}"`, 'userhash=true']
    }
    if (/^[\x20-\x7e]*$/.test(username)) return [`username=${quote(username)}`]
    return [`username*=UTF-8''${encodeExtended(username)}`]
  }

  #respond(method: string, uri: string, count: string, cnonce: string): string {
    const key = digestKey(this.#algorithm, { ...this.#credentials, realm: this.#realm })
    const answer = { nonce: this.nonce, method, uri, count, cnonce, hasQop: this.#hasQop }
    return digestResponse(this.#algorithm, key, answer)
  }
}

/** Finds the challenge with the strongest algorithm; null if none can be answered. */
export function strongestDigest(challenges: readonly Challenge[]): Challenge | null {
  const strength = (challenge: Challenge) => ALGORITHM_NAMES.indexOf(nameOf(challenge))
  const fit = challenges.filter(canAnswer).sort((one, other) => strength(one) - strength(other))
  return fit[0] ?? null
}

function canAnswer(challenge: Challenge): boolean {
  const { scheme, parameters } = challenge
  if (scheme !== 'digest' || !parameters.has('realm') || !parameters.has('nonce')) return false
  const qop = parameters.get('qop')
  // Without qop it is as in RFC 2069, which old servers still speak.
  const isFitQop = qop === undefined || /(?:^|,)[ \t]*auth[ \t]*(?:,|$)/i.test(qop)
  return isFitQop && algorithmOf(challenge) !== null
}

function algorithmOf(challenge: Challenge): DigestAlgorithm | null {
  return digestAlgorithm(nameOf(challenge))
}

function nameOf({ parameters }: Challenge): string {
  return (parameters.get('algorithm') ?? 'MD5').toUpperCase()
}

/** A value-chars of RFC 8187 §3.2.1. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`
  )
}
