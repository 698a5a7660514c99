// Owns messages that are encoded once and sent to many. Must not know connections, or how bytes are carried.

import { WebSocketError } from './errors.js'
import { Message, type Payload, type Sendable, toMessage } from './message.js'

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
  compress?: boolean
}

/**
 * A message that is sent to many connections: it is framed, and compressed, once for all that agreed on the same, instead of
 * for each. Made by `prepare`; send it like any other. Connections that cannot share it (clients, which mask; extensions
 * that remember earlier messages) encode it themselves.
 */
export class PreparedMessage extends Message {
  override readonly opcode: number
  readonly compress: boolean | undefined
  readonly #message: Message
  /** What was made of it, by what connections agreed on. */
  readonly #encoded = new Map<string, SharedBytes>()

  /** @internal */
  constructor(message: Message, { compress }: PrepareOptions) {
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

  /** @internal What connections of that class send, made by `encode` for the first of them. Returns the error of a hook that throws. */
  share(key: string, encode: () => Uint8Array | WebSocketError): SharedBytes | WebSocketError {
    const known = this.#encoded.get(key)
    if (known !== undefined) return known
    const bytes = encode()
    if (bytes instanceof WebSocketError) return bytes
    const shared = new SharedBytes(bytes)
    this.#encoded.set(key, shared)
    return shared
  }
}

/** Prepares a message for many connections. Throws WebSocketError 'invalid-argument' for what is no message. */
export function prepare(message: Sendable, options: PrepareOptions = {}): PreparedMessage {
  return message instanceof PreparedMessage ? message : new PreparedMessage(toMessage(message), options)
}
