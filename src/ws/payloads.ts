// Owns the forms in which `ws` gives payloads to programs. Must not know where they come from.
// The global one is a getter, which takes longer than the test that it is for.
import { Buffer } from 'node:buffer'
import { type Message, TextMessage } from '../core/message.js'
import type { BinaryType, RawData } from './websocket.js'

/** The bytes of a text message: those of the wire. */
export function textOf(message: Message): Buffer {
  return message instanceof TextMessage && !message.isEncoded
    ? Buffer.from(message.payload)
    : toBuffer(message.bytes)
}

/** A binary payload as `binaryType` asks for it. */
export function convert(bytes: Uint8Array, type: BinaryType): RawData | Blob {
  if (type === 'nodebuffer') return toBuffer(bytes)
  if (type === 'fragments') return bytes.length === 0 ? [] : [toBuffer(bytes)]
  if (type === 'blob') return new Blob([bytes as Uint8Array<ArrayBuffer>])
  const { buffer, byteOffset, byteLength } = bytes
  return buffer.byteLength === byteLength
    ? (buffer as ArrayBuffer)
    : (buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer)
}

/** A Buffer of the same memory. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
