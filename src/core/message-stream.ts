// Owns one message that is sent piece by piece: its frames, and what must not go out inside one of them. Must not know
// what else its connection sends, nor when.
import { WebSocketError } from './errors.js'
import { HeaderBit, Opcode } from './header.js'
import type { Kernels } from './kernels.js'
import type { Output } from './output.js'
import type { Sender } from './sender.js'

/** Who sends the message. */
export interface StreamOwner {
  /** All before the message is written, or the connection is over: look at `isOver`. It may write at once. */
  handleTurn(stream: MessageStream): void
}

/** What a stream needs of its connection. */
export interface StreamLink {
  readonly sender: Sender
  readonly output: Output
  readonly kernels: Kernels
  /** The message has ended. */
  handleStreamEnd(): void
  /** A hook of an extension threw: the connection fails. */
  handleStreamError(error: WebSocketError): void
}

const NO_BYTES = new Uint8Array(0)

/** A frame whose header is written and whose payload is not. */
interface OpenFrame {
  readonly key: number | null
  readonly isFinal: boolean
  sentBytes: number
  bytesLeft: number
}

/**
 * A message that is sent as its application has it: by whole frames, or frames of a known length in pieces. Each method
 * throws WebSocketError 'invalid-argument' unless it is the message's turn (`isBegun`). Source: RFC 6455 §5.4.
 */
export class MessageStream {
  readonly opcode: number
  readonly #link: StreamLink
  readonly #owner: StreamOwner
  readonly #mask: boolean | undefined
  #state: 'waiting' | 'begun' | 'ended' | 'abandoned' = 'waiting'
  #hasSent = false
  #frame: OpenFrame | null = null
  /** Validator's state within text. */
  #utf8 = 0
  /** Control frames that wait for the end of the frame: the newest of each opcode. */
  #controls: Map<number, Uint8Array> | null = null

  constructor(link: StreamLink, owner: StreamOwner, opcode: number, mask: boolean | undefined) {
    this.#link = link
    this.#owner = owner
    this.opcode = opcode
    this.#mask = mask
  }

  /** Whether it is its turn. */
  get isBegun(): boolean {
    return this.#state === 'begun'
  }

  /** Whether nothing can be written any more: it has ended, or its connection is over. */
  get isOver(): boolean {
    return this.#state === 'ended' || this.#state === 'abandoned'
  }

  /** Whether all of it is written. */
  get isEnded(): boolean {
    return this.#state === 'ended'
  }

  /** Whether the payload of a frame is not written whole. */
  get isInFrame(): boolean {
    return this.#frame !== null
  }

  /** How many bytes of payload the frame at hand still needs. */
  get frameBytesLeft(): number {
    return this.#frame === null ? 0 : this.#frame.bytesLeft
  }

  /** Called when all before it is written. */
  begin(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'begun'
    this.#owner.handleTurn(this)
  }

  /** Called when it cannot be sent any more. */
  abandon(): void {
    if (this.isOver) return
    this.#state = 'abandoned'
    this.#controls = null
    this.#owner.handleTurn(this)
  }

