// Owns the frames that a `WebSocket` sends: whether they may follow each other, and how they become messages of its
// connection. Must not know how they arrive at the other side.
import type { Connection } from '../connection.js'
import { ReadyState, type SendStatus } from '../connection-status.js'
import { WebSocketError } from '../core/errors.js'
import { ControlFrame, Frame } from '../core/frame.js'
import { Opcode } from '../core/header.js'
import { BinaryMessage, describe, ExtensionMessage, type Message, TextMessage } from '../core/message.js'
import type { MessageStream, StreamOwner } from '../core/message-stream.js'
import { environment } from '../kernels/index.js'

/** The message whose last frame was not given yet: its opcode, and the validator's state if it is text. */
interface Unfinished {
  readonly opcode: number
  readonly utf8: number
}

/** No frame is too long to be sent in one piece. */
const WHOLE = { fragmentSize: Number.MAX_SAFE_INTEGER }

/** Sends frames. */
export class FrameSender {
  readonly #connection: Connection<unknown>
  #unfinished: Unfinished | null = null
  #message: FragmentedMessage | null = null

  constructor(connection: Connection<unknown>) {
    this.#connection = connection
  }

  /**
   * Sends frames, all or none. Returns what became of them: the least good of all. Throws WebSocketError 'invalid-argument' for
   * what is no frame, or must not be sent, or not there. Source: RFC 6455 §5.4, §5.5, §5.6.
   */
  send(frames: readonly Frame[]): SendStatus {
    if (this.#connection.readyState !== ReadyState.OPEN) return 'dropped'
    let unfinished = this.#unfinished
    for (const frame of frames) unfinished = check(frame, unfinished)
    const statuses = frames.map((frame) => this.#sendOne(frame))
    this.#unfinished = unfinished
    return (['dropped', 'queued'] as const).find((status) => statuses.includes(status)) ?? 'sent'
  }

  /** Call before the connection is closed: a close frame may stand where the rest of a message was to come. */
  leave(): void {
    this.#message?.leave()
    this.#message = null
  }

  #sendOne(frame: Frame): SendStatus {
    const { opcode, payload, isFinal } = frame
    if (opcode === Opcode.PING) return this.#connection.sendPing(payload)
    if (opcode === Opcode.PONG) return this.#connection.sendPong(payload)
    if (opcode === Opcode.CLOSE) return this.#close(frame)
    if (isFinal && opcode !== Opcode.CONTINUATION) {
      return this.#connection.send(messageOf(opcode, payload), WHOLE)
    }
    if (opcode !== Opcode.CONTINUATION) this.#message = FragmentedMessage.begin(this.#connection, opcode)
    const status = this.#message?.send(frame) ?? 'dropped'
    if (isFinal) this.#message = null
    return status
  }

  #close(frame: Frame): SendStatus {
    const before = this.#connection.readyState
    this.leave()
    const { payload } = frame
    const { code, reason } = new ControlFrame(Opcode.CLOSE, payload).unpackClose()
    void this.#connection.close(payload.length === 0 ? null : code, reason)
    return before === ReadyState.OPEN ? 'sent' : 'dropped'
  }
}

/** A message that is given frame by frame. */
class FragmentedMessage implements StreamOwner {
  readonly #connection: Connection<unknown>
  /** Null if the connection was not open. */
  #stream: MessageStream | null = null
  /** Frames that were given before its turn. */
  #waiting: Frame[] = []
  #isLeft = false

  private constructor(connection: Connection<unknown>) {
    this.#connection = connection
  }

  static begin(connection: Connection<unknown>, opcode: number): FragmentedMessage {
    const message = new FragmentedMessage(connection)
    // Its turn may come at once, when there is nothing to write yet.
    message.#stream = connection.beginStream(opcode, message)
    return message
  }

  send(frame: Frame): SendStatus {
    const stream = this.#stream
    if (stream === null || stream.isOver) return 'dropped'
    if (stream.isBegun) return this.#write(stream, [frame])
    this.#waiting.push(frame)
    return 'queued'
  }

  /** The rest of it will not come. */
  leave(): void {
    this.#isLeft = true
    if (this.#stream?.isBegun) this.#write(this.#stream, [])
  }

  /** It can be written now, or never. */
  handleTurn(stream: MessageStream): void {
    const waiting = this.#waiting
    this.#waiting = []
    if (!stream.isOver && (waiting.length > 0 || this.#isLeft)) this.#write(stream, waiting)
  }

  #write(stream: MessageStream, frames: readonly Frame[]): SendStatus {
    for (const { payload, isFinal } of frames) {
      // A hook of an extension may have failed the connection.
      if (!stream.isOver) stream.writeFrames(payload, isFinal)
    }
    if (this.#isLeft && !stream.isOver) stream.leave()
    if (stream.isOver && !stream.isEnded) return 'dropped'
    if (stream.isEnded) this.#connection.handleLastPiece()
    return this.#connection.handlePiece()
  }
}

/** Checks what may follow what, and returns what may follow then. */
function check(frame: Frame, unfinished: Unfinished | null): Unfinished | null {
  if (!(frame instanceof Frame)) refuse(`send takes frames (Frame, ControlFrame), not ${describe(frame)}`)
  const { opcode, payload, isFinal, rsv } = frame
  if (rsv !== 0) refuse(`the reserved bits (${rsv}) of a frame are for extensions, which set them themselves`)
  if (opcode >= Opcode.CLOSE) {
    checkControl(frame)
    return unfinished
  }
  if (opcode === Opcode.CONTINUATION) {
    if (unfinished === null) refuse('a continuation frame goes on with a message, and none has begun')
  } else if (unfinished !== null) {
    refuse(`the message with opcode ${unfinished.opcode} has not ended: go on with continuation frames`)
  }
  const message = unfinished ?? { opcode, utf8: 0 }
  const utf8 = message.opcode === Opcode.TEXT ? environment.kernels.validateUtf8(message.utf8, payload) : 0
  if (utf8 < 0 || (isFinal && utf8 !== 0)) refuse('the frames of a text message must be UTF-8')
  return isFinal ? null : { opcode: message.opcode, utf8 }
}

function checkControl({ opcode, payload, isFinal }: Frame): void {
  if (opcode > Opcode.PONG) refuse(`opcode ${opcode} is reserved`)
  if (!isFinal) refuse('a control frame must not be fragmented')
  const control = new ControlFrame(opcode, payload)
  if (opcode !== Opcode.CLOSE) return
  try {
    control.unpackClose()
  } catch (error) {
    // What would be the peer's fault is the caller's here.
    throw new WebSocketError('invalid-argument', { detail: (error as Error).message, cause: error })
  }
}

function refuse(detail: string): never {
  throw new WebSocketError('invalid-argument', { detail })
}

function messageOf(opcode: number, payload: Uint8Array): Message {
  if (opcode === Opcode.TEXT) return TextMessage.fromValidUtf8(payload)
  return opcode === Opcode.BINARY ? new BinaryMessage(payload) : new ExtensionMessage(opcode, payload)
}
