// Owns every rule of RFC 6455 about what may arrive, driven by the rows of the segment table, and makes messages of
// frames. Must not know sockets, the closing handshake's states, or any extension by name.
import { Arriving } from './arriving.js'
import { Assembler } from './assembler.js'
import { Decoder, type DecoderHandler, type DecodingHook } from './decoder.js'
import { type ErrorCode, type ViolationCode, WebSocketError } from './errors.js'
import type { ExtensionData } from './extension.js'
import { HeaderBit, Opcode } from './header.js'
import { checkHeader, describeHeader, frameLength } from './header-rules.js'
import { ROW_WORDS, Row, RowFlag, TEXT_SHIFT } from './layout.js'
import { BinaryMessage, type Message, TextMessage } from './message.js'
import { type Piece, type PieceHandler, tellPiece, tellWhole } from './pieces.js'
import type { Terms } from './terms.js'

const WHOLE = RowFlag.FIRST | RowFlag.LAST
const FINAL_TEXT = HeaderBit.FIN | Opcode.TEXT
const FINAL_BINARY = HeaderBit.FIN | Opcode.BINARY
const NO_TEXTS: readonly string[] = []

/** How a receiver is to take rows; bits of one field. */
const Flow = { BUSY: 1, PAUSED: 2, DONE: 4, WORKING: 8, PROCEEDING: 16, IN_PIECES: 32 } as const

/**
 * Turns rows into messages and control frames of one connection. Between messages it holds nothing of them. It is what a
 * protocol is derived from and not a part of one: so a connection has an object less.
 */
export abstract class Receiver implements DecoderHandler {
  /** @internal */
  protected readonly terms: Terms
  /** A union of `Flow`. */
  #flow = 0
  /** The message whose frames are arriving; null between messages. One that comes in one piece never gets here. */
  #message: Arriving | null = null
  /** Payload of the control frame at hand, if it comes in pieces. */
  #control: Assembler | null = null
  /** Made with the first frame that extensions are to see. */
  #decoder: Decoder | null = null

  constructor(terms: Terms) {
    this.terms = terms
  }

  /** @internal A whole message arrived. */
  abstract receiveMessage(message: Message): void
  /** @internal A control frame arrived; the payload is a copy. */
  abstract receiveControl(opcode: number, payload: Uint8Array): void
  /** @internal The peer broke a rule, or an extension failed. Nothing more is told after it. */
  abstract receiveViolation(error: WebSocketError): void
  /** @internal An extension works in slices: call `proceed` until it returns true. */
  abstract receiveWork(): void
  /** @internal Who gets messages in pieces; asked when one begins, if `receiveInPieces` was called. Null: they come whole. */
  protected abstract get pieceHandler(): PieceHandler | null

  /** Has messages come in pieces, from the next one on: see `ProtocolHandler.pieces`. Not to be taken back. */
  receiveInPieces(): void {
    this.#flow |= Flow.IN_PIECES
  }

