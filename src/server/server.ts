// Owns the server whose handlers are awaited. Must not know bytes or frames.
import type { ConnectionOwner } from '../connection-settings.js'
import { AsyncServer } from './async-server.js'
import { Sequential } from './sequential.js'

/**
 * A WebSocket server with a task per client. It has the options, handlers and methods of `AsyncServer`, but handlers may be
 * asynchronous and are awaited: one client's events are handled strictly one after the other, while others proceed. As long
 * as a handler's promise is pending nothing is read from its client (which then must wait, so memory stays bounded), unless
 * the handler itself waits for `client.recv()`, or reads the message that `onmessagebegin` gave it. `onclose` comes last, after
 * the handlers of all that arrived before; `onerror` comes at once. What arrives while a handler is pending that has called
 * `client.close()` is not handled any more, and of pings and pongs that come while a handler waits for a message 1024 are kept for
 * `onping` and `onpong`. A handler that never settles keeps its client waiting for ever: set time limits.
 *
 * @example
 * new Server({
 *   port: 8000,
 *   async onmessage(client, message) {
 *     const answer = await database.find(message.payload)
 *     client.send(JSON.stringify(answer)) // in the order of the questions
 *   }
 * }).run()
 */
export class Server<T = undefined> extends AsyncServer<T> {
  /** @internal */
  protected override makeOwner(): ConnectionOwner<T> {
    return new Sequential<T>(this)
  }
}
