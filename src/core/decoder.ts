// Owns the run of what arrives through the decoding hooks of a connection's extensions, in slices where one takes long,
// and the messages made of it. Must not know frames on the wire, or any extension by name.
import { keepBytes } from './assembler.js'
import { WebSocketError } from './errors.js'
import { type ExtensionData, type SlicedWork, toExtensionError } from './extension.js'
import { Opcode } from './header.js'
import { BinaryMessage, ExtensionMessage, type Message, TextMessage } from './message.js'
import type { Terms } from './terms.js'

/** Which kind of hook. */
export type DecodingHook = 'decodeFrame' | 'decodeMessage'

/** Who is told what the hooks made. */
export interface DecoderHandler {
  /** A frame came out of the hooks for frames. */
  receiveDecodedFrame(frame: ExtensionData): void
  /** A message came out of the hooks for messages. */
  receiveDecodedMessage(message: Message): void
  /** A hook threw, or made too much. */
  failDecoding(error: WebSocketError): void
  /** A hook works in slices: `proceed` is to be called until anything else is told. */
  beginWork(): void
}

/** What a hook has begun, and where the others go on when it is done. */
interface Work {
  readonly sliced: SlicedWork
  readonly hook: DecodingHook
  readonly next: number
  readonly maxBytes: number
}

/** Decodes for one receiver. */
export class Decoder {
  readonly #handler: DecoderHandler
  readonly #terms: Terms
  #work: Work | null = null

  constructor(handler: DecoderHandler, terms: Terms) {
    this.#handler = handler
    this.#terms = terms
  }

  /** Runs the hooks of one kind as far as they work at once, and tells the result, of at most `maxBytes`. */
  decode(hook: DecodingHook, encoded: ExtensionData, maxBytes: number): void {
    this.#run(hook, encoded, maxBytes, 0)
  }

  /** Does the next slice of a hook's work, and after the last one what is to be done with the result. */
  proceed(): void {
    const { sliced, hook, next, maxBytes } = this.#work!
    let data: ExtensionData | null
    try {
      data = sliced.next()
    } catch (cause) {
      return this.#fail(cause, next - 1)
    }
    if (data === null) return
    this.#work = null
    this.#run(hook, data, maxBytes, next)
  }

  #run(hook: DecodingHook, encoded: ExtensionData, maxBytes: number, from: number): void {
    const { decoders } = this.#terms
    let data = encoded
    let index = from
    try {
      for (; index < decoders.length && this.#work === null; index++) {
        const { session } = decoders[index]!
        const result =
          hook === 'decodeFrame'
            ? session.decodeFrame?.(data, maxBytes)
            : session.decodeMessage?.(data, maxBytes)
        if (result == null) continue
        if ('next' in result) this.#work = { sliced: result, hook, next: index + 1, maxBytes }
        else data = result
      }
    } catch (cause) {
      return this.#fail(cause, index)
    }
    if (this.#work !== null) this.#handler.beginWork()
    else if (data.payload.length > maxBytes) this.#handler.failDecoding(new WebSocketError('message-too-big'))
    else if (hook === 'decodeFrame') this.#handler.receiveDecodedFrame(data)
    else this.#deliver(data)
  }

  #deliver(data: ExtensionData): void {
    const { opcode } = data
    if (opcode === Opcode.TEXT) {
      this.#deliverText(data)
    } else if (opcode === Opcode.BINARY) {
      this.#handler.receiveDecodedMessage(new BinaryMessage(keepDecoded(data)))
    } else if (this.#terms.hasOpcode(opcode)) {
      this.#handler.receiveDecodedMessage(new ExtensionMessage(opcode, keepDecoded(data)))
    } else {
      const detail = `a hook made a message of opcode ${opcode}`
      this.#handler.failDecoding(new WebSocketError('extension-failed', { detail }))
    }
  }

  /** Source: RFC 6455 §8.1. */
  #deliverText(data: ExtensionData): void {
    const { kernels } = this.#terms.environment
    const { payload } = data
    if (kernels.validateUtf8(0, payload) !== 0) {
      return this.#handler.failDecoding(new WebSocketError('invalid-utf8'))
    }
    const isShort = payload.length <= this.#terms.eagerTextBytes
    this.#handler.receiveDecodedMessage(
      isShort
        ? new TextMessage(kernels.decodeUtf8(payload, 0, payload.length))
        : TextMessage.fromValidUtf8(keepDecoded(data), kernels.decodeUtf8)
    )
  }

  /** Hooks are code of others: whatever they throw ends this connection and no other. */
  #fail(cause: unknown, index: number): void {
    this.#work = null
    this.#handler.failDecoding(toExtensionError(cause, this.#terms.decoders[index]!.name))
  }
}

/** Returns the payload for good. A view is kept only if it pins little more than itself. */
function keepDecoded({ payload, isShared }: ExtensionData): Uint8Array {
  return isShared === true ? payload.slice() : keepBytes(payload, 0, payload.length)
}
