// Owns the TLS side of a server: which certificate each name gets, and their replacement while it runs. Must not know what
// is spoken over TLS.
import { constants } from 'node:crypto'
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TlsOptions,
  type Server as TlsServer
} from 'node:tls'
import { refuseOption } from '../checks.js'
import { WebSocketError } from '../core/errors.js'
import { describe } from '../core/message.js'

/** The option `tls` of servers. */
export interface ServerTlsOptions extends TlsOptions {
  /**
   * Certificates by the name that a client asks for (SNI): `{ 'a.example': { key, cert }, '*.b.example': { key, cert } }`. A
   * name goes before a pattern, whose `*` stands for one label. Clients that ask for another name, or for none, get `key` and
   * `cert` beside it; where there are none their handshake fails. `ca` and `crl` are inherited; if a context has its own, or a pfx,
   * and `requestCert` is set, sessions are not resumed. The Host of a request may be another than the name: where clients of one
   * must not get at another, compare it with `servername` of `transportDetails().tls`. Default: none.
   * Not together with SNICallback, with which and `requestCert` sessions are not resumed either.
   */
  contexts?: Readonly<Record<string, SecureContextOptions>>
}

/** What `reloadTls` may replace. */
export type TlsReload = Pick<
  ServerTlsOptions,
  | 'key'
  | 'cert'
  | 'pfx'
  | 'passphrase'
  | 'ca'
  | 'crl'
  | 'contexts'
  | 'ciphers'
  | 'sigalgs'
  | 'ecdhCurve'
  | 'dhparam'
  | 'honorCipherOrder'
  | 'minVersion'
  | 'maxVersion'
  | 'secureOptions'
  | 'sessionTimeout'
  | 'ticketKeys'
>

const RELOADABLE: Readonly<Record<keyof TlsReload, true>> = {
  key: true,
  cert: true,
  pfx: true,
  passphrase: true,
  ca: true,
  crl: true,
  contexts: true,
  ciphers: true,
  sigalgs: true,
  ecdhCurve: true,
  dhparam: true,
  honorCipherOrder: true,
  minVersion: true,
  maxVersion: true,
  secureOptions: true,
  sessionTimeout: true,
  ticketKeys: true
}

/** Members of which one at least says who the server is. */
const IDENTITIES = ['key', 'pfx', 'contexts', 'SNICallback', 'pskCallback']
/** Members that are replaced together. */
const OWN_IDENTITY = ['key', 'cert', 'pfx', 'passphrase'] as const
/** A name as it comes by SNI, or a pattern for one more label. Source: RFC 6066 §3, RFC 6125 §6.4.3. */
const CONTEXT_NAME = /^(\*\.)?([a-z\d_]([a-z\d_-]*[a-z\d])?\.)*[a-z\d]([a-z\d-]*[a-z\d])?$/i

/** Checks the option `tls`. Returns what it must be, or null. Throws WebSocketError 'invalid-option' for what OpenSSL cannot read. */
export function checkTls(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'an object'
  if (!IDENTITIES.some((name) => name in value)) {
    return 'an object with key and cert (or contexts, pfx, SNICallback, pskCallback)'
  }
  const options = value as ServerTlsOptions
  if (options.contexts !== undefined && options.SNICallback !== undefined) {
    refuseOption('tls has both contexts and SNICallback; choose one')
  }
  makeContexts(options)
  return null
}

/** The TLS side of one server. */
export class ServerTls {
  #options: ServerTlsOptions
  #contexts: ReadonlyMap<string, SecureContext>
  #server: TlsServer | null = null

  /** `options` have passed `checkTls`. */
  constructor(options: ServerTlsOptions) {
    this.#options = options
    this.#contexts = makeContexts(options)
  }

  /** Makes the server that has these options, and later ones. */
  serve(make: (options: TlsOptions) => TlsServer): TlsServer {
    this.#server = this.serveOnce(make)
    return this.#server
  }

