// Owns the bridge between a connection and a TCP socket, as websockify and noVNC speak it: bytes as binary messages, or as text
// in base64. Must not know who opened either, nor command lines.
import type { Socket } from 'node:net'
import {
  CloseCode,
  type CloseDetails,
  type Connection,
  type Message,
  ReadyState,
  type Sendable,
  WebSocketError
} from '../index.js'
import { checkKind, closeCodeOf, failureOf, MessageSource } from './exchange.js'

/** The subprotocols of websockify. 'base64' is of old clients only. */
export type WebsockifyProtocol = 'binary' | 'base64'

/** Options of `bridge`. All have a default. */
export interface BridgeOptions {
  /** How bytes go over the WebSocket. Default: the subprotocol agreed on, if it is one of the two; otherwise 'binary'. */
  encoding?: WebsockifyProtocol
  /** How long a socket that is not connected yet may take to connect, in ms; 0 waits as long as the system. Default 10 000. */
  connectTimeoutMs?: number
  /** After how long without a byte on the socket both are closed, in ms; 0: never. Default 0. */
  idleTimeoutMs?: number
  /**
   * When the WebSocket is over: how long the socket may take no bytes, and then, when it has taken all, not end its side, in
   * ms; 0 waits for ever. Default 10 000.
   */
  closeTimeoutMs?: number
}

/** What a bridge has carried, and how it ended. */
export interface BridgeEnd {
  /** Bytes that came by the WebSocket and were handed to the socket. */
  readonly receivedBytes: number
  /** Bytes that came by the socket and were accepted for sending. */
  readonly sentBytes: number
  /** How the WebSocket ended. */
  readonly details: CloseDetails
  /** What failed, on whichever side; null if both ended in order. */
  readonly cause: Error | null
}

const OPTION_NAMES = [
  'encoding',
  'connectTimeoutMs',
  'idleTimeoutMs',
  'closeTimeoutMs'
] as const satisfies (keyof BridgeOptions)[]
const MAX_TIMEOUT_MS = 2 ** 31 - 1
const TIMEOUT_MS = 10_000

/**
 * Carries bytes both ways between a connection and a TCP (or unix, or TLS) socket, which may still be connecting, until both are
 * over; both are the bridge's from now on. Never rejects. Memory is bounded by the watermarks of both: neither is read while the
 * other takes nothing. Choose `onslow: 'continue'` on a server, or the two directions wait for each other.
 *
 * - WebSocket has no half-close. When the socket's peer ends its side, what it sent is delivered, then the connection is closed
 *   with 1000; what the connection's peer sends until it answers still reaches the socket (up to 16 MiB wait for it).
 * - When the connection is closed in order (1000, 1001, no code, or by us), the socket is ended behind what had arrived. After
 *   any other end it is reset (RST), so that nobody takes the part for the whole.
 * - When the socket cannot connect, the connection is closed with 1014; when it fails later, with 1011. The reason tells the
 *   system's error code, and no address.
 * - Messages of the wrong kind are refused with 1003, what is not base64 with 1007, and the socket is reset.
 *
 * Throws WebSocketError 'invalid-option'.
 */
export function bridge<T>(
  connection: Connection<T>,
  socket: Socket,
  options: BridgeOptions = {}
): Promise<BridgeEnd> {
  checkOptions(options)
  return new Bridge(connection, socket, options).run()
}

class Bridge<T> {
  readonly #connection: Connection<T>
  readonly #source: MessageSource<T>
  readonly #socket: Socket
  readonly #options: BridgeOptions
  readonly #isBase64: boolean
  #receivedBytes = 0
  #sentBytes = 0
  /** Messages that the kernel does not have yet. */
  #unsentCount = 0
  #isConnecting: boolean
  /** The socket's peer has ended its side. */
  #hasEnded = false
  #cause: Error | null = null
  #timer: NodeJS.Timeout | undefined
  /** Resolves when the socket takes bytes again, or is over. */
  #wake = () => {}

