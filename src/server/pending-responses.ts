// Owns the knowledge which connections of an HTTP server still owe a response. Must not know WebSocket.
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * Counts the responses of an HTTP server that are under way. A client may pipeline an upgrade behind a request: Node.js then
 * gives the stream away while the response to that request can still be written into it.
 */
export class PendingResponses {
  readonly #counts = new WeakMap<Duplex, number>()

  constructor(server: HttpServer) {
    server.prependListener('request', (message: IncomingMessage, response: ServerResponse) => {
      const stream = message.socket
      this.#counts.set(stream, this.#count(stream) + 1)
      response.once('close', () => this.#counts.set(stream, this.#count(stream) - 1))
    })
  }

  /** Whether a response to an earlier request on this stream is not over. */
  has(stream: Duplex): boolean {
    return this.#count(stream) > 0
  }

  #count(stream: Duplex): number {
    return this.#counts.get(stream) ?? 0
  }
}
