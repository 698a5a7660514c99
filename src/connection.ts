// Owns one open WebSocket connection as applications see it: its methods, its send queue's pressure, its end.
// Must not know servers or clients (their rules come as settings), nor how its transport carries bytes.
import type { ConnectionSettings } from './connection-settings.js'
import { Extras, Flag, PAUSED, WAITS_FOR_LIFE } from './connection-state.js'
import { ReadyState, type SendOptions, type SendStatus } from './connection-status.js'
import { CloseCode, type CloseDetails } from './core/closing.js'
import { toHandlerError, WebSocketError } from './core/errors.js'
import type { NegotiatedExtension } from './core/extension.js'
import type { HandshakeRequest } from './core/handshake-server.js'
import type { Message, Sendable } from './core/message.js'
import { Protocol } from './core/protocol.js'
import type { ProtocolHandler } from './core/protocol-handler.js'
import { callErrorHandler, callHandler, type HandlerCaller, watchHandler } from './handler-calls.js'
import { checkCallback, Receipts, refuseCallback } from './receipts.js'
import type { RowHandler, Transport } from './transport/transport.js'

/** One open connection: what handlers get as `client`. `T` is the type of `data`. */
export class Connection<T = undefined> implements ProtocolHandler, RowHandler, HandlerCaller {
  /** Whatever the application keeps with this connection, free to change: what `onhandshake` gave, or undefined. */
  data: T
  /** The subprotocol agreed on, or null. */
  readonly protocol: string | null
  /** The request that opened the connection: until `onopen` returns; after that null, unless `keepRequest` is set. */
  request: HandshakeRequest | null = null
  readonly #settings: ConnectionSettings<T>
  readonly #protocol: Protocol
  readonly #transport: Transport
  /** A union of `Flag`. */
  #flags = 0
  /** Messages accepted and not reported; null as long as nobody wants reports. */
  #receipts: Receipts<T> | null = null
  #extras: Extras | null = null

  /** Made by an endpoint, which then calls `open`. `openTransport` makes the transport with its handler. */
  constructor(
    settings: ConnectionSettings<T>,
    openTransport: (handler: RowHandler) => Transport,
    data: T,
    protocol: string | null,
    extensions: readonly NegotiatedExtension[]
  ) {
    this.#settings = settings
    this.#transport = openTransport(this)
    this.#protocol = new Protocol(settings.protocol, this.#transport.queue, this, extensions)
    if (settings.reportsSent()) this.#receipts = new Receipts(this, settings.owner, true)
    this.data = data
    this.protocol = protocol
  }

  /** A UUID (version 4), made when it is first read. */
  get id(): string {
    return this.#openExtras().id
  }

  /** Address of the peer; null where the transport has none. */
  get remoteAddress(): string | null {
    return this.#transport.remoteAddress
  }

  /** Port of the peer; null where the transport has none. */
  get remotePort(): number | null {
    return this.#transport.remotePort
  }

