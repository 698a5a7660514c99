// Owns one open WebSocket connection as applications see it: its methods, and the handlers that it may have itself.
// Must not know servers or clients (their rules come as settings), nor how its transport carries bytes.
import { HandlerSet } from './connection-handlers.js'
import { type ConnectionOwner, PIECE_HANDLER_NAMES } from './connection-settings.js'
import { APPLICATION_PAUSED, Flag } from './connection-state.js'
import { CloseCode, type CloseDetails } from './core/closing.js'
import { WebSocketError } from './core/errors.js'
import type { HandshakeRequest } from './core/handshake-server.js'
import type { Message } from './core/message.js'
import type { ChannelIdType, TransportDetails } from './core/transport-details.js'
import { Intake, sizeOfMessage } from './intake.js'
import type { LinkParts } from './link.js'
import { Pieces } from './pieces.js'
import { Receipts } from './receipts.js'
import { Subscriber } from './subscriber.js'

/** What an endpoint makes a connection of. */
export interface ConnectionParts<T> extends LinkParts<T> {
  readonly data: T
  readonly protocol: string | null
}

/** A frame-level endpoint that gives its connection away: `WebSocket`. */
export interface Wrappable {
  /** @internal */
  release(): Connection<unknown>
}

const NO_BYTES = new Uint8Array(0)

/**
 * One open connection: what handlers get as `client`. `T` is the type of `data`. It is made by a server, by `connect`, or of
 * a `WebSocket`: `new Connection(socket, handlers)`, where a subclass may override the handlers instead. Its own handlers are
 * those of servers and clients without their first parameter, and by default call them.
 */
export class Connection<T = undefined> extends Subscriber<T> {
  /** Whatever the application keeps with this connection, free to change: what `onhandshake` gave, or undefined. */
  data: T
  /** The subprotocol agreed on, or null. */
  readonly protocol: string | null

  /**
   * Takes the connection of a `WebSocket`, which must not be used any more; it begins to read in the next microtask.
   * `handlers`: as those of `connect`. Throws WebSocketError 'wrong-state' unless the socket is open and has
   * neither sent nor received frames nor been given away.
   */
  constructor(socket: Wrappable, handlers?: Partial<ConnectionOwner<T>>)
  /** @internal */
  constructor(parts: ConnectionParts<T>)
  constructor(source: ConnectionParts<T> | Wrappable, handlers: Partial<ConnectionOwner<T>> = {}) {
    const inner = 'release' in source ? (source.release() as Connection<T>) : null
    if (inner === null) {
      const parts = source as ConnectionParts<T>
      super(parts, parts.settings)
      this.data = parts.data
      this.protocol = parts.protocol
      return
    }
    super(inner, HandlerSet.replace(inner.settings, handlers))
    this.data = inner.data
    this.protocol = inner.protocol
    inner.enlist(false)
    inner.stopPings()
    queueMicrotask(() => {
      this.open(inner.request, NO_BYTES, inner.request !== null)
      this.letGo()
    })
  }

  /** A UUID (version 4), made when it is first read. */
  get id(): string {
    return this.openExtras().id
  }

  /** @internal Whether that is its id. One that nobody has read is nobody's. */
  isCalled(id: string): boolean {
    return this.extras?.isCalled(id) === true
  }

  /** Address of the peer, or of the client that a trusted proxy speaks for; null where there is none. */
  get remoteAddress(): string | null {
    return this.transport.remoteAddress
  }

  /** Port of the same; null where there is none, or a trusted proxy does not tell. */
  get remotePort(): number | null {
    return this.transport.remotePort
  }

  /**
   * Both addresses, what TLS has agreed on, the peer's certificate: asked anew at each call. Null when the transport is gone,
   * in `onclose` already; `remoteAddress` and `remotePort` stay.
   */
  transportDetails(): TransportDetails | null {
    return this.transport.facts.transportDetails()
  }

  /** The channel binding of its TLS connection: see `HandshakeRequest.channelId`, which throws the same errors. */
  channelId(type: ChannelIdType): Uint8Array {
    return this.transport.facts.channelId(type)
  }

  /**
   * Resolves with the next message, which then does not go to `onmessage`. Without an `onmessage` messages wait for `recv`: a
   * client's always, a server's from the first call on (so call it in `onopen`, before you wait for anything else); above
   * highWatermarkBytes of them nothing more is read. Rejects when the connection is over: with the cause if the end was
   * not clean, otherwise with WebSocketError 'not-open'; and with 'invalid-argument' if messages are told piece by piece.
   */
  async recv(): Promise<Message> {
    const message = await this.next()
    if (message === null) throw new WebSocketError('not-open', { detail: 'no more messages will come' })
    return message
  }

  /** The messages one by one, as `recv`; ends when the connection has ended cleanly, and throws the cause if not. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    for (let message = await this.next(); message !== null; message = await this.next()) yield message
  }

  /** Has the handlers work until the connection is over, and resolves with how it ended; it never rejects. */
  receiveForever(): Promise<CloseDetails> {
    return this.closed()
  }

