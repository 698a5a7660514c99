// Owns the authentication of handshakes by HTTP's schemes (RFC 9110 §11): which scheme a client answers, and the 401.
// Must not know what any scheme means, nor sockets.
import { type Credentials, parseCredentials } from '../auth/challenges.js'
import type { HandshakeRequest, Refusal } from '../core/handshake-server.js'
import { refuseResult } from './auth-checks.js'

/** One way to find out who the client is: what `basic` and `digest` return. */
export interface AuthScheme {
  /** The value of WWW-Authenticate. `isStale`: the last answer was refused for its nonce only. */
  challenge(isStale: boolean): string
  /** Whether credentials are meant for this scheme. */
  takes(credentials: Credentials): boolean
  /** Judges credentials that it takes. What it throws, or rejects with, becomes 500. */
  authenticate(credentials: Credentials, request: HandshakeRequest): Verdict | Promise<Verdict>
}

/** Who the client is; or null, and why that is not known, in words that hold nothing of the credentials. */
export type Verdict =
  | { readonly user: string }
  | { readonly user: null; readonly reason: string; readonly isStale?: boolean }

/** Who the client is, or the answer that it gets. */
export type Authentication =
  | { readonly user: string }
  | { readonly user: null; readonly reason: string; readonly refusal: Refusal }

/** Asks the schemes of one server. */
export class Authenticator {
  readonly #schemes: readonly AuthScheme[]

  /** `schemes`: one at least; offered in this order. */
  constructor(schemes: readonly AuthScheme[]) {
    this.#schemes = schemes
  }

  /** Finds out who asks; at once if the scheme can. */
  authenticate(request: HandshakeRequest): Authentication | Promise<Authentication> {
    const values = request.headers.getAll('authorization')
    if (values.length === 0) return this.#deny('no credentials')
    const credentials = values.length === 1 ? parseCredentials(values[0]!) : null
    if (credentials === null) return this.#deny('a malformed Authorization')
    const scheme = this.#schemes.find((one) => one.takes(credentials))
    if (scheme === undefined) return this.#deny('credentials of a scheme that is not offered')
    const verdict = scheme.authenticate(credentials, request)
    // A promise of another library is one, too.
    return typeof (verdict as Partial<Promise<Verdict>> | null)?.then === 'function'
      ? Promise.resolve(verdict).then((settled) => this.#settle(settled, scheme))
      : this.#settle(verdict as Verdict, scheme)
  }

  /** What is no verdict must not let anybody in. */
  #settle(verdict: Verdict, scheme: AuthScheme): Authentication {
    const user = (verdict as Verdict | null | undefined)?.user
    if (typeof user === 'string') return { user }
    if (verdict?.user !== null) refuseResult('authenticate', '{ user } with a string, or null', user)
    return this.#deny(verdict.reason, verdict.isStale === true ? scheme : null)
  }

  /** All schemes are offered anew, each with a field of its own: some clients do not find the second one in a list. */
  #deny(reason: string, stale: AuthScheme | null = null): Authentication {
    const challenges = this.#schemes.map((scheme) => scheme.challenge(scheme === stale))
    return { user: null, reason, refusal: { status: 401, headers: { 'WWW-Authenticate': challenges } } }
  }
}
