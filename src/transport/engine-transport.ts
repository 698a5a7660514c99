// Owns one socket of the engine: its send queue's accounts, its end. Must not know the protocol, nor other sockets.
import { getSystemErrorName } from 'node:util'
import { WebSocketError } from '../core/errors.js'
import { headerLength } from '../core/header.js'
import { RowKind } from '../core/layout.js'
import type { SharedBytes } from '../core/prepared.js'
import type { TransportFacts } from '../core/transport-details.js'

import type { EngineLoop } from './engine.js'
import { EngineFacts } from './engine-facts.js'
import type { RowHandler, SendQueue, Transport } from './transport.js'

/** Of longer frames the engine may receive the rest into the message's own memory; longer encodings get memory of their own. */
export const LONG_BYTES = 128 * 1024
/** Masked payloads are written to the send arena in slices of so many bytes: memory of their own would be faulted in for each. */
const SLICE_BYTES = 64 * 1024
/** Most bytes of one record: they are counted in 32 bits. */
const MAX_RECORD_BYTES = 1024 * 1024 * 1024

/** Messages of one turn that the kernel has not taken whole: counted until so many bytes of the connection are sent. */
interface Flight {
  readonly end: number
  readonly messageCount: number
}

const NO_FLIGHTS: Flight[] = []

/** What most sockets have no use for; made when it is needed, and dropped. */
interface Rare {
  /** Bytes that the engine holds because the socket did not take them. */
  waitingBytes: number
  /** The batch in or after which the engine was given bytes last. */
  flushedBatch: number
  flights: Flight[]
  /** Memory that the engine receives into, or null. */
  target: Uint8Array | null
  /** The peer's address, and its port or 0: when the socket is closed, or a proxy speaks for somebody else. */
  knownPeer: readonly [string | null, number] | null
}

/** Steps of a socket's end, and whether the loop will visit it at the end of this turn; bits of one field. */
const Flag = { LOCAL: 1, SHUT: 2, REMOTE: 4, CLOSED: 8, SCHEDULED: 16 } as const

/** One socket of the engine. It is its own send queue: the bytes are in the loop's arena, or with the engine. */
export class EngineTransport implements Transport, SendQueue {
  readonly generation: number
  handler: RowHandler
  readonly #loop: EngineLoop
  readonly #slot: number
  /** A union of `Flag`. */
  #flags = 0
  /** Bytes that the loop has recorded and not given to the engine. */
  #turnBytes = 0
  /** Messages that ended since the last `settle`. */
  #turnMessages = 0
  /** All bytes given to the engine so far, and how many there were at the last `settle`. */
  #flushedBytes = 0
  #settledBytes = 0
  /** Not null as long as the engine holds bytes. */
  #rare: Rare | null = null

  constructor(loop: EngineLoop, slot: number, generation: number, handler: RowHandler) {
    this.#loop = loop
    this.#slot = slot
    this.generation = generation
    this.handler = handler
  }

  get queue(): SendQueue {
    return this
  }

  get remoteAddress(): string | null {
    return this.peer[0]
  }

  get remotePort(): number | null {
    return this.peer[1] || null
  }

