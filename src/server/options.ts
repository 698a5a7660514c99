// Owns the options of servers: meaning, unit, default, cost; and the check that names the wrong one.
import {
  boolean,
  type Check,
  checkOptions,
  integer,
  isProtocol,
  listOf,
  MAX_TIMEOUT_MS,
  oneOf,
  refuseOption,
  text
} from '../checks.js'
import { CONNECTION_CHECKS, type ConnectionOptions, withConnectionDefaults } from '../connection-options.js'
import type { SlowPolicy } from '../connection-settings.js'
import { describe } from '../core/message.js'
import { checkTrustedOrigins } from '../core/origin.js'
import { type Overflow, overflow, type TopicOverflow, topicOverflow } from '../topics/overflow.js'
import { parseAddresses } from './address-list.js'
import type { AuthScheme } from './auth.js'
import type { ProxyHeaders, TrustProxy } from './forwarded.js'
import { checkTls, type ServerTlsOptions } from './server-tls.js'

/** Options of a server. All have a default. */
export interface ServerOptions extends ConnectionOptions {
  /** Address or name to listen at. Default: all addresses of the machine. */
  host?: string
  /** TCP port to listen at, 0-65535. Default 0: a free one; `server.port` tells which. */
  port?: number
  /** Path of a unix socket to listen at, instead of `host` and `port`. Default: none. */
  socketPath?: string
  /** Connections that the kernel keeps until they are accepted. Default 511. */
  backlog?: number
  /**
   * Lets other threads and processes of the same user listen at the same `host` and `port` (SO_REUSEPORT); the kernel spreads
   * the connections among them. All of them must set it. Needs Node.js 22.12 or 23.1, or on Linux the addon. Default false.
   */
  reusePort?: boolean
  /**
   * Serves wss: with `key` and `cert`, or any other options of `tls.createServer`, e.g. `requestCert` and `ca` for clients with
   * certificates; and `contexts`, certificates by name. `handshakeTimeout` is `handshakeTimeoutMs` unless given, `ALPNProtocols` is
   * ['http/1.1']. `reloadTls` replaces certificates. Default: none, ws: is served.
   */
  tls?: ServerTlsOptions
  /** Subprotocols that the server speaks: the first one that the client offers and that is in here is chosen. Default: none. */
  protocols?: readonly string[]
  /** Paths that are served, exactly; others get 404. Default: all. */
  locations?: readonly string[]
  /**
   * Pages that may connect, of requests that carry an Origin: '*' (all), or a list of origins such as
   * 'https://example.com', 'https://*.example.com', 'http://localhost:*'; others get 403. Default: the server's own host.
   */
  trustedOrigins?: '*' | readonly string[]
  /**
   * Most connections at a time, with the handshakes that wait for `auth` or `onhandshake`; more get 503. Sockets whose request is not
   * whole yet, or went to `server.http`, do not count: what bounds them is their time, and the process' limit of descriptors.
   * Default: no limit.
   */
  maxConnections?: number
  /** Keeps the request of each connection for its whole life, instead of until `onopen` returns: some KiB each. Default false. */
  keepRequest?: boolean
  /**
   * Who may connect: `basic` or `digest`, or several schemes, of which clients take the first that they know. Asked before
   * `onhandshake`, which finds the name in `request.user`; others get 401. Requests to `server.http` are not asked. Default: everybody.
   */
  auth?: AuthScheme | readonly AuthScheme[]
  /**
   * Which proxies are believed who the client is: as many as a request comes through (a number), or those at certain addresses
   * and networks (a list: '10.0.0.0/8', '::1'; a peer on a unix socket has none). What they tell is `remoteAddress`, `remotePort`, `request.host` and `isSecure`, and by
   * these the default of `trustedOrigins` goes. With a number nobody must be able to reach the server but through so many
   * proxies; those of `proxyProtocol` do not count, whom they speak for is the first. Default false: none.
   */
  trustProxy?: TrustProxy
  /**
   * Which headers trusted proxies write: 'x-forwarded' (X-Forwarded-For, -Proto, -Host) or 'forwarded' (RFC 7239). The others are
   * ignored, since a proxy may pass on what a client wrote there. Default 'x-forwarded'.
   */
  proxyHeaders?: ProxyHeaders
  /**
   * Expects a header of the PROXY protocol, version 1 or 2, before each request: true of all peers, a list of those at certain
   * addresses and networks; a peer without one, or with a wrong one, is dropped. Whoever sends one is believed who the client is,
   * so only proxies may reach such a port. Not with `tls`. HTTP servers that the server is attached to read their requests
   * themselves, and know nothing of it. Default false.
   */
  proxyProtocol?: boolean | readonly string[]
  /** Longest opening handshake in ms, `auth` and `onhandshake` included; a TLS handshake before it has as long. 0 waits for ever. Default 10 000. */
  handshakeTimeoutMs?: number
  /**
   * What becomes of a client that does not read: 'pause' stops reading from it, above the low watermark if the kernel refuses bytes
   * and above the high one in any case; 'close' closes it with 1008 above the high one; 'continue' does nothing. Default 'pause'.
   */
  onslow?: SlowPolicy
  /**
   * What becomes of publications for clients that do not keep up: see `Overflow`. A client's own `overflow` goes before the one of
   * the publication, that before `topicOverflow`, and that before this one. Default 'queue'.
   */
  overflow?: Overflow
  /** The same for certain topics: the first that matches counts, as { 'prices/#': 'latest' }. Default: none. */
  topicOverflow?: TopicOverflow
  /** Publications that wait for a client that does not keep up, in bytes; beyond that the oldest are dropped. Default 1 MiB. */
  maxOverflowBytes?: number
  /** The code with which `overflow: 'close'` closes: 1008 (policy violation) or 1013 (try again later). Default 1013. */
  overflowCloseCode?: 1008 | 1013
  /**
   * What all connections may hold together, in bytes: send queues, publications that wait, messages that are not whole or not taken.
   * Above it the worst give way: what waits for them is dropped, and if that is not enough they are closed with 1013, or at once if
   * they do not read ('buffer-limit'). It is for all servers of the thread that have this option, of which the lowest counts, and
   * looked after ten times a second, so that for a moment there may be more. Memory that several share counts for each. Threads count
   * by themselves. Default: no limit.
   */
  maxBufferedBytes?: number
}

