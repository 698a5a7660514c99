// Owns what servers write to each other through a broker, as bytes. Must not know brokers, nor what becomes of it.
//
// 0 'H', 1 version, 2 kind, 3 opcode, 4 flags, 5-20 origin, 21-26 sequence, 27-30 length of the name, 31-34 length of the key; then
// name and key in UTF-8, and the body up to the end. Numbers are big-endian.
import { isUtf8 } from 'node:buffer'
import { Opcode } from '../core/header.js'
import { BinaryMessage, ExtensionMessage, type Message, TextMessage } from '../core/message.js'
import type { Overflow } from '../topics/overflow.js'
import type { RemotePublication } from './backplane.js'

const MAGIC = 0x48
const VERSION = 1
const ORIGIN = 5
const SEQUENCE = 21
const NAME_LENGTH = 27
const KEY_LENGTH = 31
const HEADER = 35

/** Bytes of an origin. */
export const ORIGIN_LENGTH = SEQUENCE - ORIGIN

/** What an envelope is about. Name, key and body are empty unless said otherwise. */
export const Kind = {
  /** name: the topic; key: if `HAS_KEY`; body: the message. */
  PUBLICATION: 1,
  /** As a publication, without a topic. */
  BROADCAST: 2,
  /** body: how many clients the server has, u32. Flag 1: the others are to tell of themselves. */
  HEARTBEAT: 3,
  /** The server is leaving. */
  FAREWELL: 4,
  /** How many subscribe to the name? body: the question's number, u32. */
  COUNT: 5,
  /** Is the client whose id is the name there? Then it is closed. key: the reason; body: the numbers of the question and of the close code, u32 each. */
  DISCONNECT: 6,
  /** body: the numbers of the question and of the answer, u32 each. */
  ANSWER: 7
} as const

const MAX_KIND = Kind.ANSWER

/** Of a publication: compress says true (1) or false (2). */
const COMPRESS = 3
const OVERFLOW_SHIFT = 2
const HAS_KEY = 1 << 5
const PUBLICATION_FLAGS = (1 << 6) - 1
/** Of a heartbeat. */
export const WANTS_ANSWER = 1

/** By number, which must never change; 0 stands for none. */
const OVERFLOWS: readonly (Overflow | null)[] = [
  null,
  'queue',
  'drop-newest',
  'drop-oldest',
  'latest',
  'pause-publisher',
  'close'
]

/** An envelope, opened. */
export interface Envelope {
  readonly kind: number
  readonly opcode: number
  readonly flags: number
  /** The server that sent it, in hexadecimal. */
  readonly origin: string
  /** Numbers what this server sends. */
  readonly sequence: number
  readonly name: string
  readonly key: string
  /** A view. */
  readonly body: Uint8Array
}

/** What an envelope is made of; see `Envelope`. */
export interface Content {
  readonly kind: number
  readonly opcode?: number
  readonly flags?: number
  readonly name?: string
  readonly key?: string
  readonly body?: Uint8Array
}

/** Writes an envelope. `origin`: 16 bytes. */
export function sealEnvelope(origin: Uint8Array, sequence: number, content: Content): Uint8Array {
  const { kind, opcode = 0, flags = 0, name = '', key = '', body = NOTHING } = content
  const nameLength = Buffer.byteLength(name)
  const keyLength = Buffer.byteLength(key)
  const bytes = Buffer.allocUnsafe(HEADER + nameLength + keyLength + body.length)
  bytes[0] = MAGIC
  bytes[1] = VERSION
  bytes[2] = kind
  bytes[3] = opcode
  bytes[4] = flags
  bytes.set(origin, ORIGIN)
  bytes.writeUIntBE(sequence, SEQUENCE, 6)
  bytes.writeUInt32BE(nameLength, NAME_LENGTH)
  bytes.writeUInt32BE(keyLength, KEY_LENGTH)
  bytes.write(name, HEADER)
  bytes.write(key, HEADER + nameLength)
  bytes.set(body, HEADER + nameLength + keyLength)
  return bytes
}

