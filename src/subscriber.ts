// Owns a connection's side of topics: what it subscribes to, and whether it keeps up with what is published. Must not know who
// else subscribes.

import { Flag } from './connection-state.js'
import { ReadyState } from './connection-status.js'
import { WebSocketError } from './core/errors.js'
import type { Message } from './core/message.js'
import { callHandler } from './handler-calls.js'
import { SendingLink } from './sending-link.js'
import { overflow as checkOverflow, type Overflow } from './topics/overflow.js'
import type { Topics } from './topics/topics.js'

/** A `Connection` as one that subscribes. */
export abstract class Subscriber<T> extends SendingLink<T> {
  /**
   * Subscribes to a topic of the server: what `server.publish` is given for it, this client gets, once however many of its
   * subscriptions match. Topics have levels between '/'; '+' stands for any one level, '#' at the end for all that follow (MQTT
   * 5.0 §4.7). Subscriptions end with the connection. Returns whether it is new; false, too, when the connection is over.
   * Throws WebSocketError 'invalid-argument' for what is no topic, and on a client.
   */
  subscribe(topic: string): boolean {
    return this.extras?.details == null && this.#topics.subscribe(this.self, topic)
  }

  /** Ends a subscription. Returns whether there was one of that very topic. */
  unsubscribe(topic: string): boolean {
    return this.#topics.unsubscribe(this.self, topic)
  }

  /** What this client subscribes to, in the order in which it did. */
  get topics(): readonly string[] {
    return this.#topics.of(this.self)
  }

  /** What becomes of publications when this client does not keep up. Null, the default: what the publisher or the server says. */
  get overflow(): Overflow | null {
    return this.extras?.overflow ?? null
  }

  set overflow(overflow: Overflow | null) {
    const expected = overflow === null ? null : checkOverflow(overflow)
    if (expected !== null)
      throw new WebSocketError('invalid-argument', { detail: `overflow must be null or ${expected}` })
    this.openExtras().overflow = overflow
  }

  /** @internal The kernel refuses bytes, and more than the low watermark waits. */
  get isSlow(): boolean {
    return this.transport.queue.isWriting && this.isFull
  }

  /** @internal More than the low watermark waits. */
  get isFull(): boolean {
    return this.bufferedAmount > this.settings.lowWatermarkBytes
  }

  /** @internal Whether it must not publish more for now. */
  holdBack(isHeld: boolean): void {
    if (this.extras?.details != null) return
    if (isHeld) this.pauseReading(Flag.PAUSED_BY_SUBSCRIBERS)
    else this.resumeReading(Flag.PAUSED_BY_SUBSCRIBERS)
  }

  /** @internal Whether messages with that opcode may be sent to it. */
  knowsOpcode(opcode: number): boolean {
    return this.core.knowsOpcode(opcode)
  }

  /** @internal Whether somebody wants to be told of publications that are dropped. */
  get wantsDrops(): boolean {
    return this.isHandled('onunsent')
  }

  /** @internal A publication for it was dropped. */
  reportDropped(message: Message, reason: WebSocketError): void {
    callHandler(this, () => this.onunsent(message, reason))
  }

  /** @internal About how many bytes are held for it: what is to be sent, and what has come of messages that are not whole. */
  get heldBytes(): number {
    return (
      this.bufferedAmount + this.waitingBytes + this.core.heldBytes + (this.extras?.intake?.byteLength ?? 0)
    )
  }

  /** @internal Publications that wait until it has caught up, in bytes. */
  get waitingBytes(): number {
    return this.settings.topics?.waitingBytes(this.self) ?? 0
  }

  /** @internal Drops these. */
  dropWaiting(): void {
    this.settings.topics?.dropWaiting(this.self)
  }

  /** @internal Ends it to get memory back: at once if what it is to be sent is what takes it, or if it was told so before. */
  shed(error: WebSocketError): void {
    if (this.readyState === ReadyState.OPEN && !this.transport.queue.isWriting) return this.fail(error)
    this.drop(error)
    this.handleError(error)
  }

  get #topics(): Topics<T> {
    const { topics } = this.settings
    if (topics === null) {
      const detail = 'only the connections of a server subscribe to topics'
      throw new WebSocketError('invalid-argument', { detail })
    }
    return topics
  }
}
