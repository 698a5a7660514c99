// Owns the reading of what TLSSocket.getSession gives: the two facts in it that Node.js has no call for. Must not know
// sockets.

/** What a session tells. */
export interface SessionFacts {
  /** Whether its master secret is bound to its handshake (RFC 7627); null if the session does not say. */
  readonly hasExtendedMasterSecret: boolean | null
  /** The peer's certificate in DER, or null. */
  readonly peerCertificate: Uint8Array | null
}

const UNKNOWN: SessionFacts = { hasExtendedMasterSecret: null, peerCertificate: null }

const SEQUENCE = 0x30
/** Context tags of OpenSSL's SSL_SESSION: [3] and [13]. BoringSSL has something of another type at 13. */
const PEER_CERTIFICATE = 0xa3
const FLAGS = 0xad
const INTEGER = 0x02
/** A bit of the flags. */
const EXTENDED_MASTER_SECRET = 1

/** Reads a session of OpenSSL, in DER. What cannot be read says nothing. */
export function readSession(session: Uint8Array | undefined): SessionFacts {
  const whole = session === undefined ? null : readElement(session, 0)
  if (whole === null || whole.tag !== SEQUENCE) return UNKNOWN
  let peerCertificate: Uint8Array | null = null
  let flags = 0
  for (let at = 0; at < whole.content.length; ) {
    const element = readElement(whole.content, at)
    if (element === null) return UNKNOWN
    at = element.end
    if (element.tag === PEER_CERTIFICATE) peerCertificate = element.content
    if (element.tag !== FLAGS) continue
    const value = readElement(element.content, 0)
    if (value === null || value.tag !== INTEGER) return UNKNOWN
    flags = value.content.at(-1) ?? 0
  }
  // Flags that are all zero are left out.
  return { hasExtendedMasterSecret: (flags & EXTENDED_MASTER_SECRET) !== 0, peerCertificate }
}

interface Element {
  readonly tag: number
  readonly content: Uint8Array
  readonly end: number
}

/** Reads one element; null if it is not whole. Source: ITU-T X.690 §8.1. */
function readElement(bytes: Uint8Array, at: number): Element | null {
  const tag = bytes[at]
  let length = bytes[at + 1]
  if (tag === undefined || length === undefined) return null
  let start = at + 2
  if (length >= 0x80) {
    const lengthBytes = length & 0x7f
    length = 0
    for (const end = start + lengthBytes; start < end; start++) length = length * 256 + (bytes[start] ?? 0)
  }
  const end = start + length
  return end > bytes.length ? null : { tag, content: bytes.subarray(start, end), end }
}
