// Owns the transport over the addon's epoll engine: one call from C++ delivers what all ready sockets had to say, one call
// back sends what all connections answered. Must not know the protocol. The other half is native/engine.
import { getSystemErrorName } from 'node:util'
import { type EngineBinding, RECORD_WORDS, STUCK_WORDS } from '../core/engine-binding.js'
import { WebSocketError } from '../core/errors.js'
import { ROW_WORDS, Row, RowFlag, RowKind } from '../core/layout.js'
import type { RowHandler, SendQueue, Transport } from './transport.js'
import { atEndOfTurn } from './turn.js'

/** Rows of one batch. */
const TABLE_ROWS = 8192
/** Longest piece of a batch, the engine's longest read. */
const MAX_PIECE_BYTES = 64 * 1024
/**
 * Bytes of one batch: fits a second-level cache. More than four times the longest piece, so that payloads are copied out
 * of it and never views (see `isViewed`): it is written again, and an application that transfers a payload's buffer away
 * must not take the bytes of other connections with it.
 */
const ARENA_BYTES = 5 * MAX_PIECE_BYTES
/** Bytes collected for sending before they are flushed in the middle of a turn. */
const SEND_ARENA_BYTES = 1024 * 1024
const MAX_RECORDS = 16 * 1024
/** Longer pieces are handed to the kernel by themselves, without a copy. */
const LONG_BYTES = 128 * 1024

/** The peer of a socket, as known before the engine took it over. */
export interface Peer {
  readonly address: string | null
  readonly port: number | null
}

/** All sockets of one thread. */
export class EngineLoop {
  readonly #binding: EngineBinding
  readonly #table = new Int32Array(TABLE_ROWS * ROW_WORDS)
  readonly #records = new Int32Array(MAX_RECORDS * RECORD_WORDS)
  readonly #stuck = new Int32Array(MAX_RECORDS * STUCK_WORDS)
  readonly #transports: (EngineTransport | null)[] = []
  /** Its own buffer, not Node.js' pool. */
  readonly #arena = new Uint8Array(Buffer.allocUnsafeSlow(ARENA_BYTES).buffer)
  #recordCount = 0
  #used = 0
  /** Batches so far. */
  batchCount = 0
  /** Transports with something in this turn's send arena, or something to do after it. */
  #dirty: EngineTransport[] = []
  #isScheduled = false
  /** Transports that are amid a long frame, within a batch. */
  readonly #arriving: EngineTransport[] = []
  /** Where frames are written before they are flushed. */
  readonly sendArena: Uint8Array = Buffer.allocUnsafeSlow(SEND_ARENA_BYTES)

