// Owns the reading of the PROXY protocol, versions 1 and 2, out of chunks of any size: who the client of a TCP proxy is.
// Must not know sockets, nor who may send such a header.
// Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
import { isIPv4, isIPv6 } from 'node:net'
import { WebSocketError } from '../core/errors.js'

/** What a proxy says of its client. */
export interface ProxiedClient {
  /** Null: the client has none, as on a unix socket. */
  readonly address: string | null
  readonly port: number | null
  /** The client came to the proxy over TLS. */
  readonly isSecure: boolean
}

/** A whole header. */
export interface ProxyHeader {
  /** Null: the proxy speaks for itself (LOCAL), or does not know (UNKNOWN). */
  readonly client: ProxiedClient | null
  /** The bytes of the last chunk behind the header: a view into it. */
  readonly rest: Uint8Array
}

/** Longest line of version 1, with its end. */
const MAX_LINE_BYTES = 107
/** Bytes of version 2 before addresses and additions. */
const FIXED_BYTES = 16
/** Longest header of version 2. Those with an SNI, a unique ID and the names of a certificate have some hundred bytes. */
const MAX_BYTES = 4096
const SIGNATURE_1 = Buffer.from('PROXY ')
const SIGNATURE_2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const NO_BYTES = Buffer.alloc(0)

/** How families of version 2 are laid out: bytes of both addresses and ports. */
const FAMILIES: ReadonlyMap<number, number> = new Map([
  [0x11, 12],
  [0x21, 36],
  [0x31, 216]
])
const UNSPECIFIED = 0
/** The type of the addition about TLS, and its bit for a client that came over it. */
const TYPE_SSL = 0x20
const CLIENT_SSL = 1

/** Reads one header. */
export class ProxyHeaderReader {
  #held = NO_BYTES

  /**
   * Takes the next chunk, which may be reused after the call. Returns null until the header is whole; after that it takes no
   * more. How the bytes are cut never changes the result. Throws WebSocketError 'malformed-proxy-header'.
   */
  push(chunk: Uint8Array): ProxyHeader | null {
    const before = this.#held.length
    // No more than a header can have is held.
    const bytes = Buffer.concat([this.#held, chunk.subarray(0, MAX_BYTES - before)])
    const isFirst = startsLike(bytes, SIGNATURE_1)
    if (!isFirst && !startsLike(bytes, SIGNATURE_2)) fail('it does not begin with one')
    const byteLength = isFirst ? lineLength(bytes) : blockLength(bytes)
    this.#held = bytes
    if (byteLength === null || byteLength > bytes.length) return null
    this.#held = NO_BYTES
    const header = bytes.subarray(0, byteLength)
    return {
      client: isFirst ? readLine(header) : readBlock(header),
      rest: chunk.subarray(byteLength - before)
    }
  }
}

/** Whether bytes begin as the signature does, as far as they go. */
function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const byteLength = Math.min(bytes.length, signature.length)
  return bytes.subarray(0, byteLength).equals(signature.subarray(0, byteLength))
}

/** Bytes of the header of version 1; null: not yet known. */
function lineLength(bytes: Buffer): number | null {
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf('\r\n')
  if (end !== -1) return end + 2
  return bytes.length < MAX_LINE_BYTES ? null : fail(`a line of more than ${MAX_LINE_BYTES} bytes`)
}

/** Bytes of the header of version 2; null: not yet known. */
function blockLength(bytes: Buffer): number | null {
  if (bytes.length < FIXED_BYTES) return null
  const byteLength = FIXED_BYTES + bytes.readUInt16BE(14)
  return byteLength <= MAX_BYTES ? byteLength : fail(`${byteLength} bytes, more than ${MAX_BYTES}`)
}

function readLine(bytes: Buffer): ProxiedClient | null {
  const line = bytes.toString('latin1', 0, bytes.length - 2)
  // What stands behind UNKNOWN is to be ignored.
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return null
  const [, family, address = '', own = '', port = '', ownPort = '', ...more] = line.split(' ')
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : fail('its protocol')
  if (!isAddress(address) || !isAddress(own)) fail('an address')
  if (!isPort(port) || !isPort(ownPort) || more.length > 0) fail('a port')
  return { address, port: Number(port), isSecure: false }
}

/** Without a zone: whose machine's would it be? */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) < 65_536
}

function readBlock(bytes: Buffer): ProxiedClient | null {
  const [version, command] = [bytes[12]! >> 4, bytes[12]! & 15]
  if (version !== 2 || command > 1) fail(`version ${version}, command ${command}`)
  if (command === 0 || bytes[13] === UNSPECIFIED) return null
  const addressBytes = FAMILIES.get(bytes[13]!) ?? fail(`family and protocol 0x${bytes[13]!.toString(16)}`)
  const end = FIXED_BYTES + addressBytes
  if (bytes.length < end) fail('it has no room for its addresses')
  const isSecure = readAdditions(bytes.subarray(end))
  // The source address, the destination, the source port, the destination's; of unix sockets paths, of which ours has none.
  if (bytes[13] === 0x31) return { address: null, port: null, isSecure }
  const port = bytes.readUInt16BE(end - 4)
  const address = bytes.subarray(FIXED_BYTES, FIXED_BYTES + (addressBytes - 4) / 2)
  return { address: formatAddress(address), port, isSecure }
}

/** Steps through the additions (type, length, value). Returns whether one says that the client came over TLS. */
function readAdditions(bytes: Buffer): boolean {
  let isSecure = false
  for (let at = 0; at < bytes.length; ) {
    const end = at + 3 + (at + 3 <= bytes.length ? bytes.readUInt16BE(at + 1) : 0)
    if (end > bytes.length) fail('an addition is longer than the header')
    if (bytes[at] === TYPE_SSL && end > at + 3) isSecure = (bytes[at + 3]! & CLIENT_SSL) !== 0
    at = end
  }
  return isSecure
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const isMapped = bytes.subarray(0, 12).equals(MAPPED)
  if (isMapped) return `::ffff:${bytes.subarray(12).join('.')}`
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  // The one that writes addresses as RFC 5952 wants them in every runtime.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** What IPv4 addresses in IPv6 begin with. */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex')

function fail(detail: string): never {
  throw new WebSocketError('malformed-proxy-header', { detail })
}
