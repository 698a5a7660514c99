// Owns the handlers that a connection may have itself: by default they call those of its server or client. Must not know
// when they are called.
import type { Connection } from './connection.js'
import type { ConnectionOwner, ConnectionSettings } from './connection-settings.js'
import type { CloseDetails } from './core/closing.js'
import type { WebSocketError } from './core/errors.js'
import type { Message } from './core/message.js'
import type { MessageReader } from './message-reader.js'

/** The handlers of a `Connection`, to be overridden in a subclass or assigned. */
export abstract class OwnHandlers<T> {
  /** @internal */
  protected readonly settings: ConnectionSettings<T>

  constructor(settings: ConnectionSettings<T>) {
    this.settings = settings
  }

  /** @internal */
  protected abstract get self(): Connection<T>

  /** Called when the connection is open. By default, as all handlers: tells the server or client. */
  onopen(): unknown {
    return this.settings.owner.onopen(this.self)
  }
  /** A message arrived: see `ServerHandlers.onmessage`. */
  onmessage(message: Message): unknown {
    return this.settings.owner.onmessage(this.self, message)
  }
  /** A message begins to arrive: see `ServerHandlers.onmessagebegin`. */
  onmessagebegin(message: MessageReader): unknown {
    return this.settings.owner.onmessagebegin(this.self, message)
  }
  /** A frame begins to arrive: see `ServerHandlers.onframebegin`. */
  onframebegin(byteLength: number, isFinal: boolean): unknown {
    return this.settings.owner.onframebegin(this.self, byteLength, isFinal)
  }
  /** A piece of a frame arrived: see `ServerHandlers.onframedata`. */
  onframedata(bytes: Uint8Array): unknown {
    return this.settings.owner.onframedata(this.self, bytes)
  }
  /** A frame has arrived. */
  onframeend(): unknown {
    return this.settings.owner.onframeend(this.self)
  }
  /** A message has arrived that was told piece by piece. */
  onmessageend(): unknown {
    return this.settings.owner.onmessageend(this.self)
  }
  /** The last byte of a message is with the kernel: see `ServerHandlers.onsent`. */
  onsent(message: Message): unknown {
    return this.settings.owner.onsent(this.self, message)
  }
  /** The connection is over, and the message is not known to be sent: see `ServerHandlers.onunsent`. */
  onunsent(message: Message, reason: WebSocketError): unknown {
    return this.settings.owner.onunsent(this.self, message, reason)
  }
  /** The peer's ping arrived; it is answered already. */
  onping(payload: Uint8Array): unknown {
    return this.settings.owner.onping(this.self, payload)
  }
  /** A pong arrived. `roundTripMs`: since our ping that it answers; null if it answers none. */
  onpong(payload: Uint8Array, roundTripMs: number | null): unknown {
    return this.settings.owner.onpong(this.self, payload, roundTripMs)
  }
  /** The connection is over: see `ServerHandlers.onclose`. */
  onclose(code: number, reason: string, details: CloseDetails): unknown {
    return this.settings.owner.onclose(this.self, code, reason, details)
  }
  /** The peer broke a rule, or a handler threw: see `ServerHandlers.onerror`. */
  onerror(error: WebSocketError): unknown {
    return this.settings.owner.onerror(this.self, error)
  }

  /** @internal Whether there is a handler of that name, of its own or of its server or client. */
  protected isHandled(name: keyof ConnectionOwner<unknown>): boolean {
    return this[name] !== OwnHandlers.prototype[name] || this.settings.isHandled(name)
  }
}