  constructor(connection: Connection<T>, socket: Socket, options: BridgeOptions) {
    this.#connection = connection
    this.#source = new MessageSource(connection)
    this.#socket = socket
    this.#options = options
    this.#isBase64 = (options.encoding ?? connection.protocol) === 'base64'
    this.#isConnecting = socket.connecting
  }

  async run(): Promise<BridgeEnd> {
    const socket = this.#socket
    // What comes from the connection when the socket's peer has ended is still for it.
    socket.allowHalfOpen = true
    const closed = new Promise<void>((resolve) => {
      if (socket.closed) resolve()
      else socket.once('close', resolve)
    })
    this.#watch()
    const details = this.#connection.closed()
    void details.then((known) => this.#judge(known))
    await this.#receive()
    await closed
    clearTimeout(this.#timer)
    return {
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#sentBytes,
      details: await details,
      cause: this.#cause
    }
  }

  #watch(): void {
    const { connectTimeoutMs = TIMEOUT_MS, idleTimeoutMs = 0 } = this.#options
    this.#socket
      .on('data', (bytes: Buffer) => this.#send(bytes))
      .on('end', () => this.#end())
      .on('drain', () => this.#wake())
      .on('error', (error: NodeJS.ErrnoException) => this.#failSocket(error))
      .on('close', () => this.#close())
      .on('timeout', () => this.#expire())
    // One that has failed already tells it no more.
    if (this.#socket.destroyed) this.#close()
    if (!this.#isConnecting) this.#socket.setTimeout(idleTimeoutMs)
    else if (connectTimeoutMs > 0)
      this.#timer = setTimeout(() => this.#socket.destroy(late()), connectTimeoutMs)
    this.#socket.once('connect', () => {
      this.#isConnecting = false
      clearTimeout(this.#timer)
      this.#socket.setTimeout(idleTimeoutMs)
    })
    this.#socket.resume()
  }

  /** The connection is over; what had arrived by it may still wait for the socket. */
  #judge(details: CloseDetails): void {
    const { closeTimeoutMs = TIMEOUT_MS } = this.#options
    const failure = failureOf(details)
    if (failure === null) return void this.#socket.setTimeout(closeTimeoutMs)
    this.#cause ??= failure
    this.#reset()
  }

  #send(bytes: Buffer): void {
    this.#unsentCount++
    const message: Sendable = this.#isBase64 ? bytes.toString('base64') : bytes
    const status = this.#connection.send(message, { sent: () => this.#countSent() })
    if (status !== 'dropped') this.#sentBytes += bytes.length
    if (status !== 'queued') return
    this.#socket.pause()
    void this.#connection.drained().then(() => this.#socket.resume())
  }

  #countSent(): void {
    this.#unsentCount--
    this.#leaveWhenSent()
  }

  #end(): void {
    this.#hasEnded = true
    this.#leaveWhenSent()
  }

  /** The time for the closing handshake begins when all is with the kernel: the peer may read slowly. */
  #leaveWhenSent(): void {
    if (!this.#hasEnded || this.#unsentCount > 0) return
    void this.#source.takeAll().then(() => this.#connection.close(CloseCode.NORMAL))
  }

  #failSocket(error: NodeJS.ErrnoException): void {
    this.#cause ??= error
    const [code, what] = this.#isConnecting
      ? [CloseCode.BAD_GATEWAY, 'the target cannot be reached']
      : [CloseCode.INTERNAL_ERROR, 'the TCP connection failed']
    void this.#connection.close(code, `${what}: ${error.code ?? 'unknown error'}`)
  }

  #close(): void {
    // Nothing but a failure, of which 'error' told, or somebody else's `destroy` gets here before the connection is over.
    if (!this.#hasEnded && this.#connection.readyState === ReadyState.OPEN) {
      this.#cause ??= this.#socket.errored ?? new Error('the socket was destroyed')
      void this.#connection.close(CloseCode.INTERNAL_ERROR, 'the TCP connection ended')
    }
    this.#wake()
  }

  #expire(): void {
    if (this.#connection.readyState === ReadyState.CLOSED) this.#reset()
    else void this.#connection.close(CloseCode.GOING_AWAY, 'idle for too long')
  }

  /** Takes all messages there are to come, even if nobody wants them: the peer's close frame stands behind. */
  async #receive(): Promise<void> {
    try {
      for (;;) {
        const message = await this.#source.next()
        if (message === null) break
        await this.#take(message)
      }
      this.#finish()
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      // Of how the connection ended `#judge` is told, too; otherwise it does not give its messages.
      if (this.#connection.readyState === ReadyState.CLOSED) return
      this.#cause ??= error
      void this.#connection.close(CloseCode.INTERNAL_ERROR)
      this.#reset()
    }
  }

  async #take(message: Message): Promise<void> {
    if (!this.#socket.writable) return
    const bytes = this.#decode(message)
    if (bytes === null || bytes.length === 0) return
    this.#receivedBytes += bytes.length
    const hasRoom = this.#socket.write(bytes)
    if (hasRoom || this.#socket.destroyed) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  /** Null: there is nothing to be written, and if it was no message for us, an end of it all. */
  #decode(message: Message): Uint8Array | null {
    try {
      checkKind(message, this.#isBase64 ? 'text' : 'binary')
      return this.#isBase64 ? decodeBase64(message.payload as string) : message.bytes
    } catch (error) {
      this.#cause ??= error as Error
      void this.#connection.close(closeCodeOf(error), 'not what this subprotocol carries')
      this.#reset()
      return null
    }
  }

  /** The connection ended in order: so does the socket, once it has taken all. `#expire` waits for that; here for its peer. */
  #finish(): void {
    const { closeTimeoutMs = TIMEOUT_MS } = this.#options
    this.#socket.once('finish', () => {
      // A socket that is closed with bytes unread is reset, and what it has sent may be lost: so they are read.
      if (closeTimeoutMs > 0) this.#timer = setTimeout(() => this.#socket.destroy(), closeTimeoutMs)
    })
    this.#socket.end()
    this.#socket.resume()
  }

  #reset(): void {
    try {
      this.#socket.resetAndDestroy()
    } catch (error) {
      // TLS and unix sockets know no RST.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_HANDLE_TYPE') throw error
      this.#socket.destroy()
    }
  }
}

