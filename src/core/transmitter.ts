// Owns what one connection sends: messages, in order with those that take their time, pings, and the answers to pings.
// Must not know the closing handshake, which says when nothing may be sent any more.
import { WebSocketError } from './errors.js'
import { checkFragmentSize } from './frame.js'
import { Opcode } from './header.js'
import { BinaryMessage, type Message, type Sendable, TextMessage, toMessage } from './message.js'
import { MessageStream, type StreamLink, type StreamOwner } from './message-stream.js'
import { type Output, OutputBytes } from './output.js'
import { checkControlPayload, type Pongs, SentPings } from './pings.js'
import { PreparedMessage, type SharedBytes } from './prepared.js'
import type { ProtocolHandler } from './protocol-handler.js'
import { Receiver } from './receiver.js'
import { NOTHING_DEFERRED, SendLine } from './send-line.js'
import { IN_ONE_FRAME, type SendChoices, type SendResult } from './sender.js'
import type { Terms } from './terms.js'

/** Messages that are accepted for sending and not written. */
export interface DeferredMessages {
  /** Whole messages, and the bytes of their payloads. */
  readonly messageCount: number
  readonly byteLength: number
  /** Messages that are sent piece by piece and have not ended. */
  readonly streamCount: number
}

/** The sending half of a protocol, derived from the receiving one: so a connection has an object less. */
export abstract class Transmitter extends Receiver {
  /** Who is told; may be replaced by another. */
  handler: ProtocolHandler
  /** @internal */
  protected readonly output: Output
  // What is seldom needed is made when it is, and dropped: most connections idle.
  /** @internal Set while messages cannot be written at once. */
  protected line: SendLine | null = null
  /** Our pings that wait for their pong; null if none does. */
  #sentPings: SentPings | null = null
  /** Null if no pong waits. */
  #pongs: Pongs | null = null

  constructor(terms: Terms, output: Output, handler: ProtocolHandler) {
    super(terms)
    this.handler = handler
    this.output = output
  }

  /** @internal Whether messages may be sent. */
  protected abstract get mayMessage(): boolean
  /** @internal Whether pings are answered. */
  protected abstract get mayAnswer(): boolean
  /** @internal A message that waited could not be sent: the connection fails. */
  protected abstract failSending(error: WebSocketError): void
  /** @internal The last of the line is written. */
  protected abstract finishLine(): void
  /** @internal It is the turn of a message that comes piece by piece. */
  protected abstract beginStream(stream: MessageStream): void

  /**
   * Sends a message. Returns false unless the connection is open, and if a hook of an extension throws, which fails the
   * connection. Throws WebSocketError 'invalid-argument' for what is no message, an opcode that was not negotiated, or a wrong
   * `fragmentSize`.
   */
  send(sendable: Sendable, choices: SendChoices = IN_ONE_FRAME): boolean {
    if (choices === IN_ONE_FRAME && this.terms.isPlain && this.line === null) {
      // The hot path: no closure.
      const { sender } = this.terms
      if (typeof sendable === 'string' || sendable instanceof Uint8Array) {
        if (!this.mayMessage) return false
        sender.sendPayload(this.output, sendable)
        return true
      }
      if (sendable instanceof TextMessage || sendable instanceof BinaryMessage) {
        if (!this.mayMessage) return false
        sender.sendMessage(this.output, sendable, choices)
        return true
      }
    }
    if (choices.fragmentSize != null) checkFragmentSize(choices.fragmentSize)
    const message = toMessage(sendable)
    this.terms.checkOpcode(message.opcode)
    if (!this.mayMessage) return false
    return message instanceof PreparedMessage
      ? this.sendPrepared(message, choices)
      : this.sendBy(message, () => this.terms.sender.sendMessage(this.output, message, choices))
  }

  /** Sends bytes that are known to be UTF-8 as text, without making a message. Returns false if that takes `send`. */
  sendUtf8(bytes: Uint8Array): boolean {
    if (!this.terms.isPlain || this.line !== null || !this.mayMessage) return false
    this.terms.sender.sendUtf8(this.output, bytes)
    return true
  }

