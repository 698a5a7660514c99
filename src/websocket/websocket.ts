// Owns the frame-level endpoint: a socket that listens, accepts, connects, and sends and receives frames, in the order in which
// that is possible. Must not know rules of the protocol.
import type { ConnectionOptions as TlsClientOptions } from 'node:tls'
import { integer } from '../checks.js'
import { connect } from '../client/connect.js'
import type { Connection, Wrappable } from '../connection.js'
import { ReadyState, type SendStatus } from '../connection-status.js'
import { CloseCode, type CloseDetails, encodeClose } from '../core/closing.js'
import { WebSocketError } from '../core/errors.js'
import type { Frame } from '../core/frame.js'
import type { HandshakeRequest } from '../core/handshake-server.js'
import { describe } from '../core/message.js'
import type { ServerTlsOptions } from '../server/server-tls.js'
import { Acceptor } from './acceptor.js'
import { FrameLink, LINK_HANDLERS } from './frame-link.js'
import {
  checkWebSocketOptions,
  clientOptions,
  listenAddress,
  type SocketAddress,
  serverOptions,
  urlOf,
  type WebSocketOptions
} from './options.js'

/** What a socket is doing; 'opening': it begins to listen, or its handshake is under way. */
type State = 'new' | 'bound' | 'opening' | 'listening' | 'open' | 'closed'

/**
 * A WebSocket frame by frame, in the way of BSD sockets. A server's: `bind`, `listen`, `accept`; a client's: `connect`; each over
 * sockets of its own, or over any stream (option `socket`). Then `send` and `recv`. For messages make a `Connection` of it.
 * Methods that are called out of this order throw, or reject with, WebSocketError 'wrong-state'.
 *
 * Frames are what applications see of them: masks and reserved bits are taken care of, and pings and close frames are answered.
 * With an extension that works on whole messages, such as permessage-deflate, each message arrives as one frame, decoded; and
 * only a message of one frame is encoded by it. Nothing is read before the first use; then as many frames wait as fit
 * `lowWatermarkBytes`, and no more is read until they are received.
 *
 * @example
 * const server = new WebSocket()
 * server.bind({ port: 8000 })
 * await server.listen()
 * const client = await server.accept()
 * client.send(new Frame(Opcode.TEXT, 'Hello, Client!'))
 * const frame = await client.recv()
 */
export class WebSocket implements Wrappable {
  #options: WebSocketOptions
  #state: State = 'new'
  #address: SocketAddress | null = null
  #acceptor: Acceptor | null = null
  #link: FrameLink | null = null
  /** Aborts the handshake of `connect`. */
  readonly #abort = new AbortController()

  /** Throws WebSocketError 'invalid-option', naming the option that is wrong. */
  constructor(options: WebSocketOptions = {}) {
    checkWebSocketOptions(options)
    this.#options = { ...options }
  }

  /**
   * Has TLS carry the connection: options of `tls.createServer`, for `listen` and `accept`, or of `tls.connect`, for `connect`.
   * Throws WebSocketError 'wrong-state' when the handshake has begun, 'invalid-option' if it is no object.
   */
  enableTls(options: ServerTlsOptions | TlsClientOptions = {}): this {
    this.#expect(['new', 'bound'], 'TLS is enabled before the handshake')
    if (typeof options !== 'object' || options === null) {
      throw new WebSocketError('invalid-option', {
        detail: `tls must be an object, not ${describe(options)}`
      })
    }
    this.#options.tls = options
    return this
  }

