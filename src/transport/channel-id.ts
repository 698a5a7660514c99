// Owns channel bindings of TLS: which there are on a connection, and their values. Must not know what they are used for.
import type { TLSSocket } from 'node:tls'
import { WebSocketError } from '../core/errors.js'
import { describe } from '../core/message.js'
import type { ChannelIdType } from '../core/transport-details.js'
import { readSession } from './tls-session.js'

/** Source: RFC 9266 §2. */
const EXPORTER_LABEL = 'EXPORTER-Channel-Binding'
const EXPORTER_BYTES = 32
/** A context that is there and empty: below TLS 1.3 that is something else than none. */
const NO_CONTEXT = Buffer.alloc(0)

/**
 * The channel binding of a TLS socket; null: the transport has no TLS. Throws WebSocketError 'invalid-argument',
 * 'not-open', 'no-channel-id'.
 */
export function channelIdOf(socket: TLSSocket | null, type: ChannelIdType, isOver: boolean): Uint8Array {
  if (type !== 'tls-exporter' && type !== 'tls-unique') {
    const detail = `channelId takes 'tls-exporter' or 'tls-unique', not ${describe(type)}`
    throw new WebSocketError('invalid-argument', { detail })
  }
  if (isOver) throw new WebSocketError('not-open', { detail: 'channelId: its TLS session is gone' })
  if (socket === null) refuse(type, 'the connection does not use TLS')
  const version = socket.getProtocol()
  if (version === 'TLSv1.3') return type === 'tls-exporter' ? exportId(socket) : refuse(type, NOT_UNIQUE)
  // Without it a man in the middle can have two connections agree on the same secrets. Source: RFC 7627 §1, RFC 9266 §3.
  if (readSession(socket.getSession()).hasExtendedMasterSecret !== true) {
    refuse(
      type,
      `the peer did not agree on an extended master secret (RFC 7627), which ${version} needs for it`
    )
  }
  return type === 'tls-exporter' ? exportId(socket) : firstFinished(socket)
}

const NOT_UNIQUE = "TLS 1.3 has none, take 'tls-exporter' (RFC 8446 appendix C.5)"

/** Source: RFC 9266 §2. */
function exportId(socket: TLSSocket): Uint8Array {
  // The binding is of a connection that is never renegotiated (RFC 9266 §3); in TLS 1.3 there is no such thing.
  socket.disableRenegotiation()
  return copyOf(socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, NO_CONTEXT))
}

/** The first Finished of the handshake: the client's, or the server's if a session was resumed. Source: RFC 5929 §3.1. */
function firstFinished(socket: TLSSocket): Uint8Array {
  // Documented to be null on a server's sockets, and there only.
  const isServer = socket.getEphemeralKeyInfo() === null
  const finished = isServer === socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished()
  return finished === undefined ? refuse('tls-unique', 'the TLS handshake is not finished') : copyOf(finished)
}

/** Of memory that is the caller's alone: Node.js may take these from a pool. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function refuse(type: ChannelIdType, why: string): never {
  throw new WebSocketError('no-channel-id', { detail: `no '${type}': ${why}` })
}
