// Owns the options of a `WebSocket`: which concern a server's side, which a client's, and which both. Must not know what is
// done with them.
import { Duplex } from 'node:stream'
import type { ConnectionOptions as TlsClientOptions } from 'node:tls'
import { callable, checkObject, checkOptions, refuseOption } from '../checks.js'
import { CLIENT_OPTION_NAMES, type ClientOptions, resolveClientOptions } from '../client/options.js'
import type { HandshakeRequest } from '../core/handshake-server.js'
import { describe } from '../core/message.js'
import type { HandshakeDecision } from '../server/decision.js'
import { resolveOptions, SERVER_OPTION_NAMES, type ServerOptions } from '../server/options.js'
import type { ServerTlsOptions } from '../server/server-tls.js'

/** Options that `bind`, `listen` and `connect` stand for, and those that mean different things to both sides. */
type Replaced = 'host' | 'port' | 'socketPath' | 'backlog' | 'localAddress' | 'localPort' | 'tls' | 'auth'

/**
 * Options of a `WebSocket`: those of servers and of clients. Each side takes its own, and those that both have in common. All
 * have a default.
 */
export interface WebSocketOptions extends Omit<ServerOptions, Replaced>, Omit<ClientOptions, Replaced> {
  /**
   * A connected stream, over which `connect` does a client's handshake, and `accept` a server's. It belongs to the WebSocket.
   * Default: none, sockets of its own.
   */
  socket?: Duplex
  /** Path and query that `connect` asks for, where it is given an address and no URL. Default '/'. */
  location?: string
  /** As `enableTls`. Default: none. */
  tls?: ServerTlsOptions | TlsClientOptions
  /** A server's: whether accepted connections keep their request, some KiB each. Default true. */
  keepRequest?: boolean
  /** Who may connect, as of servers; or who the user is, as of clients. Default: everybody; nobody. */
  auth?: ServerOptions['auth'] | ClientOptions['auth']
  /**
   * A server's: decides who may connect, see `ServerHandlers.onhandshake`; `data` that it returns is not used. Default: all may.
   */
  onhandshake?(request: HandshakeRequest): HandshakeDecision<unknown> | Promise<HandshakeDecision<unknown>>
}

type Given = Readonly<Record<string, unknown>>

const REPLACED: readonly string[] = [
  'host',
  'port',
  'socketPath',
  'backlog',
  'localAddress',
  'localPort',
  'tls',
  'auth'
] satisfies Replaced[]
const isOf = (names: readonly string[]) => (name: string) => names.includes(name) && !REPLACED.includes(name)
const isOfServer = isOf(SERVER_OPTION_NAMES)
const isOfClient = isOf(CLIENT_OPTION_NAMES)

/** Checks what can be checked as long as the side is not known. Throws WebSocketError 'invalid-option'. */
export function checkWebSocketOptions(options: WebSocketOptions): void {
  checkObject(options)
  const { socket, location, tls: _, auth: __, onhandshake, ...others } = options
  const unknown = Object.keys(others).find((name) => !isOfServer(name) && !isOfClient(name))
  if (unknown !== undefined) refuseOption(`there is no option "${unknown}" of a WebSocket`)
  resolveOptions(pick(others, isOfServer))
  resolveClientOptions(pick(others, isOfClient))
  checkOptions(
    { socket, location, onhandshake },
    {
      socket: (value) => (value instanceof Duplex ? null : 'a Duplex stream'),
      location: (value) =>
        typeof value === 'string' && value.startsWith('/') ? null : "a path that begins with '/'",
      onhandshake: callable
    }
  )
}

/** What concerns a server. */
export function serverOptions(options: WebSocketOptions): ServerOptions {
  const { auth, tls } = options
  return { keepRequest: true, ...pick(options, isOfServer), ...withoutUndefined({ auth, tls }) }
}

/** What concerns a client. */
export function clientOptions(options: WebSocketOptions): ClientOptions {
  const { auth, tls } = options
  return { ...pick(options, isOfClient), ...withoutUndefined({ auth, tls }) }
}

/** Where a socket listens, or connects to: a port of TCP, or the path of a unix socket. */
export type SocketAddress =
  | { readonly host?: string; readonly port?: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined }

/** Returns an address as the options of servers name it. Throws WebSocketError 'invalid-option'. */
export function listenAddress(address: SocketAddress): Pick<ServerOptions, 'host' | 'port' | 'socketPath'> {
  checkNames(address)
  const { host, port, path } = address
  const named = withoutUndefined({ host, port, socketPath: path })
  resolveOptions(named)
  return named
}

/** Makes the URL of an address. Throws WebSocketError 'invalid-option'. */
export function urlOf(address: SocketAddress, location: string, isSecure: boolean): string {
  checkNames(address)
  const { host = 'localhost', port, path } = address
  const scheme = isSecure ? 'wss' : 'ws'
  if (typeof host !== 'string' || host === '')
    refuseOption(`host must be a name or an address, not ${describe(host)}`)
  if (path !== undefined) {
    if (typeof path !== 'string' || !path.startsWith('/'))
      refuseOption(`path must be absolute, to connect to it, not ${describe(path)}`)
    return `${scheme}+unix://${path.split('/').map(encodeURIComponent).join('/')}:${location}`
  }
  if (!Number.isInteger(port) || port! < 1 || port! > 65_535)
    refuseOption(`port must be an integer from 1 to 65535, to connect to it, not ${describe(port)}`)
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${location}`
}

function checkNames(address: SocketAddress): void {
  if (typeof address !== 'object' || address === null)
    refuseOption(`an address is an object with port and host, or path, not ${describe(address)}`)
  const wrong = Object.keys(address).find((name) => !['host', 'port', 'path'].includes(name))
  if (wrong !== undefined) refuseOption(`an address has no "${wrong}"; there are host and port, or path`)
  if (address.path !== undefined && (address.host !== undefined || address.port !== undefined))
    refuseOption('an address has host and port, or path, and not both')
}

function pick(options: object, isWanted: (name: string) => boolean): Given {
  return Object.fromEntries(Object.entries(options).filter(([name]) => isWanted(name)))
}

/** As the options of either side: those check what they get. */
function withoutUndefined(value: object): Given {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))
}