/** Reads an envelope. Returns null for what none is, whoever wrote it. */
export function openEnvelope(source: Uint8Array): Envelope | null {
  if (source.length < HEADER || source[0] !== MAGIC || source[1] !== VERSION) return null
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.length)
  const kind = bytes[2]!
  const nameEnd = HEADER + bytes.readUInt32BE(NAME_LENGTH)
  const keyEnd = nameEnd + bytes.readUInt32BE(KEY_LENGTH)
  if (kind < 1 || kind > MAX_KIND || keyEnd > bytes.length) return null
  if (!isUtf8(bytes.subarray(HEADER, keyEnd)) || !isUtf8(bytes.subarray(HEADER, nameEnd))) return null
  return {
    kind,
    opcode: bytes[3]!,
    flags: bytes[4]!,
    origin: bytes.toString('hex', ORIGIN, SEQUENCE),
    sequence: bytes.readUIntBE(SEQUENCE, 6),
    name: bytes.toString('utf8', HEADER, nameEnd),
    key: bytes.toString('utf8', nameEnd, keyEnd),
    body: bytes.subarray(keyEnd)
  }
}

/** Makes the content for a publication. */
export function packPublication({ topic, message, compress, overflow, key }: RemotePublication): Content {
  const flags =
    (compress === null ? 0 : compress ? 1 : 2) |
    (OVERFLOWS.indexOf(overflow) << OVERFLOW_SHIFT) |
    (key === null ? 0 : HAS_KEY)
  return {
    kind: topic === null ? Kind.BROADCAST : Kind.PUBLICATION,
    opcode: message.opcode,
    flags,
    name: topic ?? '',
    key: key ?? '',
    body: message.bytes
  }
}

/** Reads the publication in an envelope of that kind. Returns null where it keeps to no rule. */
export function unpackPublication(envelope: Envelope): RemotePublication | null {
  const { kind, flags, name, key } = envelope
  const compress = flags & COMPRESS
  const overflow = OVERFLOWS[(flags & ~HAS_KEY) >> OVERFLOW_SHIFT]
  const hasKey = (flags & HAS_KEY) !== 0
  const isSound = flags <= PUBLICATION_FLAGS && compress !== COMPRESS && overflow !== undefined
  if (!isSound || (key !== '' && !hasKey) || (kind === Kind.BROADCAST && name !== '')) return null
  const message = toMessage(envelope.opcode, envelope.body)
  if (message === null) return null
  return {
    topic: kind === Kind.BROADCAST ? null : name,
    message,
    compress: compress === 0 ? null : compress === 1,
    overflow,
    key: hasKey ? key : null
  }
}

function toMessage(opcode: number, body: Uint8Array): Message | null {
  if (opcode === Opcode.TEXT) return isUtf8(body) ? TextMessage.fromValidUtf8(keepable(body)) : null
  if (opcode === Opcode.BINARY) return new BinaryMessage(keepable(body))
  return opcode > Opcode.BINARY && opcode < 8 ? new ExtensionMessage(opcode, keepable(body)) : null
}

/** Copies a view that would keep much more memory than its own. */
function keepable(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength > 4 * (bytes.length + HEADER) ? Uint8Array.from(bytes) : bytes
}

/** Writes numbers of 32 bits, one behind the other. */
export function packNumbers(...numbers: readonly number[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 * numbers.length)
  numbers.forEach((number, index) => {
    bytes.writeUInt32BE(Math.min(number, 2 ** 32 - 1), 4 * index)
  })
  return bytes
}

/** Reads so many of them; null if the bytes are not as long. */
export function unpackNumbers(bytes: Uint8Array, count: number): readonly number[] | null {
  if (bytes.length !== 4 * count) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: count }, (_, index) => view.getUint32(4 * index))
}

const NOTHING = new Uint8Array(0)
