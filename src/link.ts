// Owns one open connection as its transport and its protocol see it: the way of events to handlers, reading that stops and
// goes on, time limits, the end. Must not know servers or clients, nor how bytes are carried.
import type { ConnectionSettings } from './connection-settings.js'
import { APPLICATION_PAUSED, Extras, Flag, PAUSED, WAITS_FOR_LIFE } from './connection-state.js'
import { ReadyState } from './connection-status.js'
import { bytesOfRows, increment } from './core/counters.js'
import { toHandlerError, WebSocketError } from './core/errors.js'
import type { NegotiatedExtension } from './core/extension.js'
import type { HandshakeRequest } from './core/handshake-server.js'
import type { Message } from './core/message.js'
import type { PieceHandler } from './core/pieces.js'
import { Protocol } from './core/protocol.js'
import type { ProtocolHandler } from './core/protocol-handler.js'
import { channels } from './diagnostics.js'
import { callErrorHandler, callHandler, type HandlerCaller, watchHandler } from './handler-calls.js'
import type { Intake } from './intake.js'
import { OwnHandlers } from './own-handlers.js'
import type { PieceKeeper } from './pieces.js'
import type { Receipts } from './receipts.js'
import type { RowHandler, Transport } from './transport/transport.js'

/** What a link is made of. */
export interface LinkParts<T> {
  readonly settings: ConnectionSettings<T>
  /** Makes the transport with its handler. */
  readonly openTransport: (handler: RowHandler) => Transport
  readonly extensions: readonly NegotiatedExtension[]
}

/** The inner half of a `Connection`. It is what one is derived from and not a part of one: so there is an object less. */
export abstract class Link<T> extends OwnHandlers<T> implements ProtocolHandler, RowHandler, HandlerCaller {
  /** The request that opened the connection: until `onopen` returns; after that null, unless `keepRequest` is set. */
  request: HandshakeRequest | null = null
  /** @internal */
  protected readonly transport: Transport
  /** @internal */
  protected readonly core: Protocol
  /** @internal A union of `Flag`. */
  protected flags = 0
  /** @internal Messages accepted and not reported; null as long as nobody wants reports. */
  protected receipts: Receipts | null = null
  /** @internal */
  protected extras: Extras | null = null

  /** Of parts, or in the place of another link, which must not be used any more. */
  constructor(source: LinkParts<T> | Link<unknown>, settings: ConnectionSettings<T>) {
    super(settings)
    if (source instanceof Link) {
      this.transport = source.transport
      this.core = source.core
      this.flags = source.flags
      this.transport.replaceHandler(this)
      this.core.handler = this
    } else {
      this.transport = source.openTransport(this)
      this.core = new Protocol(settings.protocol, this.transport.queue, this, source.extensions)
    }
  }

  abstract sendPing(): unknown
  /** @internal Makes what handlers need that were given. */
  protected abstract prepare(): void
  /** @internal Puts itself in, or out of, the connections of its endpoint. */
  protected abstract enlist(isOpen: boolean): void

  /** Whether messages can be sent: one of `ReadyState`. */
  get readyState(): 1 | 2 | 3 {
    if (this.extras?.details != null) return ReadyState.CLOSED
    return this.core.state === 'open' ? ReadyState.OPEN : ReadyState.CLOSING
  }

  /**
   * Bytes accepted for sending (frame headers included) that the kernel has not taken. Short text that was sent in this turn of
   * the event loop may count as if it were ASCII, until it is encoded at the turn's end.
   */
  get bufferedAmount(): number {
    return this.transport.queue.pendingBytes + this.core.deferredMessages.byteLength
  }

  /** @internal */
  protected begin(request: HandshakeRequest | null, head: Uint8Array, keepRequest: boolean): void {
    this.request = request
    this.enlist(true)
    this.settings.pingTimeouts.start(this)
    if (channels.open.hasSubscribers) channels.open.publish({ connection: this.self, request })
    this.prepare()
    callHandler(this, () => this.onopen())
    // `onopen` may have given others.
    this.prepare()
    if (!keepRequest) this.request = null
    if (head.length > 0) this.handleBytes(head)
    if ((this.flags & PAUSED) === 0) this.transport.resume()
  }

