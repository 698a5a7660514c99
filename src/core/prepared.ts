// Owns messages that are encoded once and sent to many. Must not know connections, or how bytes are carried.
import {
  BinaryMessage,
  ExtensionMessage,
  Message,
  type Payload,
  type Sendable,
  toMessage
} from './message.js'

/** Encoded frames that go to many outputs. Must not change. */
export class SharedBytes {
  readonly bytes: Uint8Array
  /** For outputs that share memory: where the bytes stand there, as long as its `epoch` is this one. */
  offset = 0
  epoch = -1

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** How a message is prepared. */
export interface PrepareOptions {
  /** Whether to compress it, where an extension that can is in use. Default: as the extension's options say. */
  compress?: boolean | undefined
}

/**
 * A message that is sent to many connections: it is framed, and compressed, once for all that agreed on the same, instead of
 * for each. Made by `prepare`; send it like any other. Connections that cannot share it (clients, which mask; extensions
 * that remember earlier messages) encode it themselves.
 */
export class PreparedMessage extends Message {
  override readonly opcode: number
  /** Whether to compress it; undefined: as the extension's options say. */
  readonly compress: boolean | undefined
  readonly #message: Message
  /** What was made of it, by what connections agreed on. */
  readonly #encoded = new Map<string, SharedBytes>()
  /** The latest of these that was asked for: most connections have agreed on the same. */
  #latestKey: string | null = null
  #latest: SharedBytes | undefined
  /** By the same: whether somebody is still at work on it, slice by slice. */
  readonly #underWay = new Map<string, () => boolean>()

  /** @internal */
  constructor(message: Message, compress: boolean | undefined) {
    super()
    this.#message = message
    this.opcode = message.opcode
    this.compress = compress
  }

  override get payload(): Payload {
    return this.#message.payload
  }

  override get bytes(): Uint8Array {
    return this.#message.bytes
  }

  /** @internal What connections of that class send, or undefined if nobody has encoded it yet. */
  encoded(key: string): SharedBytes | undefined {
    if (key !== this.#latestKey) {
      this.#latest = this.#encoded.get(key)
      this.#latestKey = this.#latest === undefined ? null : key
    }
    return this.#latest
  }

  /** @internal Somebody has encoded it. */
  keep(key: string, bytes: Uint8Array): SharedBytes {
    const shared = new SharedBytes(bytes)
    this.#underWay.delete(key)
    this.#encoded.set(key, shared)
    return shared
  }

  /** @internal Somebody begins to encode it in slices. `isAtWork`: whether they still do. */
  begin(key: string, isAtWork: () => boolean): void {
    this.#underWay.set(key, isAtWork)
  }

  /** @internal Whether somebody encodes it, so that others of that class wait for them. */
  isUnderWay(key: string): boolean {
    return this.#underWay.get(key)?.() === true
  }
}

/**
 * Prepares a message for many connections. Bytes are copied: the caller's may change after that. Throws WebSocketError
 * 'invalid-argument' for what is no message.
 */
export function prepare(message: Sendable, { compress }: PrepareOptions = {}): PreparedMessage {
  if (!(message instanceof PreparedMessage)) return new PreparedMessage(own(toMessage(message)), compress)
  const isAsAsked = compress === undefined || compress === message.compress
  return isAsAsked ? message : new PreparedMessage(message, compress)
}

/** It is encoded when the first connection needs it, which may be long after. */
function own(message: Message): Message {
  const { payload } = message
  if (typeof payload === 'string') return message
  const bytes = new Uint8Array(payload.length)
  bytes.set(payload)
  return message instanceof BinaryMessage
    ? new BinaryMessage(bytes)
    : new ExtensionMessage(message.opcode, bytes)
}