  /** Whether messages can be sent: one of `ReadyState`. */
  get readyState(): 1 | 2 | 3 {
    if (this.#extras?.details != null) return ReadyState.CLOSED
    return this.#protocol.state === 'open' ? ReadyState.OPEN : ReadyState.CLOSING
  }

  /**
   * Bytes accepted for sending (frame headers included) that the kernel has not taken. Short text that was sent in this turn of
   * the event loop may count as if it were ASCII, until it is encoded at the turn's end.
   */
  get bufferedAmount(): number {
    return this.#transport.queue.pendingBytes + this.#protocol.deferredMessages.byteLength
  }

  /**
   * Messages accepted for sending of which the kernel has not taken the last byte. If neither `onsent` nor `onunsent` is
   * overridden, those sent in one turn of the event loop count until it has taken the last of them.
   */
  get queuedMessages(): number {
    if (this.#receipts?.isComplete) return this.#receipts.count
    return this.#transport.queue.messageCount + this.#protocol.deferredMessages.messageCount
  }

  /**
   * Sends a string as a text message, bytes as a binary message, or a message object. Bytes are not copied if there are
   * more than 8 KiB of them: neither change nor transfer them before `onsent`. Never throws because of the connection's
   * state: see `SendStatus`. Throws WebSocketError 'invalid-argument' for what is no message, or a wrong option.
   */
  send(message: Sendable, options?: SendOptions): SendStatus {
    const callback = options?.sent ?? null
    if (callback !== null) checkCallback(callback)
    const { queue } = this.#transport
    if (!this.#protocol.send(message, options?.fragmentSize ?? null, options?.compress)) {
      if (callback !== null) refuseCallback(this, callback)
      return 'dropped'
    }
    const isDeferred = this.#protocol.deferredMessages.messageCount > 0
    if (callback !== null || isDeferred || this.#receipts?.isComplete === true) {
      this.#receipts ??= new Receipts(this, this.#settings.owner, false)
      const end = isDeferred ? Number.POSITIVE_INFINITY : queue.sentBytes + queue.pendingBytes
      this.#receipts.add(message, end, callback)
    }
    if (!isDeferred) queue.endMessage()
    this.#transport.schedule()
    const mustWait = isDeferred || queue.isWriting
    if (mustWait) this.handleWaiting()
    if (queue.pendingBytes > this.#settings.highWatermarkBytes) this.#checkPressure()
    else if (!mustWait) return 'sent'
    return 'queued'
  }

  /**
   * Sends a ping. `payload`: at most 125 bytes (a string as UTF-8); default empty. The answer comes to `onpong`, with the
   * round-trip time. Throws WebSocketError 'invalid-argument' for a payload of another type or too long.
   */
  sendPing(payload: string | Uint8Array = ''): SendStatus {
    const { encodeUtf8 } = this.#settings.protocol.environment
    if (!this.#protocol.sendPing(typeof payload === 'string' ? encodeUtf8(payload) : payload))
      return 'dropped'
    this.#transport.schedule()
    return this.#transport.queue.isWriting ? 'queued' : 'sent'
  }

  /**
   * Begins the closing handshake and resolves when the connection is over; it never rejects. What is queued is sent
   * before. A peer that does not answer within closeTimeoutMs is dropped. `code`: 1000-1003, 1007-1014 or 3000-4999;
   * default 1000; null sends none. `reason`: at most 123 bytes of UTF-8. Throws WebSocketError 'invalid-argument' for others.
   */
  close(code: number | null = CloseCode.NORMAL, reason = ''): Promise<CloseDetails> {
    const isOpen = this.#protocol.state === 'open'
    this.#protocol.close(code ?? undefined, reason)
    if (isOpen) {
      // The peer's close frame may stand behind what a pause holds back.
      this.resume()
      this.#stopPings()
      this.#settings.closeTimeouts.start(this)
      this.#transport.schedule()
    }
    return this.closed()
  }

  /** Resolves when the connection is over, with how it ended; it never rejects. */
  closed(): Promise<CloseDetails> {
    const details = this.#extras?.details
    if (details != null) return Promise.resolve(details)
    return new Promise((resolve) => this.#openExtras().waiters.closed.push(resolve))
  }

  /** Drops the connection at once, without a closing handshake and with all that is queued. */
  terminate(): void {
    this.#drop(new WebSocketError('connection-lost', { detail: 'terminate was called' }))
  }

  /** Stops reading: the next message comes after `resume`, even one that has already arrived. */
  pause(): void {
    this.#pause(Flag.PAUSED_BY_USER)
  }

  /** Reads again. */
  resume(): void {
    // While nothing was read, no sign of life could be seen: the next ping asks anew.
    if (this.isPaused) this.#flags &= ~WAITS_FOR_LIFE
    this.#resume(Flag.PAUSED_BY_USER)
  }

  /** Whether `pause` was called and `resume` was not. */
  get isPaused(): boolean {
    return (this.#flags & Flag.PAUSED_BY_USER) !== 0
  }

  /** Resolves when the send queue is at or below its low watermark, or the connection is over; it never rejects. */
  drained(): Promise<void> {
    if (this.#extras?.details != null || this.bufferedAmount <= this.#settings.lowWatermarkBytes)
      return Promise.resolve()
    return new Promise((resolve) => this.#openExtras().waiters.drained.push(resolve))
  }

  /** @internal Begins to work: reports `onopen`, then takes `head`, the bytes that came behind the handshake. */
  open(request: HandshakeRequest | null, head: Uint8Array, keepRequest: boolean): void {
    const { owner, pingTimeouts, connections } = this.#settings
    this.request = request
    connections.add(this)
    pingTimeouts.start(this)
    callHandler(this, () => owner.onopen(this))
    if (!keepRequest) this.request = null
    if (head.length > 0) this.handleBytes(head)
    if ((this.#flags & PAUSED) === 0) this.#transport.resume()
  }

  /** @internal The closing handshake took too long. */
  expireClose(): void {
    this.#drop(new WebSocketError('close-timeout'))
  }

  /** @internal A ping is due. */
  expirePing(): void {
    const { pingTimeouts, pongTimeouts } = this.#settings
    // A peer that has not answered the last ping gets no more time for that by the next one.
    if ((this.#flags & WAITS_FOR_LIFE) === 0) pongTimeouts.start(this)
    this.#flags &= ~WAITS_FOR_LIFE
    this.#flags |= this.#transport.queue.isWriting ? Flag.ASKED_BEHIND : Flag.ASKED
    this.sendPing()
    pingTimeouts.start(this)
  }

  /** @internal No pong came. While the application itself has stopped the reading, that says nothing. */
  expirePong(): void {
    if ((this.#flags & WAITS_FOR_LIFE) !== 0 && !this.isPaused) this.#drop(new WebSocketError('pong-timeout'))
  }

  /** @internal */
  handleBytes(bytes: Uint8Array): void {
    this.#flags &= ~WAITS_FOR_LIFE
    this.#protocol.receiveBytes(bytes)
    this.#flush()
  }

  /** @internal */
  handleRows(table: Int32Array, from: number, to: number, chunk: Uint8Array, texts: readonly string[]): void {
    this.#flags &= ~WAITS_FOR_LIFE
    this.#protocol.receiveRows(table, from, to, chunk, texts)
    this.#flush()
  }

  /** @internal */
  get room(): Uint8Array | null {
    return this.#protocol.room
  }

  /** @internal What a pause holds back arrived before the end, and is told before it. */
  handleEnd(): void {
    this.#flags |= Flag.ENDED
    if (this.#protocol.isHolding) return
    const { state } = this.#protocol
    // After a closing handshake that is how it should be: no error is made for nothing.
    if (state !== 'finished' && state !== 'failed') {
      const detail = 'the peer ended the transport without a close frame'
      this.#protocol.fail(new WebSocketError('connection-lost', { detail }), 'remote')
    }
    // A client whose closing handshake is over has waited for this (RFC 6455 §7.1.1).
    this.#transport.end()
  }

  /** @internal Stops reading early: what a peer that does not read goes on sending would be answered into memory. */
  handleWaiting(): void {
    const { onslow, lowWatermarkBytes } = this.#settings
    if (onslow === 'pause' && this.bufferedAmount > lowWatermarkBytes) this.#pause(Flag.PAUSED_BY_PRESSURE)
  }

  /** @internal */
  handleProgress(): void {
    // While reading is stopped no other sign of life can be seen.
    this.#flags &= (this.#flags & Flag.PAUSED_BY_PRESSURE) !== 0 ? ~WAITS_FOR_LIFE : ~Flag.ASKED_BEHIND
    const { queue } = this.#transport
    this.#receipts?.reportSent(queue.sentBytes)
    if (queue.pendingBytes === 0) {
      this.#protocol.drained()
      this.#flush()
    }
    if (this.bufferedAmount > this.#settings.lowWatermarkBytes) return
    this.#resume(Flag.PAUSED_BY_PRESSURE)
    this.#extras?.wakeDrained()
  }

  /** @internal */
  handleClose(cause: WebSocketError | null): void {
    const { owner, connections, closeTimeouts } = this.#settings
    connections.delete(this)
    closeTimeouts.stop(this)
    this.#stopPings()
    const { queue } = this.#transport
    const { sentBytes } = queue
    const details = this.#protocol.end(cause, queue.pendingBytes > 0)
    const extras = this.#openExtras()
    extras.details = details
    queue.clear()
    this.#receipts?.reportSent(sentBytes)
    // An end that loses bytes has a cause.
    if (details.cause !== null) this.#receipts?.reportUnsent(details.cause)
    this.#receipts = null
    callHandler(this, () => owner.onclose(this, details.code, details.reason, details))
    extras.wakeClosed(details)
  }

  /** @internal The hot path: no closure. */
  onmessage(message: Message): void {
    try {
      const result = this.#settings.owner.onmessage(this, message)
      if (result !== undefined) watchHandler(this, result)
    } catch (error) {
      this.failHandler(error)
    }
  }

  /** @internal */
  onping(payload: Uint8Array): void {
    callHandler(this, () => this.#settings.owner.onping(this, payload))
  }

  /** @internal */
  onpong(payload: Uint8Array, roundTripMs: number | null): void {
    this.#settings.pongTimeouts.stop(this)
    callHandler(this, () => this.#settings.owner.onpong(this, payload, roundTripMs))
  }

  /** @internal */
  onerror(error: WebSocketError): void {
    callErrorHandler(this.#settings.logger, () => this.#settings.owner.onerror(this, error))
  }

  /** @internal */
  onfinish(): void {
    this.#stopPings()
    this.#settings.closeTimeouts.start(this)
    // What the peer still sends must be read, though nobody wants it: closing a socket with unread bytes resets the
    // connection, and our close frame could be lost on the way.
    this.#flags &= ~PAUSED
    this.#transport.resume()
    const isOver = this.#protocol.state === 'failed' || (this.#flags & Flag.ENDED) !== 0
    if (this.#settings.protocol.role === 'server' || isOver) this.#transport.end()
  }

  /** @internal While an extension works on a long message nothing is read, and nothing is a sign of life. */
  onbusy(isBusy: boolean): void {
    this.#flags &= ~WAITS_FOR_LIFE
    if (!isBusy) return this.#resume(Flag.BUSY)
    this.#flags |= Flag.BUSY
    this.#transport.pause()
  }

  /** @internal A message that waited for an extension is in the queue. */
  onwritten(isMessage: boolean): void {
    const { queue } = this.#transport
    this.#transport.schedule()
    if (isMessage) queue.endMessage()
    if (isMessage) this.#receipts?.settle(queue.sentBytes + queue.pendingBytes)
    if (queue.pendingBytes > this.#settings.highWatermarkBytes) this.#checkPressure()
  }

  #stopPings(): void {
    this.#settings.pingTimeouts.stop(this)
    this.#settings.pongTimeouts.stop(this)
  }

  #flush(): void {
    if (this.#transport.queue.hasQueued) this.#transport.schedule()
  }

  #checkPressure(): void {
    const { onslow } = this.#settings
    if (onslow === 'pause') this.#pause(Flag.PAUSED_BY_PRESSURE)
    // What was sent in one go is no sign of a slow peer, as long as the kernel has not refused any of it.
    else if (onslow === 'close' && this.#transport.queue.isWriting)
      this.#fail(new WebSocketError('slow-consumer'))
  }

  #pause(reason: number): void {
    if (this.readyState !== ReadyState.OPEN || (this.#flags & reason) !== 0) return
    this.#flags |= reason
    this.#protocol.pause()
    this.#transport.pause()
  }

  #resume(reason: number): void {
    if ((this.#flags & reason) === 0) return
    this.#flags &= ~reason
    if ((this.#flags & PAUSED) !== 0) return
    this.#protocol.resume()
    if ((this.#flags & Flag.ENDED) !== 0) this.handleEnd()
    this.#flush()
    // A handler of what was held back may have paused again.
    if ((this.#flags & PAUSED) === 0) this.#transport.resume()
  }

  /** @internal What a handler throws, or rejects with, harms only this connection. */
  failHandler(cause: unknown): void {
    this.#fail(toHandlerError(cause))
  }

  #fail(error: WebSocketError): void {
    if (this.#extras?.details == null) this.#protocol.fail(error)
    this.onerror(error)
  }

  #drop(error: WebSocketError): void {
    if (this.#extras?.details != null) return
    this.#protocol.fail(error)
    this.#transport.destroy()
  }

  #openExtras(): Extras {
    this.#extras ??= new Extras()
    return this.#extras
  }
}