  /** Has a control frame wait, if one must not go out now (RFC 6455 §5.4: only between frames). Returns whether it waits. */
  holdControl(opcode: number, payload: Uint8Array): boolean {
    if (this.#frame === null) return false
    this.#controls ??= new Map()
    this.#controls.set(opcode, payload)
    return true
  }

  /**
   * Writes whole frames: one, or as many as it takes if each is to have at most `maxBytes` of payload. `isFinal`: the message
   * ends with them. Throws WebSocketError 'invalid-argument' for bytes that are no text where they should be, and amid a
   * frame; nothing is written then.
   */
  writeFrames(payload: Uint8Array, isFinal: boolean, maxBytes: number = payload.length): void {
    this.#checkBetween()
    this.#checkText(payload, isFinal)
    const step = Math.max(maxBytes, 1)
    let start = 0
    do {
      const end = Math.min(start + step, payload.length)
      const part = end - start === payload.length ? payload : payload.subarray(start, end)
      this.#sendFrame(part, isFinal && end === payload.length)
      start = end
    } while (start < payload.length && !this.isOver)
  }

  /**
   * Begins a frame whose payload of `byteLength` bytes follows by `writePiece`. Throws WebSocketError 'invalid-argument' amid
   * a frame, and where an extension wants to see frames whole.
   */
  beginFrame(byteLength: number, isFinal: boolean): void {
    const { sender, output } = this.#link
    this.#checkBetween()
    this.#check(sender.sendsPieces, 'an extension that encodes frames is in use: write whole ones')
    if (byteLength === 0) this.#checkText(NO_BYTES, isFinal)
    const first = (isFinal ? HeaderBit.FIN : 0) | this.#nextOpcode()
    const key = sender.beginFrame(output, first, byteLength, this.#mask)
    this.#frame = { key, isFinal, sentBytes: 0, bytesLeft: byteLength }
    this.#endFrame(this.#frame)
  }

  /** Writes a piece of the frame's payload. Throws WebSocketError 'invalid-argument' for more than the frame has room for. */
  writePiece(piece: Uint8Array): void {
    const frame = this.#frame
    const { sender, output } = this.#link
    this.#checkTurn()
    if (frame === null || piece.length > frame.bytesLeft) {
      const detail = `the frame has ${this.frameBytesLeft} bytes left, and ${piece.length} were given`
      throw new WebSocketError('invalid-argument', { detail })
    }
    this.#checkText(piece, frame.isFinal && piece.length === frame.bytesLeft)
    sender.writePiece(output, piece, frame.key, frame.sentBytes)
    frame.sentBytes += piece.length
    frame.bytesLeft -= piece.length
    this.#endFrame(frame)
  }

  /**
   * Ends the message without its last frame: only a close frame may follow. Throws WebSocketError 'invalid-argument' amid a
   * frame. Source: RFC 6455 §5.4.
   */
  leave(): void {
    this.#checkBetween()
    this.#end()
  }

  #sendFrame(payload: Uint8Array, isFinal: boolean): void {
    const opcode = this.#nextOpcode()
    const { sender, output } = this.#link
    const error = sender.sendFrame(output, { opcode, isFinal, rsv: 0, payload }, this.#mask)
    if (error !== null) this.#link.handleStreamError(error)
    else if (isFinal) this.#end()
  }

  #endFrame({ bytesLeft, isFinal }: OpenFrame): void {
    if (bytesLeft > 0) return
    this.#frame = null
    const { sender, output } = this.#link
    for (const [opcode, payload] of this.#controls ?? []) sender.sendControl(output, opcode, payload)
    this.#controls = null
    if (isFinal) this.#end()
  }

  #end(): void {
    this.#state = 'ended'
    this.#link.handleStreamEnd()
  }

  #nextOpcode(): number {
    const opcode = this.#hasSent ? Opcode.CONTINUATION : this.opcode
    this.#hasSent = true
    return opcode
  }

  /** Source: RFC 6455 §5.6: text is UTF-8. What is refused changes nothing. */
  #checkText(bytes: Uint8Array, isFinal: boolean): void {
    if (this.opcode !== Opcode.TEXT) return
    const state = this.#link.kernels.validateUtf8(this.#utf8, bytes)
    this.#check(state >= 0 && (!isFinal || state === 0), 'the bytes of a text message must be UTF-8')
    this.#utf8 = state
  }

  #checkTurn(): void {
    this.#check(this.#state === 'begun', `nothing can be written of a message that is ${this.#state}`)
  }

  #checkBetween(): void {
    this.#checkTurn()
    this.#check(this.#frame === null, 'the frame at hand must get all of its bytes first')
  }

  #check(isRight: boolean, detail: string): void {
    if (!isRight) throw new WebSocketError('invalid-argument', { detail })
  }
}
