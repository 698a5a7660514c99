// Owns what both sides of Digest (RFC 7616) compute: algorithms, keys, responses. Must not know headers or requests.
import { createHash, getHashes } from 'node:crypto'

/** One of the algorithms of RFC 7616 §6.1. */
export interface DigestAlgorithm {
  /** As `node:crypto` names its hash. */
  readonly hash: string
  /** The key is made of the nonces, too, so that it is another one for each session. */
  readonly isSession: boolean
}

/** By name in upper case, the strongest first. Source: RFC 7616 §6.1. */
const ALGORITHMS: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ['SHA-512-256', { hash: 'sha512-256', isSession: false }],
  ['SHA-512-256-SESS', { hash: 'sha512-256', isSession: true }],
  ['SHA-256', { hash: 'sha256', isSession: false }],
  ['SHA-256-SESS', { hash: 'sha256', isSession: true }],
  ['MD5', { hash: 'md5', isSession: false }],
  ['MD5-SESS', { hash: 'md5', isSession: true }]
])

/** The names of the algorithms in upper case, the strongest first. */
export const ALGORITHM_NAMES = [...ALGORITHMS.keys()]

/** Finds an algorithm by its name in upper case; null if there is none, or this machine's OpenSSL has it not. */
export function digestAlgorithm(name: string): DigestAlgorithm | null {
  const algorithm = ALGORITHMS.get(name)
  return algorithm !== undefined && getHashes().includes(algorithm.hash) ? algorithm : null
}

/** What the key of a user is made of. */
export interface DigestUser {
  readonly username: string
  /** As in a header: each character is a byte. */
  readonly realm: string
  readonly password: string
}

/** Makes a user's key (A1 hashed), in hex: not yet that of a session. Source: RFC 7616 §3.4.2. */
export function digestKey(algorithm: DigestAlgorithm, user: DigestUser): string {
  const { username, realm, password } = user
  return digest(algorithm, utf8(username), COLON, latin1(realm), COLON, utf8(password))
}

/** Hashes a user's name, for `userhash`, in hex. Source: RFC 7616 §3.4.4. */
export function digestName(algorithm: DigestAlgorithm, username: string, realm: string): string {
  return digest(algorithm, utf8(username), COLON, latin1(realm))
}

/** What a response is made of besides the key; all as in headers. */
export interface DigestAnswer {
  readonly nonce: string
  readonly method: string
  readonly uri: string
  /** The count of answers to this nonce, eight digits in hex. */
  readonly count: string
  readonly cnonce: string
  /** Whether `qop` is 'auth'; if not it is as in RFC 2069. */
  readonly hasQop: boolean
}

/** Makes a response, in hex. `key`: of `digestKey`. Source: RFC 7616 §3.4.1. */
export function digestResponse(algorithm: DigestAlgorithm, key: string, answer: DigestAnswer): string {
  const { nonce, method, uri, count, cnonce, hasQop } = answer
  const secret = algorithm.isSession ? digest(algorithm, latin1(`${key}:${nonce}:${cnonce}`)) : key
  const request = digest(algorithm, latin1(`${method}:${uri}`))
  const middle = hasQop ? `${count}:${cnonce}:auth:` : ''
  return digest(algorithm, latin1(`${secret}:${nonce}:${middle}${request}`))
}

function digest({ hash }: DigestAlgorithm, ...parts: readonly Buffer[]): string {
  return createHash(hash).update(Buffer.concat(parts)).digest('hex')
}

const COLON = Buffer.from(':')
const utf8 = (text: string) => Buffer.from(text, 'utf8')
/** What came in a header is latin1 in memory, and goes into hashes as the bytes that it was. */
const latin1 = (text: string) => Buffer.from(text, 'latin1')