/** Options of `attach`. */
export interface AttachOptions {
  /** The path that is served there, exactly, or several. Default: the server's option `locations`. */
  path?: string | readonly string[]
}

/** The options that `listen` takes, too. */
export type ListenAt = Pick<ServerOptions, 'port' | 'reusePort'>

/** Options with their defaults filled in. */
export type ResolvedOptions = Required<Omit<ServerOptions, UndefinedByDefault | 'auth'>> &
  Pick<ServerOptions, UndefinedByDefault> & { readonly auth: readonly AuthScheme[] }
type UndefinedByDefault = 'host' | 'socketPath' | 'tls' | 'locations' | 'trustedOrigins' | 'logger'

const CHECKS: { readonly [Name in keyof Required<ServerOptions>]: Check } = {
  host: text,
  port: integer(0, 65_535),
  socketPath: text,
  backlog: integer(1, 2 ** 31 - 1),
  reusePort: boolean,
  tls: checkTls,
  protocols: listOf(isProtocol, 'subprotocol names (tokens), none twice'),
  locations: listOf(
    (value) => typeof value === 'string' && value.startsWith('/'),
    "paths that begin with '/'"
  ),
  trustedOrigins: origins,
  maxConnections: (value) =>
    value === Number.POSITIVE_INFINITY ? null : integer(1, Number.MAX_SAFE_INTEGER)(value),
  keepRequest: boolean,
  handshakeTimeoutMs: integer(0, MAX_TIMEOUT_MS),
  onslow: oneOf('pause', 'close', 'continue'),
  overflow,
  topicOverflow,
  maxBufferedBytes: (value) =>
    value === Number.POSITIVE_INFINITY ? null : integer(1, Number.MAX_SAFE_INTEGER)(value),
  maxOverflowBytes: integer(0, Number.MAX_SAFE_INTEGER),
  overflowCloseCode: (value) => (value === 1008 || value === 1013 ? null : '1008 or 1013'),
  auth,
  trustProxy: (value) =>
    value === false || integer(0, MAX_HOPS)(value) === null
      ? null
      : addresses(`false, a number of proxies up to ${MAX_HOPS}, or `)(value),
  proxyHeaders: oneOf('x-forwarded', 'forwarded'),
  proxyProtocol: (value) => (typeof value === 'boolean' ? null : addresses('true, false, or ')(value)),
  ...CONNECTION_CHECKS
}

