// Owns the events of the standard's WebSocket that Node.js lacks in some version, and handler attributes.
// Must not know sockets.

type EventInit = NonNullable<ConstructorParameters<typeof Event>[1]>

/** Members of `CloseEvent` when it is made. */
export interface CloseEventInit extends EventInit {
  wasClean?: boolean
  code?: number
  reason?: string
}

/** The event 'close': how a connection ended. Source: WHATWG WebSockets, "The CloseEvent interface". */
export class CloseEvent extends Event {
  /** Both sides have sent a close frame. */
  readonly wasClean: boolean
  /** Of the server's close frame; 1005 if it had no code, 1006 if there was none. */
  readonly code: number
  readonly reason: string

  constructor(type: string, init: CloseEventInit = {}) {
    super(type, init)
    this.wasClean = Boolean(init.wasClean ?? false)
    this.code = Number(init.code ?? 0) & 0xffff
    this.reason = String(init.reason ?? '')
  }
}

/** The event 'error'. Browsers tell nothing more; here there is nobody to hide it from. */
export class ErrorEvent extends Event {
  readonly message: string
  /** Usually a `WebSocketError`. */
  readonly error: unknown

  constructor(type: string, init: EventInit & { message?: string; error?: unknown } = {}) {
    super(type, init)
    this.message = String(init.message ?? '')
    this.error = init.error ?? null
  }
}

type Listener = (event: Event) => unknown

/**
 * The handlers of one object that are attributes. The place of one among the listeners is where it was first set; what is no
 * function counts as null. Source: HTML, "Event handlers".
 */
export class HandlerAttributes {
  readonly #target: EventTarget
  readonly #slots = new Map<string, { handler: Listener; readonly listener: Listener }>()

  constructor(target: EventTarget) {
    this.#target = target
  }

  /** The handler that was set; null: none. */
  get<Handler>(type: string): Handler | null {
    return (this.#slots.get(type)?.handler ?? null) as Handler | null
  }

  set(type: string, value: unknown): void {
    const slot = this.#slots.get(type)
    if (typeof value !== 'function') {
      if (slot !== undefined) this.#target.removeEventListener(type, slot.listener)
      this.#slots.delete(type)
    } else if (slot !== undefined) {
      slot.handler = value as Listener
    } else {
      const listener: Listener = (event) => fresh.handler.call(this.#target, event)
      const fresh = { handler: value as Listener, listener }
      this.#slots.set(type, fresh)
      this.#target.addEventListener(type, listener)
    }
  }
}
