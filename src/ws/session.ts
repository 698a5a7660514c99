// Owns what a WebSocket of `ws` has while it is connected: the connection, and the events that come from it. Must not know
// handshakes, nor the parameters that programs pass.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Connection } from '../connection.js'
import { ReadyState } from '../connection-status.js'
import type { CloseDetails } from '../core/closing.js'
import type { WebSocketError } from '../core/errors.js'
import { BinaryMessage, type Message } from '../core/message.js'
import type { Endpoint, Opened } from '../endpoint.js'
import { toWsError } from './errors.js'
import { Outgoing } from './outgoing.js'
import { convert, textOf, toBuffer } from './payloads.js'
import { throwLater } from './uncaught.js'
import type { BinaryType, RawData, WebSocket } from './websocket.js'

/** `WebSocket.CONNECTING`. */
export const CONNECTING = 0

const NO_REASON = Buffer.alloc(0)
const SESSION = Symbol('session')

/** A stream and whose it is. */
type Attached = Duplex & { [SESSION]?: Session }

/** Who keeps the WebSockets that are open. */
export interface SessionKeeper {
  /** One is over, and will tell so after this. */
  forget(websocket: WebSocket): void
}

/** The inner half of a WebSocket. Programs put whatever they like onto a WebSocket: what is ours stands here. */
export class Session {
  readonly websocket: WebSocket
  binaryType: BinaryType = 'nodebuffer'
  protocol = ''
  /** The names of the extensions in use, joined by ','. */
  extensions = ''
  allowsSynchronousEvents = true
  isPaused = false
  /** What `terminate` and `close` do as long as there is no connection; null: nothing. */
  abort: (() => void) | null = null
  connection: Connection<Session> | null = null
  /** The stream that was upgraded. Where the engine has its descriptor it has only its addresses, and its end. */
  socket: Duplex | null = null
  outgoing: Outgoing | null = null
  /** How the connection ended. */
  details: CloseDetails | null = null
  keeper: SessionKeeper | null = null
  /** Bytes that were sent when it was too late. */
  lateBytes = 0
  #state: 0 | 1 | 2 | 3 = CONNECTING
  #hasFailed = false
  #isDeferring = false

  constructor(websocket: WebSocket) {
    this.websocket = websocket
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.connection === null || this.#state > ReadyState.OPEN
      ? this.#state
      : this.connection.readyState
  }

  /** Makes a connection of what has done its handshake; events begin to come in a later turn. */
  open(
    endpoint: Endpoint<Session>,
    stream: Duplex,
    opened: Omit<Opened<Session>, 'data' | 'keepsStream'>
  ): void {
    this.socket = stream
    stream.allowHalfOpen = true
    const { setTimeout, setNoDelay } = stream as Partial<Socket>
    setTimeout?.call(stream as Socket, 0)
    setNoDelay?.call(stream as Socket, true)
    this.protocol = opened.protocol ?? ''
    this.extensions = opened.extensions.map(({ name }) => name).join()
    ;(stream as Attached)[SESSION] = this
    endpoint.adopt(stream, { ...opened, data: this, keepsStream: true })
    // An engine has it: whoever destroys the stream means the connection, and errors of what is only a shell say nothing.
    stream.on('error', ignore)
    stream.on('close', handleStreamClose)
  }

  /** @internal The connection is open: nothing is told before whoever waits for that has had a chance to listen. */
  handleOpen(connection: Connection<Session>): void {
    this.connection = connection
    this.outgoing = new Outgoing(connection)
    this.#state = ReadyState.OPEN
    connection.pause()
    process.nextTick(() => this.#readOn())
    this.emit('open')
  }

  /** @internal */
  handleMessage(message: Message): void {
    const isBinary = message instanceof BinaryMessage
    const data = isBinary ? convert(message.payload, this.binaryType) : textOf(message)
    try {
      this.websocket.emit('message', data as RawData, isBinary)
    } catch (error) {
      throwLater(error)
    }
    if (!this.allowsSynchronousEvents) this.#defer()
  }

  /** @internal */
  handleControl(name: 'ping' | 'pong', payload: Uint8Array): void {
    this.emit(name, toBuffer(payload))
    if (!this.allowsSynchronousEvents) this.#defer()
  }

  /** @internal */
  handleError(error: WebSocketError): void {
    this.fail(toWsError(error))
  }

  /** @internal */
  handleClose(details: CloseDetails): void {
    this.details = details
    this.socket?.destroy()
    this.end(details.code, details.reason === '' ? NO_REASON : Buffer.from(details.reason))
  }

  /** Tells of an error, unless one was told already. */
  fail(error: Error): void {
    this.giveUp()
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.emit('error', error)
  }

  /** Tells of the end, and of nothing more. */
  end(code: number, reason: Buffer): void {
    if (this.#state === ReadyState.CLOSED) return
    this.#state = ReadyState.CLOSED
    this.keeper?.forget(this.websocket)
    this.emit('close', code, reason)
  }

  /** The handshake will come to nothing. */
  giveUp(): void {
    if (this.#state === CONNECTING) this.#state = ReadyState.CLOSING
  }

  pause(): void {
    if (this.connection === null || this.#state === ReadyState.CLOSED) return
    this.isPaused = true
    this.connection.pause()
  }

  resume(): void {
    if (this.connection === null || this.#state === ReadyState.CLOSED) return
    this.isPaused = false
    this.#readOn()
  }

  terminate(): void {
    if (this.connection === null || this.#state === ReadyState.CLOSED) return
    this.#state = ReadyState.CLOSING
    const { connection } = this
    connection.pause()
    terminateBehind(connection)
  }

  /** Emits an event. What a listener throws is for the process, as everywhere in Node.js, and does not disturb the connection. */
  emit(name: string, ...parameters: unknown[]): boolean {
    try {
      return (this.websocket as unknown as NodeJS.EventEmitter).emit(name, ...parameters)
    } catch (error) {
      throwLater(error)
      return true
    }
  }

  #readOn(): void {
    if (!this.isPaused && !this.#isDeferring) this.connection!.resume()
  }

  /** The next event comes in a later turn. */
  #defer(): void {
    if (this.#isDeferring) return
    this.#isDeferring = true
    this.connection!.pause()
    setImmediate(() => {
      this.#isDeferring = false
      this.#readOn()
    })
  }
}

/** Whether a stream has become a WebSocket's. */
export function isTaken(stream: Duplex): boolean {
  return SESSION in stream
}

// One function for all streams: closures would cost each of them memory.
function handleStreamClose(this: Attached): void {
  const { connection, details } = this[SESSION]!
  if (connection !== null && details === null) terminateBehind(connection)
}

function ignore(): void {}

/**
 * Terminates after what was sent in this turn, which `ws` gives to the kernel at once: that is a microtask, which is asked for only
 * after the event in which this may be called.
 */
function terminateBehind(connection: Connection<Session>): void {
  queueMicrotask(() => queueMicrotask(() => connection.terminate()))
}
