// Owns the way of chunks through the scanner to the receiver, and what has arrived but must wait while it is paused.
// Must not judge anything that arrives.
import { WebSocketError } from './errors.js'
import type { Kernels } from './kernels.js'
import { ROW_WORDS, Row, SCAN_STATE_WORDS, ScanState, TEXT_SHIFT } from './layout.js'
import type { Receiver } from './receiver.js'

/** Rows of a table: enough for a 64 KiB chunk of 64-byte frames. */
const TABLE_ROWS = 1024

/** What waits: rows that point into a chunk, then the chunk's bytes from `from` on, not scanned yet. */
interface Held {
  readonly rows: Int32Array
  readonly chunk: Uint8Array
  readonly from: number
}

/** Tables that are not in use. A handler may cause another connection's bytes to be scanned, so one is not enough. */
const freeTables: Int32Array[] = []
const NO_ROWS = new Int32Array(0)

/** Feeds one receiver. A connection whose rows come ready-made needs none until some of them must wait. */
export class Inbox {
  readonly #kernels: Kernels
  readonly #receiver: Receiver
  /** Made with the first chunk. */
  #state: Int32Array | null = null
  #held: Held[] | null = null

  constructor(kernels: Kernels, receiver: Receiver) {
    this.#kernels = kernels
    this.#receiver = receiver
  }

  /** Whether anything waits for the receiver to be resumed. */
  get isHolding(): boolean {
    return this.#held !== null
  }

  /** Bytes that wait. */
  get heldBytes(): number {
    return (this.#held ?? []).reduce((sum, { chunk }) => sum + chunk.length, 0)
  }

  /** Takes a chunk, which is unmasked in place and belongs to the inbox from here on. */
  receiveBytes(chunk: Uint8Array): void {
    // Views of a plain Uint8Array are cheap to make; those of a subclass such as Buffer are not.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)
    if (this.#held !== null || !this.#receiver.isReady) this.#hold(NO_ROWS, bytes, 0)
    else this.#run(bytes)
  }

  /** Holds rows that were scanned elsewhere. Table and chunk stay the caller's: both are copied. */
  holdRows(table: Int32Array, from: number, to: number, chunk: Uint8Array): void {
    const rows = table.slice(from * ROW_WORDS, to * ROW_WORDS)
    const start = rows[Row.OFFSET]!
    const last = rows.length - ROW_WORDS
    const bytes = chunk.slice(start, rows[last + Row.OFFSET]! + rows[last + Row.BYTE_LENGTH]!)
    for (let at = 0; at < rows.length; at += ROW_WORDS) {
      rows[at + Row.OFFSET]! -= start
      // Texts are held as bytes, too.
      rows[at + Row.KIND]! &= (1 << TEXT_SHIFT) - 1
    }
    this.#hold(rows, bytes, bytes.length)
  }

  /** Forgets what is held: nothing that arrived counts any more. */
  discard(): void {
    this.#held = null
  }

  /** Hands on what was held, until nothing is left or the receiver is paused again. */
  release(): void {
    if (this.#held !== null && !this.#receiver.isBusy) this.#run(null)
  }

  #run(chunk: Uint8Array | null): void {
    try {
      if (chunk !== null) this.#scan(chunk, 0)
      while (this.#held !== null && !this.#receiver.isPaused) this.#runHeld(this.#held.shift()!)
    } catch (error) {
      // A handler threw, and the rows behind its own are lost: better nothing more than a message with a gap.
      this.#receiver.isDone = true
      this.discard()
      throw error
    }
  }

  #runHeld({ rows, chunk, from }: Held): void {
    if (this.#held?.length === 0) this.#held = null
    const rowCount = rows.length / ROW_WORDS
    const { length } = chunk
    const next = this.#receiver.receive(rows, 0, rowCount, chunk)
    if (next < rowCount) this.#holdFirst(rows.subarray(next * ROW_WORDS), chunk, from)
    else if (from !== length) this.#scan(chunk, from)
  }

  #scan(chunk: Uint8Array, from: number): void {
    this.#state ??= new Int32Array(SCAN_STATE_WORDS)
    const table = freeTables.pop() ?? new Int32Array(TABLE_ROWS * ROW_WORDS)
    try {
      this.#scanInto(table, this.#state, chunk, from)
    } finally {
      freeTables.push(table)
    }
  }

  #scanInto(table: Int32Array, state: Int32Array, chunk: Uint8Array, start: number): void {
    const { length } = chunk
    let from = start
    while (from !== length && !this.#receiver.isDone) {
      // A handler has detached the chunk's memory: its length is 0.
      if (from > chunk.length) throw new WebSocketError('payload-transferred')
      if (this.#receiver.isPaused) return this.#holdFirst(NO_ROWS, chunk, from)
      const rowCount = this.#kernels.scan(state, chunk, from, table)
      from = state[ScanState.CONSUMED]!
      const next = this.#receiver.receive(table, 0, rowCount, chunk)
      if (next < rowCount)
        return this.#holdFirst(table.slice(next * ROW_WORDS, rowCount * ROW_WORDS), chunk, from)
    }
  }

  #hold(rows: Int32Array, chunk: Uint8Array, from: number): void {
    this.#held ??= []
    this.#held.push({ rows, chunk, from })
  }

  #holdFirst(rows: Int32Array, chunk: Uint8Array, from: number): void {
    this.#held ??= []
    this.#held.unshift({ rows, chunk, from })
  }
}
