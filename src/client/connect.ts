// Owns the way to a connection for those who share nothing.
import type { Connection } from '../connection.js'
import { Agent, type ConnectOptions } from './agent.js'

/** Of all who have no agent of their own; made when it is first used. */
let agent: Agent | null = null

/**
 * Opens a WebSocket and resolves when it is open, after `onopen`. `url`: 'ws://host:port/path?query', wss:, their aliases
 * http: and https:, or a unix socket, 'ws+unix:///path/of/socket:/path?query' (wss+unix: with TLS). No message is lost: those
 * that come right behind the handshake go to `onmessage`, too.
 *
 * Rejects with WebSocketError: 'invalid-url', 'invalid-option', 'invalid-argument'; 'connect-failed' (its `cause` tells: DNS,
 * refused, TLS), 'handshake-timeout', 'aborted'; 'unexpected-status' (`error.response` has status, headers and body),
 * 'too-many-redirects', 'unsafe-redirect'; and for answers that break RFC 6455 §4.1 'malformed-response', 'head-too-big',
 * 'too-many-headers', 'wrong-accept', 'unrequested-protocol', 'unrequested-extension', 'invalid-extension'. No socket is
 * left then.
 *
 * @example
 * const connection = await connect('wss://example.com/chat', {
 *   onmessage: (connection, message) => console.log(message.payload)
 * })
 * connection.send('hello')
 */
export function connect<T = undefined>(
  url: string | URL,
  options: ConnectOptions<T> = {}
): Promise<Connection<T>> {
  agent ??= new Agent()
  return agent.connect(url, options)
}
