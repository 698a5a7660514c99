// Owns the encoding of messages and control frames into an output. Must not know the closing handshake or transports.

import { CloseCode } from './closing.js'
import type { Environment } from './environment.js'
import type { WebSocketError } from './errors.js'
import {
  type ExtensionData,
  type NegotiatedExtension,
  type SlicedWork,
  toExtensionError
} from './extension.js'
import { HeaderBit, headerLength, Opcode, writeHeader } from './header.js'
import { type Message, type Payload, TextMessage } from './message.js'
import type { Output } from './output.js'
import type { Role } from './terms.js'

/** How a message is to be sent. */
export interface SendChoices {
  /** Most payload bytes of a frame. Default, and null: the message goes in one frame. */
  readonly fragmentSize?: number | null | undefined
  /** As in `ExtensionData`. */
  readonly compress?: boolean | undefined
  /** Whether its frames are masked. Default: a client's are (RFC 6455 §5.1). */
  readonly mask?: boolean | undefined
}

/** What a message gets of which nothing else is said. */
export const IN_ONE_FRAME: SendChoices = {}

/** What all senders of one endpoint share. */
export interface SenderSettings {
  readonly role: Role
  readonly environment: Environment
}

/**
 * Unmasked payloads up to this many bytes are copied behind their header; longer ones are passed by reference. At 16 KiB
 * that was measured to be as fast or a little faster, at 8 KiB there was no difference.
 */
const COPY_BYTES = 8 * 1024
/**
 * Strings up to this many UTF-16 units are encoded straight into the output, where room for 3 bytes a unit is needed: of
 * longer ones that wait too much memory would lie idle.
 */
const DIRECT_TEXT_LENGTH = 4 * 1024

/** Strings up to this many UTF-16 units are collected by outputs that can do that, and encoded all at once. */
const COLLECTED_TEXT_LENGTH = 512

/** Short text is encoded here for hooks, which do not keep it. */
let sharedText: Uint8Array | null = null

/** Goes on with a message that an extension encodes in slices: undefined says that there is more to do. */
export type SlicedSend = () => SendResult | undefined

/**
 * What became of a message: null, it was written; an error to fail the connection with, because a hook of an extension
 * threw, and a part of the message may be written; or what is to be called, in turns of their own, until it is one of these.
 */
export type SendResult = WebSocketError | null | SlicedSend

/** Encodes frames of all connections that agreed on the same, each into the output of its connection. */
export class Sender {
  readonly #settings: SenderSettings
  readonly #extensions: readonly NegotiatedExtension[]
  readonly #hasFrameHooks: boolean

  constructor(settings: SenderSettings, extensions: readonly NegotiatedExtension[] = []) {
    this.#settings = settings
    this.#extensions = extensions
    this.#hasFrameHooks = extensions.some(({ session }) => session.encodeFrame !== undefined)
  }

  /** Sends a whole message. A long binary payload is passed on by reference and must not change until it is sent. */
  sendMessage(output: Output, message: Message, choices: SendChoices): SendResult {
    const isMaskChosen = choices.mask !== undefined
    if (choices.fragmentSize != null || isMaskChosen || this.#extensions.length > 0)
      return this.#sendEncoded(output, message, choices)
    if (message instanceof TextMessage && !message.isEncoded) {
      this.#sendText(output, message.payload)
    } else {
      this.#writeFrame(output, HeaderBit.FIN | message.opcode, message.bytes)
    }
    return null
  }

  /** Sends a string as text, or bytes as binary, in one frame: `sendMessage` without making a message, for senders without extensions. */
  sendPayload(output: Output, payload: Payload): void {
    if (typeof payload === 'string') this.#sendText(output, payload)
    else this.#writeFrame(output, HeaderBit.FIN | Opcode.BINARY, payload)
  }

  /** Sends bytes of UTF-8 as text, as `sendPayload` does it. */
  sendUtf8(output: Output, bytes: Uint8Array): void {
    this.#writeFrame(output, HeaderBit.FIN | Opcode.TEXT, bytes)
  }

  /** Sends one frame of a message as it is, but for the hooks for frames. Returns an error if one of them threw. */
  sendFrame(output: Output, frame: ExtensionData, mask?: boolean): WebSocketError | null {
    const encoded = this.#encodeFrame(frame)
    if (encoded instanceof Error) return encoded
    this.#writeData(
      output,
      (encoded.isFinal ? HeaderBit.FIN : 0) | encoded.rsv | encoded.opcode,
      encoded,
      mask
    )
    return null
  }

