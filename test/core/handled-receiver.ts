// Owns a receiver that tells what arrived to a handler, as nothing in the library does: there it is a part of a protocol.
import type { WebSocketError } from '../../src/core/errors.js'
import { DEFAULT_LIMITS } from '../../src/core/limits.js'
import type { Message } from '../../src/core/message.js'
import { Receiver } from '../../src/core/receiver.js'
import { Terms } from '../../src/core/terms.js'
import { fixedEnvironment } from './support.js'

export interface ReceiverHandler {
  receiveMessage(message: Message): void
  receiveControl(opcode: number, payload: Uint8Array): void
  receiveViolation(error: WebSocketError): void
  receiveWork(): void
}

/** A server's receiver. */
export class HandledReceiver extends Receiver {
  readonly #handler: ReceiverHandler

  constructor(handler: ReceiverHandler) {
    super(Terms.of({ role: 'server', limits: DEFAULT_LIMITS, environment: fixedEnvironment() }))
    this.#handler = handler
  }

  override receiveMessage(message: Message): void {
    this.#handler.receiveMessage(message)
  }

  override receiveControl(opcode: number, payload: Uint8Array): void {
    this.#handler.receiveControl(opcode, payload)
  }

  override receiveViolation(error: WebSocketError): void {
    this.#handler.receiveViolation(error)
  }

  protected override get pieceHandler(): null {
    return null
  }

  override receiveWork(): void {
    this.#handler.receiveWork()
  }
}
