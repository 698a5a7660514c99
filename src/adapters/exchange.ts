// Owns how adapters take messages from a connection and give messages to it: one after the other, each with its outcome, and
// the end told as an orderly one or as an error. Must not know streams or sockets.
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  CloseCode,
  type CloseDetails,
  type Connection,
  type Message,
  Opcode,
  type Sendable,
  WebSocketError
} from '../index.js'

/** Kinds of messages that carry a stream of bytes: binary ones, or text. */
export type StreamEncoding = 'binary' | 'text'

/** Above that many bytes that nobody takes, nothing more is read. */
const MAX_AHEAD_BYTES = 256 * 1024
/** What a message costs besides its payload, so that empty ones count. */
const MESSAGE_BYTES = 64
/** Most bytes that wait when a connection closes and nobody takes them. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024

/** Codes of an end that tells of no failure. */
const ORDERLY: readonly number[] = [CloseCode.NORMAL, CloseCode.GOING_AWAY, CloseCode.NO_STATUS]

/**
 * Tells why an end was none in order, or null. A peer that closes with another code than 1000, 1001 or none says that
 * something failed: what came before may not be all.
 */
export function failureOf({ wasClean, initiator, code, reason, cause }: CloseDetails): WebSocketError | null {
  if (!wasClean) return cause
  if (initiator === 'local' || ORDERLY.includes(code)) return null
  const detail = reason === '' ? String(code) : `${code} ${JSON.stringify(reason)}`
  return new WebSocketError('closed-by-peer', { detail })
}

/**
 * The messages of a connection, one by one, from now on: none goes to its `onmessage` any more. Only those are read for which
 * somebody waits, and 256 KiB more.
 */
export class MessageSource<T> {
  readonly #connection: Connection<T>
  /** What came while nobody waited; null: the place of one that is under way. */
  readonly #kept: { message: Message | null }[] = []
  #keptBytes = 0
  /** Begun at once, for `next`. */
  #first: Promise<Message | null> | null
  /** Resolves when all has come; null: `takeAll` was not called. */
  #rest: Promise<void> | null = null
  /** Tells of what was kept. */
  #wake = () => {}

  constructor(connection: Connection<T>) {
    this.#connection = connection
    this.#first = this.#receive()
    this.#first.catch(() => {})
    connection.onmessage = (message) => {
      this.#fill(this.#reserve(), message)
      if (this.#keptBytes > MAX_AHEAD_BYTES) connection.pause()
    }
  }

  /**
   * Takes the next message; null: the connection was closed in order. Rejects with WebSocketError if it ended otherwise, and with
   * 'invalid-argument' if its messages are told piece by piece. To be called again when it has resolved.
   */
  async next(): Promise<Message | null> {
    const first = this.#first
    this.#first = null
    if (first !== null) return first
    while (this.#rest !== null && (this.#kept[0]?.message ?? null) === null) {
      const arrival = new Promise<'kept'>((resolve) => {
        this.#wake = () => resolve('kept')
      })
      if ((await Promise.race([arrival, this.#rest])) !== 'kept') break
    }
    return this.#take() ?? (this.#rest === null ? this.#receive() : null)
  }

  /**
   * Reads on without waiting for `next`; resolves when what had arrived is here. To be called before the connection is closed:
   * the peer's answer stands behind what it had sent, and the time for it is limited. More than 16 MiB that nobody takes end
   * the connection, and `next` rejects: a part must not be taken for the whole.
   */
  async takeAll(): Promise<void> {
    if (this.#rest === null) {
      this.#rest = this.#readOn()
      this.#rest.catch(() => {})
    }
    await nextTurn()
  }

  /** Takes and drops what still comes: the peer's close frame stands behind it. */
  async drop(): Promise<void> {
    try {
      while ((await this.next()) !== null);
    } catch (error) {
      // How it ends concerns nobody any more.
      if (!(error instanceof WebSocketError)) throw error
    }
  }

  async #readOn(): Promise<void> {
    for (;;) {
      // Others may come to `onmessage` before this one is here.
      const place = this.#reserve()
      try {
        const message = await this.#receive()
        if (message === null) return
        this.#fill(place, message)
      } finally {
        if (place.message === null) this.#kept.splice(this.#kept.indexOf(place), 1)
      }
    }
  }

  #reserve(): { message: Message | null } {
    const place = { message: null }
    this.#kept.push(place)
    return place
  }

  #fill(place: { message: Message | null }, message: Message): void {
    place.message = message
    this.#keptBytes += MESSAGE_BYTES + message.bytes.length
    this.#wake()
    if (this.#keptBytes > MAX_KEPT_BYTES && this.#kept.length > 1) this.#connection.terminate()
  }

  #take(): Message | null {
    const message = this.#kept[0]?.message ?? null
    if (message === null) return null
    this.#kept.shift()
    this.#keptBytes -= MESSAGE_BYTES + message.bytes.length
    return message
  }

  async #receive(): Promise<Message | null> {
    const connection = this.#connection
    try {
      const arrival = connection.recv()
      // Somebody waits now: what a pause held back comes here.
      connection.resume()
      return await arrival
    } catch (error) {
      const isOver = error instanceof WebSocketError && error.code !== 'invalid-argument'
      if (!isOver) throw error
      const failure = failureOf(await connection.closed())
      if (failure !== null) throw failure
      return null
    }
  }
}

/** Sends messages, one at least. Resolves when the kernel has all of them; rejects with WebSocketError if it will not. */
export function sendAll<T>(connection: Connection<T>, messages: readonly Sendable[]): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const message of messages.slice(0, -1)) connection.send(message)
    connection.send(messages.at(-1)!, { sent: (reason) => (reason === null ? resolve() : reject(reason)) })
  })
}

/** Refuses a message of a kind that is not expected: one must not be taken for the other. */
export function checkKind(message: Message, encoding: StreamEncoding): void {
  if (message.opcode === (encoding === 'text' ? Opcode.TEXT : Opcode.BINARY)) return
  const other = encoding === 'text' ? 'binary' : 'text'
  throw new WebSocketError('unsupported-data', { detail: `${other} came where ${encoding} is expected` })
}

/** The close code for a failure on our side. */
export function closeCodeOf(error: unknown): number {
  const own = error instanceof WebSocketError ? error.closeCode : null
  return own ?? CloseCode.INTERNAL_ERROR
}
