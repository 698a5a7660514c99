// Owns Basic (RFC 7617) on the server's side. Must not know other schemes, nor sockets.
import { randomBytes } from 'node:crypto'
import { type Credentials, quote } from '../auth/challenges.js'
import { checkOptions, object, refuseOption } from '../checks.js'
import type { HandshakeRequest } from '../core/handshake-server.js'
import type { AuthScheme, Verdict } from './auth.js'
import { decodeText, equalSecrets, lookup, realm, refuseResult } from './auth-checks.js'

/** Options of `basic`. Besides `realm` it needs `verify` or `credentials`, and not both. */
export interface BasicOptions {
  /** What is protected, as browsers show it: printable ASCII. */
  realm: string
  /**
   * Tells whether a user has a password: true lets in, false answers 401. Compare secrets with `crypto.timingSafeEqual`, and take
   * as long for a name that you do not know. If it throws, rejects, or returns anything else, the client gets 500.
   */
  verify?(username: string, password: string, request: HandshakeRequest): boolean | Promise<boolean>
  /** Passwords by name; compared in constant time. */
  credentials?: Readonly<Record<string, string>>
}

/** Bytes in base64, with padding. Source: RFC 4648 §4. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * Authenticates by Basic: the client sends name and password with its request, for all to read unless it is wss:. Names and
 * passwords are UTF-8. Throws WebSocketError 'invalid-option', naming the wrong one. Source: RFC 7617.
 */
export function basic(options: BasicOptions): AuthScheme {
  if (object(options) !== null) refuseOption('basic takes an object with realm, and verify or credentials')
  checkOptions(options, { realm, verify: lookup('verify'), credentials })
  if (options.realm === undefined) refuseOption('basic needs a realm')
  if ((options.verify === undefined) === (options.credentials === undefined)) {
    refuseOption('basic needs verify or credentials, and not both')
  }
  const verify = options.verify?.bind(options) ?? verifyBy(new Map(Object.entries(options.credentials!)))
  return new Basic(options.realm, verify)
}

class Basic implements AuthScheme {
  readonly #realm: string
  readonly #verify: NonNullable<BasicOptions['verify']>

  constructor(realm: string, verify: NonNullable<BasicOptions['verify']>) {
    this.#realm = realm
    this.#verify = verify
  }

  challenge(): string {
    return `Basic realm=${quote(this.#realm)}, charset="UTF-8"`
  }

  takes({ scheme }: Credentials): boolean {
    return scheme === 'basic'
  }

  authenticate({ token }: Credentials, request: HandshakeRequest): Verdict | Promise<Verdict> {
    const isSound = token !== null && BASE64.test(token)
    const text = isSound ? decodeText(Buffer.from(token, 'base64')) : null
    // The name has no colon, the password may have some.
    const colon = text?.indexOf(':') ?? -1
    if (text === null || colon === -1) return { user: null, reason: 'malformed credentials' }
    const user = text.slice(0, colon)
    const isRight = this.#verify(user, text.slice(colon + 1), request)
    if (typeof isRight === 'boolean') return judge(user, isRight)
    return Promise.resolve(isRight).then((settled) => judge(user, settled))
  }
}

function judge(user: string, isRight: boolean): Verdict {
  if (typeof isRight !== 'boolean') refuseResult('verify', 'true or false', isRight)
  return isRight ? { user } : { user: null, reason: 'wrong credentials' }
}

/** A name that is not there is compared, too, with a password that nobody has. */
function verifyBy(passwords: ReadonlyMap<string, string>): NonNullable<BasicOptions['verify']> {
  const decoy = randomBytes(16).toString('hex')
  return (username, password) => {
    const expected = passwords.get(username)
    return equalSecrets(password, expected ?? decoy) && expected !== undefined
  }
}

function credentials(value: unknown): string | null {
  const isFit =
    object(value) === null &&
    Object.entries(value as object).every(
      ([name, password]) => !name.includes(':') && typeof password === 'string'
    )
  // Not a word of what it is: it may be a password.
  if (!isFit) refuseOption('credentials must be an object of passwords by name; names have no colon')
  return null
}