  /**
   * Sends what another of those that agreed on the same has encoded. Returns false, and sends nothing, if nobody has yet, or if
   * that takes `send`.
   */
  sendEncoded(message: PreparedMessage): boolean {
    const { output, terms } = this
    if (terms.shareKey === null || this.line !== null || !this.mayMessage) return false
    const shared = message.encoded(terms.shareKey)
    if (shared === undefined || output.appendShared === undefined) return false
    output.appendShared(shared)
    return true
  }

  /** Whether messages with that opcode may be sent: others need an extension that was not negotiated. */
  knowsOpcode(opcode: number): boolean {
    return opcode === Opcode.TEXT || opcode === Opcode.BINARY || this.terms.hasOpcode(opcode)
  }

  /** To those that agreed on the same go the same bytes. */
  private sendPrepared(message: PreparedMessage, choices: SendChoices): boolean {
    const { shareKey } = this.terms
    if (choices === IN_ONE_FRAME && shareKey !== null && this.line === null) {
      // The usual way of a publication: no object is made.
      const shared = message.encoded(shareKey)
      if (shared === undefined) return this.sendBy(message, () => this.sendShared(message, shareKey, message))
      this.appendShared(shared)
      return true
    }
    const { fragmentSize, mask, compress = message.compress } = choices
    const wanted = { fragmentSize, mask, compress }
    if (shareKey === null || mask !== undefined)
      return this.sendBy(message, () => this.terms.sender.sendMessage(this.output, message, wanted))
    const key = choices === IN_ONE_FRAME ? shareKey : `${shareKey} ${fragmentSize ?? ''} ${compress ?? ''}`
    return this.sendBy(message, () => this.sendShared(message, key, wanted))
  }

  /** Sends what others have encoded; or encodes it, for others, too; or waits for who is at work on it. */
  private sendShared(message: PreparedMessage, key: string, choices: SendChoices): SendResult {
    const shared = message.encoded(key)
    if (shared !== undefined) {
      this.appendShared(shared)
      return null
    }
    // Whoever is at work may give up, because their connection ends: then it is begun anew.
    if (message.isUnderWay(key))
      return () => (message.isUnderWay(key) ? undefined : this.sendShared(message, key, choices))
    const output = new OutputBytes()
    const finish = (result: SendResult | undefined): SendResult | undefined => {
      if (typeof result === 'function') return () => finish(result())
      if (result !== null) return result
      this.appendShared(message.keep(key, output.takeWhole()))
      return null
    }
    const result = finish(this.terms.sender.sendMessage(output, message, choices))!
    if (typeof result === 'function') message.begin(key, () => this.line !== null)
    return result
  }

  private appendShared(shared: SharedBytes): void {
    if (this.output.appendShared !== undefined) this.output.appendShared(shared)
    else this.terms.sender.writePiece(this.output, shared.bytes, null, 0)
  }

  /** Sends a message as `send` does it, behind those that wait. */
  private sendBy(message: Message, send: () => SendResult): boolean {
    if (this.line !== null) {
      this.line.addMessage(message.bytes.length, send)
      return true
    }
    const result = send()
    if (result instanceof WebSocketError) this.receiveViolation(result)
    else if (result !== null) {
      this.openLine().addMessage(message.bytes.length, result)
      this.deferLine()
    }
    return !(result instanceof WebSocketError)
  }

  /**
   * Begins a message that is sent piece by piece; what is sent after it waits for its end. Its turn may come at once or
   * later: `owner` is told. `mask`: see `SendChoices`. Returns null unless the connection is open. Throws WebSocketError
   * 'invalid-argument' for an opcode that was not negotiated.
   */
  beginMessage(opcode: number, owner: StreamOwner, mask?: boolean): MessageStream | null {
    this.terms.checkOpcode(opcode)
    if (!this.mayMessage) return null
    const stream = new MessageStream(this.streamLink(), owner, opcode, mask)
    this.openLine().addStream(stream)
    return stream
  }

  /**
   * What is accepted for sending and not written, because an extension works on a message, or one is sent piece by piece;
   * `handleWritten` follows for each whole message.
   */
  get deferredMessages(): DeferredMessages {
    return this.line ?? NOTHING_DEFERRED
  }

