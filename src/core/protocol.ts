// Owns one connection after its opening handshake: what may be sent when, answers to control frames, the closing
// handshake. Sans-I/O: bytes come in by `receiveBytes`, go out through an `Output`, and events reach a handler.
// Must not know transports, timers or the objects that applications see.
import {
  CloseCode,
  type CloseDetails,
  type CloseStatus,
  type ClosingState,
  canSendCloseCode,
  encodeClose,
  nextClosingState,
  readClose
} from './closing.js'
import type { Environment } from './environment.js'
import { WebSocketError } from './errors.js'
import { type NegotiatedExtension, toExtensionError } from './extension.js'
import { checkFragmentSize } from './frame.js'
import { MAX_CONTROL_BYTES, Opcode } from './header.js'
import { Inbox } from './inbox.js'
import type { Limits } from './limits.js'
import { type Message, type Sendable, toMessage } from './message.js'
import type { Output } from './output.js'
import { SentPings } from './pings.js'
import { Receiver, type ReceiverHandler, type Role } from './receiver.js'
import { Sender } from './sender.js'

/** What all protocols of one endpoint share. */
export interface ProtocolSettings {
  readonly role: Role
  readonly limits: Limits
  readonly environment: Environment
}

/**
 * Who is told of a protocol's events. An exception thrown by a handler leaves the protocol's method, and what arrived
 * behind it is lost: nothing that arrives counts any more. Call `fail`.
 */
export interface ProtocolHandler {
  /** A whole message arrived. */
  onmessage(message: Message): void
  /** The peer's ping arrived; its pong is sent already. */
  onping(payload: Uint8Array): void
  /** A pong arrived. `roundTripMs`: since the ping that it answers; null if it answers none. */
  onpong(payload: Uint8Array, roundTripMs: number | null): void
  /** The peer broke a rule, or an extension failed; our close frame is sent already. Only `onfinish` follows. */
  onerror(error: WebSocketError): void
  /**
   * The last byte was sent: a server now ends the transport, a client waits for the server to do so (RFC 6455 §7.1.1).
   * Comes once, after a whole closing handshake or a failure.
   */
  onfinish(): void
}

/** The protocol of one open connection. */
export class Protocol implements ReceiverHandler {
  readonly #settings: ProtocolSettings
  readonly #handler: ProtocolHandler
  readonly #output: Output
  readonly #extensions: readonly NegotiatedExtension[]
  readonly #receiver: Receiver
  readonly #inbox: Inbox
  readonly #sender: Sender
  #state: ClosingState = 'open'
  #sentPings: SentPings | null = null
  /** Pongs written since the output was last seen empty. */
  #pongCount = 0
  #heldPong: Uint8Array | null = null
  #received: CloseStatus | null = null
  #initiator: 'local' | 'remote' | null = null
  #cause: WebSocketError | null = null

  /** `extensions`: as negotiated in the opening handshake; their sessions are closed when the connection ends. */
  constructor(
    settings: ProtocolSettings,
    output: Output,
    handler: ProtocolHandler,
    extensions: readonly NegotiatedExtension[] = []
  ) {
    this.#settings = settings
    this.#handler = handler
    this.#output = output
    this.#extensions = extensions
    this.#receiver = new Receiver(settings, this, extensions)
    this.#inbox = new Inbox(settings.environment.kernels, this.#receiver)
    this.#sender = new Sender(settings, output, extensions)
  }

  /** Where the closing handshake stands. */
  get state(): ClosingState {
    return this.#state
  }

