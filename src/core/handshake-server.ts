// Owns the server's side of the opening handshake (RFC 6455 §4.2): what a request asks for, and the answers in bytes.
// Must not know policies (origins, paths, protocols served) nor where the bytes come from and go to.
import { type HandshakeErrorCode, WebSocketError } from './errors.js'
import type { ExtensionOffer } from './extension.js'
import { isKey } from './handshake-key.js'
import { encodeHead, type HeaderSource, listHeaders } from './head-writer.js'
import type { HeaderFields } from './header-fields.js'
import {
  formatExtensions,
  hasToken,
  isAuthority,
  isToken,
  parseExtensions,
  parseUniqueTokens
} from './header-values.js'
import type { RequestHead } from './http-head.js'
import type { ChannelIdType, TransportDetails, TransportFacts } from './transport-details.js'

/** What is known of a request from its transport, or from a proxy that is trusted. */
export interface RequestOrigin {
  /** Address of the client, or null where the transport has none. */
  readonly remoteAddress: string | null
  /** The request came over TLS. */
  readonly isSecure: boolean
  /** The host that a proxy was asked for. Default null: what the request says. */
  readonly host?: string | null
  /** What can be asked about the transport. Default: nothing. */
  readonly transport?: TransportFacts
}

/** A request to open a WebSocket that keeps to the rules of RFC 6455 §4.2.1. */
export class HandshakeRequest {
  /** The request target as received. */
  readonly target: string
  /** The path of the target, not decoded, never empty. */
  readonly path: string
  /** The host the client asked for, with its port if it named one: from a trusted proxy, the target if absolute, or Host. */
  readonly host: string
  /** Subprotocols that the client offers, in its order of preference; none twice. */
  readonly protocols: readonly string[]
  /** Extensions that the client offers, in its order of preference. */
  readonly extensions: readonly ExtensionOffer[]
  /** Address of the client, or null where the transport has none: the peer's, or what a trusted proxy tells. */
  readonly remoteAddress: string | null
  /** The request came over TLS, to here or to a trusted proxy. */
  readonly isSecure: boolean
  /**
   * Who the client is: the name that the option `auth` has verified, after which `headers` has no Authorization any more. Without
   * that null; then `onhandshake` may set it.
   */
  user: string | null = null
  readonly #transport: TransportFacts | null
  #headers: HeaderFields

  constructor(head: RequestHead, parts: RequestParts, from: RequestOrigin) {
    this.target = head.target
    this.path = parts.path
    this.#headers = head.headers
    this.host = from.host ?? parts.host
    this.protocols = parts.protocols
    this.extensions = parts.extensions
    this.remoteAddress = from.remoteAddress
    this.isSecure = from.isSecure
    this.#transport = from.transport ?? null
  }

  /** @internal Says who it is, and forgets by what that was proved: a request may be kept, and logged. */
  identify(user: string): void {
    this.user = user
    this.#headers = this.#headers.without('authorization')
  }

  get headers(): HeaderFields {
    return this.#headers
  }

  /** The method: there is no other in a handshake. */
  get method(): 'GET' {
    return 'GET'
  }

  /** The query of the target, parsed anew at each reading. */
  get query(): URLSearchParams {
    const mark = this.target.indexOf('?')
    return new URLSearchParams(mark === -1 ? '' : this.target.slice(mark + 1))
  }

  /**
   * What is known of the transport: addresses, TLS, the client's certificate. Null when it is gone, or nothing is known. Ask in
   * `onhandshake`; later, ask the connection.
   */
  transportDetails(): TransportDetails | null {
    return this.#transport?.transportDetails() ?? null
  }