  /** Whether a frame is written in part only: then pings and pongs, too, wait for the rest. */
  get isInFrame(): boolean {
    return this.line?.stream?.isInFrame === true
  }

  /** Whether a message that is sent piece by piece has its turn: the others wait for its end. */
  get isStreaming(): boolean {
    return this.line !== null && this.line.stream !== null
  }

  /**
   * Sends a ping. `payload`: at most 125 bytes, kept until its pong comes. Returns false, and sends nothing, unless the
   * connection is open. Throws WebSocketError 'invalid-argument' for a payload of another type or too long.
   */
  sendPing(payload: Uint8Array): boolean {
    checkControlPayload(payload)
    if (!this.mayMessage) return false
    this.#sentPings ??= new SentPings(this.terms.limits.maxUnansweredPings)
    this.#sentPings.add(payload, this.terms.environment.now())
    this.sendControl(Opcode.PING, payload)
    return true
  }

  /** Sends an unsolicited pong; as `sendPing`. Source: RFC 6455 §5.5.3. */
  sendPong(payload: Uint8Array): boolean {
    checkControlPayload(payload)
    if (!this.mayMessage) return false
    this.sendControl(Opcode.PONG, payload)
    return true
  }

  /** Call when the output has been carried away: a pong that was held back goes out now. */
  drained(): void {
    const payload = this.#pongs?.held ?? null
    this.#pongs = null
    if (payload !== null && this.mayAnswer) this.sendPongNow(payload)
  }

  /** @internal Source: RFC 6455 §5.5.2, §5.5.3. */
  protected answerPing(payload: Uint8Array): void {
    if (!this.mayAnswer || !this.terms.answersPings) return
    if (this.output.pendingBytes === 0) this.#pongs = null
    const pongs = this.openPongs()
    if (pongs.count < this.terms.limits.maxUnansweredPings) this.sendPongNow(payload)
    else pongs.held = payload
  }

  /** @internal The round-trip time of the ping that a pong answers, or null if it answers none. */
  protected matchPong(payload: Uint8Array): number | null {
    const pings = this.#sentPings
    if (pings === null) return null
    const roundTripMs = pings.answer(payload, this.terms.environment.now())
    if (pings.isEmpty) this.#sentPings = null
    return roundTripMs
  }

  /** @internal Not amid a frame, unless that is the frame of a message that is sent piece by piece: then behind it. */
  protected sendControl(opcode: number, payload: Uint8Array): void {
    if (this.line?.stream?.holdControl(opcode, payload) === true) return
    this.terms.sender.sendControl(this.output, opcode, payload)
  }

  /** @internal Sends the close frame, behind the messages that wait. */
  protected sendClose(payload: Uint8Array): void {
    const send = () => this.terms.sender.sendControl(this.output, Opcode.CLOSE, payload)
    if (this.line === null) send()
    else this.line.addClose(send)
  }

  /** @internal Gives up the messages that wait. Returns what sends the close frame that waits, if it can be sent. */
  protected abandonLine(): (() => void) | null {
    const { line } = this
    this.line = null
    return line === null ? null : line.abandon()
  }

  private openLine(): SendLine {
    this.line ??= new SendLine()
    return this.line
  }

  private deferLine(): void {
    const line = this.line!
    this.terms.environment.defer(() => this.proceedLine(line))
  }

  private proceedLine(line: SendLine): void {
    // The connection failed, or was over before.
    if (this.line !== line) return
    const result = line.proceed()
    if (result instanceof WebSocketError) return this.failSending(result)
    if (result === 'held') return this.beginStream(line.stream!)
    if (result !== 'nothing') this.handler.handleWritten?.(result === 'message')
    if (this.line !== line) return
    this.goOn(line)
  }

  private goOn(line: SendLine): void {
    if (!line.isEmpty) return this.deferLine()
    this.line = null
    this.finishLine()
  }

  private streamLink(): StreamLink {
    return {
      sender: this.terms.sender,
      output: this.output,
      kernels: this.terms.environment.kernels,
      handleStreamEnd: () => {
        const { line } = this
        if (line === null) return
        line.endStream()
        this.goOn(line)
      },
      handleStreamError: (error) => this.failSending(error)
    }
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
}
