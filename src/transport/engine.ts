// Owns one thread's side of the addon's epoll engine: one call from C++ delivers what all ready sockets had to say, one
// call back sends what all connections answered. Must not know the protocol. The other half is native/engine.
import { type EngineBinding, RECORD_WORDS, STUCK_WORDS, TEXTS } from '../core/engine-binding.js'
import { Histogram } from '../core/histogram.js'
import { ROW_WORDS, Row, RowFlag, RowKind } from '../core/layout.js'
import type { SharedBytes } from '../core/prepared.js'
import { EngineArrival } from './engine-arrival.js'
import { EngineListener, type ListenerHandler } from './engine-listener.js'
import { EngineTransport, errnoName, LONG_BYTES } from './engine-transport.js'
import type { RowHandler } from './transport.js'
import { atEndOfTurn } from './turn.js'

/** Rows of one batch. */
const TABLE_ROWS = 8192
/** Longest piece of a batch, the engine's longest read. */
const MAX_PIECE_BYTES = 72 * 1024
/**
 * Bytes of one batch: fits a second-level cache. More than four times the longest piece, so that payloads are copied out
 * of it and never views (see `isViewed`): it is written again, and an application that transfers a payload's buffer away
 * must not take the bytes of other connections with it.
 */
const ARENA_BYTES = 5 * MAX_PIECE_BYTES
/** Bytes collected for sending, in the arena or by reference, before they are flushed in the middle of a turn. */
const SEND_ARENA_BYTES = 1024 * 1024
const MAX_RECORDS = 16 * 1024
/** Texts collected before they are flushed. */
const MAX_TEXTS = 8 * 1024
/** So many slots have room from the start. */
const MIN_SLOTS = 256
/** UTF-16 units collected before they are encoded: longer strings cost more, since they are no young objects. */
const PART_UNITS = 16 * 1024
const BATCH_SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
const NO_PIECES: readonly Uint8Array[] = []

/** Bun has libuv's names, and ends the process when one is called; on Deno its polls never fire. */
export const HAS_LIBUV = process.versions.bun === undefined && process.versions.deno === undefined

/** All sockets of one thread. */
export class EngineLoop {
  readonly binding: EngineBinding
  readonly #table = new Int32Array(TABLE_ROWS * ROW_WORDS)
  readonly #records = new Int32Array(MAX_RECORDS * RECORD_WORDS)
  readonly #stuck = new Int32Array(MAX_RECORDS * STUCK_WORDS)
  readonly #transports: (EngineTransport | null)[] = []
  /** The last record of each slot, which may be one of an earlier flush. */
  #lastRecords = new Int32Array(MIN_SLOTS)
  /** What was accepted and has not opened, by slot. */
  readonly #arrivals = new Map<number, EngineArrival>()
  readonly #listeners = new Map<number, EngineListener>()
  /** Its own buffer, not Node.js' pool. */
  readonly #arena = new Uint8Array(Buffer.allocUnsafeSlow(ARENA_BYTES).buffer)
  /** Texts that are recorded, one behind the other, and the UTF-16 length of each. */
  #texts = ''
  readonly #textLengths = new Int32Array(MAX_TEXTS)
  #textCount = 0
  #recordCount = 0
  /** Bytes in the send arena, which is filled anew after each flush. */
  #used = 0
  #epoch = 0
  /** What records name by reference; null while that is nothing. */
  #pieces: Uint8Array[] | null = null
  #pieceBytes = 0
  /** Batches so far. */
  batchCount = 0
  /** Rows of each batch, and records of each flush. */
  readonly batchSizes = new Histogram(BATCH_SIZES)
  readonly flushSizes = new Histogram(BATCH_SIZES)
  /** Transports with something in this turn's send arena, or something to do after it. */
  #dirty: EngineTransport[] = []
  #isScheduled = false
  /** Transports that are amid a long frame, within a batch. */
  readonly #arriving: EngineTransport[] = []
  /** Where frames are written before they are flushed. */
  readonly sendArena: Uint8Array = Buffer.allocUnsafeSlow(SEND_ARENA_BYTES)
  /** Memory of what was reserved last: the send arena, or one of its own for what does not fit there. */
  reserved: Uint8Array = this.sendArena

