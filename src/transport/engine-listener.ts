// Owns one listening socket of the engine. Must not know what is spoken on what it accepts.
import type { EngineBinding } from '../core/engine-binding.js'
import type { EngineArrival } from './engine-arrival.js'
import { errnoName } from './engine-transport.js'

/** How long it waits when the kernel lacks something, in ms. */
const SHORTAGE_MS = 100

/** Who is told what a listening socket does. */
export interface ListenerHandler {
  /** A socket was accepted: set its `handler`. */
  handleArrival(arrival: EngineArrival): void
  /** The kernel lacks something (`reason`, as 'EMFILE'), and sockets wait or were refused; told once until one is accepted. */
  handleShortage(reason: string): void
}

/** A listening socket. */
export class EngineListener {
  readonly #binding: EngineBinding
  readonly #number: number
  readonly #handler: ListenerHandler
  readonly #onclose: () => void
  #timer: NodeJS.Timeout | null = null
  #isShort = false
  #isClosed = false

  constructor(binding: EngineBinding, number: number, handler: ListenerHandler, onclose: () => void) {
    this.#binding = binding
    this.#number = number
    this.#handler = handler
    this.#onclose = onclose
  }

  /** Accepts no more; what was accepted lives on. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#binding.engineStopListening(this.#number)
    this.#onclose()
  }

  /** Takes a socket. */
  accept(arrival: EngineArrival): void {
    this.#isShort = false
    this.#handler.handleArrival(arrival)
  }

  /** Takes word of what the kernel lacks. */
  refuse(errno: number): void {
    if (!this.#isShort) this.#handler.handleShortage(errnoName(errno))
    this.#isShort = true
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#binding.engineAcceptAgain(this.#number)
    }, SHORTAGE_MS)
  }
}
