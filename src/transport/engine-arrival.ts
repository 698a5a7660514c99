// Owns one socket that the engine has accepted and that has not opened yet. Must not know HTTP.
import { Socket } from 'node:net'
import type { EngineBinding } from '../core/engine-binding.js'
import type { TransportFacts } from '../core/transport-details.js'
import { type Arrival, type ArrivalHandler, StreamArrival } from './arrival.js'
import type { EngineLoop } from './engine.js'
import { EngineFacts } from './engine-facts.js'
import type { EngineTransport } from './engine-transport.js'
import type { RowHandler } from './transport.js'

/** An arrival that has a slot. */
export class EngineArrival implements Arrival {
  /** Set by whoever takes it, before anything arrives. */
  handler!: ArrivalHandler
  readonly generation: number
  readonly #loop: EngineLoop
  readonly #binding: EngineBinding
  readonly #slot: number
  #isReading = true
  isLost = false

  constructor(loop: EngineLoop, binding: EngineBinding, slot: number, generation: number) {
    this.#loop = loop
    this.#binding = binding
    this.#slot = slot
    this.generation = generation
  }

  get remoteAddress(): string | null {
    return this.#binding.engineRemoteAddress(this.#slot, this.generation)
  }

  get facts(): TransportFacts {
    return new EngineFacts(this.#binding, this.#slot, this.generation)
  }

  /** The engine reads from the start; its first bytes come in a later batch. */
  read(): void {}

  stop(): void {
    this.#isReading = false
  }

  leave(): void {
    this.#isReading = false
  }

  destroy(): void {
    if (!this.#forget()) return
    this.#binding.engineClose(this.#slot, this.generation)
    this.handler.handleClose()
  }

  toStream(): StreamArrival {
    const fd = this.#forget() ? this.#binding.engineRelease(this.#slot, this.generation) : -1
    // One that is gone becomes a stream that is.
    const stream = fd < 0 ? new Socket().destroy() : new Socket({ fd, allowHalfOpen: true })
    return new StreamArrival(stream, this.handler)
  }

  /** From here on its bytes are frames: `head`, which came behind the handshake, then all that arrives. */
  upgrade(head: Uint8Array, handler: RowHandler): EngineTransport {
    this.#forget()
    this.#binding.engineUpgrade(this.#slot, this.generation, head)
    return this.#loop.open(this.#slot, this.generation, handler)
  }

  /** Takes bytes that the engine has read; it reads no more until it is told to. */
  receive(bytes: Uint8Array): void {
    this.handler.handleBytes(bytes)
    if (this.#isReading) this.#binding.engineResume(this.#slot, this.generation)
  }

  /** The peer has ended, or the socket failed (`error`). */
  lose(error: Error | null): void {
    if (error === null) return this.handler.handleEnd()
    this.handler.handleError(error)
    this.destroy()
  }

  /** Returns false if it has been forgotten before. */
  #forget(): boolean {
    if (this.isLost) return false
    this.#isReading = false
    this.isLost = true
    this.#loop.forgetArrival(this.#slot)
    return true
  }
}
