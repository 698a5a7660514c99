// Owns the options of clients: meaning, unit, default, cost; and the check that names the wrong one.
import type { Agent as HttpAgent } from 'node:http'
import { isIP, type LookupFunction } from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import {
  boolean,
  type Check,
  callable,
  checkOptions,
  integer,
  isProtocol,
  listOf,
  MAX_TIMEOUT_MS,
  object,
  oneOf,
  refuseOption
} from '../checks.js'
import {
  CONNECTION_CHECKS,
  type ConnectionOptions,
  type ResolvedConnectionOptions,
  withConnectionDefaults
} from '../connection-options.js'
import type { SlowPolicy } from '../connection-settings.js'
import { WebSocketError } from '../core/errors.js'
import { type HeaderSource, listHeaders } from '../core/head-writer.js'
import { isFieldValue } from '../core/header-values.js'

/** Who the user is, if the server asks. */
export interface ClientAuth {
  /** Without a colon. */
  username: string
  password: string
  /**
   * Sends the password (Basic, RFC 7617) with the first request, unasked: anybody who reads it has it, unless it goes over
   * wss:. Default false: only after a 401, by the strongest scheme that the server offers, Digest (RFC 7616) or Basic.
   */
  preemptive?: boolean
}

/** Options of a client. All have a default. */
export interface ClientOptions extends ConnectionOptions {
  /** Subprotocols offered, in order of preference. Default: none. A server may agree to none of them: see `connection.protocol`. */
  protocols?: readonly string[]
  /** The Origin, if the client acts for a web page. Default: none is sent. */
  origin?: string
  /** Further headers of the request. Authorization and Cookie are not sent to another server than the URL's. Default: none. */
  headers?: HeaderSource
  /** Who the user is, if the server asks. Default: what the URL has before '@', or nobody. */
  auth?: ClientAuth
  /** Longest opening handshake in ms: DNS, TLS, proxies, redirects, all. 0 waits for ever. Default 10 000. */
  handshakeTimeoutMs?: number
  /** Redirects followed (301, 302, 303, 307, 308), never from wss: to ws:, nor to a unix socket. Default 0: a redirect is an error. */
  maxRedirects?: number
  /** How much of the body of a refusal is kept, in `error.response`. In bytes; default 4 096. */
  maxBodyBytes?: number
  /**
   * An agent of `node:http` or `node:https`, as fits the URL, or of a package for proxies (https-proxy-agent, socks-proxy-agent).
   * It makes the socket; options of the network below reach it, and mean what it makes of them. Default: none, a socket of its own.
   */
  agent?: HttpAgent
  /** Options of `tls.connect` for wss:, e.g. `ca`, or `key` and `cert` of a client. Certificates are verified unless they say otherwise. Default: none. */
  tls?: TlsOptions
  /** Resolves names instead of `dns.lookup`. Default: that. */
  lookup?: LookupFunction
  /** IP version: 4, 6, or 0 for whichever answers first. Default 0. */
  family?: 0 | 4 | 6
  /** Address of this machine to connect from. Default: the system chooses. */
  localAddress?: string
  /** Port of this machine to connect from, 0-65535. Default 0: a free one. */
  localPort?: number
  /**
   * What happens above the high watermark: 'continue' does nothing, 'pause' stops reading, 'close' closes with 1008. Default
   * 'continue': a server pauses, and if both ends did, each could wait for the other for ever.
   */
  onslow?: SlowPolicy
}

/** Options with their defaults filled in. */
export type ResolvedClientOptions = ResolvedConnectionOptions &
  Required<Omit<ClientOptions, UndefinedByDefault | 'headers' | keyof ConnectionOptions>> &
  Pick<ClientOptions, UndefinedByDefault> & { readonly headers: readonly (readonly [string, string])[] }
type UndefinedByDefault = 'origin' | 'auth' | 'agent' | 'tls' | 'lookup' | 'localAddress'

const CHECKS: { readonly [Name in keyof Required<ClientOptions>]: Check } = {
  protocols: listOf(isProtocol, 'subprotocol names (tokens), none twice'),
  origin: (value) => (typeof value === 'string' && isFieldValue(value) ? null : 'the value of a header'),
  headers: object,
  auth,
  handshakeTimeoutMs: integer(0, MAX_TIMEOUT_MS),
  maxRedirects: integer(0, 100),
  maxBodyBytes: integer(0, 2 ** 30),
  agent: (value) =>
    object(value) === null && callable((value as { addRequest?: unknown }).addRequest) === null
      ? null
      : 'an agent of node:http or node:https',
  tls: object,
  lookup: callable,
  family: (value) => (value === 0 || value === 4 || value === 6 ? null : '0, 4 or 6'),
  localAddress: (value) => (typeof value === 'string' && isIP(value) !== 0 ? null : 'an IP address'),
  localPort: integer(0, 65_535),
  onslow: oneOf('continue', 'pause', 'close'),
  ...CONNECTION_CHECKS
}

/** The names of all options. */
export const CLIENT_OPTION_NAMES: readonly string[] = Object.keys(CHECKS)

/** Checks options and fills in the defaults. Throws WebSocketError 'invalid-option', naming the first wrong one. */
export function resolveClientOptions(options: ClientOptions): ResolvedClientOptions {
  checkOptions(options, CHECKS)
  return {
    ...withConnectionDefaults(options),
    protocols: options.protocols ?? [],
    headers: readHeaders(options.headers ?? []),
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 10_000,
    maxRedirects: options.maxRedirects ?? 0,
    maxBodyBytes: options.maxBodyBytes ?? 4096,
    family: options.family ?? 0,
    localPort: options.localPort ?? 0,
    onslow: options.onslow ?? 'continue'
  }
}

function readHeaders(source: HeaderSource): [string, string][] {
  try {
    return listHeaders(source)
  } catch (error) {
    const { message: detail } = error as Error
    throw new WebSocketError('invalid-option', { detail: `headers: ${detail}`, cause: error })
  }
}

const AUTH_CHECKS: { readonly [Name in keyof Required<ClientAuth>]: Check } = {
  username: (value) =>
    typeof value === 'string' && !/[:\p{Cc}]/u.test(value) ? null : 'a string without a colon',
  password: (value) => (typeof value === 'string' && !/\p{Cc}/u.test(value) ? null : 'a string'),
  preemptive: boolean
}

/** A wrong password must not stand in a message, so the values are not shown. */
function auth(value: unknown): string | null {
  if (object(value) !== null) refuseOption('auth must be an object with username and password')
  const given = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(AUTH_CHECKS, name))
      refuseOption(`auth has no "${name}"; there are username, password, preemptive`)
  }
  for (const [name, check] of Object.entries(AUTH_CHECKS)) {
    const expected = name === 'preemptive' && given[name] === undefined ? null : check(given[name])
    if (expected !== null) refuseOption(`auth.${name} must be ${expected}`)
  }
  return null
}