  /** Makes a server for one connection. */
  serveOnce(make: (options: TlsOptions) => TlsServer): TlsServer {
    const byName = this.#options.contexts === undefined ? {} : { SNICallback: this.#choose }
    return make({ ...ownOptions(this.#options), ...byName })
  }

  /** Replaces what `changes` has; see `AsyncServer.reloadTls`. Throws WebSocketError 'invalid-option', and nothing is replaced. */
  reload(changes: TlsReload): void {
    checkReload(changes, this.#options)
    const kept = { ...this.#options }
    if (OWN_IDENTITY.some((name) => changes[name] !== undefined)) {
      for (const name of OWN_IDENTITY) delete kept[name]
    }
    const options = { ...kept, ...changes }
    const contexts = makeContexts(options)
    this.#server?.setSecureContext(ownOptions(options))
    this.#options = options
    this.#contexts = contexts
  }

  #choose = (name: string, done: (error: Error | null, context?: SecureContext) => void): void => {
    const asked = name.toLowerCase()
    const pattern = `*${asked.slice(asked.indexOf('.'))}`
    // Without one it is the server's own.
    done(null, this.#contexts.get(asked) ?? this.#contexts.get(pattern))
  }
}

function checkReload(changes: TlsReload, options: ServerTlsOptions): void {
  if (typeof changes !== 'object' || changes === null) {
    refuseOption(`reloadTls takes an object such as { key, cert }, not ${describe(changes)}`)
  }
  const wrong = Object.keys(changes).find((name) => !Object.hasOwn(RELOADABLE, name))
  if (wrong !== undefined) {
    refuseOption(`reloadTls cannot replace "${wrong}"; it can replace ${Object.keys(RELOADABLE).join(', ')}`)
  }
  if (changes.contexts !== undefined && options.contexts === undefined) {
    refuseOption('reloadTls can replace contexts only if the server began with some, be it {}')
  }
  const isAboutClients = hasAuthority(changes) || changes.contexts !== undefined
  if (isAboutClients && options.requestCert === true && keepsTickets(changes, options)) {
    refuseOption(
      'reloadTls: with requestCert and ticketKeys, new ca, crl or contexts need new ticketKeys, too: the old ones would still resume sessions of clients that are refused now'
    )
  }
}

/** Whether tickets of before are still good: keys that Node.js makes itself are others with each context. */
function keepsTickets({ ticketKeys }: TlsReload, { ticketKeys: before }: ServerTlsOptions): boolean {
  if (before === undefined || ticketKeys === undefined) return before !== undefined
  // What is no bytes OpenSSL will refuse.
  return ticketKeys instanceof Uint8Array && Buffer.compare(ticketKeys, before) === 0
}

/** What `tls.createServer` is given. */
function ownOptions({ contexts, ...options }: ServerTlsOptions): TlsOptions {
  const named = Object.values(contexts ?? {})
  // A name inherits `ca` and `crl`, but not what a pfx beside it holds; what an SNICallback will choose nobody knows.
  const isDivided =
    options.SNICallback !== undefined ||
    named.some(hasAuthority) ||
    (named.length > 0 && options.pfx !== undefined)
  if (!isDivided || options.requestCert !== true) return options
  // OpenSSL decides on resumption before the name has chosen the context: a client that one name's authorities know could
  // resume its session at another name. Without tickets there is no resumption.
  return { ...options, secureOptions: (options.secureOptions ?? 0) | constants.SSL_OP_NO_TICKET }
}

/** Whether options may have authorities for clients: the certificates of authorities in a pfx are trusted like those of `ca`. */
function hasAuthority({ ca, crl, pfx }: SecureContextOptions): boolean {
  return ca !== undefined || crl !== undefined || pfx !== undefined
}

/** Makes the contexts by name, and tries the server's own. Throws WebSocketError 'invalid-option', naming what is wrong. */
function makeContexts(options: ServerTlsOptions): Map<string, SecureContext> {
  const { contexts = {}, ca, crl } = options
  if (typeof contexts !== 'object' || contexts === null) {
    refuseOption(`tls.contexts must be an object of { key, cert } by name, not ${describe(contexts)}`)
  }
  const made = new Map<string, SecureContext>()
  for (const [name, own] of Object.entries(contexts)) {
    const key = name.toLowerCase()
    if (!CONTEXT_NAME.test(name)) {
      refuseOption(
        `tls.contexts: ${describe(name)} is no name such as 'a.example' or '*.a.example' (others in Punycode)`
      )
    }
    if (made.has(key)) refuseOption(`tls.contexts: '${name}' is there twice`)
    if (typeof own !== 'object' || own === null || !(own.pfx ?? (own.key && own.cert))) {
      refuseOption(`tls.contexts: '${name}' must be an object with key and cert, or pfx`)
    }
    made.set(key, makeContext(`tls.contexts: '${name}'`, { ...inherited(ca, crl), ...own }))
  }
  makeContext('tls', ownOptions(options))
  return made
}

function inherited(ca: TlsOptions['ca'], crl: TlsOptions['crl']): SecureContextOptions {
  return { ...(ca === undefined ? {} : { ca }), ...(crl === undefined ? {} : { crl }) }
}

/** Throws WebSocketError 'invalid-option' for keys, certificates or cipher lists that OpenSSL cannot read. */
function makeContext(what: string, options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options)
  } catch (error) {
    throw new WebSocketError('invalid-option', {
      detail: `${what}: ${(error as Error).message}`,
      cause: error
    })
  }
}