  private constructor(binding: EngineBinding) {
    this.binding = binding
  }

  /** Makes the loop of this thread. Returns null if the runtime lacks what it needs. */
  static open(binding: EngineBinding): EngineLoop | null {
    const loop = new EngineLoop(binding)
    const { sendArena } = loop
    const isOpen = binding.engineOpen(
      loop.#onbatch,
      loop.#table,
      loop.#arena,
      sendArena,
      loop.#records,
      loop.#stuck,
      loop.#textLengths,
      HAS_LIBUV
    )
    return isOpen ? loop : null
  }

  /**
   * Takes a duplicate of a connected socket over; nothing is read before its transport's `resume`. `isOwned`: the descriptor
   * is to be closed then. `head`: bytes that were read of it already. Returns its slot, or null where the kernel refuses.
   */
  take(descriptor: number, isOwned: boolean, head: Uint8Array): number | null {
    const slot = this.binding.engineAdopt(descriptor, isOwned, head)
    return slot < 0 ? null : slot
  }

  /** What tells the connection of a slot that was taken from earlier ones. */
  generation(slot: number): number {
    return this.binding.engineGeneration(slot)
  }

  /** Says whether the process waits for the end of a slot that was taken, as it does at first. */
  setReferenced(slot: number, generation: number, isReferenced: boolean): void {
    if (isReferenced) this.binding.engineRef(slot, generation)
    else this.binding.engineUnref(slot, generation)
  }