  /** Takes bytes from the peer. They are unmasked in place and must not be used by the caller any more. */
  receiveBytes(chunk: Uint8Array): void {
    if (this.#receiver.isDone) return
    try {
      this.#inbox.receiveBytes(chunk)
    } catch (error) {
      this.#failReceiving(error)
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
    if (!this.#receiver.isDone) this.#inbox.receiveRows(table, from, to, chunk, texts)
  }

  /**
   * Memory into which a transport may receive the rest of the frame at hand, or null. The rows of such pieces come with
   * this very array as their `chunk`, in order, and are taken without a copy; no other row of the frame comes in between.
   */
  get room(): Uint8Array | null {
    return this.#receiver.isDone || this.#inbox.isHolding ? null : this.#receiver.room
  }

  /** Holds back what arrives, from the next message on, even if it is in a chunk at hand. */
  pause(): void {
    this.#receiver.isPaused = true
  }

  /** Hands on what was held back and what comes. */
  resume(): void {
    this.#receiver.isPaused = false
    try {
      this.#inbox.release()
    } catch (error) {
      this.#failReceiving(error)
    }
  }

  /** Whether `pause` holds messages back that have already arrived. */
  get isHolding(): boolean {
    return this.#inbox.isHolding
  }

  /**
   * Sends a message. `fragmentSize`: most payload bytes of a frame; null sends one frame. Returns false unless the
   * connection is open, and if a hook of an extension throws, which fails the connection. `compress`: tells extensions
   * whether to compress it; default: they decide. Throws WebSocketError 'invalid-argument' for what is no message, an opcode that
   * was not negotiated, or a wrong `fragmentSize`.
   */
  send(sendable: Sendable, fragmentSize: number | null = null, compress?: boolean): boolean {
    const isPlain = fragmentSize === null && this.#sender.isPlain
    if (isPlain && (typeof sendable === 'string' || sendable instanceof Uint8Array)) {
      if (this.#state !== 'open') return false
      this.#sender.sendPayload(sendable)
      return true
    }
    if (fragmentSize !== null) checkFragmentSize(fragmentSize)
    const message = toMessage(sendable)
    this.#checkOpcode(message.opcode)
    if (this.#state !== 'open') return false
    const failure = this.#sender.sendMessage(message, fragmentSize, compress)
    if (failure !== null) this.receiveViolation(failure)
    return failure === null
  }

  /**
   * Sends a ping. `payload`: at most 125 bytes, kept until its pong comes. Returns false, and sends nothing, unless the
   * connection is open. Throws WebSocketError 'invalid-argument' for a payload of another type or too long.
   */
  sendPing(payload: Uint8Array): boolean {
    checkControlPayload(payload)
    if (this.#state !== 'open') return false
    this.#sentPings ??= new SentPings(this.#settings.limits.maxUnansweredPings)
    this.#sentPings.add(payload, this.#settings.environment.now())
    this.#sender.sendControl(Opcode.PING, payload)
    return true
  }

  /** Sends an unsolicited pong; as `sendPing`. Source: RFC 6455 §5.5.3. */
  sendPong(payload: Uint8Array): boolean {
    checkControlPayload(payload)
    if (this.#state !== 'open') return false
    this.#sender.sendControl(Opcode.PONG, payload)
    return true
  }

  /**
   * Begins the closing handshake; nothing can be sent after it, messages still arrive. Does nothing if it has begun
   * already. Throws WebSocketError 'invalid-argument' for a code or reason that must not be sent.
   */
  close(code?: number, reason?: string): void {
    const payload = encodeClose(code, reason)
    if (this.#state !== 'open') return
    this.#move('send-close', 'local')
    this.#sender.sendControl(Opcode.CLOSE, payload)
  }

  /**
   * Fails the connection for the sake of `error`: sends a close frame with its close code (if it has one and none was
   * sent), and ignores whatever arrives from here on. `initiator`: whose doing it was. Source: RFC 6455 §7.1.7.
   */
  fail(error: WebSocketError, initiator: 'local' | 'remote' = 'local'): void {
    if (!this.#canFail()) {
      // It is what ended the connection if bytes are lost although the closing handshake is over.
      this.#cause ??= error
      return
    }
    this.#beginFailure(error, initiator)
    this.#handler.onfinish()
  }

  /** Call when the output has been carried away: a pong that was held back goes out now. */
  drained(): void {
    this.#pongCount = 0
    const payload = this.#heldPong
    if (payload !== null && this.#canAnswer()) this.#sendPongNow(payload)
    this.#heldPong = null
  }

  /**
   * Tells that the transport is gone, and returns how the connection ended. `cause`: the failure that ended it, if that
   * was no part of a closing handshake; null leaves it at "connection-lost". `hasLost`: bytes that were to be sent, our close
   * frame among them, are lost, so that the end is not clean. Must be called once.
   */
  end(cause: WebSocketError | null = null, hasLost = false): CloseDetails {
    const before = this.#state
    this.#move('end', 'remote')
    this.#ignoreRest()
    this.#closeSessions()
    const status = this.#received ?? { code: CloseCode.ABNORMAL, reason: '' }
    if (before === 'finished' && !hasLost)
      return { ...status, wasClean: true, initiator: this.#initiator!, cause: null }
    const detail =
      before === 'finished' ? 'what was queued is lost' : `the closing handshake was at "${before}"`
    this.#cause ??= cause ?? new WebSocketError('connection-lost', { detail })
    return { ...status, wasClean: false, initiator: this.#initiator!, cause: this.#cause }
  }

  /** @internal */
  receiveMessage(message: Message): void {
    this.#handler.onmessage(message)
  }

  /** @internal */
  receiveControl(opcode: number, payload: Uint8Array): void {
    if (opcode === Opcode.PING) {
      this.#answerPing(payload)
      this.#handler.onping(payload)
    } else if (opcode === Opcode.PONG) {
      const roundTripMs = this.#sentPings?.answer(payload, this.#settings.environment.now()) ?? null
      this.#handler.onpong(payload, roundTripMs)
    } else {
      this.#receiveClose(payload)
    }
  }

  /** @internal */
  receiveViolation(error: WebSocketError): void {
    if (!this.#canFail()) return
    this.#beginFailure(error, 'local')
    try {
      this.#handler.onerror(error)
    } finally {
      // The handler may have told already that the transport is gone.
      if (this.#state === 'failed') this.#handler.onfinish()
    }
  }

  /** What the application did to memory that it shares with us ends the connection; what a handler threw goes on. */
  #failReceiving(error: unknown): void {
    if (!(error instanceof WebSocketError && error.code === 'payload-transferred')) throw error
    this.receiveViolation(error)
  }

  #canFail(): boolean {
    return this.#state !== 'finished' && this.#state !== 'failed' && this.#state !== 'ended'
  }

  #beginFailure(error: WebSocketError, initiator: 'local' | 'remote'): void {
    const { closeCode } = error
    const canSendClose = this.#state !== 'close-sent' && closeCode !== null && canSendCloseCode(closeCode)
    this.#move('fail', initiator)
    this.#ignoreRest()
    this.#cause ??= error
    if (canSendClose) this.#sender.sendControl(Opcode.CLOSE, encodeClose(closeCode))
  }

  #ignoreRest(): void {
    this.#receiver.isDone = true
    this.#inbox.discard()
  }

  /** Sessions are code of others: what one throws must not keep the others from being closed. */
  #closeSessions(): void {
    for (const { name, session } of this.#extensions) {
      try {
        session.close?.()
      } catch (cause) {
        this.#cause ??= toExtensionError(cause, name)
      }
    }
  }

  /** Source: RFC 6455 §5.2: other opcodes are reserved unless an extension defines them. */
  #checkOpcode(opcode: number): void {
    if (opcode === Opcode.TEXT || opcode === Opcode.BINARY) return
    if (this.#extensions.some(({ opcodes }) => opcodes.includes(opcode))) return
    throw new WebSocketError('invalid-argument', { detail: `no extension has the opcode ${opcode}` })
  }

  #receiveClose(payload: Uint8Array): void {
    const status = readClose(payload)
    if (typeof status === 'string') return this.receiveViolation(new WebSocketError(status))
    this.#ignoreRest()
    this.#received = status
    const mustAnswer = this.#state === 'open'
    this.#move('receive-close', 'remote')
    if (mustAnswer) {
      this.#move('send-close', 'remote')
      // RFC 6455 §5.5.1: the answer typically echoes the code.
      this.#sender.sendControl(Opcode.CLOSE, payload.subarray(0, 2))
    }
    this.#handler.onfinish()
  }

  /** Source: RFC 6455 §5.5.2, §5.5.3. */
  #answerPing(payload: Uint8Array): void {
    if (!this.#canAnswer()) return
    if (this.#output.pendingBytes === 0) this.#pongCount = 0
    if (this.#pongCount < this.#settings.limits.maxUnansweredPings) this.#sendPongNow(payload)
    else this.#heldPong = payload
  }

  #sendPongNow(payload: Uint8Array): void {
    // The newest ping is answered: an older one that waits needs no answer any more.
    this.#heldPong = null
    this.#pongCount++
    this.#sender.sendControl(Opcode.PONG, payload)
  }

  /** Pings are answered until the peer's close frame comes, after our own too (RFC 6455 §5.5.2). */
  #canAnswer(): boolean {
    return this.#state === 'open' || this.#state === 'close-sent'
  }

  #move(event: 'send-close' | 'receive-close' | 'fail' | 'end', initiator: 'local' | 'remote'): void {
    this.#state = nextClosingState(this.#state, event)
    this.#initiator ??= initiator
  }
}

function checkControlPayload(payload: Uint8Array): void {
  if (!(payload instanceof Uint8Array)) {
    throw new WebSocketError('invalid-argument', {
      detail: `a ping or pong carries a Uint8Array, not ${typeof payload}`
    })
  }
  if (payload.length > MAX_CONTROL_BYTES) {
    throw new WebSocketError('invalid-argument', {
      detail: `a ping or pong carries at most ${MAX_CONTROL_BYTES} bytes, not ${payload.length}`
    })
  }
}