  private constructor(binding: EngineBinding) {
    this.#binding = binding
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
      loop.#stuck
    )
    return isOpen ? loop : null
  }

  /**
   * Takes a duplicate of a connected socket over; nothing is read before its transport's `resume`. `head`: bytes that were
   * read of it already. Returns its slot, or null where the kernel refuses.
   */
  take(descriptor: number, head: Uint8Array): number | null {
    const slot = this.#binding.engineAdopt(descriptor, head)
    return slot < 0 ? null : slot
  }

  /** Makes the transport of a slot that was taken. */
  open(slot: number, peer: Peer, handler: RowHandler): EngineTransport {
    const generation = this.#binding.engineGeneration(slot)
    const transport = new EngineTransport(this, this.#binding, slot, generation, peer, handler)
    this.#transports[slot] = transport
    return transport
  }

  /** Makes room in the send arena, flushing what is in it if need be. Returns the offset. */
  reserve(byteLength: number): number {
    if (this.#used + byteLength > SEND_ARENA_BYTES || this.#recordCount === MAX_RECORDS) this.flush()
    return this.#used
  }

  /** Records the bytes reserved last for a slot. */
  advance(slot: number, generation: number, byteLength: number): void {
    const records = this.#records
    const last = (this.#recordCount - 1) * RECORD_WORDS
    // The same slot of another generation is another connection: one may open in the turn in which one closes.
    const isOwn = last >= 0 && records[last] === slot && records[last + 1] === generation
    if (isOwn && records[last + 2]! + records[last + 3]! === this.#used) {
      records[last + 3]! += byteLength
    } else {
      const at = this.#recordCount++ * RECORD_WORDS
      records[at] = slot
      records[at + 1] = generation
      records[at + 2] = this.#used
      records[at + 3] = byteLength
    }
    this.#used += byteLength
  }

  /** Has a transport visited after the next flush, which comes at the end of this turn. */
  schedule(transport: EngineTransport): void {
    this.#dirty.push(transport)
    if (this.#isScheduled) return
    this.#isScheduled = true
    atEndOfTurn(this.#onendofturn)
  }

  /**
   * Sends a long piece of a slot: in one go with what was recorded last, if that is the slot's own (the frame's header).
   * Returns how many of the slot's bytes wait.
   */
  sendLong(slot: number, generation: number, bytes: Uint8Array): number {
    const last = (this.#recordCount - 1) * RECORD_WORDS
    const isOwn = last >= 0 && this.#records[last] === slot && this.#records[last + 1] === generation
    if (isOwn) this.#recordCount--
    // What the arena has stays there until the next use of it.
    this.flush()
    const offset = isOwn ? this.#records[last + 2]! : 0
    const length = isOwn ? this.#records[last + 3]! : 0
    return this.#binding.engineSendLong(slot, generation, offset, length, bytes)
  }

  /** Sends what is in the send arena. */
  flush(): void {
    if (this.#used === 0) return
    const count = this.#recordCount
    this.#recordCount = this.#used = 0
    for (const transport of this.#dirty) transport.passOn()
    const stuckCount = count === 0 ? 0 : this.#binding.engineSend(count)
    for (let at = 0; at < stuckCount * STUCK_WORDS; at += STUCK_WORDS) {
      const waiting = join(this.#stuck[at + 1]!, this.#stuck[at + 2]!)
      this.#transports[this.#stuck[at]!]?.setWaiting(waiting)
    }
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
    for (const transport of dirty) transport.isScheduled = false
    let index = 0
    try {
      while (index < dirty.length) dirty[index++]!.settle()
    } finally {
      // If one throws, the others must not wait for ever.
      while (index < dirty.length) this.schedule(dirty[index++]!)
    }
  }

  /** One batch. Handlers catch what applications throw; an exception here would end the engine. */
  #onbatch = (rowCount: number): void => {
    const table = this.#table
    this.batchCount++
    for (let row = 0; row < rowCount; ) {
      const at = row * ROW_WORDS
      const slot = table[at + Row.SLOT]!
      const generation = table[at + Row.GENERATION]!
      const kind = table[at + Row.KIND]! & 0xff
      let end = row + 1
      if (kind === RowKind.SEGMENT) end = this.#endOfRun(row, rowCount, slot, generation)
      const transport = this.#transports[slot]
      // An earlier row's handler may have closed it.
      if (transport != null && transport.generation === generation) {
        if (kind === RowKind.SEGMENT) this.#handOver(transport, row, end)
        else transport.handleEvent(kind, join(table[at + Row.LENGTH_LOW]!, table[at + Row.LENGTH_HIGH]!))
      }
      row = end
    }
    if (this.#arriving.length > 0) this.#lendRooms()
  }

  /** Hands over a run of segments. */
  #handOver(transport: EngineTransport, from: number, to: number): void {
    const table = this.#table
    const last = (to - 1) * ROW_WORDS
    const kind = table[last + Row.KIND]!
    const isOver = (kind & RowFlag.LAST) !== 0
    if ((kind & RowFlag.DIRECT) === 0) {
      transport.handler.handleRows(table, from, to, this.#arena)
      const isLong = table[last + Row.LENGTH_HIGH] !== 0 || table[last + Row.LENGTH_LOW]! >>> 0 > LONG_BYTES
      if (isLong && !isOver) this.#arriving.push(transport)
      return
    }
    const target = transport.target!
    // The engine lets go of the memory at the same point.
    if (isOver || table[last + Row.OFFSET]! + table[last + Row.BYTE_LENGTH]! === target.length)
      transport.target = null
    transport.handler.handleRows(table, from, to, target)
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

/** Messages of one turn that the kernel has not taken whole: counted until so many bytes of the connection are sent. */
interface Flight {
  readonly end: number
  readonly messageCount: number
}

/** One socket of the engine. It is its own send queue: the bytes are in the loop's arena, or with the engine. */
export class EngineTransport implements Transport, SendQueue {
  readonly generation: number
  readonly handler: RowHandler
  readonly #loop: EngineLoop
  readonly #binding: EngineBinding
  readonly #slot: number
  readonly #peer: Peer
  /** Whether the loop will visit it at the end of this turn. */
  isScheduled = false
  /** Memory that the engine receives into, or null. */
  target: Uint8Array | null = null
  /** Where `reserve` pointed: the loop's arena, or memory of its own for what does not fit there. */
  buffer: Uint8Array
  /** Bytes in the loop's arena. */
  #turnBytes = 0
  /** Messages that ended since the last `settle`. */
  #turnMessages = 0
  /** Bytes that the engine holds because the socket did not take them. */
  #waitingBytes = 0
  /** All bytes given to the engine so far, and how many there were at the last `settle`. */
  #flushedBytes = 0
  #settledBytes = 0
  /** The batch in or after which the engine was given bytes last. */
  #flushedBatch = -1
  #flights: Flight[] | null = null
  /** How far the end is: a union of `End`. */
  #end = 0

  constructor(
    loop: EngineLoop,
    binding: EngineBinding,
    slot: number,
    generation: number,
    peer: Peer,
    handler: RowHandler
  ) {
    this.#loop = loop
    this.#binding = binding
    this.#slot = slot
    this.generation = generation
    this.#peer = peer
    this.handler = handler
    this.buffer = loop.sendArena
  }

  get queue(): SendQueue {
    return this
  }

  get remoteAddress(): string | null {
    return this.#peer.address
  }

  get remotePort(): number | null {
    return this.#peer.port
  }

  get pendingBytes(): number {
    return this.#turnBytes + this.#waitingBytes
  }

  get sentBytes(): number {
    return this.#flushedBytes - this.#waitingBytes
  }

  get messageCount(): number {
    const flights = this.#flights ?? []
    return flights.reduce((sum, flight) => sum + flight.messageCount, this.#turnMessages)
  }

  get isWriting(): boolean {
    return this.#waitingBytes > 0
  }

  get hasQueued(): boolean {
    return this.#turnBytes > 0
  }

  reserve(byteLength: number): number {
    if (byteLength <= LONG_BYTES) {
      this.buffer = this.#loop.sendArena
      return this.#loop.reserve(byteLength)
    }
    this.buffer = Buffer.allocUnsafeSlow(byteLength)
    return 0
  }

  advance(byteLength: number): void {
    if (this.buffer !== this.#loop.sendArena) return this.#sendLong(this.buffer.subarray(0, byteLength))
    // Before the bytes are there, so that no flush in between misses them.
    this.schedule()
    this.#loop.advance(this.#slot, this.generation, byteLength)
    this.#turnBytes += byteLength
  }

  append(bytes: Uint8Array): void {
    if (bytes.length > LONG_BYTES) return this.#sendLong(bytes)
    const offset = this.reserve(bytes.length)
    this.buffer.set(bytes, offset)
    this.advance(bytes.length)
  }

  endMessage(): void {
    this.#turnMessages++
  }

  clear(): void {
    this.#turnBytes = this.#turnMessages = this.#waitingBytes = 0
    this.#flights = null
  }

  schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    this.#loop.schedule(this)
  }

  pause(): void {
    if ((this.#end & End.CLOSED) === 0) this.#binding.enginePause(this.#slot, this.generation)
  }

  resume(): void {
    if ((this.#end & End.CLOSED) === 0) this.#binding.engineResume(this.#slot, this.generation)
  }

  end(): void {
    this.#end |= End.LOCAL
    this.schedule()
  }

  destroy(): void {
    this.#close(null)
  }

  /** Lends the engine memory for the rest of the frame that is arriving, if the connection has some. */
  receiveInto(): void {
    const isOpen = this.target === null && (this.#end & End.CLOSED) === 0
    const room = isOpen ? this.handler.room : null
    if (room !== null && this.#binding.engineReceiveInto(this.#slot, this.generation, room))
      this.target = room
  }

  /** Takes what the engine says after a flush: so many bytes wait. */
  setWaiting(byteLength: number): void {
    this.#waitingBytes = byteLength
  }

  /** The bytes of the arena go to the engine; if any of them wait, or earlier ones, `setWaiting` follows. */
  passOn(): void {
    if (this.#turnBytes === 0 || (this.#end & End.CLOSED) !== 0) return
    this.#flushed(this.#turnBytes, 0)
    this.#turnBytes = 0
  }

  #flushed(byteLength: number, waitingBytes: number): void {
    this.#flushedBytes += byteLength
    this.#waitingBytes = waitingBytes
    this.#flushedBatch = this.#loop.batchCount
  }

  /** At the end of a turn: tells what was sent in it, and goes on with the end. */
  settle(): void {
    if ((this.#end & End.CLOSED) !== 0) return
    const messageCount = this.#turnMessages
    const flushedBytes = this.#flushedBytes - this.#settledBytes
    this.#turnMessages = 0
    this.#settledBytes = this.#flushedBytes
    if (this.pendingBytes > 0 && messageCount > 0) {
      this.#flights ??= []
      this.#flights.push({ end: this.#flushedBytes + this.#turnBytes, messageCount })
    }
    this.#dropFlights()
    if (flushedBytes > this.#waitingBytes) this.handler.handleProgress()
    if ((this.#end & (End.LOCAL | End.SHUT | End.CLOSED)) === End.LOCAL && this.#turnBytes === 0) {
      this.#end |= End.SHUT
      this.#binding.engineEnd(this.#slot, this.generation)
    }
    this.#closeIfOver()
  }

  /** Takes a row that is no segment. */
  handleEvent(kind: number, value: number): void {
    if (kind === RowKind.SENT) this.#progress(value)
    else if (kind === RowKind.END) this.#receiveEnd()
    else this.#close(new WebSocketError('transport-error', { detail: errnoName(value) }))
  }

  #progress(waitingBytes: number): void {
    // If a handler of this batch has caused a flush, that one's result is newer than the row.
    if (this.#flushedBatch !== this.#loop.batchCount) this.#waitingBytes = waitingBytes
    this.#dropFlights()
    this.handler.handleProgress()
    this.#closeIfOver()
  }

  #dropFlights(): void {
    if (this.#flights === null) return
    const { sentBytes } = this
    while (this.#flights.length > 0 && this.#flights[0]!.end <= sentBytes) this.#flights.shift()
    if (this.#flights.length === 0) this.#flights = null
  }

  #receiveEnd(): void {
    this.#end |= End.REMOTE
    this.handler.handleEnd()
    this.#closeIfOver()
  }

  #sendLong(bytes: Uint8Array): void {
    this.schedule()
    // What a closed socket does not send is not to be taken for sent.
    if ((this.#end & End.CLOSED) !== 0) this.#turnBytes += bytes.length
    else this.#flushed(bytes.length, this.#loop.sendLong(this.#slot, this.generation, bytes))
  }

  #closeIfOver(): void {
    const isOver = (this.#end & (End.SHUT | End.REMOTE)) === (End.SHUT | End.REMOTE)
    if (isOver && this.pendingBytes === 0) this.#close(null)
  }

  #close(cause: WebSocketError | null): void {
    if ((this.#end & End.CLOSED) !== 0) return
    this.#end |= End.CLOSED
    this.#binding.engineClose(this.#slot, this.generation)
    this.#loop.forget(this.#slot)
    process.nextTick(() => this.handler.handleClose(cause))
  }
}

/** Steps of a socket's end. */
const End = { LOCAL: 1, SHUT: 2, REMOTE: 4, CLOSED: 8 } as const

function errnoName(errno: number): string {
  return getSystemErrorName(-errno)
}
