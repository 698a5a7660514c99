// Owns the URLs of WebSockets: which there are, what they mean for a socket and a request, where a redirect leads.
// Must not open anything.
import { WebSocketError } from '../core/errors.js'

/** A user's name and password. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** Where a WebSocket is. */
export interface Target {
  readonly isSecure: boolean
  /** Name or address, an IPv6 address without brackets; 'localhost' for a unix socket. */
  readonly host: string
  readonly port: number
  /** Path of the unix socket; null: TCP. */
  readonly socketPath: string | null
  /** For the Host header: the host, with its port unless that is the scheme's default. */
  readonly authority: string
  /** Path and query, as in the request. */
  readonly path: string
  /** What the URL has before '@'; null: nothing. */
  readonly credentials: Credentials | null
  /** For messages and comparisons: scheme and host, port or socket, and no credentials. */
  readonly origin: string
}

/** Schemes and what they are names for: those of HTTP as in browsers. */
const SCHEMES: ReadonlyMap<string, 'ws' | 'wss' | 'ws+unix' | 'wss+unix'> = new Map([
  ['ws:', 'ws'],
  ['wss:', 'wss'],
  ['http:', 'ws'],
  ['https:', 'wss'],
  ['ws+unix:', 'ws+unix'],
  ['wss+unix:', 'wss+unix']
])

/**
 * Parses ws:, wss:, their aliases http: and https:, and ws+unix: and wss+unix:, where the request's path follows the socket's
 * behind a colon, as in 'ws+unix:///run/app.sock:/chat?x=1'. Throws WebSocketError 'invalid-url', also for a fragment.
 * Source: RFC 6455 §3, WHATWG WebSockets.
 */
export function parseUrl(text: string | URL): Target {
  const url = toUrl(text)
  if (url === null) return fail(shorten(String(text)), 'it cannot be parsed')
  const scheme = SCHEMES.get(url.protocol)
  if (scheme === undefined)
    return fail(shorten(url.protocol), 'the scheme is none of ws, wss, ws+unix, wss+unix')
  if (url.href.includes('#')) return fail(shorten(`${url.protocol}//${url.host}`), 'it has a fragment')
  const isSecure = scheme.startsWith('wss')
  const credentials = readCredentials(url)
  if (scheme.endsWith('unix')) return { ...readSocket(url, scheme), isSecure, credentials }
  // The port that a scheme has by default: `URL` leaves it out.
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port)
  return {
    isSecure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    socketPath: null,
    authority: url.host,
    path: url.pathname + url.search,
    credentials,
    origin: `${scheme}://${url.host}`
  }
}

/**
 * Finds where a redirect leads. A relative one stays at its host, or at its unix socket. Credentials in it, and its fragment,
 * count for nothing. Throws WebSocketError 'malformed-response' for what is no URL, 'unsafe-redirect' for one from TLS to
 * none, or to a unix socket of this machine: a server must not choose among those.
 */
export function resolveRedirect(from: Target, location: string | null): Target {
  if (location === null)
    throw new WebSocketError('malformed-response', { detail: 'a redirect without Location' })
  const here = from.socketPath === null ? from.origin : `${from.isSecure ? 'wss' : 'ws'}://localhost`
  const isRelative = !URL.canParse(location) && !/^[/\\]{2}/.test(location)
  let url: URL
  try {
    url = new URL(location, here + from.path)
  } catch (cause) {
    throw new WebSocketError('malformed-response', { detail: `Location: ${shorten(location)}`, cause })
  }
  if (isRelative) return { ...from, path: url.pathname + url.search, credentials: null }
  url.hash = ''
  url.username = ''
  url.password = ''
  const scheme = SCHEMES.get(url.protocol)
  if (scheme === undefined || scheme.endsWith('unix')) return refuse(from, url.protocol)
  if (from.isSecure && scheme === 'ws') return refuse(from, url.origin)
  return parseUrl(url)
}

/** Whether credentials meant for one may be sent to the other. */
export function isSameServer(one: Target, other: Target): boolean {
  return one.origin === other.origin
}

function refuse(from: Target, to: string): never {
  throw new WebSocketError('unsafe-redirect', { detail: `from ${from.origin} to ${shorten(to)}` })
}

function toUrl(text: unknown): URL | null {
  if (text instanceof URL) return text
  try {
    return typeof text === 'string' ? new URL(text) : null
  } catch {
    // `URL` throws for nothing but a text that is no URL.
    return null
  }
}

function readSocket(url: URL, scheme: string): Omit<Target, 'isSecure' | 'credentials'> {
  const colon = url.pathname.indexOf(':')
  const end = colon === -1 ? url.pathname.length : colon
  const socketPath = decode(url.pathname.slice(0, end))
  if (url.host !== '')
    return fail(`${scheme}://${url.host}`, 'the path of a socket begins behind the third slash')
  if (socketPath === '' || socketPath === '/' || socketPath.includes('\0')) {
    return fail(`${scheme}:`, 'it names no unix socket')
  }
  const path = url.pathname.slice(end + 1) || '/'
  if (!path.startsWith('/')) return fail(`${scheme}:`, "the request's path behind the colon begins with '/'")
  const origin = `${scheme}://${socketPath}`
  return { host: 'localhost', port: 0, socketPath, authority: 'localhost', path: path + url.search, origin }
}

function readCredentials(url: URL): Credentials | null {
  if (url.username === '' && url.password === '') return null
  const username = decode(url.username)
  if (username.includes(':')) return fail(`${url.protocol}//${url.host}`, 'a username has no colon')
  return { username, password: decode(url.password) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    // The text may be a password: it is not shown.
    throw new WebSocketError('invalid-url', { detail: 'a part of it is not percent-encoded UTF-8', cause })
  }
}

/** What is wrong with a URL; of it only what holds no credentials. */
function fail(what: string, why: string): never {
  throw new WebSocketError('invalid-url', { detail: `${what}: ${why}` })
}

function shorten(text: string): string {
  const shown = text.replace(/\/\/[^/]*@/, '//***@')
  return JSON.stringify(shown.length > 200 ? `${shown.slice(0, 200)}...` : shown)
}
