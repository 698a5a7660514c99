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
import { checkFragmentSize } from './frame.js'
import { Opcode } from './header.js'
import { Inbox } from './inbox.js'
import { type Message, type Sendable, toMessage } from './message.js'
import type { Output } from './output.js'
import { checkControlPayload, type Pongs, SentPings } from './pings.js'
import type { ProtocolHandler } from './protocol-handler.js'
import { Receiver } from './receiver.js'
import { NOTHING_DEFERRED, SendLine } from './send-line.js'
import { type ProtocolSettings, Terms } from './terms.js'

/** The protocol of one open connection. */
export class Protocol extends Receiver {
  readonly #handler: ProtocolHandler
  readonly #output: Output
  // What is seldom needed is made when it is, and dropped: most connections idle.
  /** Made when chunks are to be scanned here, or when something must wait. */
  #inbox: Inbox | null = null
  /** Null as long as the connection is open. */
  #ending: Ending | null = null
  /** Our pings that wait for their pong; null if none does. */
  #sentPings: SentPings | null = null
  /** Null if no pong waits. */
  #pongs: Pongs | null = null
  /** Set while an extension works on a message that is to be sent. */
  #line: SendLine | null = null

  /** `extensions`: as negotiated in the opening handshake, default none; their sessions are closed when the connection ends. */
  constructor(
    settings: ProtocolSettings,
    output: Output,
    handler: ProtocolHandler,
    extensions?: readonly NegotiatedExtension[]
  ) {
    super(Terms.of(settings, extensions))
    this.#handler = handler
    this.#output = output
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

  /** Holds back what arrives, from the next message on, even if it is in a chunk at hand. */
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
   * Whether messages that have already arrived are held back, by `pause` or because an extension works on one; or the end
   * is, because messages wait to be sent before the answer to the peer's close frame.
   */
  get isHolding(): boolean {
    const isFinishing = this.#line !== null && this.state === 'finished'
    return this.#inbox?.isHolding === true || this.isWorking || isFinishing
  }

  /**
   * Sends a message. `fragmentSize`: most payload bytes of a frame; null sends one frame. Returns false unless the
   * connection is open, and if a hook of an extension throws, which fails the connection. `compress`: tells extensions
   * whether to compress it; default: they decide. Throws WebSocketError 'invalid-argument' for what is no message, an opcode that
   * was not negotiated, or a wrong `fragmentSize`.
   */
  send(sendable: Sendable, fragmentSize: number | null = null, compress?: boolean): boolean {
    const isPlain = fragmentSize === null && this.terms.isPlain
    if (isPlain && (typeof sendable === 'string' || sendable instanceof Uint8Array)) {
      if (this.#ending !== null) return false
      this.terms.sender.sendPayload(this.#output, sendable)
      return true
    }
    if (fragmentSize !== null) checkFragmentSize(fragmentSize)
    const message = toMessage(sendable)
    this.terms.checkOpcode(message.opcode)
    if (this.#ending !== null) return false
    const send = () => this.terms.sender.sendMessage(this.#output, message, fragmentSize, compress)
    if (this.#line !== null) {
      this.#line.add(message.bytes.length, send)
      return true
    }
    const result = send()
    if (result instanceof WebSocketError) this.receiveViolation(result)
    else if (result !== null) this.deferSends(new SendLine(result, message.bytes.length))
    return !(result instanceof WebSocketError)
  }

  /** Messages that are accepted for sending, and not written because an extension works on one; `onwritten` follows for each. */
  get deferredMessages(): { readonly messageCount: number; readonly byteLength: number } {
    return this.#line ?? NOTHING_DEFERRED
  }

  /**
   * Sends a ping. `payload`: at most 125 bytes, kept until its pong comes. Returns false, and sends nothing, unless the
   * connection is open. Throws WebSocketError 'invalid-argument' for a payload of another type or too long.
   */
  sendPing(payload: Uint8Array): boolean {
    checkControlPayload(payload)
    if (this.#ending !== null) return false
    this.#sentPings ??= new SentPings(this.terms.limits.maxUnansweredPings)
    this.#sentPings.add(payload, this.terms.environment.now())
    this.sendControl(Opcode.PING, payload)
    return true
  }

  /** Sends an unsolicited pong; as `sendPing`. Source: RFC 6455 §5.5.3. */
  sendPong(payload: Uint8Array): boolean {
    checkControlPayload(payload)
    if (this.#ending !== null) return false
    this.sendControl(Opcode.PONG, payload)
    return true
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
    this.#handler.onfinish()
  }

  /** Call when the output has been carried away: a pong that was held back goes out now. */
  drained(): void {
    const payload = this.#pongs?.held ?? null
    this.#pongs = null
    if (payload !== null && this.canAnswer()) this.sendPongNow(payload)
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
    const isClean = before === 'finished' && !hasLost && this.#line === null
    this.#line = null
    const status = ending.received ?? { code: CloseCode.ABNORMAL, reason: '' }
    if (isClean) return { ...status, wasClean: true, initiator: ending.initiator, cause: null }
    const detail =
      before === 'finished' ? 'what was queued is lost' : `the closing handshake was at "${before}"`
    ending.cause ??= cause ?? new WebSocketError('connection-lost', { detail })
    return { ...status, wasClean: false, initiator: ending.initiator, cause: ending.cause }
  }

  /** @internal */
  override receiveMessage(message: Message): void {
    this.#handler.onmessage(message)
  }

  /** @internal */
  override receiveControl(opcode: number, payload: Uint8Array): void {
    if (opcode === Opcode.PING) {
      this.answerPing(payload)
      this.#handler.onping(payload)
    } else if (opcode === Opcode.PONG) {
      this.#handler.onpong(payload, this.matchPong(payload))
    } else {
      this.receiveClose(payload)
    }
  }

  /** @internal */
  override receiveWork(): void {
    this.#handler.onbusy?.(true)
    this.terms.environment.defer(() => this.workOn())
  }

  /** @internal */
  override receiveViolation(error: WebSocketError): void {
    if (!canMove(this.state, 'fail')) return
    this.beginFailure(error, 'local')
    try {
      this.#handler.onerror(error)
    } finally {
      // The handler may have told already that the transport is gone.
      if (this.state === 'failed') this.#handler.onfinish()
    }
  }

  /** One slice of an extension's work. */
  private workOn(): void {
    // The connection was over before.
    if (!this.isWorking || this.isDone) return
    try {
      if (!this.proceed()) return this.terms.environment.defer(() => this.workOn())
      this.#handler.onbusy?.(false)
      this.#inbox?.release()
    } catch (error) {
      this.failReceiving(error)
    }
  }

  private deferSends(line: SendLine): void {
    this.#line = line
    this.terms.environment.defer(() => this.proceedSending(line))
  }

  private proceedSending(line: SendLine): void {
    // The connection failed, or was over before.
    if (this.#line !== line) return
    const result = line.proceed()
    if (result instanceof WebSocketError) return this.failSending(result)
    if (result !== 'nothing') this.#handler.onwritten?.(result === 'message')
    if (this.#line !== line) return
    if (!line.isEmpty) return this.deferSends(line)
    this.#line = null
    if (this.state === 'finished') this.#handler.onfinish()
  }

  /** After the peer's close frame nothing can fail any more; what is lost makes the end unclean. */
  private failSending(error: WebSocketError): void {
    if (canMove(this.state, 'fail')) return this.receiveViolation(error)
    this.#ending!.cause ??= error
    this.#handler.onfinish()
  }

  /** What the application did to memory that it shares with us ends the connection; what a handler threw goes on. */
  private failReceiving(error: unknown): void {
    if (!(error instanceof WebSocketError && error.code === 'payload-transferred')) throw error
    this.receiveViolation(error)
  }

  private beginFailure(error: WebSocketError, initiator: 'local' | 'remote'): void {
    const { closeCode } = error
    const canSendClose = this.state !== 'close-sent' && closeCode !== null && canSendCloseCode(closeCode)
    this.move('fail', initiator).cause ??= error
    this.ignoreRest()
    this.#line = null
    if (canSendClose) this.sendControl(Opcode.CLOSE, encodeClose(closeCode))
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
      this.sendClose(payload.subarray(0, 2))
    }
    if (this.#line === null) this.#handler.onfinish()
  }

  /** Behind the messages that wait. */
  private sendClose(payload: Uint8Array): void {
    if (this.#line === null) return this.sendControl(Opcode.CLOSE, payload)
    this.#line.add(null, () => {
      this.sendControl(Opcode.CLOSE, payload)
      return null
    })
  }

  /** The round-trip time of the ping that a pong answers, or null if it answers none. */
  private matchPong(payload: Uint8Array): number | null {
    const pings = this.#sentPings
    if (pings === null) return null
    const roundTripMs = pings.answer(payload, this.terms.environment.now())
    if (pings.isEmpty) this.#sentPings = null
    return roundTripMs
  }

  private openInbox(): Inbox {
    this.#inbox ??= new Inbox(this.terms.environment.kernels, this)
    return this.#inbox
  }

  /** Source: RFC 6455 §5.5.2, §5.5.3. */
  private answerPing(payload: Uint8Array): void {
    if (!this.canAnswer()) return
    if (this.#output.pendingBytes === 0) this.#pongs = null
    const pongs = this.openPongs()
    if (pongs.count < this.terms.limits.maxUnansweredPings) this.sendPongNow(payload)
    else pongs.held = payload
  }

  private sendPongNow(payload: Uint8Array): void {
    const pongs = this.openPongs()
    // The newest ping is answered: an older one that waits needs no answer any more.
    pongs.held = null
    pongs.count++
    this.sendControl(Opcode.PONG, payload)
  }

  private openPongs(): Pongs {
    this.#pongs ??= { count: 0, held: null }
    return this.#pongs
  }

  /** Pings are answered until the peer's close frame comes, after our own too (RFC 6455 §5.5.2). */
  private canAnswer(): boolean {
    return this.#ending === null || this.#ending.state === 'close-sent'
  }

  private sendControl(opcode: number, payload: Uint8Array): void {
    this.terms.sender.sendControl(this.#output, opcode, payload)
  }

  private move(event: ClosingEvent, initiator: 'local' | 'remote'): Ending {
    const state = nextClosingState(this.state, event)
    this.#ending ??= { state, initiator, received: null, cause: null }
    this.#ending.state = state
    return this.#ending
  }
}
