// Owns the subject that is a Protocol in memory.
import type { Environment } from '../../src/core/environment.js'
import type { NegotiatedExtension } from '../../src/core/extension.js'
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.js'
import { OutputBytes } from '../../src/core/output.js'
import { Protocol } from '../../src/core/protocol.js'
import type { ProtocolHandler } from '../../src/core/protocol-handler.js'
import type { Role } from '../../src/core/terms.js'
import type { Subject, Transcript } from './subject.js'
import type { Event } from './vector.js'
import { join, toHex } from './wire.js'

/** A Protocol that writes down all it tells and sends. */
export class CoreSubject implements Subject, ProtocolHandler {
  readonly protocol: Protocol
  readonly output = new OutputBytes()
  readonly events: Event[] = []

  constructor(
    environment: Environment,
    role: Role,
    limits: Partial<Limits> = {},
    extensions: readonly NegotiatedExtension[] = []
  ) {
    const settings = { role, environment, limits: { ...DEFAULT_LIMITS, ...limits } }
    this.protocol = new Protocol(settings, this.output, this, extensions)
  }

  receive(chunk: Uint8Array): void {
    this.protocol.receiveBytes(chunk)
  }

  close(code?: number, reason?: string): void {
    this.protocol.close(code, reason)
  }

  ping(payload: Uint8Array): void {
    this.protocol.sendPing(payload)
  }

  /** Takes the bytes written since the last call. */
  takeBytes(): Uint8Array {
    return join(this.output.take())
  }

  finish(): Transcript {
    const { cause, ...end } = this.protocol.end()
    return { events: this.events, bytes: this.takeBytes(), end: { ...end, cause: cause?.code ?? null } }
  }

  handleMessage(message: Parameters<ProtocolHandler['handleMessage']>[0]): void {
    const { payload } = message
    this.events.push(typeof payload === 'string' ? ['text', payload] : ['binary', toHex(payload)])
  }

  handlePing(payload: Uint8Array): void {
    this.events.push(['ping', toHex(payload)])
  }

  handlePong(payload: Uint8Array, roundTripMs: number | null): void {
    this.events.push(['pong', toHex(payload), roundTripMs === null ? 'unsolicited' : 'answer'])
  }

  handleError(error: Parameters<ProtocolHandler['handleError']>[0]): void {
    this.events.push(['error', error.code])
  }

  handleFinish(): void {
    this.events.push(['finish'])
  }
}