  /**
   * Chooses where to listen: `port` (default 0, a free one) and `host` (default: all addresses), or the `path` of a unix socket.
   * A client may choose by `host` and `port` where it connects from. Throws WebSocketError 'invalid-option'.
   */
  bind(address: SocketAddress): this {
    this.#expect(['new'], 'bind comes first')
    if (this.#options.socket !== undefined)
      refuse('bind is for sockets of its own, and the option socket is given')
    listenAddress(address)
    this.#address = { ...address }
    return this.#enter('bound')
  }

  /**
   * Begins to listen. `backlog`: how many connections may wait for `accept`, default 511; more get 503. Rejects with
   * WebSocketError 'listen-failed', after which it may be tried again, and 'invalid-option'.
   */
  async listen(backlog = 511): Promise<this> {
    this.#expect(['bound'], 'listen comes behind bind')
    const expected = integer(1, 2 ** 31 - 1)(backlog)
    if (expected !== null)
      throw new WebSocketError('invalid-option', {
        detail: `backlog must be ${expected}, not ${describe(backlog)}`
      })
    const options = { ...serverOptions(this.#options), ...listenAddress(this.#address!), backlog }
    const acceptor = new Acceptor(options, this.#options.onhandshake, backlog)
    this.#enter('opening')
    this.#acceptor = acceptor
    try {
      await acceptor.listen()
    } catch (error) {
      this.#enter('bound')
      throw error
    }
    return this.#enter('listening')
  }

  /**
   * Resolves with the next connection that was opened, in order. Over a stream (option `socket`) does the handshake of a server,
   * and resolves with this WebSocket itself. Rejects with WebSocketError 'not-open' when the socket is closed, and over a stream
   * as `AsyncServer.accept`; then the stream is gone.
   */
  async accept(): Promise<WebSocket> {
    const { socket } = this.#options
    if (socket === undefined) {
      if (this.#state === 'closed')
        throw new WebSocketError('not-open', { detail: 'the WebSocket was closed' })
      this.#expect(['listening'], 'accept comes behind listen, or needs the option socket')
      return WebSocket.#of(await this.#acceptor!.accept())
    }
    this.#expect(['new'], 'a stream is accepted once')
    const acceptor = new Acceptor(serverOptions(this.#options), this.#options.onhandshake, 0)
    this.#acceptor = acceptor
    return this.#openBy(() => acceptor.acceptStream(socket))
  }

  /** The connections that `accept` would resolve with, one by one; ends when the socket is closed. */
  async *accepted(): AsyncGenerator<WebSocket, void, undefined> {
    try {
      for (;;) yield await this.accept()
    } catch (error) {
      if (!(error instanceof WebSocketError) || error.code !== 'not-open') throw error
    }
  }

  /**
   * Connects, and does the handshake of a client. `to`: a URL, as of the function `connect`, or an address, where the option
   * `location` tells the path and TLS must have been enabled for wss:. Over a stream (option `socket`) the address is what the
   * request says, default localhost. Rejects as the function `connect`; then it may be tried again, unless a stream was given.
   */
  async connect(to?: string | URL | SocketAddress): Promise<this> {
    this.#expect(['new', 'bound'], 'connect comes once')
    const { socket, tls, location = '/' } = this.#options
    const url = this.#urlOf(to, location)
    if (tls !== undefined && /^(ws|http)\b/i.test(url)) {
      refuse(`TLS is enabled, and ${url.split(':')[0]}: goes without: connect to wss:`)
    }
    const options = {
      ...clientOptions(this.#options),
      ...localAddress(this.#address),
      ...LINK_HANDLERS,
      ...(socket !== undefined && { socket })
    }
    return this.#openBy(async () => {
      const { signal } = this.#abort
      const onopen = (connection: Connection<FrameLink | undefined>) => void new FrameLink(connection)
      const connection = await connect<FrameLink | undefined>(url, { ...options, signal, onopen })
      return connection.data!
    })
  }

  /**
   * Sends frames, all or none: `Frame` for data, `ControlFrame` for pings, pongs and close. A frame that is not final is followed by
   * others with `Opcode.CONTINUATION`; control frames may stand between them; a close frame begins the closing handshake as
   * `close` does. Payloads of more than 8 KiB are not copied: do not change them before `drained`. Returns what became of them,
   * the least good of all: see `SendStatus`. Throws WebSocketError 'invalid-argument' for a frame that must not be sent there: what
   * follows what, reserved bits, text that is not UTF-8.
   */
  send(...frames: Frame[]): SendStatus {
    return this.#opened().send(frames)
  }

  /**
   * Resolves with the next frame, control frames included. The peer's close frame is the last one, told when the connection is
   * over; behind it `recv` rejects with WebSocketError 'not-open', and behind an end that is not clean with its cause. Behind
   * `close` as many frames wait as fit `highWatermarkBytes`; were there more, it rejects with 'not-open' in their place.
   */
  async recv(): Promise<Frame> {
    const frame = await this.#opened().receive()
    if (frame === null) throw new WebSocketError('not-open', { detail: 'no more frames will come' })
    return frame
  }

  /**
   * Resolves with the next `count` frames; with fewer, if the connection ended behind them. Rejects as `recv` if there are none,
   * and with WebSocketError 'invalid-argument' unless `count` is a positive integer.
   */
  async recvn(count: number): Promise<Frame[]> {
    const expected = integer(1, 2 ** 24)(count)
    if (expected !== null)
      throw new WebSocketError('invalid-argument', {
        detail: `count must be ${expected}, not ${describe(count)}`
      })
    // All at once, so that no other `recv` gets one in between.
    const results = await Promise.allSettled(Array.from({ length: count }, () => this.recv()))
    const frames = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    if (frames.length === 0) throw (results[0] as PromiseRejectedResult).reason
    return frames
  }

  /** The frames one by one, as `recv`; ends when the connection has ended cleanly, and throws the cause if not. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Frame, void, undefined> {
    const link = this.#opened()
    for (let frame = await link.receive(); frame !== null; frame = await link.receive()) yield frame
  }

  /**
   * Closes. An open one: as `Connection.close`, amid a message, too; resolves with how the connection ended. One that listens: as
   * `AsyncServer.close`, so that those that it accepted are closed, too; resolves with null. A handshake under way is aborted.
   * `code`: by default 1000, of one that listens 1001. Rejects with WebSocketError 'invalid-argument' for a code or reason that
   * must not be sent.
   */
  async close(code?: number | null, reason = ''): Promise<CloseDetails | null> {
    if (this.#link !== null) return this.#link.close(code === undefined ? CloseCode.NORMAL : code, reason)
    encodeClose(code ?? CloseCode.GOING_AWAY, reason)
    this.#drop()
    await this.#acceptor?.close(code ?? undefined, reason)
    return null
  }

  /** Drops the connection at once, with all that is queued; or all connections of one that listens. */
  terminate(): void {
    if (this.#link !== null) return this.#link.connection.terminate()
    this.#drop()
    this.#acceptor?.terminate()
  }

  /** Resolves when what was sent is with the kernel but for `lowWatermarkBytes`, or the connection is over; it never rejects. */
  async drained(): Promise<void> {
    await this.#link?.connection.drained()
  }

  /** One of `ReadyState`; 0: not connected. */
  get readyState(): 0 | 1 | 2 | 3 {
    if (this.#link !== null) return this.#link.connection.readyState
    return this.#state === 'closed' ? ReadyState.CLOSED : 0
  }

  /** Bytes sent that the kernel has not taken. */
  get bufferedAmount(): number {
    return this.#link?.connection.bufferedAmount ?? 0
  }

  /** The subprotocol agreed on; null: none, or not connected. */
  get protocol(): string | null {
    return this.#link?.connection.protocol ?? null
  }

  /** The request that opened an accepted connection, unless `keepRequest` is false; null for others. */
  get request(): HandshakeRequest | null {
    return this.#link?.connection.request ?? null
  }

  /** Address of the peer; null where there is none. */
  get remoteAddress(): string | null {
    return this.#link?.connection.remoteAddress ?? null
  }

  /** Port of the peer; null where there is none. */
  get remotePort(): number | null {
    return this.#link?.connection.remotePort ?? null
  }

  /** The port it listens at; null unless it listens at one. */
  get port(): number | null {
    return this.#acceptor?.port ?? null
  }

  /** Where clients connect, as 'ws://127.0.0.1:8000'; null unless it listens. */
  get url(): string | null {
    return this.#acceptor?.url ?? null
  }

  /** @internal For `new Connection(socket)`. */
  release(): Connection<unknown> {
    return this.#opened().release()
  }

  static #of(link: FrameLink): WebSocket {
    const socket = new WebSocket()
    socket.#link = link
    return socket.#enter('open')
  }

  async #openBy(open: () => Promise<FrameLink>): Promise<this> {
    const before = this.#state
    this.#enter('opening')
    try {
      this.#link = await open()
    } catch (error) {
      this.#enter(this.#options.socket === undefined ? before : 'closed')
      throw error
    }
    return this.#enter('open')
  }

  #urlOf(to: string | URL | SocketAddress | undefined, location: string): string {
    const { socket, tls } = this.#options
    if (typeof to === 'string' || to instanceof URL) return String(to)
    if (to === undefined && socket === undefined) refuse('connect needs a URL or an address')
    const anywhere = { host: 'localhost', port: tls === undefined ? 80 : 443 }
    return urlOf(to ?? anywhere, location, tls !== undefined)
  }

  #opened(): FrameLink {
    if (this.#link === null) {
      if (this.#state === 'closed')
        throw new WebSocketError('not-open', { detail: 'the WebSocket was closed' })
      refuse(`frames are for a WebSocket that is connected, and this one is ${this.#state}`)
    }
    return this.#link
  }

  #expect(states: readonly State[], rule: string): void {
    if (!states.includes(this.#state)) refuse(`${rule}, and this WebSocket is ${this.#state}`)
  }

  /** What is closed stays closed. */
  #enter(state: State): this {
    if (this.#state !== 'closed') this.#state = state
    return this
  }

  #drop(): void {
    if (this.#state === 'new') this.#options.socket?.destroy()
    this.#enter('closed')
    this.#abort.abort(new Error('close was called'))
  }
}

function localAddress(address: SocketAddress | null): { localAddress?: string; localPort?: number } {
  if (address?.path !== undefined) refuse('a socket that is bound to a path listens, and does not connect')
  const { host, port } = address ?? {}
  return { ...(host !== undefined && { localAddress: host }), ...(port !== undefined && { localPort: port }) }
}

function refuse(detail: string): never {
  throw new WebSocketError('wrong-state', { detail })
}
