// Owns the messages that an application takes from a connection one by one, instead of being called for each: those that
// wait for it, and those it waits for. Must not know connections.
import { type Message, TextMessage } from './core/message.js'

/** What a message, or a frame, costs besides its payload, in bytes, so that empty ones count. */
export const ITEM_BYTES = 64

interface Taker<Item> {
  readonly resolve: (item: Item | null) => void
  readonly reject: (error: Error) => void
}

/** First come, first served. */
export class Intake<Item = Message> {
  /** How many bytes an item takes, about. */
  readonly #sizeOf: (item: Item) => number
  /** Whether messages wait here that nobody asks for at the moment. */
  keeps: boolean
  /** Set when what arrives is too much: it is dropped from here on. */
  isFull = false
  #messages: Item[] = []
  #takers: Taker<Item>[] = []
  /** About how many bytes wait. */
  byteLength = 0

  constructor(keeps: boolean, sizeOf: (item: Item) => number) {
    this.keeps = keeps
    this.#sizeOf = sizeOf
  }

  /** Whether somebody waits for a message. */
  get isWanted(): boolean {
    return this.#takers.length > 0
  }

  /** Takes a message that arrived. Returns false if it is not for here. */
  put(message: Item): boolean {
    if (this.isFull) return true
    const taker = this.#takers.shift()
    if (taker !== undefined) {
      taker.resolve(message)
      return true
    }
    if (!this.keeps) return false
    this.#messages.push(message)
    this.byteLength += this.#sizeOf(message)
    return true
  }

  /** Returns the first message that waits, or null. */
  take(): Item | null {
    const message = this.#messages.shift() ?? null
    if (message !== null) this.byteLength -= this.#sizeOf(message)
    return message
  }

  /** Resolves with the next message that arrives, or null if none will; rejects if that is somebody's fault. */
  wait(): Promise<Item | null> {
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }))
  }

  /** Tells all who wait that nothing more comes. `error`: whose fault that is; null: nobody's. */
  end(error: Error | null): void {
    for (const taker of this.#takers.splice(0)) {
      if (error === null) taker.resolve(null)
      else taker.reject(error)
    }
  }
}

/** How many bytes a message takes, about; without decoding or encoding text for that. */
export function sizeOfMessage(message: Message): number {
  const isString = message instanceof TextMessage && !message.isEncoded
  return ITEM_BYTES + (isString ? message.payload.length : message.bytes.length)
}
