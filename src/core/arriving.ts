// Owns what is known of a message as long as it is not whole. Must not know rows or rules.
import { Assembler } from './assembler.js'
import type { Environment } from './environment.js'
import type { Kernels } from './kernels.js'
import type { PieceHandler } from './pieces.js'

/** A message that is not whole. */
export class Arriving {
  readonly opcode: number
  readonly rsv: number
  /** Bytes up to the end of the latest frame. */
  announcedBytes: number
  fragmentCount = 1
  /** Validator's state within text; 0 at the end of all that is valid. */
  private utf8 = 0
  /** Who is told the pieces, which are not gathered then; null: they are. */
  readonly pieces: PieceHandler | null
  /** How much of the payload has been told. */
  toldBytes = 0
  /** What came so far; null before the first piece. */
  assembler: Assembler | null = null
  /** Payload of the frame at hand, while extensions want it whole. */
  private frame: Assembler | null = null

  constructor(opcode: number, rsv: number, announcedBytes: number, pieces: PieceHandler | null) {
    this.opcode = opcode
    this.rsv = rsv
    this.announcedBytes = announcedBytes
    this.pieces = pieces
  }

  /** Bytes of payload that have come, decoded by the extensions for frames. */
  get byteLength(): number {
    return this.assembler === null ? this.toldBytes : this.assembler.byteLength
  }

  /** Bytes that are kept of it. */
  get heldBytes(): number {
    return (this.assembler?.byteLength ?? 0) + (this.frame?.byteLength ?? 0)
  }

  /** Validates the next piece of text. Returns false at the first bad byte. Source: RFC 6455 §8.1. */
  validate(
    kernels: Kernels,
    isAscii: boolean,
    chunk: Uint8Array,
    start: number,
    end: number,
    isLast: boolean
  ): boolean {
    if (this.utf8 !== 0 || !isAscii) this.utf8 = kernels.validateUtf8(this.utf8, chunk.subarray(start, end))
    return this.utf8 >= 0 && (!isLast || this.utf8 === 0)
  }

  /** Takes the next piece of a frame; returns its payload with the last one, else null. */
  gatherFrame(
    allocate: Environment['allocate'],
    isLast: boolean,
    chunk: Uint8Array,
    start: number,
    end: number
  ): Uint8Array | null {
    this.frame ??= new Assembler(allocate)
    this.frame.add(chunk, start, end)
    if (!isLast) return null
    const payload = this.frame.take()
    this.frame = null
    return payload
  }
}
