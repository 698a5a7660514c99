// Owns who the client is behind proxies that are trusted, by what they write into requests: Forwarded (RFC 7239) or
// X-Forwarded-For, -Proto and -Host. Must not know handshakes or sockets.
import { type BlockList, isIP } from 'node:net'
import type { HeaderFields } from '../core/header-fields.js'
import { isAuthority, splitList, ValueReader } from '../core/header-values.js'
import { includesAddress, parseAddresses } from './address-list.js'

/** Which proxies are trusted: how many of the last ones that a request came through, or those at certain addresses. */
export type TrustProxy = false | number | readonly string[]
/** Where trusted proxies write what they know. */
export type ProxyHeaders = 'x-forwarded' | 'forwarded'

/** Where a request comes from. */
export interface Source {
  /** Null: of a unix socket. */
  readonly address: string | null
  /** Null: not known. */
  readonly port: number | null
  readonly isSecure: boolean
  /** The host that was asked for; null: as the request says. */
  readonly host: string | null
}

/** What one proxy has written; null: nothing, or nothing that can be read. */
interface Hop {
  readonly client: Pick<Source, 'address' | 'port'> | null
  readonly proto: string | null
  readonly host: string | null
}

/** Finds clients behind proxies. */
export class ForwardedReader {
  readonly #trusted: number | BlockList
  readonly #headers: ProxyHeaders

  /** `trustProxy`: checked before. */
  constructor(trustProxy: TrustProxy, headers: ProxyHeaders) {
    this.#headers = headers
    if (typeof trustProxy !== 'object') this.#trusted = Number(trustProxy)
    else this.#trusted = parseAddresses(trustProxy) as BlockList
  }

  /**
   * Goes back from the peer from proxy to proxy as long as each is trusted, so that what an untrusted one, or the client, has
   * written counts for nothing. Where a proxy's word cannot be read the way ends at that proxy. Returns `peer` itself if it is
   * not trusted.
   */
  read(headers: HeaderFields, peer: Source): Source {
    if (!this.#trusts(peer.address, 0)) return peer
    const hopAt = this.#headers === 'forwarded' ? readForwarded(headers) : readXForwarded(headers)
    let client: Pick<Source, 'address' | 'port'> = peer
    let hopCount = 0
    let hop: Hop
    do {
      hop = hopAt(++hopCount)
      if (hop.client === null) break
      client = hop.client
    } while (this.#trusts(client.address, hopCount))
    const { address, port } = client
    return { address, port, isSecure: isSecure(hop.proto) ?? peer.isSecure, host: hop.host ?? peer.host }
  }

  #trusts(address: string | null, hopCount: number): boolean {
    return typeof this.#trusted === 'number'
      ? hopCount < this.#trusted
      : includesAddress(this.#trusted, address)
  }
}

function isSecure(proto: string | null): boolean | null {
  if (proto === 'https' || proto === 'wss') return true
  return proto === 'http' || proto === 'ws' ? false : null
}

/** Reads what the proxies wrote. Returns what the n-th from the right has, beginning with 1. */
function readXForwarded(headers: HeaderFields): (count: number) => Hop {
  const list = (name: string) => splitList(headers.get(`x-forwarded-${name}`) ?? '')
  const [clients, protos, hosts] = [list('for'), list('proto'), list('host')]
  return (count) => ({
    client: parseNode(clients.at(-count) ?? ''),
    proto: nearest(protos, count)?.toLowerCase() ?? null,
    host: hostOf(nearest(hosts, count))
  })
}

/**
 * Each proxy adds an element. A comma ends an element wherever it stands: what it may stand in, within quotes, is nothing that
 * we could use, and so a quote that a client has left open does not swallow what proxies wrote behind it.
 */
function readForwarded(headers: HeaderFields): (count: number) => Hop {
  const elements = splitList(headers.get('forwarded') ?? '')
  return (count) => {
    const own = parsePairs(elements.at(-count) ?? '')
    const near = own ?? parsePairs(nearest(elements, count) ?? '')
    const client = own?.get('for')
    return {
      client: client === undefined ? null : parseNode(client),
      proto: near?.get('proto')?.toLowerCase() ?? null,
      host: hostOf(near?.get('host'))
    }
  }
}

/** The n-th from the right; the first if there are less: many proxies replace what was there before. */
function nearest(list: readonly string[], count: number): string | undefined {
  return list[Math.max(list.length - count, 0)]
}

function hostOf(text: string | undefined): string | null {
  return text !== undefined && isAuthority(text) ? text : null
}

/** Parses one element of Forwarded; null if it is malformed or empty. Source: RFC 7239 §4. */
function parsePairs(element: string): Map<string, string> | null {
  const reader = new ValueReader(element)
  const pairs = new Map<string, string>()
  do {
    if (reader.isAt(';') || reader.isAtEnd()) continue
    const name = reader.takeToken()?.toLowerCase()
    if (name === undefined || pairs.has(name) || !reader.take('=')) return null
    const value = reader.isAt('"') ? reader.takeQuoted() : reader.takeToken()
    if (value === null) return null
    pairs.set(name, value)
  } while (reader.take(';'))
  return reader.isAtEnd() && pairs.size > 0 ? pairs : null
}

/** Parses an address, with a port if there is one; null for what is none, as 'unknown' or '_hidden'. Source: RFC 7239 §6. */
function parseNode(text: string): Pick<Source, 'address' | 'port'> | null {
  const match = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::(\d{1,5}|_[\w.-]+))?$|^([\da-f:.]+)$/i.exec(text)
  if (match === null) return null
  const [, bracketed, dotted, port = '', bare] = match
  const address = bracketed ?? dotted ?? bare!
  const version = isIP(address)
  if (version === 0 || (bracketed !== undefined && version !== 6)) return null
  return { address, port: /^\d+$/.test(port) && Number(port) < 65_536 ? Number(port) : null }
}
