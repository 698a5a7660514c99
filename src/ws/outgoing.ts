// Owns what a session sends: messages, whole or by fragments, pings and pongs, in the order in which they were given. Must not
// know what arrives.
import type { Connection } from '../connection.js'
import type { SendStatus } from '../connection-status.js'
import type { WebSocketError } from '../core/errors.js'
import { HeaderBit, Opcode } from '../core/header.js'
import { BinaryMessage, type Sendable, TextMessage } from '../core/message.js'
import type { MessageWriter } from '../message-writer.js'
import { callOutside } from './uncaught.js'

/** Called when what was given is with the kernel, or with an error if it never will be. */
export type SendCallback = (error?: Error) => void

/** How a message is sent. */
export interface MessageOptions {
  /** Default: all but strings. */
  binary?: boolean | undefined
  /** Default true, where compression was agreed on and the message is not too short. */
  compress?: boolean | undefined
  /** Whether it is the last fragment of a message. Default true. */
  fin?: boolean | undefined
  /** Default: a client's are masked, a server's are not. */
  mask?: boolean | undefined
}

const NO_OPTIONS: MessageOptions = {}
const NO_BYTES = Buffer.alloc(0)

/** What goes out of one connection. */
export class Outgoing {
  readonly #connection: Connection<unknown>
  /** The message that is sent by fragments. */
  #writer: MessageWriter | null = null
  /** What waits until a Blob has been read; null: nothing does. */
  #line: (() => void)[] | null = null
  /** Bytes of Blobs that are being read. */
  #blobBytes = 0

  constructor(connection: Connection<unknown>) {
    this.#connection = connection
  }

