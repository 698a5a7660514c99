// Owns a set of handlers that were given, and what happens where one is not. Must not know servers or clients.
import type { Connection } from './connection.js'
import type { ConnectionOwner, ConnectionSettings } from './connection-settings.js'
import type { CloseDetails } from './core/closing.js'
import type { WebSocketError } from './core/errors.js'
import type { Message } from './core/message.js'
import { type Logger, logConnectionError } from './log.js'
import type { MessageReader } from './message-reader.js'

/** What a connection's owner does where no handler is given: nothing. Errors are for those who derive from it. */
export abstract class DefaultHandlers<T> implements ConnectionOwner<T> {
  onopen(_client: Connection<T>): unknown {
    return undefined
  }
  onmessage(_client: Connection<T>, _message: Message): unknown {
    return undefined
  }
  onmessagebegin(_client: Connection<T>, _message: MessageReader): unknown {
    return undefined
  }
  onframebegin(_client: Connection<T>, _byteLength: number, _isFinal: boolean): unknown {
    return undefined
  }
  onframedata(_client: Connection<T>, _bytes: Uint8Array): unknown {
    return undefined
  }
  onframeend(_client: Connection<T>): unknown {
    return undefined
  }
  onmessageend(_client: Connection<T>): unknown {
    return undefined
  }
  onsent(_client: Connection<T>, _message: Message): unknown {
    return undefined
  }
  onunsent(_client: Connection<T>, _message: Message, _reason: WebSocketError): unknown {
    return undefined
  }
  onping(_client: Connection<T>, _payload: Uint8Array): unknown {
    return undefined
  }
  onpong(_client: Connection<T>, _payload: Uint8Array, _roundTripMs: number | null): unknown {
    return undefined
  }
  onclose(_client: Connection<T>, _code: number, _reason: string, _details: CloseDetails): unknown {
    return undefined
  }
  abstract onerror(connection: Connection<T>, error: WebSocketError): unknown
}

/** Whom connections report to: the handlers that were given, and nobody for the others; errors are logged. */
export class HandlerSet<T> extends DefaultHandlers<T> {
  readonly #logger: Logger
  readonly #peer: string

  /** `peer`: what the other side is called in the log. */
  constructor(handlers: Partial<ConnectionOwner<T>>, logger: Logger, peer: string) {
    super()
    this.#logger = logger
    this.#peer = peer
    Object.assign(this, handlers)
  }

  /** Returns settings with other handlers. */
  static replace<T>(
    settings: ConnectionSettings<T>,
    handlers: Partial<ConnectionOwner<T>>
  ): ConnectionSettings<T> {
    const owner = new HandlerSet(handlers, settings.logger, 'peer')
    return { ...settings, owner, isHandled: (name) => owner.isHandled(name), keepsMessages: true }
  }

  /** Whether a handler of that name was given. */
  isHandled(name: keyof ConnectionOwner<unknown>): boolean {
    return this[name] !== HandlerSet.prototype[name]
  }

  override onerror(connection: Connection<T>, error: WebSocketError): unknown {
    const peer = `${this.#peer} ${connection.remoteAddress ?? connection.id}`
    return logConnectionError(this.#logger, peer, error)
  }
}