  /** @internal */
  get pieces(): PieceHandler | null {
    return this.extras?.pieces ?? null
  }

  /** @internal From the next message on all come piece by piece to `keeper`, and control frames to handlers as ever. */
  receiveInPieces(keeper: PieceKeeper): void {
    const extras = this.openExtras()
    extras.pieces = keeper
    this.core.receiveInPieces()
    if (extras.details !== null) keeper.end(extras.details)
  }

  /** @internal */
  handleUnread(byteLength: number): void {
    const { lowWatermarkBytes, highWatermarkBytes } = this.settings
    if (byteLength <= lowWatermarkBytes / 2) this.resumeReading(Flag.PAUSED_BY_READER)
    else if (byteLength > lowWatermarkBytes) this.pauseReading(Flag.PAUSED_BY_READER)
    // After `close` everything is read, so that the peer's close frame is seen.
    if (byteLength > highWatermarkBytes && this.readyState !== ReadyState.OPEN) this.extras!.pieces!.giveUp()
  }

  /** @internal The closing handshake took too long. */
  expireClose(): void {
    this.drop(new WebSocketError('close-timeout'))
  }

  /** @internal A ping is due. */
  expirePing(): void {
    const { pingTimeouts, pongTimeouts } = this.settings
    // A peer that has not answered the last ping gets no more time for that by the next one.
    if ((this.flags & WAITS_FOR_LIFE) === 0) pongTimeouts.start(this)
    this.flags &= ~WAITS_FOR_LIFE
    if (this.transport.queue.isWriting) this.flags |= Flag.ASKED_BEHIND
    // Amid a frame the ping waits for the application, and nothing follows from its pong not being there.
    else if (!this.core.isInFrame) this.flags |= Flag.ASKED
    this.sendPing()
    pingTimeouts.start(this)
  }

  /** @internal No pong came. While the application itself has stopped the reading, that says nothing. */
  expirePong(): void {
    if ((this.flags & WAITS_FOR_LIFE) !== 0 && (this.flags & APPLICATION_PAUSED) === 0)
      this.drop(new WebSocketError('pong-timeout'))
  }

  /** @internal */
  handleBytes(bytes: Uint8Array): void {
    this.flags &= ~WAITS_FOR_LIFE
    this.settings.counters.bytesIn += bytes.length
    this.core.receiveBytes(bytes)
    this.flush()
  }

  /** @internal */
  handleRows(table: Int32Array, from: number, to: number, chunk: Uint8Array, texts: readonly string[]): void {
    this.flags &= ~WAITS_FOR_LIFE
    this.settings.counters.bytesIn += bytesOfRows(table, from, to)
    this.core.receiveRows(table, from, to, chunk, texts)
    this.flush()
  }

  /** @internal */
  get room(): Uint8Array | null {
    return this.core.room
  }

  /** @internal What a pause holds back arrived before the end, and is told before it. */
  handleEnd(): void {
    this.flags |= Flag.ENDED
    if (this.core.isHolding) return
    const { state } = this.core
    // After a closing handshake that is how it should be: no error is made for nothing.
    if (state !== 'finished' && state !== 'failed') {
      const detail = 'the peer ended the transport without a close frame'
      this.core.fail(new WebSocketError('connection-lost', { detail }), 'remote')
    }
    // A client whose closing handshake is over has waited for this (RFC 6455 §7.1.1).
    this.transport.end()
  }

  /** @internal Stops reading early: what a peer that does not read goes on sending would be answered into memory. */
  handleWaiting(): void {
    const { onslow, lowWatermarkBytes, counters } = this.settings
    // Where it stands is by when it began.
    if (!counters.waiting.has(this)) counters.waiting.set(this, performance.now())
    if (onslow === 'pause' && this.pressureBytes > lowWatermarkBytes)
      this.pauseReading(Flag.PAUSED_BY_PRESSURE)
  }