  /** Bytes that are accepted and not with the kernel. */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount + this.#blobBytes
  }

  /** Sends a message, or a fragment of one. Throws TypeError for what has no bytes. */
  send(data: unknown, options: MessageOptions | undefined, callback: SendCallback | undefined): void {
    if (callback === undefined && this.#line === null && this.#writer === null && isUsual(options)) {
      // The hot path: no closure, no options, no message.
      if (typeof data === 'string' && options?.binary !== true) return void this.#connection.send(data)
      if (data instanceof Uint8Array) {
        if (options?.binary === false) this.#connection.sendUtf8(data)
        else this.#connection.send(data)
        return
      }
    }
    if (data instanceof Blob) {
      const send = (bytes: Uint8Array) => this.#send(bytes, options ?? NO_OPTIONS, callback)
      return this.#readBlob(data, send, callback)
    }
    const isText = typeof data === 'string'
    const bytes = isText ? data : toBytes(data)
    const send = () => this.#send(bytes, options ?? NO_OPTIONS, callback)
    if (this.#line === null) send()
    else this.#line.push(send)
  }

  /** Sends a ping, or a pong. Throws RangeError for more than 125 bytes. */
  sendControl(opcode: number, data: unknown, callback: SendCallback | undefined): void {
    const payload = data instanceof Blob ? data : typeof data === 'string' ? Buffer.from(data) : toBytes(data)
    const byteLength = payload instanceof Blob ? payload.size : payload.length
    if (byteLength > 125) throw new RangeError('The data size must not be greater than 125 bytes')
    const options = callback === undefined ? {} : { sent: toSent(callback) }
    const send = (bytes: Uint8Array) => {
      if (opcode === Opcode.PING) this.#connection.sendPing(bytes, options)
      else this.#connection.sendPong(bytes, options)
    }
    if (payload instanceof Blob) this.#readBlob(payload, send, callback)
    else if (this.#line === null) send(payload)
    else this.#line.push(() => send(payload))
  }

  /** Begins the closing handshake behind all that was given. */
  close(code: number | undefined, reason: string): void {
    const close = () => void this.#connection.close(code ?? null, reason)
    if (this.#line === null) close()
    else this.#line.push(close)
  }

  /**
   * Sends a frame as `Sender.frame` made it: the header, with the payload behind it or in a second buffer. It is framed anew, so
   * that it keeps its place among the others. Only whole messages that are neither masked nor compressed.
   */
  sendFrame(list: readonly (Uint8Array | string)[], callback?: SendCallback): void {
    const [head, ...rest] = list.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))
    const first = head?.[0] ?? 0
    const second = head?.[1] ?? 0
    const opcode = first & HeaderBit.OPCODE
    const isPlain = (first & ~HeaderBit.OPCODE) === HeaderBit.FIN && (second & HeaderBit.MASK) === 0
    if (!isPlain || (opcode !== Opcode.TEXT && opcode !== Opcode.BINARY)) {
      throw new TypeError(
        `sendFrame sends whole text and binary messages, neither masked nor compressed; the frame begins with 0x${first.toString(16)}`
      )
    }
    const start = second === 127 ? 10 : second === 126 ? 4 : 2
    const parts = [head!.subarray(start), ...rest].filter(({ length }) => length > 0)
    const payload = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    this.send(payload, { binary: opcode === Opcode.BINARY }, callback)
  }

  #send(data: string | Uint8Array, options: MessageOptions, callback: SendCallback | undefined): void {
    const { binary = typeof data !== 'string', compress, fin = true, mask } = options
    if (!fin || this.#writer !== null) return this.#sendFragment(data, binary, fin, mask, callback)
    this.#connection.send(toSendable(data, binary), {
      ...(compress !== undefined && { compress }),
      ...(mask !== undefined && { mask }),
      ...(callback !== undefined && { sent: toSent(callback) })
    })
  }

  #sendFragment(
    data: string | Uint8Array,
    isBinary: boolean,
    isLast: boolean,
    mask: boolean | undefined,
    callback: SendCallback | undefined
  ): void {
    this.#writer ??= this.#connection.beginMessage(
      isBinary ? 'binary' : 'text',
      mask === undefined ? {} : { mask }
    )
    const writer = this.#writer
    if (isLast) this.#writer = null
    const settle = (status: SendStatus) => {
      const error = status === 'dropped' ? new Error('The socket was closed') : undefined
      if (callback !== undefined) callOutside(callback, error)
    }
    const written: Promise<SendStatus> = isLast ? writer.end(data) : writer.write(data)
    written.then(settle, (error: Error) => {
      // Text that is none: nobody could end the message any more.
      writer.abort(error)
      if (callback !== undefined) callOutside(callback, error)
    })
  }

  /** Gives the bytes of a Blob to `send`; all that is given after it waits. */
  #readBlob(blob: Blob, send: (bytes: Uint8Array) => void, callback: SendCallback | undefined): void {
    this.#blobBytes += blob.size
    const read = () => {
      this.#line ??= []
      const settle = (then: () => void) => {
        this.#blobBytes -= blob.size
        then()
        this.#proceed()
      }
      blob.arrayBuffer().then(
        (buffer) => settle(() => send(new Uint8Array(buffer))),
        (error: Error) => settle(() => callback !== undefined && callOutside(callback, error))
      )
    }
    if (this.#line === null) read()
    else this.#line.push(read)
  }

  /** A Blob has been read: what waited for it is sent, up to the next one. */
  #proceed(): void {
    const line = this.#line ?? []
    this.#line = null
    while (line.length > 0 && this.#line === null) line.shift()!()
    if (this.#line !== null) (this.#line as (() => void)[]).push(...line)
  }
}

/** The bytes of all that `ws` takes; undefined and null have none. Throws TypeError for what Buffer.from does not take. */
export function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data
  if (data === undefined || data === null || data === false) return NO_BYTES
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return Buffer.from(data as ArrayBuffer)
}

/** Whether nothing is said of how a message goes out. */
function isUsual(options: MessageOptions | undefined): boolean {
  return (
    options === undefined ||
    (options.compress === undefined && options.mask === undefined && options.fin !== false)
  )
}

function toSendable(data: string | Uint8Array, isBinary: boolean): Sendable {
  if (typeof data === 'string') return isBinary ? new BinaryMessage(Buffer.from(data)) : data
  // Who sends bytes as text answers for them, as in `ws`.
  return isBinary ? data : TextMessage.fromValidUtf8(data)
}

function toSent(callback: SendCallback): (reason: WebSocketError | null) => void {
  return (reason) => callOutside(callback, reason ?? undefined)
}
