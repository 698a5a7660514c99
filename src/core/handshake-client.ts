// Owns the client's side of the opening handshake (RFC 6455 §4.1): the request in bytes and the check of the response.
// Must not know URLs, proxies, redirects or credentials, nor where the bytes come from and go to.
import { WebSocketError } from './errors.js'
import type { ExtensionOffer } from './extension.js'
import { isKey } from './handshake-key.js'
import { encodeHead, type HeaderSource, listHeaders } from './head-writer.js'
import {
  formatExtensions,
  hasToken,
  isAuthority,
  isFieldValue,
  isToken,
  parseExtensions
} from './header-values.js'
import type { ResponseHead } from './http-head.js'

/** A request to open a WebSocket. */
export interface OpeningRequest {
  /** The host, with its port unless that is the scheme's default. An IPv6 address stands in brackets. */
  readonly host: string
  /** Path and query, beginning with '/', percent-encoded, without fragment. */
  readonly target: string
  /** Sixteen random bytes in base64, from `makeKey`. */
  readonly key: string
  /** Subprotocols in order of preference. Default: none. */
  readonly protocols?: readonly string[]
  /** Extensions offered, in order of preference. Default: none. */
  readonly extensions?: readonly ExtensionOffer[]
  /** The Origin, if the client acts for a web page. Default null: none. */
  readonly origin?: string | null
  /** Further headers, e.g. Authorization or Cookie. */
  readonly headers?: HeaderSource
}

/** Encodes the request. Throws 'invalid-argument', naming what cannot be sent. Source: RFC 6455 §4.1. */
export function encodeRequest(request: OpeningRequest): Uint8Array {
  return encodeHead(`GET ${request.target} HTTP/1.1`, listRequestFields(request))
}

/**
 * Lists the header fields of the request, for whoever writes it another way. Throws 'invalid-argument', naming what cannot
 * be sent. Source: RFC 6455 §4.1.
 */
export function listRequestFields(request: OpeningRequest): [string, string][] {
  const { host, target, key, protocols = [], extensions = [], origin = null, headers = {} } = request
  if (!isAuthority(host)) fail(`the host ${JSON.stringify(host)}`)
  if (!/^\/[\x21\x22\x24-\x7e]*$/.test(target)) fail(`the request target ${JSON.stringify(target)}`)
  if (!isKey(key)) fail('the key is not 16 bytes in base64')
  if (!protocols.every(isToken)) fail('a subprotocol is not a token')
  if (new Set(protocols).size < protocols.length) fail('a subprotocol is listed twice')
  if (origin !== null && !isFieldValue(origin)) fail('the origin')
  const extensionList = formatExtensions(extensions) ?? fail('the name or a parameter of an extension')
  const fields: [string, string | null][] = [
    ['Host', host],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', key],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Protocol', protocols.join(', ') || null],
    ['Sec-WebSocket-Extensions', extensionList || null],
    ['Origin', origin],
    ...listHeaders(headers)
  ]
  return fields.filter((field): field is [string, string] => field[1] !== null)
}

/** What a response is held against. */
export interface Expectation {
  /** The Sec-WebSocket-Accept that the key sent asks for, from `acceptKey`. */
  readonly acceptKey: string
  /** The subprotocols offered. */
  readonly protocols: readonly string[]
  /** The extensions offered. */
  readonly extensions: readonly ExtensionOffer[]
}

/** What the server agreed to. */
export interface OpeningResponse {
  /** The subprotocol in use, or null. */
  readonly protocol: string | null
  /** The server's answers to the offers, in order; their parameters are for the extensions to confirm. */
  readonly extensions: readonly ExtensionOffer[]
}

/**
 * Checks the response. Throws a WebSocketError: 'unexpected-status' (a redirect or a refusal: the head tells more),
 * 'malformed-response', 'wrong-accept', 'unrequested-protocol', 'unrequested-extension'. Source: RFC 6455 §4.1.
 */
export function readResponse(head: ResponseHead, expected: Expectation): OpeningResponse {
  const { headers } = head
  if (head.status !== 101) {
    throw new WebSocketError('unexpected-status', { detail: `${head.status} ${head.reason}`.trimEnd() })
  }
  if (head.version !== '1.1') malformed(`the version is HTTP/${head.version}`)
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') malformed('Upgrade is not "websocket"')
  if (!hasToken(headers.get('connection'), 'upgrade')) malformed('Connection has no "upgrade"')
  if (headers.get('sec-websocket-accept') !== expected.acceptKey) throw new WebSocketError('wrong-accept')
  const protocol = headers.get('sec-websocket-protocol')
  if (protocol !== null && !expected.protocols.includes(protocol)) {
    throw new WebSocketError('unrequested-protocol', { detail: JSON.stringify(protocol.slice(0, 100)) })
  }
  const extensionList = headers.get('sec-websocket-extensions')
  const extensions = extensionList === null ? [] : parseExtensions(extensionList)
  if (extensions === null) return malformed('Sec-WebSocket-Extensions')
  const stranger = extensions.find(({ name }) => !expected.extensions.some((offer) => offer.name === name))
  if (stranger !== undefined) {
    throw new WebSocketError('unrequested-extension', { detail: stranger.name.slice(0, 100) })
  }
  return { protocol, extensions }
}

function malformed(detail: string): never {
  throw new WebSocketError('malformed-response', { detail })
}

function fail(detail: string): never {
  throw new WebSocketError('invalid-argument', { detail })
}
