// Owns the class WebSocket of the WHATWG standard, over this library's client. Must not know the protocol.

/**
 * `hotsocket/standard`: the class `WebSocket` that browsers have, for code that is written for them. It is the client of this
 * library underneath; `connect` does the same with less ceremony, and tells more.
 *
 * @module
 */

import { type Connection, type ConnectOptions, connect, ReadyState, WebSocketError } from '../index.js'
import { CloseEvent, ErrorEvent, HandlerAttributes } from './standard-events.js'

export { CloseEvent, type CloseEventInit, ErrorEvent } from './standard-events.js'

/** What may be sent. */
export type SendData = string | ArrayBufferLike | ArrayBufferView | Blob

/** Second argument of the constructor beyond the standard: any options of `connect` but its handlers. */
export type StandardOptions = Omit<
  ConnectOptions,
  | 'data'
  | 'onhandshake'
  | 'onopen'
  | 'onmessage'
  | 'onsent'
  | 'onunsent'
  | 'onping'
  | 'onpong'
  | 'onclose'
  | 'onerror'
>

const CONNECTING = 0
const { OPEN, CLOSING, CLOSED } = ReadyState
const MAX_REASON_BYTES = 123
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const utf8 = new TextEncoder()

/**
 * A WebSocket as in browsers. Source: WHATWG WebSockets, "The WebSocket interface". Beyond it: options of `connect` as the
 * second argument, ws+unix: URLs, and an `error` in the event 'error'.
 */
export class WebSocket extends EventTarget {
  static readonly CONNECTING = CONNECTING
  static readonly OPEN = OPEN
  static readonly CLOSING = CLOSING
  static readonly CLOSED = CLOSED
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSING: 2
  declare readonly CLOSED: 3
  readonly #url: URL
  readonly #handlers = new HandlerAttributes(this)
  readonly #abort = new AbortController()
  #connection: Connection | null = null
  #readyState: 0 | 1 | 2 | 3 = CONNECTING
  #bufferedAmount = 0
  #binaryType: 'blob' | 'arraybuffer' = 'blob'
  #protocol = ''
  #extensions = ''
  /** Blobs are read before they are sent, and what is sent behind one waits for it. */
  #sending: Promise<void> | null = null
  #error: WebSocketError | null = null

  /**
   * Begins to connect. `url`: ws: or wss:, also as http: or https:, without a fragment. `protocols`: a subprotocol, a list of
   * them, or options. Throws a DOMException 'SyntaxError' for a wrong URL or subprotocol, WebSocketError 'invalid-option' for
   * a wrong option.
   */
  constructor(url: string | URL, protocols?: string | readonly string[] | StandardOptions) {
    super()
    this.#url = parse(String(url))
    const options = readProtocols(protocols)
    options.protocols = checkProtocols(options.protocols ?? [])
    void this.#connect(options)
  }

  get url(): string {
    return this.#url.href
  }

  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  get readyState(): 0 | 1 | 2 | 3 {
    // The closing handshake may have begun on the other side.
    const isClosing = this.#readyState === OPEN && this.#connection?.readyState !== OPEN
    return isClosing ? CLOSING : this.#readyState
  }

  /** Bytes of messages, as payload, that `send` has taken and the kernel has not. It does not fall when the end comes. */
  get bufferedAmount(): number {
    return this.#bufferedAmount
  }

  /** The extensions in use, as the server wrote them; empty if none. */
  get extensions(): string {
    return this.#extensions
  }

  /** The subprotocol in use; empty if none. */
  get protocol(): string {
    return this.#protocol
  }

  /** What binary messages come as. Default 'blob'. Other values are ignored. */
  get binaryType(): 'blob' | 'arraybuffer' {
    return this.#binaryType
  }
  set binaryType(value: 'blob' | 'arraybuffer') {
    if (value === 'blob' || value === 'arraybuffer') this.#binaryType = value
  }

