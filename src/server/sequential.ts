// Owns the order of a sequential server's handlers: those of one client run one after the other, each when the promise of
// the one before has settled; reading from that client waits meanwhile. Must not know how servers listen.
import type { Connection } from '../connection.js'
import type { ConnectionOwner } from '../connection-settings.js'
import { ReadyState } from '../connection-status.js'
import type { CloseDetails } from '../core/closing.js'
import type { WebSocketError } from '../core/errors.js'
import type { Message } from '../core/message.js'
import type { MessageReader } from '../message-reader.js'

/** Whose handlers they are. */
export interface SequentialHandlers<T> extends ConnectionOwner<T> {
  isHandled(name: keyof ConnectionOwner<unknown>): boolean
}

type Task = () => unknown

/** Most tasks that may wait where pings and pongs are still told. */
const MAX_WAITING = 1024

/** Stands between connections and the handlers of their server. */
export class Sequential<T> implements ConnectionOwner<T> {
  readonly #handlers: SequentialHandlers<T>
  /** What waits for the handler at work, of each client that has one. */
  readonly #waiting = new Map<Connection<T>, Task[]>()

  constructor(handlers: SequentialHandlers<T>) {
    this.#handlers = handlers
  }

  onopen(client: Connection<T>): void {
    this.#run(client, 'onopen', () => this.#handlers.onopen(client))
  }

  onmessage(client: Connection<T>, message: Message): void {
    // After our own close frame all is read, for the sake of the peer's.
    const isLate = this.#waiting.has(client) && client.readyState !== ReadyState.OPEN
    if (!isLate) this.#run(client, 'onmessage', () => this.#handlers.onmessage(client, message))
  }

  /** Its handler reads the message, unless `onframedata` gets it: that must go on. */
  onmessagebegin(client: Connection<T>, reader: MessageReader): void {
    const reads = !this.#handlers.isHandled('onframedata')
    this.#run(client, 'onmessagebegin', () => this.#handlers.onmessagebegin(client, reader), reads)
  }

  onframebegin(client: Connection<T>, byteLength: number, isFinal: boolean): void {
    this.#run(client, 'onframebegin', () => this.#handlers.onframebegin(client, byteLength, isFinal))
  }

  onframedata(client: Connection<T>, bytes: Uint8Array): void {
    this.#run(client, 'onframedata', () => this.#handlers.onframedata(client, bytes))
  }

  onframeend(client: Connection<T>): void {
    this.#run(client, 'onframeend', () => this.#handlers.onframeend(client))
  }

  onmessageend(client: Connection<T>): void {
    this.#run(client, 'onmessageend', () => this.#handlers.onmessageend(client))
    // The next message is for when this one has been handled.
    if (this.#waiting.has(client)) client.hold()
  }

  onsent(client: Connection<T>, message: Message): void {
    this.#run(client, 'onsent', () => this.#handlers.onsent(client, message))
  }

  onunsent(client: Connection<T>, message: Message, reason: WebSocketError): void {
    this.#run(client, 'onunsent', () => this.#handlers.onunsent(client, message, reason))
  }

  onping(client: Connection<T>, payload: Uint8Array): void {
    if (!this.#isFlooded(client)) this.#run(client, 'onping', () => this.#handlers.onping(client, payload))
  }

  onpong(client: Connection<T>, payload: Uint8Array, roundTripMs: number | null): void {
    if (!this.#isFlooded(client))
      this.#run(client, 'onpong', () => this.#handlers.onpong(client, payload, roundTripMs))
  }

  onclose(client: Connection<T>, code: number, reason: string, details: CloseDetails): void {
    this.#run(client, 'onclose', () => this.#handlers.onclose(client, code, reason, details))
  }

  /** At once: it may be the handler at work that failed, and an error should not wait for one that hangs. */
  onerror(client: Connection<T>, error: WebSocketError): unknown {
    return this.#handlers.onerror(client, error)
  }

  /** A handler that waits for a message has the peer read, and nothing else bounds its pings. */
  #isFlooded(client: Connection<T>): boolean {
    const waiting = this.#waiting.get(client)
    return waiting !== undefined && waiting.length >= MAX_WAITING
  }

  #run(client: Connection<T>, name: keyof ConnectionOwner<unknown>, task: Task, reads = false): void {
    if (!this.#handlers.isHandled(name)) return
    const waiting = this.#waiting.get(client)
    if (waiting !== undefined) return void waiting.push(task)
    const result = task()
    if (!(result instanceof Promise)) return
    this.#waiting.set(client, [])
    if (!reads) client.hold()
    void this.#await(client, result)
  }

  async #await(client: Connection<T>, first: Promise<unknown>): Promise<void> {
    const waiting = this.#waiting.get(client)!
    await settle(client, () => first)
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await settle(client, task)
    this.#waiting.delete(client)
    client.letGo()
  }
}

/** What a handler throws, or rejects with, is the end of its connection, and not of its order. */
async function settle<T>(client: Connection<T>, task: Task): Promise<void> {
  try {
    await task()
  } catch (error) {
    client.failHandler(error)
  }
}