  /** Whether frames can be sent piece by piece: no hook wants to see them whole. */
  get sendsPieces(): boolean {
    return !this.#hasFrameHooks
  }

  /** Writes the header of a frame whose payload follows by `writePiece`. Returns the masking key, or null. */
  beginFrame(output: Output, first: number, byteLength: number, mask?: boolean): number | null {
    const key = this.#masks(mask) ? this.#settings.environment.maskingKey() : null
    const offset = output.reserve(headerLength(byteLength, key !== null))
    output.advance(writeHeader(output.buffer, offset, first, byteLength, key) - offset)
    return key
  }

  /** Writes a piece of a frame's payload. `phase`: how many bytes of it went before. */
  writePiece(output: Output, piece: Uint8Array, key: number | null, phase: number): void {
    const byteLength = piece.length
    if (key === null && byteLength > COPY_BYTES) return output.append(piece)
    const offset = output.reserve(byteLength)
    if (key === null) output.buffer.set(piece, offset)
    else this.#settings.environment.kernels.mask(piece, output.buffer, offset, key, phase)
    output.advance(byteLength)
  }

  /** Sends a control frame. `payload`: at most 125 bytes, checked by the caller. */
  sendControl(output: Output, opcode: number, payload: Uint8Array): void {
    this.#writeFrame(output, HeaderBit.FIN | opcode, payload)
  }

