// Owns one socket of the engine: its send queue's accounts, its end. Must not know the protocol, nor other sockets.
import { getSystemErrorName } from 'node:util'
import type { EngineBinding } from '../core/engine-binding.js'
import { WebSocketError } from '../core/errors.js'
import { RowKind } from '../core/layout.js'
import type { EngineLoop } from './engine.js'
import type { RowHandler, SendQueue, Transport } from './transport.js'

/** Of longer frames the engine may receive the rest into the message's own memory; longer encodings get memory of their own. */
export const LONG_BYTES = 128 * 1024
/** Most bytes of one record: they are counted in 32 bits. */
const MAX_RECORD_BYTES = 1024 * 1024 * 1024

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
  /** The peer's address, and its port or 0: when the socket is closed. */
  #closedPeer: readonly [string | null, number] | null = null
  /** Whether the loop will visit it at the end of this turn. */
  isScheduled = false
  /** Memory that the engine receives into, or null. */
  target: Uint8Array | null = null
  /** Where `reserve` pointed: the loop's arena, or memory of its own for what does not fit there. */
  buffer: Uint8Array
  /** Bytes that the loop has recorded and not given to the engine. */
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
    handler: RowHandler
  ) {
    this.#loop = loop
    this.#binding = binding
    this.#slot = slot
    this.generation = generation
    this.handler = handler
    this.buffer = loop.sendArena
  }

  get queue(): SendQueue {
    return this
  }

  get remoteAddress(): string | null {
    return this.#peer[0]
  }

  get remotePort(): number | null {
    return this.#peer[1] || null
  }

  /** Asked for when somebody wants it: most never do, and it would take memory of every connection. */
  get #peer(): readonly [string | null, number] {
    const binding = this.#binding
    return (
      this.#closedPeer ?? [
        binding.engineRemoteAddress(this.#slot, this.generation),
        binding.engineRemotePort(this.#slot, this.generation)
      ]
    )
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
    const { buffer } = this
    if (buffer !== this.#loop.sendArena) {
      this.buffer = this.#loop.sendArena
      return this.append(buffer.subarray(0, byteLength))
    }
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

  /** This turn's bytes go to the engine; if any of them wait, or earlier ones, `setWaiting` follows. */
  passOn(): void {
    if (this.#turnBytes === 0 || (this.#end & End.CLOSED) !== 0) return
    this.#flushedBytes += this.#turnBytes
    this.#turnBytes = this.#waitingBytes = 0
    this.#flushedBatch = this.#loop.batchCount
    if ((this.#end & (End.LOCAL | End.SHUT)) !== End.LOCAL) return
    this.#end |= End.SHUT
    this.#binding.engineEndBehind(this.#slot, this.generation)
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
    if (this.#waitingBytes > 0) this.handler.handleWaiting()
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

  #closeIfOver(): void {
    const isOver = (this.#end & (End.SHUT | End.REMOTE)) === (End.SHUT | End.REMOTE)
    if (isOver && this.pendingBytes === 0) this.#close(null)
  }

  #close(cause: WebSocketError | null): void {
    if ((this.#end & End.CLOSED) !== 0) return
    this.#closedPeer = this.#peer
    this.#end |= End.CLOSED
    this.#binding.engineClose(this.#slot, this.generation)
    this.#loop.forget(this.#slot)
    process.nextTick(() => this.handler.handleClose(cause))
  }
}

/** Steps of a socket's end. */
const End = { LOCAL: 1, SHUT: 2, REMOTE: 4, CLOSED: 8 } as const

/** The name of an errno, as 'ECONNRESET'. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno)
}
