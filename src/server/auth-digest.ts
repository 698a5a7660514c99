// Owns Digest (RFC 7616) on the server's side: the challenge, and which answers are right. Must not know sockets.
import { randomBytes } from 'node:crypto'
import { type Credentials, quote } from '../auth/challenges.js'
import { type DigestAlgorithm, digestAlgorithm, digestKey, digestResponse } from '../auth/digest-rules.js'
import { type Check, checkOptions, integer, MAX_TIMEOUT_MS, object, oneOf, refuseOption } from '../checks.js'
import type { HandshakeRequest } from '../core/handshake-server.js'
import type { AuthScheme, Verdict } from './auth.js'
import { decodeText, equalSecrets, lookup, realm, refuseResult } from './auth-checks.js'
import { type NonceState, Nonces } from './nonces.js'

/** What a lookup of a secret returns; null or undefined: there is no such user. */
export type SecretLookup = string | null | undefined

/** Options of `digest`. Besides `realm` it needs `password` or `hash`, and not both. */
export interface DigestOptions {
  /** What is protected, as browsers show it: printable ASCII. */
  realm: string
  /** Finds the password of a user. If it throws, rejects, or returns anything else than SecretLookup, the client gets 500. */
  password?(username: string, request: HandshakeRequest): SecretLookup | Promise<SecretLookup>
  /**
   * Finds what a server can keep instead of a password: the hash of `username:realm:password` (UTF-8) by `algorithm`, in hex. Who
   * steals it can log in at this realm.
   */
  hash?(username: string, request: HandshakeRequest): SecretLookup | Promise<SecretLookup>
  /** Default 'SHA-256'. For old clients offer a second `digest` with 'MD5' behind the first: they take what they know. */
  algorithm?: 'SHA-512-256' | 'SHA-256' | 'MD5'
  /** How long a nonce is good, in ms: after that a client must answer anew (`stale`), which takes it one request. Default 300 000. */
  nonceLifetimeMs?: number
  /**
   * Signs nonces: 32 bytes or more, the same for all threads and processes that serve one address, so that each takes the others'
   * nonces. Each counts answers by itself: a request that was overheard can be replayed once at each of the others, while its
   * nonce is good. Default: random bytes.
   */
  nonceKey?: Uint8Array
}

const CHECKS: { readonly [Name in keyof Required<DigestOptions>]: Check } = {
  realm,
  password: lookup('password'),
  hash: lookup('hash'),
  algorithm: oneOf('SHA-512-256', 'SHA-256', 'MD5'),
  nonceLifetimeMs: integer(1, MAX_TIMEOUT_MS),
  nonceKey
}

/**
 * Authenticates by Digest: the password does not go over the wire, and what does is good for one request. A replayed answer is
 * refused, and so is a nonce that has expired or is not ours. Throws WebSocketError 'invalid-option', naming the wrong one.
 * Source: RFC 7616, with `qop=auth`.
 */
export function digest(options: DigestOptions): AuthScheme {
  if (object(options) !== null) refuseOption('digest takes an object with realm, and password or hash')
  checkOptions(options, CHECKS)
  if (options.realm === undefined) refuseOption('digest needs a realm')
  if ((options.password === undefined) === (options.hash === undefined)) {
    refuseOption('digest needs password or hash, and not both')
  }
  return new Digest(options)
}

/** What is read of the credentials. */
interface Answer {
  readonly username: string
  readonly nonce: string
  /** As sent, and as a number. */
  readonly nc: string
  readonly count: number
  readonly cnonce: string
  readonly response: string
}

const REASONS: { readonly [State in Exclude<NonceState, 'fresh'>]: string } = {
  foreign: 'a nonce that this server has not made',
  expired: 'a nonce that has expired',
  replayed: 'an answer that has been used (nc)'
}

class Digest implements AuthScheme {
  readonly #realm: string
  readonly #name: string
  readonly #algorithm: DigestAlgorithm
  readonly #lookup: NonNullable<DigestOptions['password']>
  /** Whether the lookup finds hashes, and not passwords. */
  readonly #findsHashes: boolean
  readonly #nonces: Nonces
  /** The password of those who are nobody: it takes as long to find out that theirs is another. */
  readonly #decoy = randomBytes(16).toString('hex')

  constructor(options: DigestOptions) {
    const { algorithm = 'SHA-256', nonceLifetimeMs = 300_000, nonceKey = randomBytes(32) } = options
    this.#realm = options.realm
    this.#name = algorithm
    this.#algorithm =
      digestAlgorithm(algorithm) ?? refuseOption(`the OpenSSL of this Node.js has no ${algorithm}`)
    this.#findsHashes = options.password === undefined
    this.#lookup = (options.password ?? options.hash!).bind(options)
    this.#nonces = new Nonces(Uint8Array.from(nonceKey), nonceLifetimeMs)
  }