  /**
   * The channel binding: a value that both ends of this TLS connection compute alike and that differs for anybody in between,
   * e.g. to tie a login to it. 'tls-exporter' (RFC 9266) is 32 bytes; 'tls-unique' (RFC 5929) exists below TLS 1.3 only. Throws
   * WebSocketError 'no-channel-id' without TLS, for 'tls-unique' with TLS 1.3, and below it if the peer knows no extended
   * master secret (RFC 7627); 'not-open' when the transport is gone; 'invalid-argument' for another type.
   */
  channelId(type: ChannelIdType): Uint8Array {
    if (this.#transport !== null) return this.#transport.channelId(type)
    throw new WebSocketError('no-channel-id', { detail: 'nothing is known of the transport' })
  }

  /** The origin of the page that asks, or null if the client is no browser. Source: RFC 6454 §7. */
  get origin(): string | null {
    return this.headers.get('origin')
  }

  /** The Sec-WebSocket-Key, which is canonical. */
  get key(): string {
    return this.headers.get('sec-websocket-key')!
  }
}

/** What a request turned out to be. */
export type Upgrade =
  /** No request for a WebSocket: for an HTTP server, if there is one. */
  | { readonly kind: 'http' }
  | { readonly kind: 'websocket'; readonly request: HandshakeRequest }
  /** A broken request for a WebSocket: answer with `encodeRefusal` and close. */
  | { readonly kind: 'refused'; readonly status: 400 | 426; readonly error: WebSocketError }

/** Headers of which an upgrade request has at most one. Source: RFC 6455 §11.3, RFC 9110 §7.2, RFC 6454 §7.3. */
const SINGLE_HEADERS = ['host', 'origin', 'sec-websocket-key', 'sec-websocket-version']

/** The rules of RFC 6455 §4.2.1 that are checked and yield no value, in this order, with what is wrong otherwise. */
const RULES: readonly (readonly [fault: string, holds: (headers: HeaderFields) => boolean])[] = [
  ['Host is missing or malformed', (headers) => isAuthority(headers.get('host') ?? '')],
  ['Connection has no "upgrade"', (headers) => hasToken(headers.get('connection'), 'upgrade')],
  [
    'Sec-WebSocket-Key is missing or not 16 bytes in base64',
    (headers) => isKey(headers.get('sec-websocket-key') ?? '')
  ],
  ['it has a body', (headers) => (headers.get('content-length') ?? '0') === '0'],
  ['it has a body', (headers) => !headers.has('transfer-encoding')]
]

/**
 * Decides what a request asks for. 'http': another method than GET, another version than HTTP/1.1 (which must ignore
 * Upgrade, RFC 9110 §7.8), or no "websocket" in Upgrade. Source: RFC 6455 §4.2.1, §4.4.
 */
export function readUpgrade(head: RequestHead, from: RequestOrigin): Upgrade {
  const { headers } = head
  if (!asksForWebSocket(head.method, head.version, headers.get('upgrade'))) return { kind: 'http' }
  const repeated = SINGLE_HEADERS.find((name) => headers.count(name) > 1)
  if (repeated !== undefined) return refuse('malformed-request', `${repeated} appears more than once`)
  const version = headers.get('sec-websocket-version')
  if (version !== '13') return refuse('wrong-version', version === null ? 'none' : version.slice(0, 20))
  const broken = RULES.find(([, holds]) => !holds(headers))
  if (broken !== undefined) return refuse('malformed-request', broken[0])
  const parts = readParts(head)
  if (typeof parts === 'string') return refuse('malformed-request', parts)
  return { kind: 'websocket', request: new HandshakeRequest(head, parts, from) }
}

/** Tells whether a request is one for a WebSocket, sound or not. `upgrade`: the value of that header, or null. */
export function asksForWebSocket(method: string, version: string, upgrade: string | null): boolean {
  return method === 'GET' && version === '1.1' && hasToken(upgrade, 'websocket')
}

/** The path of a request target, without its query; null for a target that no handshake may have. */
export function pathOf(target: string): string | null {
  const match = TARGET.exec(target)
  return match === null ? null : (match[2] ?? '/')
}

/** Tells whether a path is served: one of `locations`, exactly; undefined serves all. */
export function matchesLocation(path: string, locations: readonly string[] | undefined): boolean {
  return locations === undefined || locations.includes(path)
}

/** Chooses the first subprotocol of the client's list that the server supports, or null. Source: RFC 6455 §4.2.2. */
export function chooseProtocol(offered: readonly string[], supported: readonly string[]): string | null {
  const index = supported.indexOf(offered.find((protocol) => supported.includes(protocol)) ?? '')
  // The server's own string: the client's is a part of the request, which it would keep in memory.
  return supported[index] ?? null
}

/** An answer that opens the WebSocket. */
export interface Acceptance {
  /** The value of Sec-WebSocket-Accept, from `acceptKey`. */
  readonly acceptKey: string
  /** The chosen subprotocol, one of those offered. Default null: none. */
  readonly protocol?: string | null
  /** The extensions agreed on, in order. Default: none. */
  readonly extensions?: readonly ExtensionOffer[]
  /** Further headers, e.g. Set-Cookie. */
  readonly headers?: HeaderSource
}

/** Encodes the 101 response. Throws 'invalid-argument', naming what cannot be sent. Source: RFC 6455 §4.2.2. */
export function encodeAccept(acceptance: Acceptance): Uint8Array {
  const { protocol = null, extensions = [], headers = {} } = acceptance
  if (protocol !== null && !isToken(protocol))
    fail(`the subprotocol ${JSON.stringify(protocol)} is not a token`)
  const extensionList = formatExtensions(extensions) ?? fail('the name or a parameter of an extension')
  return encodeHead('HTTP/1.1 101 Switching Protocols', [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', acceptance.acceptKey],
    ['Sec-WebSocket-Protocol', protocol],
    ['Sec-WebSocket-Extensions', extensionList || null],
    ...listHeaders(headers)
  ])
}

/** An answer that opens no WebSocket. */
export interface Refusal {
  /** 200-599. 426 brings along the headers it must have. */
  readonly status: number
  /** Further headers, e.g. WWW-Authenticate. */
  readonly headers?: HeaderSource
  /** A string goes as UTF-8, as text/plain if `headers` has no Content-Type. Default: the status and its reason. */
  readonly body?: string | Uint8Array
}

/**
 * Encodes a whole response, after which the connection is to be closed. A status that has no body (204, 304) is sent
 * without it. Throws 'invalid-argument', naming what cannot be sent. Source: RFC 9110 §15, RFC 6455 §4.4.
 */
export function encodeRefusal(refusal: Refusal): Uint8Array {
  const { status } = refusal
  if (!Number.isInteger(status) || status < 200 || status > 599)
    fail(`the status ${status} is not in 200-599`)
  const reason = REASONS.get(status) ?? ''
  const headers = listHeaders(refusal.headers ?? {})
  const body = status === 204 || status === 304 ? null : encodeBody(refusal.body ?? `${status} ${reason}\n`)
  const isUntyped = body !== null && !headers.some(([name]) => name.toLowerCase() === 'content-type')
  const isUpgradeRequired = status === 426
  const head = encodeHead(`HTTP/1.1 ${status} ${reason}`, [
    ['Connection', isUpgradeRequired ? 'Upgrade, close' : 'close'],
    ['Upgrade', isUpgradeRequired ? 'websocket' : null],
    ['Sec-WebSocket-Version', isUpgradeRequired ? '13' : null],
    ['Content-Type', isUntyped && typeof refusal.body !== 'object' ? 'text/plain; charset=utf-8' : null],
    ['Content-Length', body === null ? null : String(body.length)],
    ...headers
  ])
  if (body === null) return head
  const response = new Uint8Array(head.length + body.length)
  response.set(head)
  response.set(body, head.length)
  return response
}

/** Reason phrases of the statuses that a server of WebSockets is likely to send. Source: RFC 9110 §15, RFC 6585. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [200, 'OK'],
  [204, 'No Content'],
  [301, 'Moved Permanently'],
  [302, 'Found'],
  [303, 'See Other'],
  [304, 'Not Modified'],
  [307, 'Temporary Redirect'],
  [308, 'Permanent Redirect'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [408, 'Request Timeout'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [413, 'Content Too Large'],
  [421, 'Misdirected Request'],
  [426, 'Upgrade Required'],
  [429, 'Too Many Requests'],
  [431, 'Request Header Fields Too Large'],
  [500, 'Internal Server Error'],
  [501, 'Not Implemented'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
  [504, 'Gateway Timeout'],
  [505, 'HTTP Version Not Supported']
])

/** The parts of a request that take parsing. */
interface RequestParts {
  readonly path: string
  readonly host: string
  readonly protocols: readonly string[]
  readonly extensions: readonly ExtensionOffer[]
}

/** origin-form, or absolute-form, whose host then counts: RFC 9112 §3.2.1, §3.2.2. No fragment: RFC 6455 §3. */
const TARGET = /^(?:(?:http|ws)s?:\/\/([^/?#]+)|(?=\/))(\/[^?#]*)?(?:\?[^#]*)?$/i

/** Parses what takes parsing; returns what is wrong otherwise. */
function readParts({ target, headers }: RequestHead): RequestParts | string {
  const match = TARGET.exec(target)
  const host = match?.[1] ?? headers.get('host')!
  if (match === null || !isAuthority(host)) return 'the request target'
  const protocolList = headers.get('sec-websocket-protocol')
  const protocols = protocolList === null ? [] : parseUniqueTokens(protocolList)
  if (protocols === null) return 'Sec-WebSocket-Protocol'
  const extensionList = headers.get('sec-websocket-extensions')
  const extensions = extensionList === null ? [] : parseExtensions(extensionList)
  if (extensions === null) return 'Sec-WebSocket-Extensions'
  return { path: match[2] ?? '/', host, protocols, extensions }
}

function encodeBody(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body
}

function refuse(code: HandshakeErrorCode, detail: string): Upgrade {
  return {
    kind: 'refused',
    status: code === 'wrong-version' ? 426 : 400,
    error: new WebSocketError(code, { detail })
  }
}

function fail(detail: string): never {
  throw new WebSocketError('invalid-argument', { detail })
}
