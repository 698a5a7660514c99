// Owns every rule of RFC 6455 about what may arrive, driven by the rows of the segment table, and makes messages of
// frames. Must not know sockets, the closing handshake's states, or any extension by name.
import { Assembler, keepBytes } from './assembler.js'
import type { Environment } from './environment.js'
import { type ErrorCode, type ViolationCode, WebSocketError } from './errors.js'
import { type ExtensionData, type NegotiatedExtension, toExtensionError } from './extension.js'
import { HeaderBit, MAX_CONTROL_BYTES, Opcode } from './header.js'
import { ROW_WORDS, Row, RowFlag, TEXT_SHIFT } from './layout.js'
import type { Limits } from './limits.js'
import { BinaryMessage, ExtensionMessage, type Message, TextMessage } from './message.js'

/** Which end of the connection this is: it decides who masks. */
export type Role = 'server' | 'client'

/** What all receivers of one endpoint share. */
export interface ReceiverSettings {
  readonly role: Role
  readonly limits: Limits
  readonly environment: Environment
}

/** Who is told what arrived. After `receiveViolation` nothing more is told. */
export interface ReceiverHandler {
  /** A whole message. */
  receiveMessage(message: Message): void
  /** A control frame; the payload is a copy. */
  receiveControl(opcode: number, payload: Uint8Array): void
  /** The peer broke a rule, or an extension failed. */
  receiveViolation(error: WebSocketError): void
}

/** Text up to this many bytes (if it needed no extension: ASCII) is decoded at once; longer text keeps its bytes until `payload` is read. */
const EAGER_TEXT_BYTES = 1024

const WHOLE = RowFlag.FIRST | RowFlag.LAST
const FINAL_TEXT = HeaderBit.FIN | Opcode.TEXT
const FINAL_BINARY = HeaderBit.FIN | Opcode.BINARY
const NO_TEXTS: readonly string[] = []
const NO_EXTENSIONS: readonly NegotiatedExtension[] = []

/** Turns rows into messages and control frames of one connection. */
export class Receiver {
  /** While set, `receive` stops after the row at hand. */
  isPaused = false
  /** Set when nothing that arrives counts any more; rows are skipped. */
  isDone = false
  readonly #settings: ReceiverSettings
  readonly #handler: ReceiverHandler
  /** In the order of receiving: the last one negotiated comes first. */
  readonly #extensions: readonly NegotiatedExtension[]
  readonly #hasFrameHooks: boolean
  readonly #maskBit: number
  /** Opcode of the message whose frames are arriving, or -1 between messages. */
  #messageOpcode = -1
  #messageRsv = 0
  #fragmentCount = 0
  /** Validator's state within a text message; 0 at the end of every valid one. */
  #utf8 = 0
  #assembler: Assembler | null = null
  /** Bytes of the message at hand, up to the end of its latest frame. */
  #announcedBytes = 0
  /** Payload of the control frame at hand, if it comes in pieces. */
  #control: Assembler | null = null
  /** Payload of the data frame at hand, while extensions want it whole. */
  #frame: Assembler | null = null

  constructor(
    settings: ReceiverSettings,
    handler: ReceiverHandler,
    extensions: readonly NegotiatedExtension[] = NO_EXTENSIONS
  ) {
    this.#settings = settings
    this.#handler = handler
    this.#extensions = extensions.length === 0 ? NO_EXTENSIONS : extensions.toReversed()
    this.#hasFrameHooks = extensions.some(({ session }) => session.decodeFrame !== undefined)
    this.#maskBit = settings.role === 'server' ? HeaderBit.MASK : 0
  }