  get facts(): TransportFacts {
    return new EngineFacts(this.#loop.binding, this.#slot, this.generation)
  }

  /** Asked for when somebody wants it: most never do, and it would take memory of every connection. */
  private get peer(): readonly [string | null, number] {
    const { binding } = this.#loop
    return (
      this.#rare?.knownPeer ?? [
        binding.engineRemoteAddress(this.#slot, this.generation),
        binding.engineRemotePort(this.#slot, this.generation)
      ]
    )
  }

  assumeRemote(address: string | null, port: number | null): void {
    this.openRare().knownPeer = [address, port ?? 0]
  }

  get pendingBytes(): number {
    return this.#turnBytes + this.waitingBytes
  }

  get sentBytes(): number {
    return this.#flushedBytes - this.waitingBytes
  }

  get messageCount(): number {
    const flights = this.#rare?.flights ?? []
    return flights.reduce((sum, flight) => sum + flight.messageCount, this.#turnMessages)
  }

  get isWriting(): boolean {
    return this.waitingBytes > 0
  }

  /** Memory that all transports of the loop share: what was reserved is used before anything else is. */
  get buffer(): Uint8Array {
    return this.#loop.reserved
  }

  /** Memory that the engine receives into, or null. */
  get target(): Uint8Array | null {
    return this.#rare === null ? null : this.#rare.target
  }

  get sliceBytes(): number {
    return SLICE_BYTES
  }

  get hasQueued(): boolean {
    return this.#turnBytes > 0
  }

  reserve(byteLength: number): number {
    if (byteLength <= LONG_BYTES) return this.#loop.reserve(byteLength)
    this.#loop.reserved = Buffer.allocUnsafeSlow(byteLength)
    return 0
  }

  advance(byteLength: number): void {
    const { reserved, sendArena } = this.#loop
    if (reserved !== sendArena) return this.append(reserved.subarray(0, byteLength))
    // Before the bytes are there, so that no flush in between misses them.
    this.schedule()
    this.#loop.advance(this.#slot, this.generation, byteLength)
    this.#turnBytes += byteLength
  }

  append(bytes: Uint8Array): void {
    if (bytes.length > MAX_RECORD_BYTES) {
      this.append(bytes.subarray(0, MAX_RECORD_BYTES))
      return this.append(bytes.subarray(MAX_RECORD_BYTES))
    }
    this.schedule()
    // A record more must have room.
    this.#loop.reserve(0)
    // Before they are recorded, which may flush them.
    this.#turnBytes += bytes.length
    this.#loop.append(this.#slot, this.generation, bytes)
  }

  appendShared(shared: SharedBytes): void {
    const { length } = shared.bytes
    if (length > LONG_BYTES) return this.append(shared.bytes)
    this.schedule()
    const offset = this.#loop.place(shared)
    this.#turnBytes += length
    this.#loop.recordAt(this.#slot, this.generation, offset, length)
  }

  appendText(text: string): void {
    const { length } = text
    this.schedule()
    this.#loop.reserveText()
    // Of other characters than ASCII it is more: then what was sent is told a little late, never early.
    this.#turnBytes += headerLength(length, false) + length
    this.#loop.appendText(this.#slot, this.generation, text)
  }

  endMessage(): void {
    this.#turnMessages++
  }

  clear(): void {
    this.#turnBytes = this.#turnMessages = 0
    if (this.#rare === null) return
    this.#rare.waitingBytes = 0
    this.#rare.flights = []
  }

  replaceHandler(handler: RowHandler): void {
    this.handler = handler
  }

  schedule(): void {
    if ((this.#flags & Flag.SCHEDULED) !== 0) return
    this.#flags |= Flag.SCHEDULED
    this.#loop.schedule(this)
  }

  /** Tells that the loop has visited it: what comes now needs another visit. */
  unschedule(): void {
    this.#flags &= ~Flag.SCHEDULED
  }

  keepTexts(): void {
    this.#loop.binding.engineKeepTexts(this.#slot, this.generation)
  }

  pause(): void {
    if ((this.#flags & Flag.CLOSED) === 0) this.#loop.binding.enginePause(this.#slot, this.generation)
  }

  resume(): void {
    if ((this.#flags & Flag.CLOSED) === 0) this.#loop.binding.engineResume(this.#slot, this.generation)
  }

  end(): void {
    this.#flags |= Flag.LOCAL
    this.schedule()
  }

  destroy(): void {
    this.close(null)
  }

  /** Lends the engine memory for the rest of the frame that is arriving, if the connection has some. */
  receiveInto(): void {
    const isOpen = this.target === null && (this.#flags & Flag.CLOSED) === 0
    const room = isOpen ? this.handler.room : null
    if (room !== null && this.#loop.binding.engineReceiveInto(this.#slot, this.generation, room))
      this.openRare().target = room
  }

  /** Tells that the engine has let go of that memory. */
  dropTarget(): void {
    if (this.#rare === null) return
    this.#rare.target = null
    this.tidy()
  }

  /** Takes what the engine says after a flush: so many bytes wait. */
  setWaiting(byteLength: number): void {
    const rare = this.openRare()
    rare.waitingBytes = byteLength
    rare.flushedBatch = this.#loop.batchCount
  }

  /** This turn's bytes go to the engine; if any of them wait, or earlier ones, `setWaiting` follows. */
  passOn(): void {
    if (this.#turnBytes === 0 || (this.#flags & Flag.CLOSED) !== 0) return
    this.#flushedBytes += this.#turnBytes
    this.#turnBytes = 0
    if (this.#rare !== null) {
      this.#rare.waitingBytes = 0
      this.#rare.flushedBatch = this.#loop.batchCount
    }
    if ((this.#flags & (Flag.LOCAL | Flag.SHUT)) !== Flag.LOCAL) return
    this.#flags |= Flag.SHUT
    this.#loop.binding.engineEndBehind(this.#slot, this.generation)
  }

  /** At the end of a turn: tells what was sent in it, and goes on with the end. */
  settle(): void {
    if ((this.#flags & Flag.CLOSED) !== 0) return
    const messageCount = this.#turnMessages
    const flushedBytes = this.#flushedBytes - this.#settledBytes
    this.#turnMessages = 0
    this.#settledBytes = this.#flushedBytes
    if (this.pendingBytes > 0 && messageCount > 0) {
      this.openRare().flights.push({ end: this.#flushedBytes + this.#turnBytes, messageCount })
    }
    this.dropFlights()
    if (flushedBytes > this.waitingBytes) this.handler.handleProgress()
    if (this.waitingBytes > 0) this.handler.handleWaiting()
    if ((this.#flags & (Flag.LOCAL | Flag.SHUT | Flag.CLOSED)) === Flag.LOCAL && this.#turnBytes === 0) {
      this.#flags |= Flag.SHUT
      this.#loop.binding.engineEnd(this.#slot, this.generation)
    }
    this.tidy()
    this.closeIfOver()
  }

  /** Takes a row that is no segment. */
  handleEvent(kind: number, value: number): void {
    if (kind === RowKind.SENT) this.progress(value)
    else if (kind === RowKind.END) this.receiveEnd()
    else this.close(new WebSocketError('transport-error', { detail: errnoName(value) }))
  }

  private progress(waitingBytes: number): void {
    const rare = this.openRare()
    // If a handler of this batch has caused a flush, that one's result is newer than the row.
    if (rare.flushedBatch !== this.#loop.batchCount) rare.waitingBytes = waitingBytes
    this.dropFlights()
    this.handler.handleProgress()
    this.tidy()
    this.closeIfOver()
  }

  private dropFlights(): void {
    const flights = this.#rare?.flights ?? NO_FLIGHTS
    while (flights.length > 0 && flights[0]!.end <= this.sentBytes) flights.shift()
  }

  private get waitingBytes(): number {
    return this.#rare === null ? 0 : this.#rare.waitingBytes
  }

  private openRare(): Rare {
    this.#rare ??= { waitingBytes: 0, flushedBatch: -1, flights: [], target: null, knownPeer: null }
    return this.#rare
  }

  /** A row that is older than a flush and says otherwise cannot follow: the engine would still hold bytes. */
  private tidy(): void {
    const rare = this.#rare
    if (rare === null || rare.waitingBytes > 0 || rare.flights.length > 0) return
    if (rare.target === null && rare.knownPeer === null) this.#rare = null
  }

  private receiveEnd(): void {
    this.#flags |= Flag.REMOTE
    this.handler.handleEnd()
    this.closeIfOver()
  }

  private closeIfOver(): void {
    const isOver = (this.#flags & (Flag.SHUT | Flag.REMOTE)) === (Flag.SHUT | Flag.REMOTE)
    if (isOver && this.pendingBytes === 0) this.close(null)
  }

  private close(cause: WebSocketError | null): void {
    if ((this.#flags & Flag.CLOSED) !== 0) return
    this.openRare().knownPeer = this.peer
    this.#flags |= Flag.CLOSED
    this.#loop.binding.engineClose(this.#slot, this.generation)
    this.#loop.forget(this.#slot)
    process.nextTick(() => this.handler.handleClose(cause))
  }
}

/** The name of an errno, as 'ECONNRESET'. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno)
}
