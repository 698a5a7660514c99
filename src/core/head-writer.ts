// Owns the writing of HTTP heads, and the check that no header of the application breaks out of its line.
// Must not know which headers a handshake needs: those are handshake-server.ts's and handshake-client.ts's.
import { WebSocketError } from './errors.js'
import { isFieldValue, isToken } from './header-values.js'
import { encodeLatin1 } from './latin1.js'

/** Header fields given by an application: an object (an array repeats the field) or pairs, as of `Headers`. */
export type HeaderSource =
  | Readonly<Record<string, string | readonly string[]>>
  | Iterable<readonly [string, string]>

/** Names that the handshake itself writes, besides all that begin with "sec-websocket-". */
const RESERVED_NAMES = new Set([
  'connection',
  'content-length',
  'host',
  'origin',
  'transfer-encoding',
  'upgrade'
])

/**
 * Checks the header fields of an application and lists them as pairs. Throws 'invalid-argument', naming the field,
 * for a name that is no token or that the handshake writes itself, and for a value with a line break, another
 * control character or a character above U+00FF.
 */
export function listHeaders(source: HeaderSource): [string, string][] {
  const pairs = isIterable(source) ? [...source] : Object.entries(source).flatMap(expand)
  return pairs.map(([name, value]) => {
    if (!isToken(name)) fail(`the header name ${JSON.stringify(name)} is not a token`)
    if (isReserved(name.toLowerCase())) fail(`the header ${name} belongs to the handshake`)
    if (typeof value !== 'string' || !isFieldValue(value)) fail(`the value of header ${name}`)
    return [name, value]
  })
}

/** Encodes a head. Every field is already checked; one whose value is null is left out. */
export function encodeHead(
  startLine: string,
  fields: readonly (readonly [string, string | null])[]
): Uint8Array {
  let head = `${startLine}\r\n`
  for (const [name, value] of fields) if (value !== null) head += `${name}: ${value}\r\n`
  return encodeLatin1(`${head}\r\n`)
}

function isIterable(source: HeaderSource): source is Iterable<readonly [string, string]> {
  return Symbol.iterator in source
}

function expand([name, value]: [string, string | readonly string[]]): [string, string][] {
  return Array.isArray(value) ? value.map((one: string) => [name, one]) : [[name, value as string]]
}

function isReserved(name: string): boolean {
  return RESERVED_NAMES.has(name) || name.startsWith('sec-websocket-')
}

function fail(detail: string): never {
  throw new WebSocketError('invalid-argument', { detail })
}