  /** @internal While set, `receive` stops after the row at hand. Cannot be taken back while an extension works. */
  get isPaused(): boolean {
    return (this.#flow & (Flow.PAUSED | Flow.WORKING)) !== 0
  }

  set isPaused(isPaused: boolean) {
    if (isPaused) this.#flow |= Flow.PAUSED
    else this.#flow &= ~Flow.PAUSED
  }

  /** @internal Set when nothing that arrives counts any more; rows are skipped. Not to be taken back. */
  get isDone(): boolean {
    return (this.#flow & Flow.DONE) !== 0
  }

  set isDone(_: true) {
    this.#flow |= Flow.DONE
    if (!this.isBusy) this.#message = this.#control = null
  }

  /** @internal Whether `receive` is at work: a handler that it calls must not call it. */
  get isBusy(): boolean {
    return (this.#flow & Flow.BUSY) !== 0
  }

  /** @internal Whether an extension works in slices. */
  get isWorking(): boolean {
    return (this.#flow & Flow.WORKING) !== 0
  }

  /** @internal Neither paused nor done, busy or working. */
  get isReady(): boolean {
    return (this.#flow & ~Flow.IN_PIECES) === 0
  }

  /**
   * @internal Takes the rows `from` to `to` (exclusive) of `table`, whose offsets point into `chunk`. Returns the row to go on
   * with: `to`, or an earlier one if a handler paused the receiver. Throws WebSocketError 'payload-transferred' if a handler
   * has detached the memory behind `chunk`. `texts`: see `TEXT_SHIFT`. If a handler throws, the rows behind its own are
   * lost, and nothing that arrives counts any more: better nothing than a message with a gap.
   */
  receive(
    table: Int32Array,
    from: number,
    to: number,
    chunk: Uint8Array,
    texts: readonly string[] = NO_TEXTS
  ): number {
    this.#flow |= Flow.BUSY
    this.terms.pool?.beginRows(table, from, to)
    try {
      return this.receiveEach(table, from, to, chunk, texts)
    } catch (error) {
      this.isDone = true
      throw error
    } finally {
      this.#flow &= ~Flow.BUSY
    }
  }

  private receiveEach(
    table: Int32Array,
    from: number,
    to: number,
    chunk: Uint8Array,
    texts: readonly string[]
  ): number {
    for (let row = from; row < to; row++) {
      if ((this.#flow & ~Flow.IN_PIECES) !== Flow.BUSY) return this.isDone ? to : row
      const at = row * ROW_WORDS
      const kind = table[at + Row.KIND]!
      const header = table[at + Row.HEADER]!
      const start = table[at + Row.OFFSET]!
      const end = start + table[at + Row.BYTE_LENGTH]!
      if (end > chunk.length) throw new WebSocketError('payload-transferred')
      if ((kind & RowFlag.FIRST) !== 0) {
        const violation = this.checkFrame(
          kind,
          header,
          table[at + Row.LENGTH_LOW]!,
          table[at + Row.LENGTH_HIGH]!
        )
        if (violation !== null) {
          this.violate(violation, describeHeader(header))
          return to
        }
      }
      if (kind >>> TEXT_SHIFT !== 0 && this.terms.isPlain && (this.#flow & Flow.IN_PIECES) === 0) {
        this.receiveMessage(new TextMessage(texts[(kind >>> TEXT_SHIFT) - 1]!))
      } else {
        this.receivePiece(header & 0xff, kind, chunk, start, end)
      }
    }
    return to
  }

  /** @internal Does the next slice of an extension's work. Returns whether it was the last one: then its message has been told. */
  proceed(): boolean {
    this.#flow |= Flow.BUSY | Flow.PROCEEDING
    try {
      this.#decoder!.proceed()
      return !this.isWorking
    } catch (error) {
      this.isDone = true
      throw error
    } finally {
      this.#flow &= ~(Flow.BUSY | Flow.PROCEEDING)
    }
  }

  /** @internal Bytes that are kept of a message that is not whole. */
  protected get arrivingBytes(): number {
    return this.#message?.heldBytes ?? 0
  }

  /** @internal Memory for the next pieces of the message at hand, if they are to be many (see `Assembler.room`); else null. */
  protected get messageRoom(): Uint8Array | null {
    return this.terms.isPlain ? (this.#message?.assembler?.room ?? null) : null
  }

  /** Applies every rule that a frame's header can break. */
  private checkFrame(
    kind: number,
    header: number,
    lengthLow: number,
    lengthHigh: number
  ): ViolationCode | null {
    const violation = checkHeader(this.terms, header, lengthLow, lengthHigh)
    const opcode = header & HeaderBit.OPCODE
    if (violation !== null || opcode >= Opcode.CLOSE) return violation
    const isWhole = (kind & RowFlag.LAST) !== 0 && (header & HeaderBit.FIN) !== 0
    return this.beginFrame(opcode, header & HeaderBit.RSV, frameLength(lengthLow, lengthHigh), isWhole)
  }

  /** Applies the rules of fragmentation and the limits to a data frame, and begins it. Source: RFC 6455 §5.4, §10.4. */
  private beginFrame(opcode: number, rsv: number, length: number, isWhole: boolean): ViolationCode | null {
    const { limits, decodesFrames } = this.terms
    const message = this.#message
    if (opcode === Opcode.CONTINUATION) {
      if (message === null) return 'unexpected-continuation'
      message.fragmentCount++
      if (message.fragmentCount > limits.maxFragments) return 'too-many-fragments'
    } else if (message !== null) return 'interleaved-message'
    if (length > limits.maxFrameBytes) return 'frame-too-big'
    const announcedBytes = message === null ? length : message.byteLength + length
    if (announcedBytes > limits.maxMessageBytes) return 'message-too-big'
    if (message !== null) {
      message.announcedBytes = announcedBytes
      return null
    }
    // Hooks for messages need them whole.
    const pieces =
      (this.#flow & Flow.IN_PIECES) === 0 || this.terms.decodesMessages ? null : this.pieceHandler
    if (!isWhole || decodesFrames || pieces !== null)
      this.#message = new Arriving(opcode, rsv, announcedBytes, pieces)
    return null
  }

  private receivePiece(first: number, kind: number, chunk: Uint8Array, start: number, end: number): void {
    if ((first & HeaderBit.OPCODE) >= Opcode.CLOSE) {
      this.receiveControlPiece(first & HeaderBit.OPCODE, kind, chunk, start, end)
    } else if (!this.terms.isPlain) {
      this.receiveEncodedPiece(first, kind, chunk, start, end)
    } else if ((this.#flow & Flow.IN_PIECES) !== 0 && this.#message?.pieces != null) {
      const { announcedBytes, toldBytes, pieces } = this.#message
      const piece = {
        isFirst: (kind & RowFlag.FIRST) !== 0,
        isLast: (kind & RowFlag.LAST) !== 0,
        isFinal: (first & HeaderBit.FIN) !== 0,
        isAscii: (kind & RowFlag.ASCII) !== 0,
        isShared: false,
        frameBytes: announcedBytes - toldBytes
      }
      this.tellPiece(pieces, piece, chunk, start, end)
    } else if ((kind & WHOLE) === WHOLE && (first === FINAL_TEXT || first === FINAL_BINARY)) {
      this.receiveWholeMessage(first, kind, chunk, start, end)
    } else {
      this.receiveMessagePiece(first, kind, chunk, start, end)
    }
  }

  private receiveControlPiece(
    opcode: number,
    kind: number,
    chunk: Uint8Array,
    start: number,
    end: number
  ): void {
    if ((kind & WHOLE) === WHOLE) {
      this.receiveControl(opcode, chunk.slice(start, end))
      return
    }
    this.#control ??= new Assembler(this.terms.environment.allocate)
    this.#control.add(chunk, start, end)
    if ((kind & RowFlag.LAST) === 0) return
    const payload = this.#control.take()
    this.#control = null
    this.receiveControl(opcode, payload)
  }

  /** The hot path: a message of one frame in one piece. */
  private receiveWholeMessage(
    first: number,
    kind: number,
    chunk: Uint8Array,
    start: number,
    end: number
  ): void {
    const isAscii = (kind & RowFlag.ASCII) !== 0
    if (first === FINAL_BINARY) {
      this.receiveMessage(new BinaryMessage(this.terms.keep(chunk, start, end)))
    } else if (isAscii && end - start <= this.terms.eagerTextBytes) {
      this.receiveMessage(new TextMessage(this.terms.environment.decodeLatin1(chunk, start, end)))
    } else if (isAscii || this.isValidUtf8(chunk.subarray(start, end))) {
      this.receiveMessage(
        TextMessage.fromValidUtf8(
          this.terms.keep(chunk, start, end),
          this.terms.environment.kernels.decodeUtf8
        )
      )
    } else {
      this.violate('invalid-utf8')
    }
  }

  private receiveMessagePiece(
    first: number,
    kind: number,
    chunk: Uint8Array,
    start: number,
    end: number
  ): void {
    const message = this.#message!
    const isLast = (kind & RowFlag.LAST) !== 0 && (first & HeaderBit.FIN) !== 0
    const { kernels, allocate } = this.terms.environment
    const isAscii = (kind & RowFlag.ASCII) !== 0
    if (message.opcode === Opcode.TEXT && !message.validate(kernels, isAscii, chunk, start, end, isLast))
      return this.violate('invalid-utf8')
    message.assembler ??= new Assembler(allocate)
    message.assembler.add(chunk, start, end, message.announcedBytes)
    if (!isLast) return
    this.#message = null
    const bytes = message.assembler.take()
    this.receiveMessage(
      message.opcode === Opcode.TEXT
        ? TextMessage.fromValidUtf8(bytes, kernels.decodeUtf8)
        : new BinaryMessage(bytes)
    )
  }

  private tellPiece(pieces: PieceHandler, piece: Piece, chunk: Uint8Array, start: number, end: number): void {
    const message = this.#message!
    if (piece.isLast && piece.isFinal) this.#message = null
    const { kernels } = this.terms.environment
    if (!tellPiece(this, message, pieces, piece, kernels, chunk, start, end)) this.violate('invalid-utf8')
  }

  private isValidUtf8(bytes: Uint8Array): boolean {
    return this.terms.environment.kernels.validateUtf8(0, bytes) === 0
  }

  /** With extensions: gathers a frame, decodes it, gathers the message, decodes it; then it is as any other. */
  private receiveEncodedPiece(
    first: number,
    kind: number,
    chunk: Uint8Array,
    start: number,
    end: number
  ): void {
    const opcode = first & HeaderBit.OPCODE
    const rsv = first & HeaderBit.RSV
    const message = this.#message
    // The usual case, for which no object is made.
    if (message === null) return this.receiveEncodedMessage(opcode, rsv, chunk.subarray(start, end), true)
    const isFinal = (first & HeaderBit.FIN) !== 0
    const isShared = (kind & WHOLE) === WHOLE
    const isLast = (kind & RowFlag.LAST) !== 0
    const { allocate } = this.terms.environment
    const payload = isShared
      ? chunk.subarray(start, end)
      : message.gatherFrame(allocate, isLast, chunk, start, end)
    if (payload === null) return
    const maxBytes = this.terms.limits.maxMessageBytes - message.byteLength
    this.decode('decodeFrame', { opcode, isFinal, rsv, payload, isShared }, maxBytes)
  }

  private receiveEncodedMessage(opcode: number, rsv: number, payload: Uint8Array, isShared: boolean): void {
    this.#message = null
    const encoded = { opcode, isFinal: true, rsv, payload, isShared }
    this.decode('decodeMessage', encoded, this.terms.limits.maxMessageBytes)
  }

  private decode(hook: DecodingHook, data: ExtensionData, maxBytes: number): void {
    this.#decoder ??= new Decoder(this, this.terms)
    this.#decoder.decode(hook, data, maxBytes)
  }

  /** @internal */
  receiveDecodedFrame({ payload, isFinal, isShared }: ExtensionData): void {
    this.#flow &= ~Flow.WORKING
    const message = this.#message!
    const { length: frameBytes } = payload
    if (message.pieces !== null) {
      const whole = { isFirst: true, isLast: true, isFinal, isAscii: false, isShared: isShared === true }
      return this.tellPiece(message.pieces, { ...whole, frameBytes }, payload, 0, frameBytes)
    }
    message.assembler ??= new Assembler(this.terms.environment.allocate)
    // Long pieces may be kept as views.
    message.assembler.add(isShared === true ? payload.slice() : payload, 0, payload.length)
    if (isFinal) this.receiveEncodedMessage(message.opcode, message.rsv, message.assembler.take(), false)
  }

  /** @internal */
  receiveDecodedMessage(message: Message): void {
    this.#flow &= ~Flow.WORKING
    const pieces = (this.#flow & Flow.IN_PIECES) === 0 ? null : this.pieceHandler
    if (pieces === null) this.receiveMessage(message)
    else tellWhole(this, pieces, message)
  }

  /** @internal */
  failDecoding(error: WebSocketError): void {
    this.breakOff(error)
  }

  /** @internal */
  beginWork(): void {
    this.#flow |= Flow.WORKING
    if ((this.#flow & Flow.PROCEEDING) === 0) this.receiveWork()
  }

  private violate(code: ErrorCode, detail?: string): void {
    this.breakOff(new WebSocketError(code, detail === undefined ? {} : { detail }))
  }

  private breakOff(error: WebSocketError): void {
    this.isDone = true
    this.#flow &= ~Flow.WORKING
    this.#message = this.#control = null
    this.receiveViolation(error)
  }
}
