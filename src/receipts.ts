// Owns the reports of what became of one connection's messages, sent or unsent: each exactly once, first sent first.
// Must not know how messages are sent; offsets count the bytes of the connection's send queue from its beginning.
import { WebSocketError } from './core/errors.js'
import { describe, type Message, type Sendable, toMessage } from './core/message.js'
import { callHandler, type HandlerCaller, watchHandler } from './handler-calls.js'

/** Told once what became of a message: `reason` is null if the kernel has its last byte, and tells why not otherwise. */
export type SentCallback = (reason: WebSocketError | null) => unknown

/** Whose messages they are. */
export interface ReceiptsOwner extends HandlerCaller {
  onsent(message: Message): unknown
  onunsent(message: Message, reason: WebSocketError): unknown
}

/** A message that was accepted for sending. */
interface Receipt {
  /** As it was given to `send`; a message is made of it when it is reported. Null: only the callback is told. */
  readonly message: Sendable | null
  /** It is sent when so many bytes of its connection are. */
  end: number
  readonly callback: SentCallback | null
  next: Receipt | null
}

/** The messages of one connection that are not reported. */
export class Receipts {
  /** Whether all messages are remembered, and not only those with a callback of their own. */
  readonly isComplete: boolean
  readonly #owner: ReceiptsOwner
  #first: Receipt | null = null
  #last: Receipt | null = null
  /** The first one whose message is not written yet. */
  #unsettled: Receipt | null = null
  #count = 0

  constructor(owner: ReceiptsOwner, isComplete: boolean) {
    this.#owner = owner
    this.isComplete = isComplete
  }

  /** Messages that are not reported. */
  get count(): number {
    return this.#count
  }

  /** Remembers a message, which ends at byte `end` (Infinity: `settle` will tell), behind all others. */
  add(message: Sendable | null, end: number, callback: SentCallback | null): void {
    const receipt = { message, end, callback, next: null }
    if (this.#last === null) this.#first = receipt
    else this.#last.next = receipt
    this.#last = receipt
    if (end === Number.POSITIVE_INFINITY) this.#unsettled ??= receipt
    this.#count++
  }

  /** Tells where the first message ends of which that was not known. */
  settle(end: number): void {
    const receipt = this.#unsettled
    if (receipt === null) return
    receipt.end = end
    this.#unsettled = receipt.next
  }

  /** Reports the messages that are sent now that `sentBytes` are. */
  reportSent(sentBytes: number): void {
    this.#report(sentBytes, null)
  }

  /** Reports all that is left as unsent, because of `reason`. */
  reportUnsent(reason: WebSocketError): void {
    this.#report(Number.POSITIVE_INFINITY, reason)
  }

  #report(sentBytes: number, reason: WebSocketError | null): void {
    // Taken out before its report, which may lead back to here.
    while (this.#first !== null && this.#first.end <= sentBytes) {
      const receipt = this.#first
      this.#first = receipt.next
      if (this.#first === null) this.#last = null
      this.#count--
      this.#tell(receipt, reason)
    }
  }

  /** The hot path of `onsent`: no closure. */
  #tell({ message: sendable, callback }: Receipt, reason: WebSocketError | null): void {
    const owner = this.#owner
    try {
      if (sendable !== null) {
        const message = toMessage(sendable)
        const result = reason === null ? owner.onsent(message) : owner.onunsent(message, reason)
        if (result !== undefined) watchHandler(owner, result)
      }
    } catch (error) {
      owner.failHandler(error)
    }
    if (callback !== null) callHandler(owner, () => callback(reason))
  }
}

/** Throws WebSocketError 'invalid-argument' unless `callback` can be called. */
export function checkCallback(callback: unknown): void {
  if (typeof callback === 'function') return
  throw new WebSocketError('invalid-argument', {
    detail: `sent must be a function, not ${describe(callback)}`
  })
}

/** Tells the callback of a message that was not accepted: not before `send` has returned, as for the others. */
export function refuseCallback(
  caller: HandlerCaller,
  callback: SentCallback,
  reason = new WebSocketError('not-open')
): void {
  queueMicrotask(() => callHandler(caller, () => callback(reason)))
}