  /**
   * Takes the rows `from` to `to` (exclusive) of `table`, whose offsets point into `chunk`. Returns the row to go on
   * with: `to`, or an earlier one if a handler paused the receiver. Throws WebSocketError 'payload-transferred' if a handler
   * has detached the memory behind `chunk`. `texts`: see `TEXT_SHIFT`.
   */
  receive(
    table: Int32Array,
    from: number,
    to: number,
    chunk: Uint8Array,
    texts: readonly string[] = NO_TEXTS
  ): number {
    for (let row = from; row < to; row++) {
      if (this.isDone) return to
      if (this.isPaused) return row
      const at = row * ROW_WORDS
      const kind = table[at + Row.KIND]!
      const header = table[at + Row.HEADER]!
      const start = table[at + Row.OFFSET]!
      const end = start + table[at + Row.BYTE_LENGTH]!
      if (end > chunk.length) throw new WebSocketError('payload-transferred')
      if ((kind & RowFlag.FIRST) !== 0) {
        const violation = this.#checkHeader(header, table[at + Row.LENGTH_LOW]!, table[at + Row.LENGTH_HIGH]!)
        if (violation !== null) {
          this.#fail(violation, `frame header ${hex(header)} ${hex(header >>> 8)}`)
          return to
        }
      }
      if (kind >>> TEXT_SHIFT !== 0 && this.#extensions.length === 0) {
        this.#messageOpcode = -1
        this.#handler.receiveMessage(new TextMessage(texts[(kind >>> TEXT_SHIFT) - 1]!))
      } else {
        this.#receivePiece(header & 0xff, kind, chunk, start, end)
      }
    }
    return to
  }

  /** Memory for the next pieces of the message at hand, if they are to be many (see `Assembler.room`); else null. */
  get room(): Uint8Array | null {
    return this.#assembler === null || this.#extensions.length > 0 ? null : this.#assembler.room
  }

  /** Applies every rule that a frame's header can break. Source: RFC 6455 §5.1, §5.2, §5.4, §5.5. */
  #checkHeader(header: number, lengthLow: number, lengthHigh: number): ViolationCode | null {
    const opcode = header & HeaderBit.OPCODE
    const isControl = opcode >= Opcode.CLOSE
    const rsv = header & HeaderBit.RSV
    if (rsv !== 0 && (rsv & ~this.#allowedRsv(opcode)) !== 0) return 'reserved-bits'
    if (isControl ? opcode > Opcode.PONG : opcode > Opcode.BINARY && !this.#hasOpcode(opcode))
      return 'reserved-opcode'
    if (((header >>> 8) & HeaderBit.MASK) !== this.#maskBit)
      return this.#maskBit === 0 ? 'masked-frame' : 'unmasked-frame'
    const shortLength = (header >>> 8) & HeaderBit.LENGTH
    if (isControl) {
      if ((header & HeaderBit.FIN) === 0) return 'fragmented-control'
      return shortLength > MAX_CONTROL_BYTES ? 'control-too-long' : null
    }
    if (lengthHigh < 0) return 'length-overflow'
    const length = lengthHigh * 0x1_0000_0000 + (lengthLow >>> 0)
    if (shortLength >= 126 && length < (shortLength === 126 ? 126 : 65536)) return 'length-not-minimal'
    return this.#beginFrame(opcode, rsv, length)
  }

  /** Applies the rules of fragmentation and the limits to a data frame, and begins it. Source: RFC 6455 §5.4, §10.4. */
  #beginFrame(opcode: number, rsv: number, length: number): ViolationCode | null {
    const { limits } = this.#settings
    if (opcode === Opcode.CONTINUATION) {
      if (this.#messageOpcode < 0) return 'unexpected-continuation'
      this.#fragmentCount++
      if (this.#fragmentCount > limits.maxFragments) return 'too-many-fragments'
    } else {
      if (this.#messageOpcode >= 0) return 'interleaved-message'
      this.#messageOpcode = opcode
      this.#messageRsv = rsv
      this.#fragmentCount = 1
    }
    if (length > limits.maxFrameBytes) return 'frame-too-big'
    this.#announcedBytes = (this.#assembler === null ? 0 : this.#assembler.byteLength) + length
    return this.#announcedBytes > limits.maxMessageBytes ? 'message-too-big' : null
  }

  #allowedRsv(opcode: number): number {
    if (opcode >= Opcode.CLOSE) return 0
    let allowed = 0
    for (const extension of this.#extensions) {
      if (opcode !== Opcode.CONTINUATION || extension.session.decodeFrame !== undefined)
        allowed |= extension.rsv
    }
    return allowed
  }

  #hasOpcode(opcode: number): boolean {
    return this.#extensions.some((extension) => extension.opcodes.includes(opcode))
  }

  #receivePiece(first: number, kind: number, chunk: Uint8Array, start: number, end: number): void {
    if ((first & HeaderBit.OPCODE) >= Opcode.CLOSE) {
      this.#receiveControlPiece(first & HeaderBit.OPCODE, kind, chunk, start, end)
    } else if (this.#extensions.length > 0) {
      this.#receiveEncodedPiece(first, kind, chunk, start, end)
    } else if ((kind & WHOLE) === WHOLE && (first === FINAL_TEXT || first === FINAL_BINARY)) {
      this.#receiveWholeMessage(first, kind, chunk, start, end)
    } else {
      this.#receiveMessagePiece(first, kind, chunk, start, end)
    }
  }

  #receiveControlPiece(opcode: number, kind: number, chunk: Uint8Array, start: number, end: number): void {
    if ((kind & WHOLE) === WHOLE) {
      this.#handler.receiveControl(opcode, chunk.slice(start, end))
      return
    }
    this.#control ??= new Assembler(this.#settings.environment.allocate)
    this.#control.add(chunk, start, end)
    if ((kind & RowFlag.LAST) === 0) return
    const payload = this.#control.take()
    this.#control = null
    this.#handler.receiveControl(opcode, payload)
  }

  /** The hot path: a message of one frame in one piece. */
  #receiveWholeMessage(first: number, kind: number, chunk: Uint8Array, start: number, end: number): void {
    this.#messageOpcode = -1
    if (first === FINAL_BINARY) {
      this.#handler.receiveMessage(new BinaryMessage(keepBytes(chunk, start, end)))
    } else if ((kind & RowFlag.ASCII) !== 0 && end - start <= EAGER_TEXT_BYTES) {
      this.#handler.receiveMessage(
        new TextMessage(this.#settings.environment.decodeLatin1(chunk, start, end))
      )
    } else if (this.#validateText(kind, chunk, start, end, true)) {
      this.#handler.receiveMessage(TextMessage.fromValidUtf8(keepBytes(chunk, start, end)))
    }
  }

