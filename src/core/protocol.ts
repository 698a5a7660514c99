// Owns one connection after its opening handshake: what may be sent when, answers to control frames, the closing
// handshake. Sans-I/O: bytes come in by `receiveBytes`, go out through an `Output`, and events reach a handler.
// Must not know transports, timers or the objects that applications see.
import {
  CloseCode,
  type CloseDetails,
  type ClosingEvent,
  type ClosingState,
  canMove,
  canSendCloseCode,
  type Ending,
  encodeClose,
  nextClosingState,
  readClose
} from './closing.js'
import { WebSocketError } from './errors.js'
import type { NegotiatedExtension } from './extension.js'
import { Opcode } from './header.js'
import { Inbox } from './inbox.js'
import type { Message } from './message.js'
import type { MessageStream } from './message-stream.js'
import type { Output } from './output.js'
import type { PieceHandler } from './pieces.js'
import type { ProtocolHandler } from './protocol-handler.js'
import { type ProtocolSettings, Terms } from './terms.js'
import { Transmitter } from './transmitter.js'

/** The protocol of one open connection. */
export class Protocol extends Transmitter {
  /** Made when chunks are to be scanned here, or when something must wait. */
  #inbox: Inbox | null = null
  /** Null as long as the connection is open. */
  #ending: Ending | null = null

  /** `extensions`: as negotiated in the opening handshake, default none; their sessions are closed when the connection ends. */
  constructor(
    settings: ProtocolSettings,
    output: Output,
    handler: ProtocolHandler,
    extensions?: readonly NegotiatedExtension[]
  ) {
    super(Terms.of(settings, extensions), output, handler)
  }

  /** Where the closing handshake stands. */
  get state(): ClosingState {
    return this.#ending === null ? 'open' : this.#ending.state
  }

  /** Takes bytes from the peer. They are unmasked in place and must not be used by the caller any more. */
  receiveBytes(chunk: Uint8Array): void {
    if (this.isDone) return
    try {
      this.openInbox().receiveBytes(chunk)
    } catch (error) {
      this.failReceiving(error)
    }
  }

  /**
   * Takes rows that a transport has scanned itself, from `from` to `to` (exclusive); their offsets point into `chunk`,
   * whose buffer must be more than four times as long as any piece: then all that is kept is copied. `texts`: the strings
   * that rows name by `TEXT_SHIFT`.
   */
  receiveRows(
    table: Int32Array,
    from: number,
    to: number,
    chunk: Uint8Array,
    texts: readonly string[] = []
  ): void {
    if (this.isDone) return
    if (!this.isReady || this.isHolding) return this.openInbox().holdRows(table, from, to, chunk)
    const next = this.receive(table, from, to, chunk, texts)
    if (next < to) this.openInbox().holdRows(table, next, to, chunk)
    this.#inbox?.release()
  }

  /**
   * Memory into which a transport may receive the rest of the frame at hand, or null. The rows of such pieces come with
   * this very array as their `chunk`, in order, and are taken without a copy; no other row of the frame comes in between.
   */
  get room(): Uint8Array | null {
    return this.isDone || this.isHolding ? null : this.messageRoom
  }

