// Owns what is known of a message as long as it is not whole. Must not know rows or rules.
import type { Assembler } from './assembler.js'

/** A message that is not whole. */
export class Arriving {
  readonly opcode: number
  readonly rsv: number
  /** Bytes up to the end of the latest frame. */
  announcedBytes: number
  fragmentCount = 1
  /** Validator's state within text; 0 at the end of all that is valid. */
  utf8 = 0
  /** What came so far; null before the first piece. */
  assembler: Assembler | null = null
  /** Payload of the frame at hand, while extensions want it whole. */
  frame: Assembler | null = null

  constructor(opcode: number, rsv: number, announcedBytes: number) {
    this.opcode = opcode
    this.rsv = rsv
    this.announcedBytes = announcedBytes
  }

  get byteLength(): number {
    return this.assembler === null ? 0 : this.assembler.byteLength
  }
}
