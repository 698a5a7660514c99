// Owns what one open connection sends: messages, whole or piece by piece, pings, and what became of them. Must not know what
// arrives, nor how bytes are carried.
import type { SendOptions, SendStatus } from './connection-status.js'
import { WebSocketError } from './core/errors.js'
import { Opcode } from './core/header.js'
import { describe, type Sendable, TextMessage } from './core/message.js'
import type { MessageStream, StreamOwner } from './core/message-stream.js'
import type { PreparedMessage } from './core/prepared.js'
import { Link } from './link.js'
import { MessageWriter, type WriterOwner } from './message-writer.js'
import { checkCallback, Receipts, refuseCallback, type SentCallback } from './receipts.js'

/** The sending half of a `Connection`, which is derived from it: so there is an object less. */
export abstract class SendingLink<T> extends Link<T> implements WriterOwner {
  /**
   * Messages accepted for sending of which the kernel has not taken the last byte. If neither `onsent` nor `onunsent` is
   * overridden, those sent in one turn of the event loop count until it has taken the last of them.
   */
  get queuedMessages(): number {
    if (this.receipts?.isComplete) return this.receipts.count
    const { messageCount, streamCount } = this.core.deferredMessages
    return this.transport.queue.messageCount + messageCount + streamCount
  }

  /**
   * Sends a string as a text message, bytes as a binary message, or a message object. Bytes are not copied if there are
   * more than 8 KiB of them: neither change nor transfer them before `onsent`. Never throws because of the connection's
   * state: see `SendStatus`. Throws WebSocketError 'invalid-argument' for what is no message, or a wrong option.
   */
  send(message: Sendable, options?: SendOptions): SendStatus {
    const callback = options?.sent ?? null
    if (callback !== null) checkCallback(callback)
    const { queue } = this.transport
    const isPlain = options === undefined && this.settings.autoFragmentBytes === 0
    if (!(isPlain ? this.core.send(message) : this.core.send(message, this.choose(options)))) {
      this.settings.counters.messagesRefused++
      if (callback !== null) refuseCallback(this, callback)
      return 'dropped'
    }
    this.settings.counters.messagesOut++
    const isDeferred = this.core.deferredMessages.messageCount > 0
    if (callback !== null || isDeferred || this.receipts?.isComplete === true) {
      const end = isDeferred ? Number.POSITIVE_INFINITY : queue.sentBytes + queue.pendingBytes
      this.openReceipts().add(message, end, callback)
    }
    if (!isDeferred) queue.endMessage()
    return this.announce(isDeferred)
  }

  /** @internal Sends a publication; as `send`, and a shorter way where others have got it. Returns false if it was dropped. */
  sendPublication(message: PreparedMessage): boolean {
    const { settings } = this
    const isUsual = this.receipts === null && settings.autoFragmentBytes === 0
    if (!isUsual || !this.core.sendEncoded(message)) return this.send(message) !== 'dropped'
    settings.counters.messagesOut++
    this.transport.queue.endMessage()
    this.announce(false)
    return true
  }

  /** @internal Sends bytes that are known to be UTF-8 as a text message; as `send`. */
  sendUtf8(bytes: Uint8Array): SendStatus {
    const isUsual = this.receipts === null && this.settings.autoFragmentBytes === 0
    if (!isUsual || !this.core.sendUtf8(bytes)) return this.send(TextMessage.fromValidUtf8(bytes))
    this.settings.counters.messagesOut++
    this.transport.queue.endMessage()
    return this.announce(false)
  }

  /**
   * Begins a message that is sent piece by piece: see `MessageWriter`. `kind`: default 'binary'. `mask`: as of `SendOptions`.
   * Never throws because of the connection's state. Throws WebSocketError 'invalid-argument' for another kind.
   */
  beginMessage(kind: 'text' | 'binary' = 'binary', { mask }: Pick<SendOptions, 'mask'> = {}): MessageWriter {
    if (kind !== 'text' && kind !== 'binary') {
      const detail = `a message's kind is 'text' or 'binary', not ${describe(kind)}`
      throw new WebSocketError('invalid-argument', { detail })
    }
    const writer = new MessageWriter(kind, this)
    const stream = this.core.beginMessage(kind === 'text' ? Opcode.TEXT : Opcode.BINARY, writer, mask)
    if (stream === null) return writer
    // In the row of those that wait, behind those that were sent before.
    const sent = new Promise<WebSocketError | null>((resolve) =>
      this.openReceipts().add(null, Number.POSITIVE_INFINITY, resolve)
    )
    return writer.start(stream, sent)
  }

  /** @internal Begins a message whose frames `owner` writes when it is its turn; null unless the connection is open. */
  beginStream(opcode: number, owner: StreamOwner): MessageStream | null {
    const stream = this.core.beginMessage(opcode, owner)
    // In the row of those that wait, behind those that were sent before.
    if (stream !== null) this.openReceipts().add(null, Number.POSITIVE_INFINITY, null)
    return stream
  }