  /**
   * Begins the closing handshake and resolves when the connection is over; it never rejects. What is queued is sent
   * before. A peer that does not answer within closeTimeoutMs is dropped. `code`: 1000-1003, 1007-1014 or 3000-4999;
   * default 1000; null sends none. `reason`: at most 123 bytes of UTF-8. Throws WebSocketError 'invalid-argument' for others.
   */
  close(code: number | null = CloseCode.NORMAL, reason = ''): Promise<CloseDetails> {
    const isOpen = this.core.state === 'open'
    this.core.close(code ?? undefined, reason)
    if (isOpen) {
      // The peer's close frame may stand behind what a pause holds back.
      this.resumeReading(APPLICATION_PAUSED)
      this.stopPings()
      this.settings.closeTimeouts.start(this)
      this.transport.schedule()
    }
    return this.closed()
  }

  /**
   * @internal Has the time limit of the closing handshake begin anew as long as the kernel has not taken what stands before our
   * close frame. Returns false when it has.
   */
  extendClose(): boolean {
    if (this.extras?.details != null || !this.holdsMessages) return false
    this.settings.closeTimeouts.start(this)
    return true
  }

  /** Resolves when the connection is over, with how it ended; it never rejects. */
  closed(): Promise<CloseDetails> {
    const details = this.extras?.details
    if (details != null) return Promise.resolve(details)
    return new Promise((resolve) => this.openExtras().waiters.closed.push(resolve))
  }

  /** Drops the connection at once, without a closing handshake and with all that is queued. */
  terminate(): void {
    this.drop(new WebSocketError('connection-lost', { detail: 'terminate was called' }))
  }

  /** Stops reading: the next message comes after `resume`, even one that has already arrived. */
  pause(): void {
    this.pauseReading(Flag.PAUSED_BY_USER)
  }

  /** Reads again. */
  resume(): void {
    this.resumeReading(Flag.PAUSED_BY_USER)
  }

  /** Whether `pause` was called and `resume` was not. */
  get isPaused(): boolean {
    return (this.flags & Flag.PAUSED_BY_USER) !== 0
  }

  /** @internal Begins to work: reports `onopen`, then takes `head`, the bytes that came behind the handshake. */
  open(request: HandshakeRequest | null, head: Uint8Array, keepRequest: boolean): void {
    this.begin(request, head, keepRequest)
  }

  /** @internal A sequential handler is at work: nothing more is read until it is done, or waits for a message itself. */
  hold(): void {
    this.flags |= Flag.HANDLING
    if (this.extras?.intake?.isWanted !== true) this.pauseReading(Flag.PAUSED_BY_HANDLER)
  }

  /** @internal It is done. */
  letGo(): void {
    this.flags &= ~Flag.HANDLING
    this.extras?.becomeIdle()
    this.resumeReading(Flag.PAUSED_BY_HANDLER)
  }

  /** @internal Calls `task` when no sequential handler is at work, but for one that waits for messages: now, or as soon as that is so. */
  whenIdle(task: () => void): void {
    if ((this.flags & Flag.PAUSED_BY_HANDLER) === 0) task()
    else this.openExtras().whenIdle(task)
  }

  /** @internal */
  protected override get self(): this {
    return this
  }

  /** @internal */
  protected override enlist(isOpen: boolean): void {
    const { connections, topics, bufferLimit } = this.settings
    if (isOpen) {
      connections.add(this)
      bufferLimit?.watch()
    } else {
      connections.delete(this)
      topics?.leave(this)
    }
  }

  /** @internal */
  protected override prepare(): void {
    if (this.receipts === null && (this.isHandled('onsent') || this.isHandled('onunsent')))
      this.receipts = new Receipts(this, true)
    if (this.extras?.pieces == null && PIECE_HANDLER_NAMES.some((name) => this.isHandled(name))) {
      const [handlesBegin, handlesData] = [this.isHandled('onmessagebegin'), this.isHandled('onframedata')]
      this.openExtras().pieces = new Pieces(this, handlesBegin, handlesData)
      this.core.receiveInPieces()
    } else if (this.settings.keepsMessages && this.extras?.intake == null && !this.isHandled('onmessage')) {
      const intake = new Intake(true, sizeOfMessage)
      this.openExtras().intake = intake
      // Who has waited for `connect` may set one now.
      setImmediate(() => this.handOver(intake))
    }
  }

  private async next(): Promise<Message | null> {
    const extras = this.openExtras()
    if (extras.pieces !== null) {
      const detail = 'the messages of this connection are told piece by piece'
      throw new WebSocketError('invalid-argument', { detail })
    }
    extras.intake ??= new Intake(!this.isHandled('onmessage'), sizeOfMessage)
    const { intake, details } = extras
    const message = intake.take()
    if (message !== null) {
      if (intake.byteLength <= this.settings.lowWatermarkBytes) this.resumeReading(Flag.PAUSED_BY_INTAKE)
      return message
    }
    if (details !== null && details.cause !== null) throw details.cause
    // A clean end must not hide that something is missing before it.
    if (intake.isFull)
      throw new WebSocketError('not-open', { detail: 'messages behind close() were dropped' })
    if (details !== null) return null
    const next = intake.wait()
    extras.becomeIdle()
    const isPressed = this.pressureBytes > this.settings.lowWatermarkBytes
    const pressure = isPressed ? 0 : Flag.PAUSED_BY_PRESSURE
    this.resumeReading(Flag.PAUSED_BY_INTAKE | Flag.PAUSED_BY_HANDLER | pressure)
    return next
  }
}