  get onopen(): ((this: WebSocket, event: Event) => unknown) | null {
    return this.#handlers.get('open')
  }
  set onopen(handler: ((this: WebSocket, event: Event) => unknown) | null) {
    this.#handlers.set('open', handler)
  }
  get onmessage(): ((this: WebSocket, event: MessageEvent) => unknown) | null {
    return this.#handlers.get('message')
  }
  set onmessage(handler: ((this: WebSocket, event: MessageEvent) => unknown) | null) {
    this.#handlers.set('message', handler)
  }
  get onerror(): ((this: WebSocket, event: Event) => unknown) | null {
    return this.#handlers.get('error')
  }
  set onerror(handler: ((this: WebSocket, event: Event) => unknown) | null) {
    this.#handlers.set('error', handler)
  }
  get onclose(): ((this: WebSocket, event: CloseEvent) => unknown) | null {
    return this.#handlers.get('close')
  }
  set onclose(handler: ((this: WebSocket, event: CloseEvent) => unknown) | null) {
    this.#handlers.set('close', handler)
  }

  /**
   * Sends a string as text, anything else as binary; what it is at the call counts. Does nothing but count once the end has
   * begun. Throws a DOMException 'InvalidStateError' before the connection is open.
   */
  send(data: SendData): void {
    if (this.#readyState === CONNECTING) fail('InvalidStateError', 'the connection is not open yet')
    const message = toSendable(data)
    const byteLength = lengthOf(message)
    this.#bufferedAmount += byteLength
    if (this.readyState !== OPEN) return
    if (this.#sending === null && !(message instanceof Blob)) this.#send(message, byteLength)
    else this.#sendBehind(message, byteLength)
  }

  /**
   * Begins the closing handshake. `code`: 1000 or 3000-4999; default: none. `reason`: at most 123 bytes of UTF-8. Throws a
   * DOMException 'InvalidAccessError' for another code, 'SyntaxError' for a longer reason.
   */
  close(code?: number, reason?: string): void {
    const sent = code === undefined ? null : clamp(code)
    if (sent !== null && sent !== 1000 && !(sent >= 3000 && sent <= 4999)) {
      fail('InvalidAccessError', `a close code is 1000 or 3000-4999, not ${sent}`)
    }
    const text = reason === undefined ? '' : String(reason)
    if (utf8.encode(text).length > MAX_REASON_BYTES) {
      fail('SyntaxError', `a close reason has at most ${MAX_REASON_BYTES} bytes of UTF-8`)
    }
    if (this.#readyState === CLOSING || this.#readyState === CLOSED) return
    const wasConnecting = this.#readyState === CONNECTING
    this.#readyState = CLOSING
    if (wasConnecting) this.#abort.abort()
    else void this.#close(sent, text)
  }

  async #connect(options: StandardOptions): Promise<void> {
    const { protocols = [], signal } = options
    const onabort = () => this.#abort.abort(signal?.reason)
    signal?.addEventListener('abort', onabort)
    if (signal?.aborted) onabort()
    try {
      await connect(this.#url, {
        logLevel: 'silent',
        ...options,
        signal: this.#abort.signal,
        onhandshake: (response) => {
          // Stricter than RFC 6455: if subprotocols are offered, the server must choose one.
          if (protocols.length > 0 && response.protocol === null)
            throw new Error('the server chose no subprotocol')
          this.#protocol = response.protocol ?? ''
          this.#extensions = response.headers.get('sec-websocket-extensions') ?? ''
        },
        onopen: (connection) => this.#open(connection),
        onmessage: (_, { payload }) => this.#receive(payload),
        onerror: (_, error) => {
          this.#error = error
        },
        onclose: (_, code, reason, { wasClean, cause }) =>
          this.#end(code, reason, wasClean, this.#error ?? cause)
      })
    } catch (error) {
      this.#protocol = ''
      this.#extensions = ''
      this.#end(1006, '', false, error)
    } finally {
      signal?.removeEventListener('abort', onabort)
    }
  }

  #open(connection: Connection): void {
    this.#connection = connection
    this.#readyState = OPEN
    this.dispatchEvent(new Event('open'))
  }

  #receive(payload: string | Uint8Array): void {
    if (this.#readyState !== OPEN) return
    const data = typeof payload === 'string' ? payload : this.#wrap(payload)
    this.dispatchEvent(new MessageEvent('message', { data, origin: this.#url.origin }))
  }

  #wrap(payload: Uint8Array): Blob | ArrayBufferLike {
    if (this.#binaryType === 'blob') return new Blob([payload as Uint8Array<ArrayBuffer>])
    const isWhole = payload.byteLength === payload.buffer.byteLength
    return isWhole ? payload.buffer : new Uint8Array(payload).buffer
  }

  #send(message: string | Uint8Array, byteLength: number): void {
    this.#connection?.send(message, {
      sent: (reason) => {
        if (reason === null) this.#bufferedAmount -= byteLength
      }
    })
  }

