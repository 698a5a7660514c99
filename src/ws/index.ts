// Owns the public face of `hotsocket/ws`.

/**
 * What the package `ws` exports, on hotsocket: for programs, and the packages that they use, that are written for `ws`. See
 * docs/FROM-WS.md for what is the same and what differs.
 *
 * @module
 */

import { extension, subprotocol } from './header-lists.js'
import { PerMessageDeflate } from './per-message-deflate.js'
import { Receiver } from './receiver.js'
import { Sender } from './sender.js'
import { createWebSocketStream } from './stream.js'
import { WebSocket } from './websocket.js'
import { WebSocketServer } from './websocket-server.js'

Object.assign(WebSocket, {
  createWebSocketStream,
  extension,
  PerMessageDeflate,
  Receiver,
  Sender,
  Server: WebSocketServer,
  subprotocol,
  WebSocket,
  WebSocketServer
})

export type {
  CloseEvent,
  ErrorEvent,
  Event,
  EventListenerOptions,
  MessageEvent,
  WebSocketEventMap
} from './event-target.js'
export type {
  ClientOptions,
  CommonOptions,
  FinishRequestCallback,
  PerMessageDeflateOptions,
  VerifyClientCallbackAsync,
  VerifyClientCallbackSync
} from './options.js'
export type { MessageOptions, SendCallback } from './outgoing.js'
export type { CodingCallback, PerMessageDeflateSettings } from './per-message-deflate.js'
export type { ReceiverOptions } from './receiver.js'
export type { FrameOptions } from './sender.js'
export type { ServerOptions } from './server-options.js'
export type { BinaryType, Data, PingCallback, RawData } from './websocket.js'
export type AddressInfo = WebSocket.AddressInfo
export type CertMeta = WebSocket.CertMeta
export type { ServerEventArguments } from './websocket-server.js'
export {
  createWebSocketStream,
  extension,
  PerMessageDeflate,
  Receiver,
  Sender,
  subprotocol,
  WebSocket,
  WebSocket as default,
  WebSocket as 'module.exports',
  WebSocketServer,
  WebSocketServer as Server
}
