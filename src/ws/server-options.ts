// Owns the options of a WebSocketServer of `ws`. Must not know what is done with them.
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { CommonOptions, VerifyClientCallbackAsync, VerifyClientCallbackSync } from './options.js'
import type { WebSocket } from './websocket.js'

/** A class of WebSockets: `WebSocket`, or one derived from it. */
export type WebSocketClass = typeof WebSocket
/** A class of requests: `IncomingMessage`, or one derived from it. */
export type RequestClass = typeof IncomingMessage

/** Options of a WebSocketServer. There must be one of `port`, `server` and `noServer`. */
export interface ServerOptions<
  Client extends WebSocketClass = WebSocketClass,
  Request extends RequestClass = RequestClass
> extends CommonOptions {
  /** Length of the queue of connections that the kernel has made and nobody has accepted. Default: that of node:net, 511. */
  backlog?: number | undefined
  /** Whether the server keeps its clients in `clients`. Default true. */
  clientTracking?: boolean | undefined
  /** Chooses a subprotocol; false: none. Default: the first that the client offers. */
  handleProtocols?: ((protocols: Set<string>, request: InstanceType<Request>) => string | false) | undefined
  /** Where to listen. Default: all addresses. */
  host?: string | undefined
  /** Whether the program gives requests to `handleUpgrade` itself. Default false. */
  noServer?: boolean | undefined
  /** The path of the clients that are accepted, without query. Default: any. */
  path?: string | undefined
  /** Where to listen, at an HTTP server that the WebSocketServer makes; 0: any free port. */
  port?: number | undefined
  /** An HTTP server whose upgrade requests the WebSocketServer takes. */
  server?: HttpServer<Request> | HttpsServer<Request> | undefined
  /** Decides about clients. With two parameters the second one is called with the decision, sooner or later. */
  verifyClient?:
    | VerifyClientCallbackAsync<InstanceType<Request>>
    | VerifyClientCallbackSync<InstanceType<Request>>
    | undefined
  /** The class of the clients. Default `WebSocket`. */
  WebSocket?: Client | undefined
}
