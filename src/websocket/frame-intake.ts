// Owns the frames that arrived at a `WebSocket` and wait for `recv`. Must not know how they arrive, or how reading is stopped.
import { Assembler } from '../core/assembler.js'
import { CloseCode, type CloseDetails, encodeClose } from '../core/closing.js'
import { WebSocketError } from '../core/errors.js'
import { ControlFrame, Frame } from '../core/frame.js'
import { Opcode } from '../core/header.js'
import { Intake, ITEM_BYTES } from '../intake.js'
import { environment } from '../kernels/index.js'
import type { PieceKeeper } from '../pieces.js'

/** Whose frames they are. */
export interface FrameIntakeOwner {
  /** So many bytes wait. */
  handleUnread(byteLength: number): void
}

const NO_BYTES = new Uint8Array(0)
const sizeOfFrame = ({ payload }: Frame): number => ITEM_BYTES + payload.length

/** Makes whole frames of pieces, and keeps them. */
export class FrameIntake implements PieceKeeper {
  readonly #owner: FrameIntakeOwner
  readonly #frames = new Intake<Frame>(true, sizeOfFrame)
  /** How the connection ended; null until it has. */
  #details: CloseDetails | null = null
  /** The connection is closing, and enough waits: what comes now is dropped. */
  #isFull = false
  #hasDropped = false
  #opcode: number = Opcode.CONTINUATION
  /** The frame that arrives at the moment. */
  #byteLength = 0
  #isFinal = false
  #payload: Uint8Array = NO_BYTES
  #assembler: Assembler | null = null

  constructor(owner: FrameIntakeOwner) {
    this.#owner = owner
  }

  /**
   * Resolves with the next frame, or with null when the connection has ended in order and none is left. Rejects with the cause of
   * another end.
   */
  async next(): Promise<Frame | null> {
    const frame = this.#frames.take()
    if (frame === null && this.#details === null) return this.#frames.wait()
    if (this.#details === null) this.#owner.handleUnread(this.#frames.byteLength)
    else if (frame === null) this.#refuse(this.#details)
    return frame
  }

  /** Takes a frame that arrived whole. */
  put(frame: Frame): void {
    this.#hasDropped ||= this.#isFull
    if (this.#isFull) return
    this.#frames.put(frame)
    this.#owner.handleUnread(this.#frames.byteLength)
  }

  handleMessageBegin(opcode: number): void {
    this.#opcode = opcode
  }

  handleFrameBegin(byteLength: number, isFinal: boolean): void {
    this.#byteLength = byteLength
    this.#isFinal = isFinal
  }

  handleFrameData(bytes: Uint8Array): void {
    if (bytes.length === this.#byteLength) {
      this.#payload = bytes
      return
    }
    this.#assembler ??= new Assembler(environment.allocate)
    this.#assembler.add(bytes, 0, bytes.length, this.#byteLength)
  }

  handleFrameEnd(): void {
    const payload = this.#assembler === null ? this.#payload : this.#assembler.take()
    const frame = new Frame(this.#opcode, payload, { isFinal: this.#isFinal })
    this.#opcode = Opcode.CONTINUATION
    this.#payload = NO_BYTES
    this.#assembler = null
    this.put(frame)
  }

  handleMessageEnd(): void {}

  giveUp(): void {
    this.#isFull = true
  }

  end(details: CloseDetails): void {
    this.#details = details
    const { code, reason, cause } = details
    // The close frame says that nothing is missing before it.
    if (this.#hasDropped) return this.#frames.end(cause ?? droppedError())
    if (code !== CloseCode.ABNORMAL) {
      const payload = code === CloseCode.NO_STATUS ? encodeClose() : encodeClose(code, reason)
      this.#frames.put(new ControlFrame(Opcode.CLOSE, payload))
    }
    this.#frames.end(cause)
  }

  #refuse({ cause }: CloseDetails): void {
    if (cause !== null) throw cause
    if (this.#hasDropped) throw droppedError()
  }
}

function droppedError(): WebSocketError {
  return new WebSocketError('not-open', { detail: 'frames behind close() were dropped' })
}
