// Owns the answers to upgrade requests that `ws` does not accept: the rules that a request must keep to, and the response. Must not
// know servers.
import { type IncomingMessage, type OutgoingHttpHeaders, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { isKey } from '../core/handshake-key.js'
import { parseUniqueTokens } from '../core/header-values.js'

/** Why a request is not accepted. */
export interface Fault {
  readonly status: number
  readonly text: string
  readonly headers?: OutgoingHttpHeaders
}

/** Versions of the protocol, which differ in the name of the header Origin only. */
const VERSIONS = [13, 8]

/** Returns the rule that a request breaks, or null. Source: RFC 6455 §4.2.1. */
export function findFault({ method, headers }: IncomingMessage): Fault | null {
  if (method !== 'GET') return { status: 405, text: 'Invalid HTTP method' }
  if (headers.upgrade?.toLowerCase() !== 'websocket') return { status: 400, text: 'Invalid Upgrade header' }
  if (!isKey(headers['sec-websocket-key'] ?? ''))
    return { status: 400, text: 'Missing or invalid Sec-WebSocket-Key header' }
  // Requests that were made by hand may have it as a number.
  if (!VERSIONS.includes(Number(headers['sec-websocket-version']))) {
    const text = 'Missing or invalid Sec-WebSocket-Version header'
    return { status: 400, text, headers: { 'Sec-WebSocket-Version': VERSIONS.join(', ') } }
  }
  const protocols = headers['sec-websocket-protocol']
  if (protocols !== undefined && parseUniqueTokens(protocols) === null)
    return { status: 400, text: 'Invalid Sec-WebSocket-Protocol header' }
  return null
}

/** Sends a response and closes. `text`: default the status in words. `headers`: besides those that it must have, or instead. */
export function refuse(
  stream: Duplex,
  status: number,
  text: string = STATUS_CODES[status] ?? '',
  headers: OutgoingHttpHeaders = {}
): void {
  const fields = {
    Connection: 'close',
    'Content-Type': 'text/html',
    'Content-Length': Buffer.byteLength(text),
    ...headers
  }
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${name}: ${one}`)
  )
  stream.once('finish', () => stream.destroy())
  stream.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', text].join('\r\n'))
}