  /** @internal */
  handleProgress(): void {
    // While reading is stopped no other sign of life can be seen.
    this.flags &= (this.flags & Flag.PAUSED_BY_PRESSURE) !== 0 ? ~WAITS_FOR_LIFE : ~Flag.ASKED_BEHIND
    const { queue } = this.transport
    this.receipts?.reportSent(queue.sentBytes)
    if (queue.pendingBytes === 0) {
      const { waiting } = this.settings.counters
      if (waiting.size > 0) waiting.delete(this)
      this.core.drained()
      this.flush()
    }
    const { lowWatermarkBytes } = this.settings
    if (queue.pendingBytes > lowWatermarkBytes) return
    if (this.pressureBytes <= lowWatermarkBytes) this.resumeReading(Flag.PAUSED_BY_PRESSURE)
    this.extras?.wakeSenders(this.bufferedAmount <= lowWatermarkBytes)
  }

  /** @internal */
  handleClose(cause: WebSocketError | null): void {
    this.enlist(false)
    this.settings.closeTimeouts.stop(this)
    this.stopPings()
    const { queue } = this.transport
    const { sentBytes } = queue
    this.countEnd()
    const details = this.core.end(cause, queue.pendingBytes > 0)
    increment(this.settings.counters.closes, `${details.initiator} ${details.code}`)
    const extras = this.openExtras()
    extras.end(details)
    queue.clear()
    this.receipts?.reportSent(sentBytes)
    // An end that loses bytes has a cause.
    if (details.cause !== null) this.receipts?.reportUnsent(details.cause)
    this.receipts = null
    this.settings.topics?.end(this.self, details.cause)
    if (channels.close.hasSubscribers) channels.close.publish({ connection: this.self, details })
    callHandler(this, () => this.onclose(details.code, details.reason, details))
    extras.wakeClosed(details)
  }

  /** @internal The hot path: no closure. */
  handleMessage(message: Message): void {
    this.settings.counters.messagesIn++
    if (this.extras?.intake != null && this.putAside(message)) return
    try {
      const result = this.onmessage(message)
      if (result !== undefined) watchHandler(this, result)
    } catch (error) {
      this.failHandler(error)
    }
  }

  /** @internal A message was told piece by piece. */
  countMessage(): void {
    this.settings.counters.messagesIn++
  }

  /** @internal */
  handlePing(payload: Uint8Array): void {
    callHandler(this, () => this.onping(payload))
  }

  /** @internal */
  handlePong(payload: Uint8Array, roundTripMs: number | null): void {
    this.settings.pongTimeouts.stop(this)
    this.extras?.answerPings(payload)
    if (roundTripMs !== null) this.settings.counters.roundTrips.add(roundTripMs)
    callHandler(this, () => this.onpong(payload, roundTripMs))
  }

  /** @internal */
  handleError(error: WebSocketError): void {
    if (channels.error.hasSubscribers) channels.error.publish({ connection: this.self, error })
    callErrorHandler(this.settings.logger, () => this.onerror(error))
  }

  /** @internal */
  handleFinish(): void {
    this.stopPings()
    this.settings.closeTimeouts.start(this)
    // What the peer still sends must be read, though nobody wants it: closing a socket with unread bytes resets the
    // connection, and our close frame could be lost on the way.
    this.flags &= ~PAUSED
    this.transport.resume()
    const isOver = this.core.state === 'failed' || (this.flags & Flag.ENDED) !== 0
    if (this.settings.protocol.role === 'server' || isOver) this.transport.end()
  }

  /** @internal While an extension works on a long message nothing is read, and nothing is a sign of life. */
  handleBusy(isBusy: boolean): void {
    this.flags &= ~WAITS_FOR_LIFE
    if (!isBusy) return this.resumeReading(Flag.BUSY)
    this.flags |= Flag.BUSY
    this.transport.pause()
  }

  /** @internal A message that waited for an extension is in the queue. */
  handleWritten(isMessage: boolean): void {
    const { queue } = this.transport
    this.transport.schedule()
    if (isMessage) queue.endMessage()
    if (isMessage) this.receipts?.settle(queue.sentBytes + queue.pendingBytes)
    if (queue.pendingBytes > this.settings.highWatermarkBytes) this.checkPressure()
  }

  /** @internal What a handler throws, or rejects with, harms only this connection. */
  failHandler(cause: unknown): void {
    // One that was reading until the end, and was told of it by an exception, has done nothing wrong.
    const isEnd = cause instanceof WebSocketError && this.readyState !== ReadyState.OPEN
    if (isEnd && (cause.code === 'not-open' || cause === this.extras?.details?.cause)) return
    this.fail(toHandlerError(cause))
  }

