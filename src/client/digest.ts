// Owns Digest (RFC 7616) on the client's side: which challenge can be answered, and the answers.
// Must not know requests; randomness is an argument.
import { createHash, getHashes } from 'node:crypto'
import type { Challenge } from './challenges.js'
import type { Credentials } from './url.js'

interface Algorithm {
  readonly hash: string
  /** The key is made of the nonces, too, so that it is another one for each session. */
  readonly isSession: boolean
}

/** By name in upper case, the strongest first. Source: RFC 7616 §6.1. */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ['SHA-512-256', { hash: 'sha512-256', isSession: false }],
  ['SHA-512-256-SESS', { hash: 'sha512-256', isSession: true }],
  ['SHA-256', { hash: 'sha256', isSession: false }],
  ['SHA-256-SESS', { hash: 'sha256', isSession: true }],
  ['MD5', { hash: 'md5', isSession: false }],
  ['MD5-SESS', { hash: 'md5', isSession: true }]
])
const NAMES = [...ALGORITHMS.keys()]

/** Makes a cnonce: printable ASCII without quotes, unpredictable. */
export type MakeNonce = () => string

/** Answers to one nonce of a server; they are counted. */
export class DigestSession {
  /** The server's nonce. */
  readonly nonce: string
  readonly #challenge: ReadonlyMap<string, string>
  readonly #algorithm: Algorithm
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
      `realm=${quote(challenge.get('realm')!)}`,
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

  /** The user's name: in the clear, hashed if the server can deal with that, or as `username*` beyond ASCII. Source: RFC 7616 §3.4.4. */
  #user(): string[] {
    const { username } = this.#credentials
    if (this.#challenge.get('userhash')?.toLowerCase() === 'true') {
      const hashed = this.#hash(utf8(username), COLON, latin1(this.#challenge.get('realm')!))
      return [`username="${hashed}"`, 'userhash=true']
    }
    if (/^[\x20-\x7e]*$/.test(username)) return [`username=${quote(username)}`]
    return [`username*=UTF-8''${encodeExtended(username)}`]
  }

  #respond(method: string, uri: string, count: string, cnonce: string): string {
    const { username, password } = this.#credentials
    const key = this.#hash(
      utf8(username),
      COLON,
      latin1(this.#challenge.get('realm')!),
      COLON,
      utf8(password)
    )
    const nonce = latin1(this.nonce)
    const secret = this.#algorithm.isSession
      ? this.#hash(latin1(key), COLON, nonce, COLON, latin1(cnonce))
      : key
    const request = this.#hash(latin1(`${method}:${uri}`))
    const middle = this.#hasQop ? `${count}:${cnonce}:auth:` : ''
    return this.#hash(latin1(`${secret}:`), nonce, latin1(`:${middle}${request}`))
  }

  #hash(...parts: readonly Buffer[]): string {
    return createHash(this.#algorithm.hash).update(Buffer.concat(parts)).digest('hex')
  }
}

/** Finds the challenge with the strongest algorithm; null if none can be answered. */
export function strongestDigest(challenges: readonly Challenge[]): Challenge | null {
  const strength = (challenge: Challenge) => NAMES.indexOf(nameOf(challenge))
  const fit = challenges.filter(canAnswer).sort((one, other) => strength(one) - strength(other))
  return fit[0] ?? null
}

function canAnswer(challenge: Challenge): boolean {
  const { scheme, parameters } = challenge
  if (scheme !== 'digest' || !parameters.has('realm') || !parameters.has('nonce')) return false
  const qop = parameters.get('qop')
  // Without qop it is as in RFC 2069, which old servers still speak.
  const isFitQop = qop === undefined || /(?:^|,)[ \t]*auth[ \t]*(?:,|$)/i.test(qop)
  const algorithm = algorithmOf(challenge)
  return isFitQop && algorithm !== undefined && getHashes().includes(algorithm.hash)
}

function algorithmOf(challenge: Challenge): Algorithm | undefined {
  return ALGORITHMS.get(nameOf(challenge))
}

function nameOf({ parameters }: Challenge): string {
  return (parameters.get('algorithm') ?? 'MD5').toUpperCase()
}

/** A quoted string. Source: RFC 9110 §5.6.4. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** A value-chars of RFC 8187 §3.2.1. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`
  )
}

const COLON = Buffer.from(':')
const utf8 = (text: string) => Buffer.from(text, 'utf8')
/** What came in a header is latin1 in memory, and goes into hashes as the bytes that it was. */
const latin1 = (text: string) => Buffer.from(text, 'latin1')
