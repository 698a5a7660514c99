// Owns the class WebSocket as programs written for `ws` know it: its parameters and properties. Must not know how a connection
// is opened or carried.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { ReadyState } from '../connection-status.js'
import { canSendCloseCode } from '../core/closing.js'
import { Opcode } from '../core/header.js'
import { ClientOpening } from './client-opening.js'
import { createEndpoint } from './endpoint.js'
import { EventTargetEmitter } from './event-target.js'
import { type ClientOptions, type CommonOptions, environmentOf } from './options.js'
import { type MessageOptions, type Outgoing, type SendCallback, toBytes } from './outgoing.js'
import type { RequestClass, WebSocketClass } from './server-options.js'
import { CONNECTING, Session } from './session.js'
import { callOutside } from './uncaught.js'

/** What 'message' gives: a Buffer, or what `binaryType` asks for; text always as a Buffer. */
export type RawData = Buffer | ArrayBuffer | Buffer[]
/** What `MessageEvent.data` is. */
export type Data = string | RawData
/** As `SendCallback`; the types of `@types/ws` leave out that there may be no error. */
export type PingCallback = (error: Error) => void
/** In which form binary messages come. */
export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob'

const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob']
const STATE_NAMES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']
/** What is enumerable in browsers, too. */
const ATTRIBUTES = ['binaryType', 'bufferedAmount', 'extensions', 'isPaused', 'protocol', 'readyState', 'url']
const MAX_REASON_BYTES = 123

/** @internal The inner half of a WebSocket. */
export let sessionOf: (websocket: WebSocket) => Session

/**
 * A WebSocket with the interface of the class of that name in the package `ws`; docs/FROM-WS.md tells what differs. Errors that
 * methods throw are those of `ws`: TypeError, RangeError, SyntaxError and Error, and no WebSocketError.
 */
export class WebSocket extends EventTargetEmitter {
  static readonly CONNECTING = 0
  static readonly OPEN = 1
  static readonly CLOSING = 2
  static readonly CLOSED = 3
  // What `require` of the package gives is the class, with all the rest as its properties, which index.ts sets.
  declare static readonly createWebSocketStream: typeof import('./stream.js').createWebSocketStream
  declare static readonly extension: typeof import('./header-lists.js').extension
  declare static readonly PerMessageDeflate: typeof import('./per-message-deflate.js').PerMessageDeflate
  declare static readonly Receiver: typeof import('./receiver.js').Receiver
  declare static readonly Sender: typeof import('./sender.js').Sender
  declare static readonly Server: typeof import('./websocket-server.js').WebSocketServer
  declare static readonly subprotocol: typeof import('./header-lists.js').subprotocol
  declare static readonly WebSocket: typeof import('./websocket.js').WebSocket
  declare static readonly WebSocketServer: typeof import('./websocket-server.js').WebSocketServer
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSING: 2
  declare readonly CLOSED: 3
  readonly #session: Session
  /** A server's has none. */
  #url: string | undefined

  static {
    sessionOf = (websocket) => websocket.#session
    for (const [value, name] of STATE_NAMES.entries()) {
      const constant = { value, enumerable: true, writable: false, configurable: false }
      Object.defineProperty(WebSocket, name, constant)
      Object.defineProperty(WebSocket.prototype, name, constant)
    }
    for (const name of ATTRIBUTES) Object.defineProperty(WebSocket.prototype, name, { enumerable: true })
  }

