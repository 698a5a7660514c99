// Owns what can be told about a stream of Node.js: its addresses, and TLS if it is a TLS socket. Must not know who asks.
import { X509Certificate } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type {
  ChannelIdType,
  PeerCertificate,
  TlsDetails,
  TransportDetails,
  TransportFacts
} from '../core/transport-details.js'
import { channelIdOf } from './channel-id.js'
import { readSession } from './tls-session.js'

/** What can be told about one stream. */
export class StreamFacts implements TransportFacts {
  readonly #stream: Duplex

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  transportDetails(): TransportDetails | null {
    const stream = this.#stream
    if (stream.destroyed) return null
    const { localAddress, localPort, remoteAddress, remotePort } = stream as Partial<Socket>
    return {
      ...describeEnds(localAddress, localPort, remoteAddress, remotePort),
      encrypted: stream instanceof TLSSocket,
      tls: stream instanceof TLSSocket ? describeTls(stream) : null
    }
  }

  channelId(type: ChannelIdType): Uint8Array {
    const stream = this.#stream
    return channelIdOf(stream instanceof TLSSocket ? stream : null, type, stream.destroyed)
  }
}

/** Describes the two ends of a transport. */
export function describeEnds(
  localAddress: string | null | undefined,
  localPort: number | undefined,
  remoteAddress: string | null | undefined,
  remotePort: number | undefined
): Omit<TransportDetails, 'encrypted' | 'tls'> {
  const version = isIP(localAddress ?? remoteAddress ?? '')
  return {
    localAddress: localAddress ?? null,
    localPort: localPort || null,
    remoteAddress: remoteAddress ?? null,
    remotePort: remotePort || null,
    family: version === 0 ? null : version === 4 ? 'IPv4' : 'IPv6'
  }
}

function describeTls(socket: TLSSocket): TlsDetails {
  const { standardName, name } = socket.getCipher() ?? {}
  // The types do not know that it is set on sockets of both roles.
  const { servername } = socket as { servername?: string | false | null }
  const peerCertificate = certificateOf(socket)
  // With TLS 1.3 Node.js calls whoever resumes a session authorized, even if it has never shown a certificate.
  const isShown = peerCertificate !== null
  const authorizationError = socket.authorized && !isShown ? NOT_SHOWN : socket.authorizationError
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: standardName ?? name ?? 'unknown',
    alpn: socket.alpnProtocol || null,
    servername: servername || null,
    resumed: socket.isSessionReused(),
    authorized: socket.authorized && isShown,
    authorizationError: authorizationError ? String(authorizationError) : null,
    peerCertificate
  }
}

/** What Node.js says of a peer that shows no certificate when a session begins. */
const NOT_SHOWN = 'UNABLE_TO_GET_ISSUER_CERT'

function certificateOf(socket: TLSSocket): PeerCertificate | null {
  const certificate = socket.getPeerCertificate() as PeerCertificate | null
  // An empty object means none.
  if (certificate?.raw !== undefined) return certificate
  // Of a client that has resumed a session Node.js tells none, although the session has it.
  if (!socket.isSessionReused()) return null
  const { peerCertificate } = readSession(socket.getSession())
  if (peerCertificate === null) return null
  return new X509Certificate(peerCertificate).toLegacyObject() as PeerCertificate
}
