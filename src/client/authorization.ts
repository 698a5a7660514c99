// Owns how a client answers a server that asks who the user is: which scheme, how often. Must not know sockets.
import { randomBytes } from 'node:crypto'
import { type Challenge, parseChallenges } from '../auth/challenges.js'
import { DigestSession, type MakeNonce, strongestDigest } from './digest.js'
import type { ClientAuth } from './options.js'

const makeNonce: MakeNonce = () => randomBytes(18).toString('base64url')

/** The user at one server, during one opening handshake. */
export class Authorization {
  readonly #auth: ClientAuth
  readonly #makeNonce: MakeNonce
  #answer: 'none' | 'basic' | DigestSession
  #wasStale = false

  constructor(auth: ClientAuth, nonces: MakeNonce = makeNonce) {
    this.#auth = auth
    this.#makeNonce = nonces
    this.#answer = auth.preemptive === true ? 'basic' : 'none'
  }

  /** The Authorization header of the next request; null: none. `uri`: path and query of that. */
  header(uri: string): string | null {
    const { username, password } = this.#auth
    if (this.#answer === 'none') return null
    if (this.#answer !== 'basic') return this.#answer.authorize('GET', uri)
    return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
  }

  /**
   * Takes a 401. `values`: its WWW-Authenticate fields. Returns whether another request makes sense: each scheme is tried
   * once, the strongest first, and a Digest whose nonce was too old once more.
   */
  accept(values: readonly string[]): boolean {
    const challenges = parseChallenges(values)
    const digest = strongestDigest(challenges)
    const before = this.#answer
    if (before instanceof DigestSession) return this.#renew(before, digest)
    if (digest !== null) this.#answer = new DigestSession(digest, this.#auth, this.#makeNonce)
    else if (before === 'none' && challenges.some(({ scheme }) => scheme === 'basic')) this.#answer = 'basic'
    return this.#answer !== before
  }

  /** The answer was right but for the nonce. Source: RFC 7616 §3.3. */
  #renew(before: DigestSession, digest: Challenge | null): boolean {
    const isStale = digest?.parameters.get('stale')?.toLowerCase() === 'true'
    if (digest === null || !isStale || this.#wasStale || digest.parameters.get('nonce') === before.nonce)
      return false
    this.#wasStale = true
    this.#answer = new DigestSession(digest, this.#auth, this.#makeNonce)
    return true
  }
}