  /** `address` null: for servers, which open it themselves. */
  constructor(address: null, protocols?: undefined, options?: object)
  constructor(address: string | URL, options?: ClientOptions)
  constructor(address: string | URL, protocols?: string | string[], options?: ClientOptions)
  constructor(
    address: string | URL | null,
    protocols?: string | string[] | ClientOptions,
    options?: ClientOptions | object
  ) {
    super()
    this.#session = new Session(this)
    if (address === null) return
    this._isServer = false
    const isOptions = typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols)
    const given: ClientOptions = (isOptions ? protocols : options) ?? {}
    const offered = (isOptions ? undefined : protocols) ?? given.protocols ?? []
    const list = Array.isArray(offered) ? offered : [offered as string]
    const opening = new ClientOpening(this, this.#session, list, given, (url) => {
      this.#url = url
    })
    opening.begin(address)
  }

  /** In which form binary messages come. Default 'nodebuffer'. Other values are ignored. */
  get binaryType(): BinaryType {
    return this.#session.binaryType
  }

  set binaryType(type: BinaryType) {
    if (BINARY_TYPES.includes(type)) this.#session.binaryType = type
  }

  /** Bytes that are accepted for sending, frame headers included, and not with the kernel; and those that were sent too late. */
  get bufferedAmount(): number {
    const { outgoing, lateBytes } = this.#session
    return (outgoing?.bufferedAmount ?? 0) + lateBytes
  }

  /** The names of the extensions in use, joined by ','; empty: none. */
  get extensions(): string {
    return this.#session.extensions
  }

  /** Whether `pause` was called and `resume` was not. */
  get isPaused(): boolean {
    return this.#session.isPaused
  }

  /** The subprotocol; empty: none. */
  get protocol(): string {
    return this.#session.protocol
  }

  /** One of `CONNECTING`, `OPEN`, `CLOSING` and `CLOSED`. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#session.readyState
  }

  /** A client's: the URL, of the last redirect; undefined for a server's. */
  get url(): string {
    return this.#url as string
  }

  /** @internal For programs that reach inside: the stream that was upgraded, of use for its addresses. */
  get _socket(): Duplex | null {
    return this.#session.socket
  }

  /** @internal For programs that reach inside: `sendFrame`. */
  get _sender(): Outgoing | null {
    return this.#session.outgoing
  }

  /** @internal For programs that open a WebSocket of their own, over any stream: whether it is a server's. */
  _isServer = true

  /** @internal For the same: opens it. */
  setSocket(stream: Duplex, head: Uint8Array, options: CommonOptions = {}): void {
    const role = this._isServer ? 'server' : 'client'
    const environment = environmentOf(options)
    this.#session.allowsSynchronousEvents = options.allowSynchronousEvents ?? true
    const opened = { protocol: null, extensions: [], request: null, head }
    this.#session.open(createEndpoint(role, options, environment), stream, opened)
  }

  /** @internal */
  protected override get wasClean(): boolean {
    return this.#session.details?.wasClean === true
  }

  /**
   * Begins the closing handshake; while connecting, gives up. `data`: at most 123 bytes, not without `code`. Throws TypeError for
   * a code that must not be sent, RangeError for a reason that is too long.
   */
  close(code?: number, data?: string | Uint8Array): void {
    const session = this.#session
    if (session.readyState === CONNECTING) session.abort?.()
    if (session.readyState !== ReadyState.OPEN) return
    if (code !== undefined && (typeof code !== 'number' || !canSendCloseCode(code)))
      throw new TypeError('First argument must be a valid error code number')
    session.outgoing!.close(code, code === undefined || !data?.length ? '' : toReason(data))
  }

  /** Stops reading. Nothing happens while it is connecting, or closed. */
  pause(): void {
    this.#session.pause()
  }

  /** Reads again. */
  resume(): void {
    this.#session.resume()
  }

  /**
   * Sends a ping. `data`: at most 125 bytes; default none. `mask`: no effect. `callback`: called when it is with the kernel, or
   * will never be. Throws Error while connecting, RangeError for too much data.
   */
  ping(data?: unknown, mask?: boolean | PingCallback, callback?: PingCallback): void {
    this.#sendControl(Opcode.PING, data, mask, callback)
  }

  /** Sends a pong; as `ping`. */
  pong(data?: unknown, mask?: boolean | PingCallback, callback?: PingCallback): void {
    this.#sendControl(Opcode.PONG, data, mask, callback)
  }

  /**
   * Sends a message: a string as text; a Buffer, a typed array, an ArrayBuffer, a DataView or a Blob as binary; a number as text.
   * Bytes must not change before they are sent. `callback`: called when it is with the kernel, or with an error if it never
   * will be. Throws Error while connecting, TypeError for anything else.
   */
  send(data: unknown, callback?: SendCallback): void
  send(data: unknown, options: MessageOptions | undefined, callback?: SendCallback): void
  send(data: unknown, second?: MessageOptions | SendCallback, third?: SendCallback): void {
    const session = this.#session
    this.#checkBegun()
    const hasOptions = typeof second !== 'function'
    const callback = hasOptions ? third : second
    const message = typeof data === 'number' ? String(data) : data
    if (session.readyState !== ReadyState.OPEN) this.#refuse(message, callback)
    else session.outgoing!.send(message, hasOptions ? second : undefined, callback)
  }

  /** Drops the connection without a closing handshake; while connecting, gives up. */
  terminate(): void {
    const session = this.#session
    if (session.readyState === CONNECTING) session.abort?.()
    else session.terminate()
  }

  #sendControl(
    opcode: number,
    data: unknown,
    mask: boolean | PingCallback | undefined,
    last: PingCallback | undefined
  ): void {
    this.#checkBegun()
    const [payload, callback] =
      typeof data === 'function'
        ? [undefined, data as SendCallback]
        : [data, (typeof mask === 'function' ? mask : last) as SendCallback | undefined]
    const bytes = typeof payload === 'number' ? String(payload) : payload
    if (this.#session.readyState !== ReadyState.OPEN) this.#refuse(bytes, callback)
    else this.#session.outgoing!.sendControl(opcode, bytes, callback)
  }

  #checkBegun(): void {
    if (this.#session.readyState === CONNECTING)
      throw new Error('WebSocket is not open: readyState 0 (CONNECTING)')
  }

  /** It is too late to send. */
  #refuse(data: unknown, callback: SendCallback | undefined): void {
    const session = this.#session
    if (data) session.lateBytes += data instanceof Blob ? data.size : byteLengthOf(data)
    if (callback === undefined) return
    const state = session.readyState
    const error = new Error(`WebSocket is not open: readyState ${state} (${STATE_NAMES[state]})`)
    process.nextTick(callOutside, callback, error)
  }
}