  #receiveMessagePiece(first: number, kind: number, chunk: Uint8Array, start: number, end: number): void {
    const isLast = (kind & RowFlag.LAST) !== 0 && (first & HeaderBit.FIN) !== 0
    if (this.#messageOpcode === Opcode.TEXT && !this.#validateText(kind, chunk, start, end, isLast)) return
    this.#assembler ??= new Assembler(this.#settings.environment.allocate)
    this.#assembler.add(chunk, start, end, this.#announcedBytes)
    if (!isLast) return
    const bytes = this.#assembler.take()
    const opcode = this.#endMessage()
    this.#handler.receiveMessage(
      opcode === Opcode.TEXT ? TextMessage.fromValidUtf8(bytes) : new BinaryMessage(bytes)
    )
  }

  /** Validates the next piece of a text message; fails the connection at the first bad byte. Source: RFC 6455 §8.1. */
  #validateText(kind: number, chunk: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    const isSkippable = this.#utf8 === 0 && (kind & RowFlag.ASCII) !== 0
    if (!isSkippable) {
      this.#utf8 = this.#settings.environment.kernels.validateUtf8(this.#utf8, chunk.subarray(start, end))
    }
    if (this.#utf8 < 0 || (isLast && this.#utf8 !== 0)) {
      this.#fail('invalid-utf8')
      return false
    }
    return true
  }

  #endMessage(): number {
    const opcode = this.#messageOpcode
    this.#messageOpcode = -1
    this.#assembler = null
    return opcode
  }

  /** With extensions: gathers a frame, decodes it, gathers the message, decodes it; then it is as any other. */
  #receiveEncodedPiece(first: number, kind: number, chunk: Uint8Array, start: number, end: number): void {
    const payload = this.#gatherFrame(kind, chunk, start, end)
    if (payload === null) return
    const isFinal = (first & HeaderBit.FIN) !== 0
    // The usual case, for which no object is made.
    if (isFinal && this.#assembler === null && !this.#hasFrameHooks)
      return this.#receiveEncodedMessage(payload)
    const rsv = first & HeaderBit.RSV
    const before = this.#assembler === null ? 0 : this.#assembler.byteLength
    const maxBytes = this.#settings.limits.maxMessageBytes - before
    const frame = this.#decode(
      'decodeFrame',
      { opcode: first & HeaderBit.OPCODE, isFinal, rsv, payload },
      maxBytes
    )
    if (frame === null) return
    if (isFinal && this.#assembler === null) return this.#receiveEncodedMessage(frame.payload, frame.isShared)
    this.#assembler ??= new Assembler(this.#settings.environment.allocate)
    // Long pieces may be kept as views.
    const { length } = frame.payload
    this.#assembler.add(frame.isShared === true ? frame.payload.slice() : frame.payload, 0, length)
    if (isFinal) this.#receiveEncodedMessage(this.#assembler.take(), false)
  }

  /** Returns the payload of a data frame, a view if it came in one piece; null while it is not whole. */
  #gatherFrame(kind: number, chunk: Uint8Array, start: number, end: number): Uint8Array | null {
    if ((kind & WHOLE) === WHOLE) return chunk.subarray(start, end)
    this.#frame ??= new Assembler(this.#settings.environment.allocate)
    this.#frame.add(chunk, start, end)
    if ((kind & RowFlag.LAST) === 0) return null
    const payload = this.#frame.take()
    this.#frame = null
    return payload
  }

  #receiveEncodedMessage(payload: Uint8Array, isShared = false): void {
    const rsv = this.#messageRsv
    const encoded: ExtensionData = { opcode: this.#endMessage(), isFinal: true, rsv, payload, isShared }
    const message = this.#decode('decodeMessage', encoded, this.#settings.limits.maxMessageBytes)
    if (message === null) return
    if (message.opcode === Opcode.TEXT) {
      this.#receiveDecodedText(message)
    } else if (message.opcode === Opcode.BINARY) {
      this.#handler.receiveMessage(new BinaryMessage(keepDecoded(message)))
    } else if (this.#hasOpcode(message.opcode)) {
      this.#handler.receiveMessage(new ExtensionMessage(message.opcode, keepDecoded(message)))
    } else {
      this.#fail('extension-failed', `a hook made a message of opcode ${message.opcode}`)
    }
  }

  #receiveDecodedText(message: ExtensionData): void {
    const { kernels, decodeUtf8 } = this.#settings.environment
    const { payload } = message
    if (kernels.validateUtf8(0, payload) !== 0) return this.#fail('invalid-utf8')
    const isShort = payload.length <= EAGER_TEXT_BYTES
    this.#handler.receiveMessage(
      isShort
        ? new TextMessage(decodeUtf8(payload, 0, payload.length))
        : TextMessage.fromValidUtf8(keepDecoded(message))
    )
  }

  /** Runs one kind of hook of all extensions. Returns null if that failed the connection. */
  #decode(
    hook: 'decodeFrame' | 'decodeMessage',
    encoded: ExtensionData,
    maxBytes: number
  ): ExtensionData | null {
    let data = encoded
    for (const { name, session } of this.#extensions) {
      try {
        data = session[hook]?.(data, maxBytes) ?? data
      } catch (cause) {
        // Hooks are code of others: whatever they throw ends this connection and no other.
        this.#failWith(toExtensionError(cause, name))
        return null
      }
    }
    if (data.payload.length <= maxBytes) return data
    this.#fail('message-too-big')
    return null
  }

  #fail(code: ErrorCode, detail?: string): void {
    this.#failWith(new WebSocketError(code, detail === undefined ? {} : { detail }))
  }

  #failWith(error: WebSocketError): void {
    this.isDone = true
    this.#assembler = this.#control = this.#frame = null
    this.#handler.receiveViolation(error)
  }
}

/** Returns the payload for good. A view is kept only if it pins little more than itself. */
function keepDecoded({ payload, isShared }: ExtensionData): Uint8Array {
  return isShared === true ? payload.slice() : keepBytes(payload, 0, payload.length)
}

function hex(byte: number): string {
  return `0x${(byte & 0xff).toString(16).padStart(2, '0')}`
}