  challenge(isStale: boolean): string {
    const nonce = this.#nonces.make(Date.now())
    const challenge = `Digest realm=${quote(this.#realm)}, qop="auth", algorithm=${this.#name}, nonce="${nonce}", charset=UTF-8`
    return isStale ? `${challenge}, stale=true` : challenge
  }

  takes({ scheme, parameters }: Credentials): boolean {
    return scheme === 'digest' && (parameters.get('algorithm') ?? 'MD5').toUpperCase() === this.#name
  }

  /** Looks at the nonce first: what was answered to another costs no lookup. */
  authenticate(credentials: Credentials, request: HandshakeRequest): Verdict | Promise<Verdict> {
    const answer = readAnswer(credentials.parameters, this.#realm, request.target)
    if (answer === null) return { user: null, reason: 'malformed credentials' }
    const state = this.#nonces.look(answer.nonce, answer.count, Date.now())
    if (state !== 'fresh') return refuseNonce(state)
    const secret = this.#lookup(answer.username, request)
    if (typeof secret !== 'object' || secret === null) return this.#judge(answer, request, secret)
    return Promise.resolve(secret).then((settled) => this.#judge(answer, request, settled))
  }

  #judge(answer: Answer, request: HandshakeRequest, secret: SecretLookup): Verdict {
    const { username, nonce, nc, count, cnonce, response } = answer
    const key = this.#key(username, secret ?? null)
    const parts = { nonce, method: request.method, uri: request.target, count: nc, cnonce, hasQop: true }
    const isEqual = equalSecrets(response, digestResponse(this.#algorithm, key, parts))
    if (!isEqual || secret === null || secret === undefined)
      return { user: null, reason: 'wrong credentials' }
    // Again: while the secret was looked up, the same answer may have come a second time.
    const state = this.#nonces.use(nonce, count, Date.now())
    return state === 'fresh' ? { user: username } : refuseNonce(state)
  }

  /** The key of a user; of somebody who is none, one that nobody has, made in the same way. */
  #key(username: string, secret: string | null): string {
    if (secret !== null && typeof secret !== 'string') {
      refuseResult(this.#findsHashes ? 'hash' : 'password', 'a string, or null', secret)
    }
    const password = this.#findsHashes ? null : secret
    const user = { username, realm: this.#realm, password: password ?? this.#decoy }
    const key = digestKey(this.#algorithm, user)
    if (!this.#findsHashes || secret === null) return key
    if (secret.length !== key.length || !/^[\da-f]+$/i.test(secret)) {
      refuseResult('hash', `${key.length} hexadecimal digits, or null`, secret)
    }
    return secret.toLowerCase()
  }
}

function refuseNonce(state: Exclude<NonceState, 'fresh'>): Verdict {
  return { user: null, reason: REASONS[state], isStale: true }
}

/** Reads what must be there; null if something is not, or is about something else. Source: RFC 7616 §3.4. */
function readAnswer(parameters: ReadonlyMap<string, string>, realm: string, target: string): Answer | null {
  const username = readUsername(parameters)
  const get = (name: string) => parameters.get(name) ?? ''
  const [nonce, nc, cnonce, response] = [get('nonce'), get('nc'), get('cnonce'), get('response')]
  const isAbout = get('realm') === realm && get('uri') === target && get('qop') === 'auth'
  if (username === null || !isAbout || cnonce === '' || !/^[\da-f]{8}$/i.test(nc)) return null
  const count = Number.parseInt(nc, 16)
  return count === 0 ? null : { username, nonce, nc, count, cnonce, response }
}

/** The name is in the clear; or, beyond ASCII, in `username*`. Source: RFC 7616 §3.4, RFC 8187 §3.2. */
function readUsername(parameters: ReadonlyMap<string, string>): string | null {
  const plain = parameters.get('username')
  const extended = parameters.get('username*')
  // A hashed name was not asked for.
  if ((plain === undefined) === (extended === undefined) || parameters.get('userhash') === 'true') return null
  if (plain !== undefined) return decodeText(Buffer.from(plain, 'latin1'))
  const match = /^utf-8'[\w-]*'((?:[\w!#$&+\-.^`|~]|%[\da-f]{2})*)$/i.exec(extended!)
  return match === null ? null : decodeText(decodePercent(match[1]!))
}

function decodePercent(text: string): Uint8Array {
  const binary = text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(binary, 'latin1')
}

function nonceKey(value: unknown): string | null {
  const isFit = value instanceof Uint8Array && value.length >= 32
  if (!isFit) refuseOption('nonceKey must be 32 bytes or more, in a Uint8Array')
  return null
}
