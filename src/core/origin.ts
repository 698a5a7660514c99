// Owns the decision which web pages may connect: the defence against cross-site WebSocket hijacking (RFC 6455 §10.2).
// Must not know requests: it gets three values and a policy.
import { WebSocketError } from './errors.js'

/**
 * Which origins are trusted. Default (undefined): the server's own host. '*': all. A list replaces the default: exact
 * origins ('https://example.com', 'http://localhost:5173', 'null'), origins whose host begins with '*.', which stands
 * for one label or more but not for none, origins whose port is '*' (any port), or '*' itself.
 */
export type TrustedOrigins = '*' | readonly string[] | undefined

interface Origin {
  readonly scheme: string
  readonly host: string
  /** '' for the scheme's default port. */
  readonly port: string
}

const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['http', '80'],
  ['ws', '80'],
  ['https', '443'],
  ['wss', '443']
])

/**
 * Decides whether a page may connect. `origin`: the Origin header; null (no browser sent this) passes. `host`: the
 * host, with its port if any, that the request names. `isSecure`: the request came over TLS. By default host and
 * port of both must agree, where no port is the scheme's own; a page without TLS is not trusted by a server with it,
 * while a page with TLS is trusted by a server without it, which is how a TLS proxy looks from behind.
 */
export function isTrustedOrigin(
  origin: string | null,
  host: string,
  isSecure: boolean,
  trustedOrigins: TrustedOrigins
): boolean {
  if (origin === null || trustedOrigins === '*') return true
  const page = parseOrigin(origin)
  if (trustedOrigins === undefined) return page !== null && isSameHost(page, host, isSecure)
  return trustedOrigins.some((pattern) => {
    if (pattern === '*' || pattern === origin) return true
    const trusted = parsePattern(pattern)
    return page !== null && trusted !== null && matches(page, trusted)
  })
}

/** Checks a policy once, before it is used. Throws 'invalid-option', naming the entry that is no origin. */
export function checkTrustedOrigins(trustedOrigins: TrustedOrigins): void {
  if (trustedOrigins === undefined || trustedOrigins === '*') return
  for (const pattern of trustedOrigins) {
    if (pattern !== '*' && pattern !== 'null' && parsePattern(pattern) === null) {
      throw new WebSocketError('invalid-option', {
        detail: `trustedOrigins has ${JSON.stringify(pattern)}, which is not an origin such as https://example.com`
      })
    }
  }
}

function isSameHost(page: Origin, host: string, isSecure: boolean): boolean {
  if (page.scheme !== 'https' && (page.scheme !== 'http' || isSecure)) return false
  const own = parseOrigin(`${isSecure ? 'https' : 'http'}://${host}`)
  return own !== null && own.host === page.host && own.port === page.port
}

function matches(page: Origin, trusted: Origin): boolean {
  if (page.scheme !== trusted.scheme) return false
  if (trusted.port !== '*' && page.port !== trusted.port) return false
  if (!trusted.host.startsWith('*.')) return page.host === trusted.host
  return page.host.endsWith(trusted.host.slice(1)) && !page.host.startsWith('.')
}

function parseOrigin(text: string): Origin | null {
  return originOf(/^([a-z][a-z\d+.-]*):\/\/([\w.-]+|\[[\da-f:.]+\])(?::(\d{0,5}))?$/i.exec(text))
}

function parsePattern(text: string): Origin | null {
  return originOf(
    /^([a-z][a-z\d+.-]*):\/\/((?:\*\.)?[\w-][\w.-]*|\[[\da-f:.]+\])(?::(\d{1,5}|\*))?$/i.exec(text)
  )
}

function originOf(match: RegExpExecArray | null): Origin | null {
  if (match === null) return null
  const scheme = match[1]!.toLowerCase()
  const port = match[3] ?? ''
  return { scheme, host: match[2]!.toLowerCase(), port: port === DEFAULT_PORTS.get(scheme) ? '' : port }
}