  #sendEncoded(output: Output, original: Message, choices: SendChoices): SendResult {
    const bytes = this.#bytesOf(original)
    const isShared = bytes.buffer === sharedText?.buffer
    const { compress } = choices
    const whole = { opcode: original.opcode, isFinal: true, rsv: 0, payload: bytes, isShared, compress }
    return this.#encodeMessage(output, whole, choices, 0)
  }

  /** Runs the hooks for messages from the index `from` on, and cuts and writes what comes out of them. */
  #encodeMessage(output: Output, original: ExtensionData, choices: SendChoices, from: number): SendResult {
    let message = original
    for (let index = from; index < this.#extensions.length; index++) {
      const { name, session } = this.#extensions[index]!
      try {
        const result = session.encodeMessage?.(message)
        if (result == null) continue
        if ('next' in result) return this.#sliced(output, result, choices, index)
        message = result
      } catch (cause) {
        // Hooks are code of others: whatever they throw ends this connection and no other.
        return toExtensionError(cause, name, CloseCode.INTERNAL_ERROR)
      }
    }
    if (choices.fragmentSize == null && !this.#hasFrameHooks) {
      this.#writeData(output, HeaderBit.FIN | message.rsv | message.opcode, message, choices.mask)
      return null
    }
    return this.#sendFrames(output, message, choices)
  }

  #sliced(output: Output, work: SlicedWork, choices: SendChoices, index: number): SlicedSend {
    return () => {
      try {
        const message = work.next()
        if (message === null) return undefined
        return this.#encodeMessage(output, { ...message, compress: choices.compress }, choices, index + 1)
      } catch (cause) {
        return toExtensionError(cause, this.#extensions[index]!.name, CloseCode.INTERNAL_ERROR)
      }
    }
  }

  #sendFrames(
    output: Output,
    message: ExtensionData,
    { fragmentSize, compress, mask }: SendChoices
  ): WebSocketError | null {
    const { payload } = message
    const step = fragmentSize ?? Math.max(payload.length, 1)
    let start = 0
    do {
      const end = Math.min(start + step, payload.length)
      const isFirst = start === 0
      const frame = {
        opcode: isFirst ? message.opcode : Opcode.CONTINUATION,
        isFinal: end === payload.length,
        rsv: isFirst ? message.rsv : 0,
        payload: end - start === payload.length ? payload : payload.subarray(start, end),
        isShared: message.isShared === true,
        compress
      }
      const error = this.sendFrame(output, frame, mask)
      if (error !== null) return error
      start = end
    } while (start < payload.length)
    return null
  }

  /** The bytes that the first hook sees: of short text in memory that all share, for which no object is made. */
  #bytesOf(message: Message): Uint8Array {
    const { writeUtf8, allocate } = this.#settings.environment
    const isShortText = message instanceof TextMessage && !message.isEncoded
    if (!isShortText || message.payload.length > DIRECT_TEXT_LENGTH) return message.bytes
    sharedText ??= allocate(3 * DIRECT_TEXT_LENGTH)
    return sharedText.subarray(0, writeUtf8(message.payload, sharedText, 0))
  }

  #writeData(
    output: Output,
    first: number,
    { payload, isShared }: ExtensionData,
    mask: boolean | undefined
  ): void {
    // Longer ones are passed on by reference.
    const bytes = isShared === true && payload.length > COPY_BYTES ? payload.slice() : payload
    this.#writeFrame(output, first, bytes, mask)
  }

  #masks(mask: boolean | undefined): boolean {
    return mask ?? this.#settings.role === 'client'
  }

  /** Runs the hooks for frames. Returns an error if one threw. */
  #encodeFrame(original: ExtensionData): ExtensionData | WebSocketError {
    let data = original
    for (const { name, session } of this.#extensions) {
      try {
        data = session.encodeFrame?.(data) ?? data
      } catch (cause) {
        return toExtensionError(cause, name, CloseCode.INTERNAL_ERROR)
      }
    }
    return data
  }

  #writeFrame(output: Output, first: number, payload: Uint8Array, mask?: boolean): void {
    const byteLength = payload.length
    if (this.#masks(mask)) {
      this.#writeMasked(output, first, payload)
    } else if (byteLength <= COPY_BYTES) {
      const offset = output.reserve(headerLength(byteLength, false) + byteLength)
      const at = writeHeader(output.buffer, offset, first, byteLength, null)
      output.buffer.set(payload, at)
      output.advance(at + byteLength - offset)
    } else {
      const offset = output.reserve(headerLength(byteLength, false))
      output.advance(writeHeader(output.buffer, offset, first, byteLength, null) - offset)
      output.append(payload)
    }
  }

  #writeMasked(output: Output, first: number, payload: Uint8Array): void {
    const { maskingKey, kernels } = this.#settings.environment
    const byteLength = payload.length
    const { sliceBytes = byteLength } = output
    const key = maskingKey()
    const headBytes = Math.min(byteLength, sliceBytes)
    const offset = output.reserve(headerLength(byteLength, true) + headBytes)
    const at = writeHeader(output.buffer, offset, first, byteLength, key)
    kernels.mask(
      headBytes === byteLength ? payload : payload.subarray(0, headBytes),
      output.buffer,
      at,
      key,
      0
    )
    output.advance(at + headBytes - offset)
    for (let start = headBytes; start < byteLength; start += sliceBytes) {
      const slice = payload.subarray(start, start + sliceBytes)
      const to = output.reserve(slice.length)
      kernels.mask(slice, output.buffer, to, key, start)
      output.advance(slice.length)
    }
  }

  #sendText(output: Output, text: string): void {
    const { environment, role } = this.#settings
    if (text.length <= COLLECTED_TEXT_LENGTH && role === 'server' && output.appendText !== undefined) {
      output.appendText(text)
      return
    }
    if (role === 'client' || text.length > DIRECT_TEXT_LENGTH) {
      this.#writeFrame(output, HeaderBit.FIN | Opcode.TEXT, environment.encodeUtf8(text))
      return
    }
    // The header's length depends on the byte length, which is known afterwards: guess that the text is ASCII.
    const guess = headerLength(text.length, false)
    const offset = output.reserve(guess + 2 + 3 * text.length)
    const byteLength = environment.writeUtf8(text, output.buffer, offset + guess)
    const actual = headerLength(byteLength, false)
    if (actual !== guess)
      output.buffer.copyWithin(offset + actual, offset + guess, offset + guess + byteLength)
    writeHeader(output.buffer, offset, HeaderBit.FIN | Opcode.TEXT, byteLength, null)
    output.advance(actual + byteLength)
  }
}