/** The names of all options. */
export const SERVER_OPTION_NAMES: readonly string[] = Object.keys(CHECKS)

/** Checks options and fills in the defaults. Throws WebSocketError 'invalid-option', naming the first wrong one. */
export function resolveOptions(options: ServerOptions): ResolvedOptions {
  checkOptions(options, CHECKS)
  const resolved = withDefaults(options)
  if (resolved.reusePort && resolved.socketPath !== undefined) {
    refuseOption('reusePort is for TCP ports, and socketPath is given')
  }
  if (resolved.proxyProtocol !== false && resolved.tls !== undefined) {
    refuseOption('proxyProtocol does not go with tls: let the proxy end TLS, or leave one of them out')
  }
  return resolved
}

/** Checks the options of `attach`. Returns the paths; undefined: all. Throws WebSocketError 'invalid-option'. */
export function resolvePaths(
  options: AttachOptions,
  locations: readonly string[] | undefined
): readonly string[] | undefined {
  const wrong = Object.keys(options).find((name) => name !== 'path')
  if (wrong !== undefined) refuseOption(`attach has no option "${wrong}"; there is path`)
  if (options.path === undefined) return locations
  const paths = typeof options.path === 'string' ? [options.path] : options.path
  const expected = CHECKS.locations(paths)
  if (expected !== null) {
    if (typeof options.path === 'string')
      refuseOption(`path must begin with '/', not ${describe(options.path)}`)
    const what = Array.isArray(paths) ? '' : `, not ${describe(paths)}`
    refuseOption(`path must be a path that begins with '/' or ${expected}${what}`)
  }
  return [...paths]
}

function withDefaults(options: ServerOptions): ResolvedOptions {
  return {
    ...withConnectionDefaults(options),
    port: options.port ?? 0,
    backlog: options.backlog ?? 511,
    reusePort: options.reusePort ?? false,
    protocols: options.protocols ?? [],
    maxConnections: options.maxConnections ?? Number.POSITIVE_INFINITY,
    keepRequest: options.keepRequest ?? false,
    auth: [options.auth ?? []].flat(),
    trustProxy: options.trustProxy ?? false,
    proxyHeaders: options.proxyHeaders ?? 'x-forwarded',
    proxyProtocol: options.proxyProtocol ?? false,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 10_000,
    onslow: options.onslow ?? 'pause',
    overflow: options.overflow ?? 'queue',
    topicOverflow: options.topicOverflow ?? {},
    maxBufferedBytes: options.maxBufferedBytes ?? Number.POSITIVE_INFINITY,
    maxOverflowBytes: options.maxOverflowBytes ?? 1024 * 1024,
    overflowCloseCode: options.overflowCloseCode ?? 1013
  }
}

/** Proxies that one request comes through. */
const MAX_HOPS = 100

function auth(value: unknown): string | null {
  const isScheme = (one: unknown) =>
    ['challenge', 'takes', 'authenticate'].every(
      (name) => typeof (one as Record<string, unknown> | null | undefined)?.[name] === 'function'
    )
  // Not a word of what it is: it may be a password.
  if (![value].flat().every(isScheme))
    refuseOption('auth must be what basic or digest return, or a list of that')
  return null
}

/** Checks for a list of addresses and networks, which has none at fault. */
function addresses(orElse: string): Check {
  return (value) => {
    const isList = Array.isArray(value) && value.every((one) => typeof one === 'string')
    if (!isList) return `${orElse}a list of addresses and networks as '10.0.0.0/8'`
    const list = parseAddresses(value as string[])
    return typeof list === 'string'
      ? `${orElse}a list of addresses and networks, which "${list}" is not`
      : null
  }
}

function origins(value: unknown): string | null {
  if (value === '*') return null
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string')
  if (!isList) return "'*' or a list of origins"
  checkTrustedOrigins(value as string[])
  return null
}
