// Owns the URLs of clients as `ws` takes them. Must not know requests.

/** Where a request goes. */
export interface Target {
  readonly href: string
  readonly isSecure: boolean
  /** Host and port; the path of a unix socket. What tells one server from another. */
  readonly host: string
  /** Without brackets. */
  readonly hostname: string
  readonly port: number
  /** Path and query. */
  readonly path: string
  /** The path of a unix socket, or null. */
  readonly socketPath: string | null
  /** Name and password, joined by ':', or null. */
  readonly auth: string | null
}

/** Reads a URL. Throws SyntaxError for one that no WebSocket has. */
export function readUrl(address: string | URL): Target {
  const url = parse(address)
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol === 'https:') url.protocol = 'wss:'
  const isSecure = url.protocol === 'wss:'
  const isUnix = url.protocol === 'ws+unix:'
  if (!isSecure && !isUnix && url.protocol !== 'ws:') {
    throw new SyntaxError(
      'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"'
    )
  }
  if (isUnix && url.pathname === '') throw new SyntaxError("The URL's pathname is empty")
  if (url.hash !== '') throw new SyntaxError('The URL contains a fragment identifier')
  const whole = url.pathname + url.search
  const colon = isUnix ? whole.indexOf(':') : -1
  const socketPath = isUnix ? whole.slice(0, colon === -1 ? undefined : colon) : null
  const hasAuth = url.username !== '' || url.password !== ''
  return {
    href: url.href,
    isSecure,
    host: socketPath ?? url.host,
    hostname: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: Number(url.port) || (isSecure ? 443 : 80),
    path: !isUnix ? whole : colon === -1 ? '/' : whole.slice(colon + 1),
    socketPath,
    auth: hasAuth ? `${decode(url.username)}:${decode(url.password)}` : null
  }
}

function parse(address: string | URL): URL {
  try {
    return new URL(address)
  } catch {
    throw new SyntaxError(`Invalid URL: ${address}`)
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