function byteLengthOf(data: unknown): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : toBytes(data).length
}

function toReason(data: string | Uint8Array): string {
  if (typeof data !== 'string' && !(data instanceof Uint8Array))
    throw new TypeError('Second argument must be a string or a Uint8Array')
  if (Buffer.byteLength(data) > MAX_REASON_BYTES)
    throw new RangeError(`The message must not be greater than ${MAX_REASON_BYTES} bytes`)
  return typeof data === 'string' ? data : Buffer.from(data).toString()
}

/** The types that go with the class, as `@types/ws` has them. */
export declare namespace WebSocket {
  export type RawData = import('./websocket.js').RawData
  export type Data = import('./websocket.js').Data
  export type BinaryType = import('./websocket.js').BinaryType
  export type CertMeta = string | string[] | Buffer | Buffer[]
  export type AddressInfo = import('node:net').AddressInfo
  export type ClientOptions = import('./options.js').ClientOptions
  export type PerMessageDeflateOptions = import('./options.js').PerMessageDeflateOptions
  export type FinishRequestCallback = import('./options.js').FinishRequestCallback
  export type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> =
    import('./options.js').VerifyClientCallbackSync<Request>
  export type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> =
    import('./options.js').VerifyClientCallbackAsync<Request>
  export type ServerOptions<
    Client extends WebSocketClass = WebSocketClass,
    Request extends RequestClass = RequestClass
  > = import('./server-options.js').ServerOptions<Client, Request>
  export type Server<
    Client extends WebSocketClass = WebSocketClass,
    Request extends RequestClass = RequestClass
  > = import('./websocket-server.js').WebSocketServer<Client, Request>
  export type WebSocketServer<
    Client extends WebSocketClass = WebSocketClass,
    Request extends RequestClass = RequestClass
  > = import('./websocket-server.js').WebSocketServer<Client, Request>
  export type WebSocket = import('./websocket.js').WebSocket
  export type Event = import('./event-target.js').Event
  export type CloseEvent = import('./event-target.js').CloseEvent
  export type ErrorEvent = import('./event-target.js').ErrorEvent
  export type MessageEvent = import('./event-target.js').MessageEvent
  export type WebSocketEventMap = import('./event-target.js').WebSocketEventMap
  export type EventListenerOptions = import('./event-target.js').EventListenerOptions
}
