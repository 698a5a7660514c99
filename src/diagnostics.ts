// Owns the names and messages of the channels of `node:diagnostics_channel`. Must not know who subscribes; without anybody
// nothing is made.
import { channel } from 'node:diagnostics_channel'
import type { Connection } from './connection.js'
import type { CloseDetails } from './core/closing.js'
import type { WebSocketError } from './core/errors.js'
import type { HandshakeRequest } from './core/handshake-server.js'
import type { HandshakeOutcome } from './metrics/server-metrics.js'

/** Message of 'hotsocket:server:handshake': an opening handshake that a server got is decided. */
export interface HandshakeEvent {
  readonly outcome: HandshakeOutcome
  /** What was wrong with it; empty if it was accepted. */
  readonly detail: string
  /** Address of the client as far as it is known. */
  readonly remoteAddress: string | null
  /** Null if it was no valid request. */
  readonly request: HandshakeRequest | null
}

/** Message of 'hotsocket:connection:open', before `onopen`; of servers and clients. */
export interface OpenEvent {
  readonly connection: Connection<unknown>
  /** Null on a client, and with a `WebSocket` that became a `Connection`. */
  readonly request: HandshakeRequest | null
}

/** Message of 'hotsocket:connection:close', before `onclose`. */
export interface CloseEvent {
  readonly connection: Connection<unknown>
  readonly details: CloseDetails
}

/** Message of 'hotsocket:connection:error', before `onerror`. */
export interface ErrorEvent {
  readonly connection: Connection<unknown>
  readonly error: WebSocketError
}

/** Publishes what is of that type. */
interface Channel<Event> {
  readonly hasSubscribers: boolean
  publish(event: Event): void
}

/** Ask `hasSubscribers` before anything is made for a channel. */
export const channels = {
  handshake: open<HandshakeEvent>('hotsocket:server:handshake'),
  open: open<OpenEvent>('hotsocket:connection:open'),
  close: open<CloseEvent>('hotsocket:connection:close'),
  error: open<ErrorEvent>('hotsocket:connection:error')
}

function open<Event>(name: string): Channel<Event> {
  return channel(name)
}
