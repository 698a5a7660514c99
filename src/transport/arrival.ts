// Owns what was accepted and has not opened yet, as long as it is a stream of Node.js; and the interface that the engine's
// own arrivals share. Must not know HTTP.
import type { Duplex } from 'node:stream'
import type { TransportFacts } from '../core/transport-details.js'
import { StreamFacts } from './stream-facts.js'

/** Who is told what an arrival sends. */
export interface ArrivalHandler {
  /** Bytes arrived: valid until the call returns. */
  handleBytes(bytes: Uint8Array): void
  /** The peer has ended its side. */
  handleEnd(): void
  /** Something failed; the end follows. */
  handleError(error: Error): void
  /** It is gone. */
  handleClose(): void
}

/** A connection between its acceptance and the end of its opening handshake. */
export interface Arrival {
  /** Address of the peer; null where there is none. */
  readonly remoteAddress: string | null
  /** What can be asked about it; made when it is. */
  readonly facts: TransportFacts
  /** Whether it is gone. */
  readonly isLost: boolean
  /** Begins to read. */
  read(): void
  /** Reads no more. */
  stop(): void
  /** Leaves its handler alone from here on: it becomes somebody else's. */
  leave(): void
  /** Drops it. */
  destroy(): void
  /** Makes it a stream for the same handler; of this object nothing may be used any more. What was read of it is not in the stream. */
  toStream(): StreamArrival
}

/** An arrival that is a stream. */
export class StreamArrival implements Arrival {
  readonly stream: Duplex
  readonly #handler: ArrivalHandler

  constructor(stream: Duplex, handler: ArrivalHandler) {
    this.stream = stream
    this.#handler = handler
    stream.on('error', this.#onerror)
    stream.on('close', this.#onclose)
  }

  get remoteAddress(): string | null {
    return (this.stream as { remoteAddress?: string }).remoteAddress ?? null
  }

  get facts(): TransportFacts {
    return new StreamFacts(this.stream)
  }

  get isLost(): boolean {
    return this.stream.destroyed
  }

  read(): void {
    this.stream.on('data', this.#ondata)
    this.stream.on('end', this.#onend)
  }

  stop(): void {
    this.stream.pause()
    this.#stopListening()
  }

  /** Sends the last that the peer gets, and reads on until it goes. */
  finish(response: Uint8Array): void {
    this.#stopListening()
    // Closing with unread bytes would reset the connection, and the answer could be lost on the way.
    this.stream.resume()
    this.stream.end(response)
  }

  leave(): void {
    this.#stopListening()
    this.stream.off('error', this.#onerror)
    this.stream.off('close', this.#onclose)
  }

  destroy(): void {
    this.stream.destroy()
  }

  toStream(): this {
    return this
  }

  #stopListening(): void {
    this.stream.off('data', this.#ondata)
    this.stream.off('end', this.#onend)
  }

  #ondata = (chunk: Buffer): void => this.#handler.handleBytes(chunk)
  #onend = (): void => this.#handler.handleEnd()
  #onerror = (error: Error): void => this.#handler.handleError(error)
  #onclose = (): void => this.#handler.handleClose()
}