function late(): Error {
  return Object.assign(new Error('the target did not answer within connectTimeoutMs'), { code: 'ETIMEDOUT' })
}

/** What Node.js decodes to other text when encoded again had characters, padding or bits that do not belong there. */
function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') === text) return bytes
  throw new WebSocketError('unsupported-data', {
    closeCode: CloseCode.INVALID_PAYLOAD,
    detail: `${text.length} characters that are not base64 (RFC 4648 §4)`
  })
}

function checkOptions(options: BridgeOptions): void {
  const unknown = Object.keys(options).find((name) => !OPTION_NAMES.includes(name as keyof BridgeOptions))
  if (unknown !== undefined) refuse(`there is no option "${unknown}"; there are ${OPTION_NAMES.join(', ')}`)
  const { encoding, ...timeouts } = options
  if (encoding !== undefined && encoding !== 'binary' && encoding !== 'base64') {
    refuse(`encoding must be 'binary' or 'base64', not ${JSON.stringify(encoding)}`)
  }
  for (const [name, value] of Object.entries(timeouts)) {
    if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= MAX_TIMEOUT_MS)) continue
    refuse(`${name} must be an integer from 0 to ${MAX_TIMEOUT_MS}, not ${JSON.stringify(value)}`)
  }
}

function refuse(detail: string): never {
  throw new WebSocketError('invalid-option', { detail })
}
