// Owns the making of a listening socket, plain or TLS. Must not know what is spoken over it.
import { once } from 'node:events'
import { createServer as createNetServer, type ListenOptions, type Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { WebSocketError } from '../core/errors.js'
import type { Logger } from '../log.js'
import type { ResolvedOptions } from './options.js'
import { shareAddress } from './shared-port.js'

/** Gets every stream that is accepted. */
export type OnStream = (stream: Duplex, isSecure: boolean) => void

/** Listens and resolves when it does. Rejects with WebSocketError 'listen-failed', which says where and why. */
export async function listen(
  options: ResolvedOptions,
  logger: Logger,
  onstream: OnStream
): Promise<NetServer> {
  const { host, port, socketPath } = options
  const server = createListener(options, logger, onstream)
  try {
    server.listen(await addressOf(options))
    await once(server, 'listening')
  } catch (cause) {
    if (cause instanceof WebSocketError) throw cause
    const where = socketPath ?? `${host ?? 'all addresses'}, port ${port}`
    throw new WebSocketError('listen-failed', {
      detail: `${where}: ${explain(cause as NodeJS.ErrnoException)}`,
      cause
    })
  }
  // E.g. no descriptors left for accept: the server goes on when there are some again.
  return server.on('error', (error) => logger.warn(`cannot accept: ${error.message}`))
}

async function addressOf(options: ResolvedOptions): Promise<ListenOptions> {
  const { host, port, socketPath: path, backlog, reusePort } = options
  if (path !== undefined) return { path, backlog }
  return reusePort ? shareAddress({ host, port, backlog }) : { host, port, backlog }
}

function createListener(options: ResolvedOptions, logger: Logger, onstream: OnStream): NetServer {
  // Half open, so that a close frame can still go out when the peer has ended its side.
  if (options.tls === undefined) {
    return createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) => onstream(socket, false))
  }
  const { handshakeTimeoutMs, tls } = options
  const handshakeTimeout = handshakeTimeoutMs === 0 ? 2 ** 31 - 1 : handshakeTimeoutMs
  const defaults = { ALPNProtocols: ['http/1.1'], handshakeTimeout }
  return createTlsServer({ ...defaults, ...tls, allowHalfOpen: true, noDelay: true })
    .on('secureConnection', (socket) => onstream(socket, true))
    .on('tlsClientError', (error, socket) => {
      logger.debug(`TLS handshake: ${error.message}`)
      // After a timeout Node.js leaves that to us.
      socket.destroy()
    })
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'something else listens there already (EADDRINUSE)'
  if (error.code === 'EACCES')
    return 'this needs rights that the process has not (EACCES); ports below 1024 often do'
  if (error.code === 'EADDRNOTAVAIL') return 'this machine has no such address (EADDRNOTAVAIL)'
  if (error.code === 'ENOTSUP') return 'this system cannot share ports, leave reusePort out (ENOTSUP)'
  return error.message
}