  /** Bytes that are kept because a message is not whole, or because what arrives is held back. */
  get heldBytes(): number {
    return this.arrivingBytes + (this.#inbox === null ? 0 : this.#inbox.heldBytes)
  }

  /** Holds back what arrives, from the next message (or piece of one) on, even if it is in a chunk at hand. */
  pause(): void {
    this.isPaused = true
  }

  /** Hands on what was held back and what comes. */
  resume(): void {
    this.isPaused = false
    try {
      this.#inbox?.release()
    } catch (error) {
      this.failReceiving(error)
    }
  }

  /**
   * Whether messages that have already arrived are held back, by `pause`, because an extension works on one, or because
   * this is called from inside a handler; or the end is, because messages wait to be sent before the answer to the peer's close frame.
   */
  get isHolding(): boolean {
    const isFinishing = this.line !== null && this.state === 'finished'
    return this.#inbox?.isHolding === true || this.isWorking || this.isBusy || isFinishing
  }

  /**
   * Begins the closing handshake; nothing can be sent after it, messages still arrive. Does nothing if it has begun
   * already. Throws WebSocketError 'invalid-argument' for a code or reason that must not be sent.
   */
  close(code?: number, reason?: string): void {
    const payload = encodeClose(code, reason)
    if (this.#ending !== null) return
    this.move('send-close', 'local')
    this.sendClose(payload)
  }

  /**
   * Fails the connection for the sake of `error`: sends a close frame with its close code (if it has one and none was
   * sent), and ignores whatever arrives from here on. `initiator`: whose doing it was. Source: RFC 6455 §7.1.7.
   */
  fail(error: WebSocketError, initiator: 'local' | 'remote' = 'local'): void {
    if (!canMove(this.state, 'fail')) {
      // It is what ended the connection if bytes are lost although the closing handshake is over.
      this.#ending!.cause ??= error
      return
    }
    this.beginFailure(error, initiator)
    this.handler.handleFinish()
  }

  /**
   * Tells that the transport is gone, and returns how the connection ended. `cause`: the failure that ended it, if that
   * was no part of a closing handshake; null leaves it at "connection-lost". `hasLost`: bytes that were to be sent, our close
   * frame among them, are lost, so that the end is not clean. Must be called once.
   */
  end(cause: WebSocketError | null = null, hasLost = false): CloseDetails {
    const before = this.state
    const ending = this.move('end', 'remote')
    this.ignoreRest()
    const failure = this.terms.closeSessions()
    ending.cause ??= failure
    const isClean = before === 'finished' && !hasLost && !ending.hasLost && this.line === null
    this.abandonLine()
    const status = ending.received ?? { code: CloseCode.ABNORMAL, reason: '' }
    if (isClean) return { ...status, wasClean: true, initiator: ending.initiator, cause: null }
    const detail =
      before === 'finished' ? 'what was queued is lost' : `the closing handshake was at "${before}"`
    ending.cause ??= cause ?? new WebSocketError('connection-lost', { detail })
    return { ...status, wasClean: false, initiator: ending.initiator, cause: ending.cause }
  }

  /** @internal */
  protected override get mayMessage(): boolean {
    return this.#ending === null
  }

  /** @internal Until the peer's close frame comes, after our own too. Source: RFC 6455 §5.5.2. */
  protected override get mayAnswer(): boolean {
    return this.#ending === null || this.#ending.state === 'close-sent'
  }

  /** @internal */
  protected override get pieceHandler(): PieceHandler | null {
    return this.handler.pieces ?? null
  }

  /** @internal */
  override receiveMessage(message: Message): void {
    this.handler.handleMessage(message)
  }

  /** @internal */
  override receiveControl(opcode: number, payload: Uint8Array): void {
    if (opcode === Opcode.PING) {
      this.answerPing(payload)
      this.handler.handlePing(payload)
    } else if (opcode === Opcode.PONG) {
      this.handler.handlePong(payload, this.matchPong(payload))
    } else {
      this.receiveClose(payload)
    }
  }

  /** @internal */
  override receiveWork(): void {
    this.handler.handleBusy?.(true)
    this.terms.environment.defer(() => this.workOn())
  }

  /** @internal */
  override receiveViolation(error: WebSocketError): void {
    if (!canMove(this.state, 'fail')) return
    this.beginFailure(error, 'local')
    try {
      this.handler.handleError(error)
    } finally {
      // The handler may have told already that the transport is gone.
      if (this.state === 'failed') this.handler.handleFinish()
    }
  }

  /** One slice of an extension's work. */
  private workOn(): void {
    // The connection was over before.
    if (!this.isWorking || this.isDone) return
    try {
      if (!this.proceed()) return this.terms.environment.defer(() => this.workOn())
      this.handler.handleBusy?.(false)
      this.#inbox?.release()
    } catch (error) {
      this.failReceiving(error)
    }
  }

  /** @internal */
  protected override finishLine(): void {
    if (this.state === 'finished') this.handler.handleFinish()
  }

  /** @internal */
  protected override beginStream(stream: MessageStream): void {
    if (this.state === 'finished') this.cutShort()
    else stream.begin()
  }

  /** @internal After the peer's close frame nothing can fail any more; what is lost makes the end unclean. */
  protected override failSending(error: WebSocketError): void {
    if (canMove(this.state, 'fail')) return this.receiveViolation(error)
    this.#ending!.cause ??= error
    this.handler.handleFinish()
  }

  /** What the application did to memory that it shares with us ends the connection; what a handler threw goes on. */
  private failReceiving(error: unknown): void {
    if (!(error instanceof WebSocketError && error.code === 'payload-transferred')) throw error
    this.receiveViolation(error)
  }

  private beginFailure(error: WebSocketError, initiator: 'local' | 'remote'): void {
    const { closeCode } = error
    const { state, isInFrame } = this
    this.move('fail', initiator).cause ??= error
    this.ignoreRest()
    const wasWaiting = this.abandonLine() !== null
    const isPossible = wasWaiting || (state !== 'close-sent' && !isInFrame)
    if (isPossible && closeCode !== null && canSendCloseCode(closeCode))
      this.sendControl(Opcode.CLOSE, encodeClose(closeCode))
  }

  private ignoreRest(): void {
    this.isDone = true
    this.#inbox?.discard()
  }

  private receiveClose(payload: Uint8Array): void {
    const status = readClose(payload)
    if (typeof status === 'string') return this.receiveViolation(new WebSocketError(status))
    this.ignoreRest()
    const mustAnswer = this.#ending === null
    this.move('receive-close', 'remote').received = status
    if (mustAnswer) {
      this.move('send-close', 'remote')
      // RFC 6455 §5.5.1: the answer typically echoes the code.
      this.sendClose(this.terms.echoesReason ? payload : payload.subarray(0, 2))
    }
    if (this.line === null) this.handler.handleFinish()
    else if (this.line.stream !== null) this.cutShort()
  }

  /** A peer that has sent its close frame need not read to the end what comes piece by piece (RFC 6455 §5.5.1). */
  private cutShort(): void {
    const detail = 'the peer closed while a message was being sent piece by piece'
    this.#ending!.cause ??= new WebSocketError('connection-lost', { detail })
    this.#ending!.hasLost = true
    this.abandonLine()?.()
    this.handler.handleFinish()
  }

  private openInbox(): Inbox {
    this.#inbox ??= new Inbox(this.terms.environment.kernels, this)
    return this.#inbox
  }

  private move(event: ClosingEvent, initiator: 'local' | 'remote'): Ending {
    const state = nextClosingState(this.state, event)
    this.#ending ??= { state, initiator, received: null, cause: null, hasLost: false }
    this.#ending.state = state
    return this.#ending
  }
}
