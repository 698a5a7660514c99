// Owns the making of a listening socket, plain or TLS. Must not know what is spoken over it.
import { once } from 'node:events'
import {
  createServer as createNetServer,
  type ListenOptions,
  type Server as NetServer,
  type Socket
} from 'node:net'
import type { Duplex } from 'node:stream'
import {
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer
} from 'node:tls'
import { WebSocketError } from '../core/errors.js'
import type { Logger } from '../log.js'
import { threadEngine } from '../thread-engine.js'
import { HAS_LIBUV } from '../transport/engine.js'
import type { EngineArrival } from '../transport/engine-arrival.js'
import type { EngineListener } from '../transport/engine-listener.js'
import { listeningDescriptor } from '../transport/take-over.js'
import type { ResolvedOptions } from './options.js'
import type { ServerTls } from './server-tls.js'
import { shareAddress } from './shared-port.js'

/** Gets what is accepted. */
export interface ListenHandler {
  /** A stream, plain or with its TLS handshake done. */
  onstream(stream: Duplex, isSecure: boolean): void
  /** A plain socket that the engine has accepted itself. */
  onarrival(arrival: EngineArrival): void
  /** A socket whose TLS handshake begins. */
  onsecured(socket: Socket): void
}

/** What listens. */
export interface Listener {
  /** The port; null if it listens at a path. */
  readonly port: number | null
  /** Accepts no more. */
  close(): void
}

/** Listens, with TLS if `tls` is not null, and resolves when it does. Rejects with WebSocketError 'listen-failed', which says where and why. */
export async function listen(
  options: ResolvedOptions,
  tls: ServerTls | null,
  logger: Logger,
  handler: ListenHandler
): Promise<Listener> {
  const { host, port, socketPath } = options
  const server = createListener(options, tls, logger, handler)
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
  const warn = (reason: string) => logger.warn(`cannot accept: ${reason}`)
  // E.g. no descriptors left for accept: the server goes on when there are some again.
  server.on('error', (error) => warn(error.message))
  const address = server.address()
  const boundPort = address === null || typeof address === 'string' ? null : address.port
  const engineListener =
    tls === null ? acceptNatively(server, (arrival) => handler.onarrival(arrival), warn) : null
  return { port: boundPort, close: () => (engineListener ?? server).close() }
}

/** Has the engine accept in a server's stead. Returns null where it cannot. */
function acceptNatively(
  server: NetServer,
  onarrival: (arrival: EngineArrival) => void,
  warn: (reason: string) => void
): EngineListener | null {
  const engine = HAS_LIBUV ? threadEngine() : null
  const descriptor = engine === null ? null : listeningDescriptor(server)
  if (engine === null || descriptor === null) return null
  const listener = engine.listen(descriptor, { handleArrival: onarrival, handleShortage: warn })
  if (listener !== null) server.close()
  return listener
}

async function addressOf(options: ResolvedOptions): Promise<ListenOptions> {
  const { host, port, socketPath: path, backlog, reusePort } = options
  if (path !== undefined) return { path, backlog }
  return reusePort ? shareAddress({ host, port, backlog }) : { host, port, backlog }
}

function createListener(
  { handshakeTimeoutMs }: ResolvedOptions,
  tls: ServerTls | null,
  logger: Logger,
  handler: ListenHandler
): NetServer {
  // Half open, so that a close frame can still go out when the peer has ended its side.
  if (tls === null) {
    return createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      handler.onstream(socket, false)
    )
  }
  return tls
    .serve((options) => makeTlsServer(options, handshakeTimeoutMs))
    .on('secureConnection', (socket) => {
      // Not before: a peer that ends amid its TLS handshake would stay until the time is over.
      socket.allowHalfOpen = true
      handler.onstream(socket, true)
    })
    .on('connection', (socket) => handler.onsecured(socket))
    .on('tlsClientError', (error, socket) => {
      logger.debug(`TLS handshake: ${error.message}`)
      // After a timeout Node.js leaves that to us.
      socket.destroy()
    })
}

/**
 * Does the TLS handshake of a server over a stream, and resolves with what it came to. Rejects with the error; then the stream
 * is gone.
 */
export function secure(
  stream: Duplex,
  { handshakeTimeoutMs }: ResolvedOptions,
  tls: ServerTls
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      stream.destroy()
      reject(error)
    }
    // Of streams that are no sockets Node.js does not notice that amid the handshake.
    const onend = () => fail(new Error('the peer went amid the TLS handshake'))
    // One server each: it does not tell whose handshake has failed.
    tls
      .serveOnce((options) => makeTlsServer(options, handshakeTimeoutMs))
      .on('secureConnection', (socket) => {
        stream.off('end', onend).off('close', onend)
        socket.allowHalfOpen = true
        resolve(socket)
      })
      .on('tlsClientError', (error, socket) => {
        socket.destroy()
        fail(error)
      })
      .emit('connection', stream.on('end', onend).on('close', onend))
  })
}

function makeTlsServer(options: TlsOptions, handshakeTimeoutMs: number): TlsServer {
  const handshakeTimeout = handshakeTimeoutMs === 0 ? 2 ** 31 - 1 : handshakeTimeoutMs
  const defaults = { ALPNProtocols: ['http/1.1'], handshakeTimeout }
  return createTlsServer({ ...defaults, ...options, allowHalfOpen: false, noDelay: true })
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'something else listens there already (EADDRINUSE)'
  if (error.code === 'EACCES')
    return 'this needs rights that the process has not (EACCES); ports below 1024 often do'
  if (error.code === 'EADDRNOTAVAIL') return 'this machine has no such address (EADDRNOTAVAIL)'
  if (error.code === 'ENOTSUP') return 'this system cannot share ports, leave reusePort out (ENOTSUP)'
  return error.message
}