  /**
   * Sends a ping. `payload`: at most 125 bytes (a string as UTF-8); default empty. `sent`: as of `SendOptions`. The answer comes to
   * `onpong`, with the round-trip time. Throws WebSocketError 'invalid-argument' for a payload of another type or too long.
   */
  sendPing(payload: string | Uint8Array = '', { sent }: Pick<SendOptions, 'sent'> = {}): SendStatus {
    if (sent !== undefined) checkCallback(sent)
    const bytes = this.toBytes(payload)
    const isSent = this.core.sendPing(bytes)
    if (isSent) this.extras?.notePing(bytes)
    return this.sendControl(isSent, sent)
  }

  /** Sends a pong that answers nothing: a sign of life (RFC 6455 §5.5.3). As `sendPing`. */
  sendPong(payload: string | Uint8Array = '', { sent }: Pick<SendOptions, 'sent'> = {}): SendStatus {
    if (sent !== undefined) checkCallback(sent)
    return this.sendControl(this.core.sendPong(this.toBytes(payload)), sent)
  }

  /**
   * Sends a ping and resolves when its pong is there, with the round-trip time in ms. `payload`: as of `sendPing`; default
   * eight random bytes. Rejects with the cause of the connection's end, or WebSocketError 'not-open', 'invalid-argument'.
   */
  async ping(payload?: string | Uint8Array): Promise<number> {
    const bytes = this.toBytes(payload ?? this.settings.protocol.environment.randomBytes(8))
    if (this.sendControl(this.core.sendPing(bytes)) === 'dropped') throw new WebSocketError('not-open')
    return this.openExtras().pings.wait(bytes)
  }

  /** Resolves when the send queue is at or below its low watermark, or the connection is over; it never rejects. */
  drained(): Promise<void> {
    if (this.extras?.details != null || this.bufferedAmount <= this.settings.lowWatermarkBytes)
      return Promise.resolve()
    return new Promise((resolve) => this.openExtras().waiters.drained.push(resolve))
  }

  /** @internal Bytes that the kernel has taken. */
  get sentBytes(): number {
    return this.transport.queue.sentBytes
  }

  /** @internal Whether messages wait: the kernel refuses bytes, or an earlier message is not whole. */
  get holdsMessages(): boolean {
    const { messageCount, streamCount } = this.core.deferredMessages
    return this.transport.queue.isWriting || messageCount + streamCount > 0
  }

  /** @internal */
  get autoFragmentBytes(): number {
    return this.settings.autoFragmentBytes
  }

  /** @internal What waits for the message that is being written must not keep that waiting. */
  waitForRoom(): Promise<void> {
    const isOver = this.extras?.details != null
    if (isOver || this.transport.queue.pendingBytes <= this.settings.lowWatermarkBytes)
      return Promise.resolve()
    return new Promise((resolve) => this.openExtras().waiters.room.push(resolve))
  }

  /** @internal */
  handlePiece(): SendStatus {
    return this.announce(false)
  }

  /** @internal */
  handleLastPiece(): void {
    this.settings.counters.messagesOut++
    this.handleWritten(true)
  }

  /** @internal */
  handleAbort(cause: unknown): void {
    const detail = 'a message was given up before it was whole'
    this.fail(new WebSocketError('handler-failed', { detail, cause }))
  }

  private choose(options: SendOptions | undefined) {
    const fragmentSize = options?.fragmentSize ?? (this.settings.autoFragmentBytes || null)
    return { fragmentSize, compress: options?.compress, mask: options?.mask }
  }

  private openReceipts(): Receipts {
    this.receipts ??= new Receipts(this, false)
    return this.receipts
  }

  /** Sees to it that what was written is sent. */
  private announce(isDeferred: boolean): SendStatus {
    const { queue } = this.transport
    this.transport.schedule()
    const mustWait = isDeferred || queue.isWriting
    if (mustWait) this.handleWaiting()
    if (queue.pendingBytes > this.settings.highWatermarkBytes) this.checkPressure()
    else if (!mustWait) return 'sent'
    return 'queued'
  }

  private sendControl(isSent: boolean, callback?: SentCallback): SendStatus {
    if (!isSent) {
      if (callback !== undefined) refuseCallback(this, callback)
      return 'dropped'
    }
    this.transport.schedule()
    const { sentBytes, pendingBytes } = this.transport.queue
    if (callback !== undefined) this.openReceipts().add(null, sentBytes + pendingBytes, callback)
    return this.transport.queue.isWriting ? 'queued' : 'sent'
  }

  private toBytes(payload: string | Uint8Array): Uint8Array {
    return typeof payload === 'string' ? this.settings.protocol.environment.encodeUtf8(payload) : payload
  }
}