  /** Makes the transport of a slot that was taken, or accepted. */
  open(slot: number, generation: number, handler: RowHandler): EngineTransport {
    const transport = new EngineTransport(this, slot, generation, handler)
    this.#transports[slot] = transport
    if (slot >= this.#lastRecords.length) {
      const longer = new Int32Array(2 * slot + MIN_SLOTS)
      longer.set(this.#lastRecords)
      this.#lastRecords = longer
    }
    return transport
  }

  /** Accepts on a duplicate of a listening socket. Returns null where the kernel refuses. */
  listen(descriptor: number, handler: ListenerHandler): EngineListener | null {
    const number = this.binding.engineListen(descriptor)
    if (number < 0) return null
    const listener = new EngineListener(this.binding, number, handler, () => this.#listeners.delete(number))
    this.#listeners.set(number, listener)
    return listener
  }

  /** Makes room in the send arena, flushing what is in it if need be. Returns the offset. */
  reserve(byteLength: number): number {
    if (this.#used + byteLength > SEND_ARENA_BYTES || this.#recordCount === MAX_RECORDS) this.flush()
    this.reserved = this.sendArena
    return this.#used
  }

  /** Records the bytes reserved last for a slot. */
  advance(slot: number, generation: number, byteLength: number): void {
    const records = this.#records
    const last = (this.#recordCount - 1) * RECORD_WORDS
    // The same slot of another generation is another connection: one may open in the turn in which one closes.
    const isOwn = last >= 0 && records[last] === slot && records[last + 1] === generation
    if (isOwn && records[last + 2]! >= 0 && records[last + 2]! + records[last + 3]! === this.#used) {
      records[last + 3]! += byteLength
    } else {
      this.#record(slot, generation, this.#used, byteLength)
    }
    this.#used += byteLength
  }

  /** Records bytes for a slot by reference. If there is much by now, all is flushed. */
  append(slot: number, generation: number, bytes: Uint8Array): void {
    this.#pieces ??= []
    this.#record(slot, generation, ~this.#pieces.length, bytes.length)
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
    if (this.#pieceBytes >= SEND_ARENA_BYTES) this.flush()
  }

  /**
   * Sees to it that bytes that go to many stand in the send arena, once for all of a flush, and that a record has room. Returns
   * where they stand.
   */
  place(shared: SharedBytes): number {
    if (this.#recordCount === MAX_RECORDS) this.flush()
    if (shared.epoch === this.#epoch) return shared.offset
    const { bytes } = shared
    const offset = this.reserve(bytes.length)
    this.sendArena.set(bytes, offset)
    this.#used += bytes.length
    shared.offset = offset
    shared.epoch = this.#epoch
    return offset
  }

  /**
   * Records bytes that stand at `offset` in the send arena. If they stand behind those of the slot's last record it grows: who
   * gets several publications in a turn gets them by one.
   */
  recordAt(slot: number, generation: number, offset: number, byteLength: number): void {
    const records = this.#records
    const last = this.#lastRecords[slot]!
    const at = last * RECORD_WORDS
    const where = records[at + 2]!
    // It may be one of an earlier flush, or of another slot by now.
    const isOwn = last < this.#recordCount && records[at] === slot && records[at + 1] === generation
    if (isOwn && where >= 0 && where + records[at + 3]! === offset) records[at + 3]! += byteLength
    else this.#record(slot, generation, offset, byteLength)
  }

  /** Makes room for one more text, flushing what is recorded if need be. */
  reserveText(): void {
    if (this.#textCount === MAX_TEXTS || this.#recordCount === MAX_RECORDS) return this.flush()
    if (this.#texts.length < PART_UNITS) return
    this.binding.engineEncode(this.#texts)
    this.#texts = ''
  }

  /** Records a text for a slot, for which there is room. */
  appendText(slot: number, generation: number, text: string): void {
    const records = this.#records
    const last = (this.#recordCount - 1) * RECORD_WORDS
    const isOwn = last >= 0 && records[last] === slot && records[last + 1] === generation
    if (isOwn && records[last + 2] === TEXTS) records[last + 3]!++
    else this.#record(slot, generation, TEXTS, 1)
    this.#textLengths[this.#textCount++] = text.length
    this.#texts += text
  }

  /** Has a transport visited after the next flush, which comes at the end of this turn. */
  schedule(transport: EngineTransport): void {
    this.#dirty.push(transport)
    if (this.#isScheduled) return
    this.#isScheduled = true
    atEndOfTurn(this.#onendofturn)
  }

  /** Sends what is recorded. */
  flush(): void {
    const count = this.#recordCount
    if (count === 0) return
    this.flushSizes.add(count)
    const pieces = this.#pieces ?? NO_PIECES
    this.#recordCount = this.#used = this.#pieceBytes = 0
    this.#epoch++
    this.#pieces = null
    const texts = this.#texts
    this.#texts = ''
    this.#textCount = 0
    for (const transport of this.#dirty) transport.passOn()
    const stuckCount = this.binding.engineSend(count, pieces, texts)
    for (let at = 0; at < stuckCount * STUCK_WORDS; at += STUCK_WORDS) {
      const waiting = join(this.#stuck[at + 1]!, this.#stuck[at + 2]!)
      this.#transports[this.#stuck[at]!]?.setWaiting(waiting)
    }
  }

  /** Forgets an arrival that has opened, or is gone. */
  forgetArrival(slot: number): void {
    this.#arrivals.delete(slot)
  }

  /** `where`: an offset in the arena, or ~index of a piece. */
  #record(slot: number, generation: number, where: number, byteLength: number): void {
    const records = this.#records
    this.#lastRecords[slot] = this.#recordCount
    const at = this.#recordCount++ * RECORD_WORDS
    records[at] = slot
    records[at + 1] = generation
    records[at + 2] = where
    records[at + 3] = byteLength
  }

  /** Forgets a slot whose socket is closed. */
  forget(slot: number): void {
    this.#transports[slot] = null
  }

  #onendofturn = (): void => {
    this.#isScheduled = false
    this.flush()
    const dirty = this.#dirty
    this.#dirty = []
    // Before any of them is settled: handlers may send on all others, which must be visited again then.
    for (const transport of dirty) transport.unschedule()
    let index = 0
    try {
      while (index < dirty.length) dirty[index++]!.settle()
    } finally {
      // If one throws, the others must not wait for ever.
      while (index < dirty.length) this.schedule(dirty[index++]!)
    }
  }

  /** A batch, or a part of it. Handlers catch what applications throw; an exception here would end the engine. */
  #onbatch = (from: number, to: number, total: number, ...texts: string[]): void => {
    const table = this.#table
    if (from === 0) {
      this.batchCount++
      this.batchSizes.add(total)
    }
    for (let row = from; row < to; ) {
      const at = row * ROW_WORDS
      const slot = table[at + Row.SLOT]!
      const generation = table[at + Row.GENERATION]!
      const kind = table[at + Row.KIND]! & 0xff
      let end = row + 1
      if (kind === RowKind.SEGMENT) end = this.#endOfRun(row, to, slot, generation)
      // A row about a listener has that one's number, which some slot has, too.
      const transport = kind === RowKind.REFUSED ? null : this.#transports[slot]
      // An earlier row's handler may have closed it.
      if (transport != null && transport.generation === generation) {
        if (kind === RowKind.SEGMENT) this.#handOver(transport, row, end, texts)
        else transport.handleEvent(kind, join(table[at + Row.LENGTH_LOW]!, table[at + Row.LENGTH_HIGH]!))
      } else if (kind !== RowKind.SEGMENT) {
        this.#handleArrival(at)
      }
      row = end
    }
    if (to === total && this.#arriving.length > 0) this.#lendRooms()
  }

  /** A row about what has not opened yet. */
  #handleArrival(at: number): void {
    const table = this.#table
    const slot = table[at + Row.SLOT]!
    const generation = table[at + Row.GENERATION]!
    const kind = table[at + Row.KIND]! & 0xff
    const value = table[at + Row.LENGTH_LOW]!
    if (kind === RowKind.REFUSED) return this.#listeners.get(slot)?.refuse(value)
    if (kind === RowKind.OPEN) return this.#accept(slot, generation, value)
    const arrival = this.#arrivals.get(slot)
    // An earlier row's handler may have dropped it.
    if (arrival === undefined || arrival.generation !== generation) return
    if (kind === RowKind.RAW) {
      const offset = table[at + Row.OFFSET]!
      arrival.receive(this.#arena.subarray(offset, offset + table[at + Row.BYTE_LENGTH]!))
    } else if (kind === RowKind.END) arrival.lose(null)
    else if (kind === RowKind.ERROR) arrival.lose(new Error(errnoName(value)))
  }

  #accept(slot: number, generation: number, number: number): void {
    const listener = this.#listeners.get(number)
    if (listener === undefined) return this.binding.engineClose(slot, generation)
    const arrival = new EngineArrival(this, this.binding, slot, generation)
    this.#arrivals.set(slot, arrival)
    listener.accept(arrival)
  }

  /** Hands over a run of segments. */
  #handOver(transport: EngineTransport, from: number, to: number, texts: readonly string[]): void {
    const table = this.#table
    const last = (to - 1) * ROW_WORDS
    const kind = table[last + Row.KIND]!
    const isOver = (kind & RowFlag.LAST) !== 0
    if ((kind & RowFlag.DIRECT) === 0) {
      transport.handler.handleRows(table, from, to, this.#arena, texts)
      const isLong = table[last + Row.LENGTH_HIGH] !== 0 || table[last + Row.LENGTH_LOW]! >>> 0 > LONG_BYTES
      if (isLong && !isOver) this.#arriving.push(transport)
      return
    }
    const target = transport.target!
    // The engine lets go of the memory at the same point.
    if (isOver || table[last + Row.OFFSET]! + table[last + Row.BYTE_LENGTH]! === target.length)
      transport.dropTarget()
    transport.handler.handleRows(table, from, to, target, texts)
  }

  /** After a batch: lends the engine memory for the rest of long frames, of which it has no more bytes by now. */
  #lendRooms(): void {
    for (const transport of this.#arriving) transport.receiveInto()
    this.#arriving.length = 0
  }

  /** A run has rows of one connection that point into one piece of memory. */
  #endOfRun(first: number, rowCount: number, slot: number, generation: number): number {
    const table = this.#table
    const kind = table[first * ROW_WORDS + Row.KIND]! & KIND_MASK
    let row = first + 1
    for (; row < rowCount; row++) {
      const at = row * ROW_WORDS
      if (table[at + Row.SLOT] !== slot || table[at + Row.GENERATION] !== generation) break
      if ((table[at + Row.KIND]! & KIND_MASK) !== kind) break
    }
    return row
  }
}

/** What must agree within a run. */
const KIND_MASK = 0xff | RowFlag.DIRECT

function join(low: number, high: number): number {
  return (high >>> 0) * 0x1_0000_0000 + (low >>> 0)
}
