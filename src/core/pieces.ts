// Owns the telling of messages piece by piece, as they arrive. Must not know rows.
import type { Arriving } from './arriving.js'
import { keepBytes } from './assembler.js'
import { Opcode } from './header.js'
import type { Kernels } from './kernels.js'
import type { Message } from './message.js'

/** Who is told of messages before they are whole. Each piece is told once, in order; a frame without payload has none. */
export interface PieceHandler {
  /** The first frame of a message begins. */
  handleMessageBegin(opcode: number): void
  /** A frame begins. `byteLength`: of its payload. `isFinal`: it is the last one of its message. */
  handleFrameBegin(byteLength: number, isFinal: boolean): void
  /** A piece of a frame's payload, which stays valid for as long as it is kept. Text may be cut inside a character. */
  handleFrameData(bytes: Uint8Array): void
  /** All of a frame has been told. */
  handleFrameEnd(): void
  /** All of a message has been told. */
  handleMessageEnd(): void
}

/** A piece of a frame, as it arrived. */
export interface Piece {
  /** The first piece of its frame, and the last one. */
  readonly isFirst: boolean
  readonly isLast: boolean
  /** Of the last frame of a message. */
  readonly isFinal: boolean
  /** Known to have ASCII bytes only. */
  readonly isAscii: boolean
  /** Length of the whole frame. */
  readonly frameBytes: number
  /** Soon written to again, even where a view would pin little. */
  readonly isShared: boolean
}

/** Who receives. Once it is done nothing more is to be told: each call of a handler may end it. */
interface Teller {
  readonly isDone: boolean
}

/** Tells a piece, the bytes of `chunk` from `start` to `end`. Returns false if it is not the text that it should be. */
export function tellPiece(
  teller: Teller,
  message: Arriving,
  handler: PieceHandler,
  piece: Piece,
  kernels: Kernels,
  chunk: Uint8Array,
  start: number,
  end: number
): boolean {
  const isEnd = piece.isLast && piece.isFinal
  if (piece.isFirst && message.fragmentCount === 1) handler.handleMessageBegin(message.opcode)
  if (piece.isFirst && !teller.isDone) handler.handleFrameBegin(piece.frameBytes, piece.isFinal)
  if (message.opcode === Opcode.TEXT && !message.validate(kernels, piece.isAscii, chunk, start, end, isEnd)) {
    return teller.isDone
  }
  message.toldBytes += end - start
  if (end > start && !teller.isDone)
    handler.handleFrameData(piece.isShared ? chunk.slice(start, end) : keepBytes(chunk, start, end))
  if (piece.isLast && !teller.isDone) handler.handleFrameEnd()
  if (isEnd && !teller.isDone) handler.handleMessageEnd()
  return true
}

/** Tells a message that had to be whole before it could be decoded: as one frame, in one piece. */
export function tellWhole(teller: Teller, handler: PieceHandler, { opcode, bytes }: Message): void {
  handler.handleMessageBegin(opcode)
  if (!teller.isDone) handler.handleFrameBegin(bytes.length, true)
  if (!teller.isDone && bytes.length > 0) handler.handleFrameData(bytes)
  if (!teller.isDone) handler.handleFrameEnd()
  if (!teller.isDone) handler.handleMessageEnd()
}
