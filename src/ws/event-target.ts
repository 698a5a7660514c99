// Owns the events of browsers on top of an EventEmitter: listeners that get event objects, and the `on...` properties.
// Must not know what is behind the events.
import type { ClientRequest, IncomingMessage } from 'node:http'
import { TypedEmitter } from './typed-emitter.js'
import type { Data, RawData, WebSocket } from './websocket.js'

/** An event as browsers have it. */
export class Event {
  readonly type: string
  readonly target: WebSocket

  constructor(type: string, target: WebSocket) {
    this.type = type
    this.target = target
  }
}

/** The connection is over. */
export class CloseEvent extends Event {
  /** 1005: the close frame carried no code; 1006: there was none. */
  readonly code: number
  readonly reason: string
  /** Both sides sent a close frame, and nothing was lost. */
  readonly wasClean: boolean

  constructor(target: WebSocket, code: number, reason: string, wasClean: boolean) {
    super('close', target)
    this.code = code
    this.reason = reason
    this.wasClean = wasClean
  }
}

/** The connection failed, or could not be opened. */
export class ErrorEvent extends Event {
  readonly error: Error
  readonly message: string

  constructor(target: WebSocket, error: Error) {
    super('error', target)
    this.error = error
    this.message = error.message
  }
}

/** A message arrived: a string for text, otherwise as `binaryType` says. */
export class MessageEvent extends Event {
  readonly data: Data

  constructor(target: WebSocket, data: Data) {
    super('message', target)
    this.data = data
  }
}

/** The events by name. */
export interface WebSocketEventMap {
  open: Event
  error: ErrorEvent
  close: CloseEvent
  message: MessageEvent
}

/** What the listeners of an EventEmitter get. */
export interface WebSocketEventArguments {
  close: [code: number, reason: Buffer]
  error: [error: Error]
  message: [data: RawData, isBinary: boolean]
  open: []
  ping: [data: Buffer]
  pong: [data: Buffer]
  redirect: [url: string, request: ClientRequest]
  'unexpected-response': [request: ClientRequest, response: IncomingMessage]
  upgrade: [response: IncomingMessage]
}

/** A listener for event objects. */
export type Listener<Name extends keyof WebSocketEventMap> =
  | ((event: WebSocketEventMap[Name]) => void)
  | { handleEvent(event: WebSocketEventMap[Name]): void }

/** Options of `addEventListener`. */
export interface EventListenerOptions {
  /** Whether it is called for the first event only. Default false. */
  once?: boolean | undefined
}

/** For whom a wrapper stands, and whether it was set as an `on...` property. */
interface Standing {
  readonly handler: unknown
  readonly isProperty: boolean
}

type Wrapper = (...parameters: never[]) => void

const standings = new WeakMap<object, Standing>()

/** An EventEmitter that has event objects, too. */
export abstract class EventTargetEmitter extends TypedEmitter<WebSocketEventArguments> {
  static {
    // As Web IDL has attributes: who walks the prototype finds them.
    for (const name of ['onopen', 'onerror', 'onclose', 'onmessage'])
      Object.defineProperty(EventTargetEmitter.prototype, name, { enumerable: true })
  }

  /** @internal Whether the end was clean. */
  protected abstract get wasClean(): boolean

  /** Adds a listener; one that is there already stays once. Other names than those of `WebSocketEventMap` are ignored. */
  addEventListener<Name extends keyof WebSocketEventMap>(
    type: Name,
    listener: Listener<Name>,
    options: EventListenerOptions = {}
  ): void {
    if (this.#find(type, listener) === null) this.#add(type, listener, options.once === true, false)
  }

  /** Removes a listener. */
  removeEventListener<Name extends keyof WebSocketEventMap>(type: Name, listener: Listener<Name>): void {
    const wrapper = this.#find(type, listener)
    if (wrapper !== null) this.off(type, wrapper as never)
  }

  /** Called with an `Event` when the connection is open; null: none. */
  get onopen(): ((event: Event) => void) | null {
    return this.#property('open')
  }

  set onopen(handler: ((event: Event) => void) | null) {
    this.#setProperty('open', handler)
  }

  /** Called with an `ErrorEvent`; null: none. */
  get onerror(): ((event: ErrorEvent) => void) | null {
    return this.#property('error')
  }

  set onerror(handler: ((event: ErrorEvent) => void) | null) {
    this.#setProperty('error', handler)
  }

  /** Called with a `CloseEvent`; null: none. */
  get onclose(): ((event: CloseEvent) => void) | null {
    return this.#property('close')
  }

  set onclose(handler: ((event: CloseEvent) => void) | null) {
    this.#setProperty('close', handler)
  }

  /** Called with a `MessageEvent`; null: none. */
  get onmessage(): ((event: MessageEvent) => void) | null {
    return this.#property('message')
  }

  set onmessage(handler: ((event: MessageEvent) => void) | null) {
    this.#setProperty('message', handler)
  }

  #property<Handler>(type: keyof WebSocketEventMap): Handler | null {
    const wrapper = this.#find(type, null)
    return wrapper === null ? null : (standings.get(wrapper)!.handler as Handler)
  }

  #setProperty<Name extends keyof WebSocketEventMap>(type: Name, handler: Listener<Name> | null): void {
    const wrapper = this.#find(type, null)
    if (wrapper !== null) this.off(type, wrapper as never)
    if (typeof handler === 'function') this.#add(type, handler, false, true)
  }

  /** The wrapper of a listener; null asks for that of the property. */
  #find(type: keyof WebSocketEventMap, handler: unknown): Wrapper | null {
    for (const wrapper of this.listeners(type)) {
      const standing = standings.get(wrapper)
      if (standing === undefined || standing.isProperty !== (handler === null)) continue
      if (handler === null || standing.handler === handler) return wrapper as Wrapper
    }
    return null
  }

  #add<Name extends keyof WebSocketEventMap>(
    type: Name,
    handler: Listener<Name>,
    isOnce: boolean,
    isProperty: boolean
  ): void {
    const wrapper = this.#wrap(type, handler as Listener<never>)
    if (wrapper === null) return
    standings.set(wrapper, { handler, isProperty })
    if (isOnce) this.once(type, wrapper as never)
    else this.on(type, wrapper as never)
  }

  #wrap(type: keyof WebSocketEventMap, handler: Listener<never>): Wrapper | null {
    const target = this as unknown as WebSocket
    const call = (event: Event) => {
      if (typeof handler === 'function') handler.call(target, event as never)
      else handler.handleEvent(event as never)
    }
    switch (type) {
      case 'message':
        return (data: RawData, isBinary: boolean) =>
          call(new MessageEvent(target, isBinary ? data : data.toString()))
      case 'close':
        return (code: number, reason: Buffer) =>
          call(new CloseEvent(target, code, reason.toString(), this.wasClean))
      case 'error':
        return (error: Error) => call(new ErrorEvent(target, error))
      case 'open':
        return () => call(new Event('open', target))
      default:
        return null
    }
  }
}
