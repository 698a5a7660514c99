// Owns the naive byte kernels that the fast ones are compared with: one byte at a time, as the RFCs say.
// Must not import a kernel.
import { ROW_WORDS, Row, RowFlag, RowKind } from '../../src/core/layout.js'

/** The grammar of RFC 3629 §4: per row, the lowest and highest value of each byte. */
export const UTF8_SEQUENCES: readonly (readonly (readonly [number, number])[])[] = [
  [[0x00, 0x7f]],
  [
    [0xc2, 0xdf],
    [0x80, 0xbf]
  ],
  [
    [0xe0, 0xe0],
    [0xa0, 0xbf],
    [0x80, 0xbf]
  ],
  [
    [0xe1, 0xec],
    [0x80, 0xbf],
    [0x80, 0xbf]
  ],
  [
    [0xed, 0xed],
    [0x80, 0x9f],
    [0x80, 0xbf]
  ],
  [
    [0xee, 0xef],
    [0x80, 0xbf],
    [0x80, 0xbf]
  ],
  [
    [0xf0, 0xf0],
    [0x90, 0xbf],
    [0x80, 0xbf],
    [0x80, 0xbf]
  ],
  [
    [0xf1, 0xf3],
    [0x80, 0xbf],
    [0x80, 0xbf],
    [0x80, 0xbf]
  ],
  [
    [0xf4, 0xf4],
    [0x80, 0x8f],
    [0x80, 0xbf],
    [0x80, 0xbf]
  ]
]

/** What `validateUtf8(0, text)` returns. */
export function referenceValidateUtf8(text: Uint8Array): number {
  let i = 0
  while (i < text.length) {
    const lead = text[i]!
    const sequence = UTF8_SEQUENCES.find(([[lowest, highest] = [1, 0]]) => lowest <= lead && lead <= highest)
    if (sequence === undefined) return -(i + 1)
    for (let k = 1; k < sequence.length; k++) {
      const [lowest, highest] = sequence[k]!
      if (i + k === text.length) return (sequence.length - k) | (lowest << 8) | (highest << 16)
      const byte = text[i + k]!
      if (byte < lowest || byte > highest) return -(i + k + 1)
    }
    i += sequence.length
  }
  return 0
}

/** What `mask` writes. */
export function referenceMask(source: Uint8Array, maskingKey: number, phase: number): Uint8Array {
  return source.map((byte, i) => byte ^ ((maskingKey >>> (8 * ((phase + i) % 4))) & 0xff))
}

/** A scanner that sees one byte at a time. Slot and generation of its rows are 0. */
export class ReferenceScanner {
  #header: number[] = []
  #length = 0n
  #taken = 0n
  #isInside = false

  /** Unmasks `chunk` in place and returns its rows. */
  scan(chunk: Uint8Array): number[][] {
    const rows: number[][] = []
    chunk.forEach((byte, i) => {
      if (this.#isInside) this.#takePayloadByte(rows, chunk, i)
      else this.#takeHeaderByte(rows, byte, i + 1)
    })
    return rows
  }

  #takeHeaderByte(rows: number[][], byte: number, next: number): void {
    this.#header.push(byte)
    const [, second, ...rest] = this.#header
    if (second === undefined) return
    const extended = { 126: 2, 127: 8 }[second & 0x7f] ?? 0
    if (rest.length < extended + (second & 0x80 ? 4 : 0)) return
    const digits = rest.slice(0, extended)
    this.#length = extended === 0 ? BigInt(second & 0x7f) : digits.reduce((n, d) => n * 256n + BigInt(d), 0n)
    this.#taken = 0n
    this.#isInside = this.#length !== 0n
    rows.push(this.#makeRow(RowFlag.FIRST, next))
    if (!this.#isInside) this.#header = []
  }

  #takePayloadByte(rows: number[][], chunk: Uint8Array, i: number): void {
    if (this.#header[1]! & 0x80) chunk[i]! ^= this.#header.slice(-4)[Number(this.#taken % 4n)]!
    this.#taken += 1n
    this.#isInside = this.#taken !== this.#length
    if (rows.length === 0) rows.push(this.#makeRow(0, i))
    const row = rows.at(-1)!
    row[Row.BYTE_LENGTH]! += 1
    if (chunk[i]! >= 0x80) row[Row.KIND]! &= ~RowFlag.ASCII
    if (this.#isInside) return
    row[Row.KIND]! |= RowFlag.LAST
    this.#header = []
  }

  #makeRow(first: number, offset: number): number[] {
    const row = new Array<number>(ROW_WORDS).fill(0)
    const ascii = (this.#header[0]! & 0x0f) === 2 ? 0 : RowFlag.ASCII
    row[Row.KIND] = RowKind.SEGMENT | first | (this.#isInside ? 0 : RowFlag.LAST) | ascii
    row[Row.HEADER] = this.#header[0]! | (this.#header[1]! << 8)
    row[Row.LENGTH_LOW] = Number(BigInt.asIntN(32, this.#length))
    row[Row.LENGTH_HIGH] = Number(BigInt.asIntN(32, this.#length >> 32n))
    row[Row.OFFSET] = offset
    return row
  }
}
