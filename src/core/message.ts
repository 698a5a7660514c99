// Owns messages as objects. Must not know frames on the wire or connections.
import { WebSocketError } from './errors.js'
import { checkFragmentSize, Frame } from './frame.js'
import { Opcode } from './header.js'

/** What a message carries: text, or bytes. */
export type Payload = string | Uint8Array

/** A whole message. `TextMessage` and `BinaryMessage` are the usual ones; others have opcodes of an extension. */
export abstract class Message {
  /** `Opcode.TEXT`, `Opcode.BINARY`, or an extension's. */
  abstract readonly opcode: number
  /** A string for text, bytes for everything else. */
  abstract readonly payload: Payload
  /** The payload as bytes; text is encoded as UTF-8 at the first use. Not to be changed. */
  abstract readonly bytes: Uint8Array

  /**
   * Cuts the message into frames of at most `maxBytes` of payload each. Payloads are views; text may be cut inside a
   * code point. Throws WebSocketError 'invalid-argument' unless `maxBytes` is a positive integer.
   * Source: RFC 6455 §5.4.
   */
  fragment(maxBytes: number): Frame[] {
    checkFragmentSize(maxBytes)
    return new Frame(this.opcode, this.bytes).fragment(maxBytes)
  }
}

// A byte order mark is part of the text, here.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/** Decodes valid UTF-8 from `start` to `end`. */
export type DecodeUtf8 = (bytes: Uint8Array, start: number, end: number) => string

/** A text message. Source: RFC 6455 §5.6. */
export class TextMessage extends Message {
  private text: string | null
  private encoded: Uint8Array | null
  private decode: DecodeUtf8 | null = null

  /** Throws WebSocketError 'invalid-argument' if `payload` is no string. */
  constructor(payload: string) {
    super()
    if (typeof payload !== 'string') {
      throw new WebSocketError('invalid-argument', {
        detail: `a text message carries a string, not ${typeof payload}`
      })
    }
    this.text = payload
    this.encoded = null
  }

  /**
   * Wraps bytes that are known to be valid UTF-8; they are decoded when `payload` is first read. `decode`: a faster way than
   * the core's own.
   */
  static fromValidUtf8(bytes: Uint8Array, decode: DecodeUtf8 | null = null): TextMessage {
    const message = new TextMessage('')
    message.text = null
    message.encoded = bytes
    message.decode = decode
    return message
  }

  override get opcode(): number {
    return Opcode.TEXT
  }

  override get payload(): string {
    if (this.text !== null) return this.text
    const bytes = this.encoded!
    this.text = this.decode === null ? decoder.decode(bytes) : this.decode(bytes, 0, bytes.length)
    return this.text
  }

  override get bytes(): Uint8Array {
    this.encoded ??= encoder.encode(this.text!)
    return this.encoded
  }

  /** Whether `bytes` is there already, so that sending it needs no encoding. */
  get isEncoded(): boolean {
    return this.encoded !== null
  }
}

/** A binary message. Source: RFC 6455 §5.6. */
export class BinaryMessage extends Message {
  /** The bytes given, or for a received message a view that stays valid for as long as it is kept. */
  override readonly payload: Uint8Array

  /** `payload` is kept, not copied. Throws WebSocketError 'invalid-argument' if it is no Uint8Array. */
  constructor(payload: Uint8Array) {
    super()
    if (!(payload instanceof Uint8Array)) {
      throw new WebSocketError('invalid-argument', {
        detail: `a binary message carries a Uint8Array (a Buffer is one), not ${describe(payload)}`
      })
    }
    this.payload = payload
  }

  override get opcode(): number {
    return Opcode.BINARY
  }

  override get bytes(): Uint8Array {
    return this.payload
  }
}

/** A message with an opcode that an extension defined and no hook turned into text or binary. */
export class ExtensionMessage extends Message {
  override readonly opcode: number
  override readonly payload: Uint8Array

  constructor(opcode: number, payload: Uint8Array) {
    super()
    this.opcode = opcode
    this.payload = payload
  }

  override get bytes(): Uint8Array {
    return this.payload
  }
}

/** What may be sent as a message: a string as text, bytes as binary, or a message object. */
export type Sendable = Payload | Message

/** Makes a message of whatever may be sent. Throws WebSocketError 'invalid-argument' for anything else. */
export function toMessage(sendable: Sendable): Message {
  if (typeof sendable === 'string') return new TextMessage(sendable)
  if (sendable instanceof Message) return sendable
  if (sendable instanceof Uint8Array) return new BinaryMessage(sendable)
  throw new WebSocketError('invalid-argument', {
    detail: `a message is a string, a Uint8Array or a Message, not ${describe(sendable)}`
  })
}

/** Names a value's kind for an error's text. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `${typeof value} ${String(value).slice(0, 40)}`
  return value.constructor?.name ?? 'object'
}