  /** @internal Gives messages that wait for `recv` to an `onmessage` that was set since. */
  protected handOver(intake: Intake): void {
    if (!intake.keeps || !this.isHandled('onmessage')) return
    intake.keeps = false
    for (let message = intake.take(); message !== null; message = intake.take())
      callHandler(this, () => this.onmessage(message!))
    this.resumeReading(Flag.PAUSED_BY_INTAKE)
  }

  /** @internal */
  protected checkPressure(): void {
    const { onslow } = this.settings
    if (onslow === 'pause') this.pauseReading(Flag.PAUSED_BY_PRESSURE)
    // What was sent in one go is no sign of a slow peer, as long as the kernel has not refused any of it.
    else if (onslow === 'close' && this.transport.queue.isWriting)
      this.fail(new WebSocketError('slow-consumer'))
  }

  /** @internal `reason`: one of the flags that stop reading. */
  protected pauseReading(reason: number): void {
    if (this.readyState !== ReadyState.OPEN || (this.flags & reason) !== 0) return
    this.flags |= reason
    this.core.pause()
    this.transport.pause()
  }

  /** @internal `reasons`: why reading is stopped no more. */
  protected resumeReading(reasons: number): void {
    if ((this.flags & reasons) === 0) return
    // While nothing was read, no sign of life could be seen: the next ping asks anew.
    if ((this.flags & reasons & APPLICATION_PAUSED) !== 0) this.flags &= ~WAITS_FOR_LIFE
    this.flags &= ~reasons
    if ((this.flags & PAUSED) !== 0) return
    this.core.resume()
    if ((this.flags & Flag.ENDED) !== 0) this.handleEnd()
    this.flush()
    // A handler of what was held back may have paused again.
    if ((this.flags & PAUSED) === 0) this.transport.resume()
  }

  /** @internal */
  protected fail(error: WebSocketError): void {
    if (this.extras?.details == null) this.core.fail(error)
    this.handleError(error)
  }

  /** @internal */
  protected drop(error: WebSocketError): void {
    if (this.extras?.details != null) return
    this.core.fail(error)
    this.transport.destroy()
  }

  /** @internal */
  protected stopPings(): void {
    this.settings.pingTimeouts.stop(this)
    this.settings.pongTimeouts.stop(this)
  }

  /** @internal */
  protected openExtras(): Extras {
    this.extras ??= new Extras()
    return this.extras
  }

  /** What it took with it. */
  private countEnd(): void {
    const { counters } = this.settings
    const { queue } = this.transport
    counters.waiting.delete(this)
    counters.finishedBytesOut += queue.sentBytes
    const { messageCount, streamCount } = this.core.deferredMessages
    counters.messagesUnsent += queue.messageCount + messageCount + streamCount
  }

  /** Gives a message to those who take messages themselves. Returns false if they do not want it. */
  private putAside(message: Message): boolean {
    const intake = this.extras!.intake!
    const { highWatermarkBytes } = this.settings
    this.handOver(intake)
    // After `close` everything is read, so that the peer's close frame is seen: nobody else waits for that much.
    if (intake.byteLength > highWatermarkBytes && this.readyState !== ReadyState.OPEN) intake.isFull = true
    const isTaken = intake.put(message)
    // A sequential handler goes on with the message that it has waited for.
    if (isTaken && !intake.isWanted && (this.flags & Flag.HANDLING) !== 0)
      this.pauseReading(Flag.PAUSED_BY_HANDLER)
    if (intake.byteLength > highWatermarkBytes) this.pauseReading(Flag.PAUSED_BY_INTAKE)
    return isTaken
  }

  /** Bytes by which a peer is judged to be slow. @internal */
  protected get pressureBytes(): number {
    // What waits for the end of a message that is sent piece by piece is no sign of it. Where messages are handled as they
    // come it counts all the same, for else nothing would stop a peer that has many answered.
    const isTaking = this.extras !== null && (this.extras.intake !== null || this.extras.pieces !== null)
    return isTaking && this.core.isStreaming ? this.transport.queue.pendingBytes : this.bufferedAmount
  }

  private flush(): void {
    if (this.transport.queue.hasQueued) this.transport.schedule()
  }
}