  #sendBehind(message: string | Uint8Array | Blob, byteLength: number): void {
    const reading = message instanceof Blob ? readBlob(message) : message
    const sending = this.#sendAfter(this.#sending, reading, byteLength)
    this.#sending = sending
    void sending.then(() => {
      if (this.#sending === sending) this.#sending = null
    })
  }

  async #sendAfter(
    before: Promise<void> | null,
    reading: string | Uint8Array | Promise<Uint8Array | Error>,
    byteLength: number
  ): Promise<void> {
    await before
    const message = await reading
    if (message instanceof Error) this.#fail(message)
    else this.#send(message, byteLength)
  }

  /** A blob of a file that is gone cannot be sent, and what follows it must not seem complete. */
  #fail(cause: Error): void {
    this.#error = new WebSocketError('handler-failed', {
      detail: `a Blob cannot be read: ${cause.message}`,
      cause
    })
    this.#connection?.terminate()
  }

  async #close(code: number | null, reason: string): Promise<void> {
    // What was sent before goes first, though a blob is still being read.
    await this.#sending
    void this.#connection?.close(code, code === null ? '' : reason)
  }

  #end(code: number, reason: string, wasClean: boolean, error: unknown): void {
    this.#readyState = CLOSED
    // A connection that is lost counts as failed, too: RFC 6455 §7.2.1.
    if (!wasClean) {
      const message = error instanceof Error ? error.message : String(error)
      this.dispatchEvent(new ErrorEvent('error', { message, error }))
    }
    this.dispatchEvent(new CloseEvent('close', { wasClean, code, reason }))
  }
}

for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
  Object.defineProperty(WebSocket.prototype, name, { value, enumerable: true })
}
for (const name of [
  'url',
  'readyState',
  'bufferedAmount',
  'extensions',
  'protocol',
  'binaryType',
  'onopen',
  'onmessage',
  'onerror',
  'onclose',
  'send',
  'close'
]) {
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true })
}

function parse(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return fail('SyntaxError', `${JSON.stringify(text)} is no URL`)
  }
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol === 'https:') url.protocol = 'wss:'
  if (!/^wss?(?:\+unix)?:$/.test(url.protocol))
    fail('SyntaxError', `${url.protocol} is no scheme of a WebSocket`)
  if (url.href.includes('#')) fail('SyntaxError', 'the URL of a WebSocket has no fragment')
  return url
}

/** As an argument of type (DOMString or sequence<DOMString>) is converted; an object that is no sequence holds options. */
function readProtocols(value: unknown): StandardOptions {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null) return { protocols: [String(value)] }
  if (Symbol.iterator in value) return { protocols: [...(value as Iterable<unknown>)].map(String) }
  return { ...value }
}

function checkProtocols(protocols: readonly string[]): readonly string[] {
  const isSound = protocols.every((one) => TOKEN.test(one)) && new Set(protocols).size === protocols.length
  return isSound ? protocols : fail('SyntaxError', 'subprotocols are tokens, none twice')
}

/** Copies bytes: what they are now is sent. */
function toSendable(data: unknown): string | Uint8Array | Blob {
  if (data instanceof Blob) return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data).slice()
  return String(data)
}

function lengthOf(message: string | Uint8Array | Blob): number {
  if (typeof message === 'string') return Buffer.byteLength(message, 'utf8')
  return message instanceof Blob ? message.size : message.byteLength
}

async function readBlob(blob: Blob): Promise<Uint8Array | Error> {
  try {
    return new Uint8Array(await blob.arrayBuffer())
  } catch (error) {
    return error as Error
  }
}

/** [Clamp] unsigned short. Source: Web IDL. */
function clamp(value: unknown): number {
  const number = Number(value)
  return Number.isNaN(number) ? 0 : Math.round(Math.min(Math.max(number, 0), 65_535))
}

function fail(name: 'SyntaxError' | 'InvalidStateError' | 'InvalidAccessError', message: string): never {
  throw new DOMException(message, name)
}
