// Owns the tests' own encoding and decoding of frames, written apart from the library's so that neither hides a
// fault of the other. Knows the format of RFC 6455 §5.2 and no rule about it.
import type { Role } from '../../src/core/terms.js'

/** A frame as a vector writes it down. */
export interface FrameSpec {
  readonly opcode: number
  readonly payload: Uint8Array
  /** Default true. */
  readonly fin?: boolean
  /** Reserved bits as they stand in the first byte. Default 0. */
  readonly rsv?: number
  /** How the length is written: 7, 16 or 64 bits. Default: the shortest that holds it. */
  readonly lengthBits?: 7 | 16 | 64
  /** The length that the header announces, if it is not the payload's. */
  readonly announced?: bigint
  /** 'wrong': masked if the role's frames must not be, and the reverse. Default 'right'. */
  readonly masking?: 'right' | 'wrong'
}

/** A frame that was written, as a vector expects it: first header byte and payload in hex. */
export type WrittenFrame = readonly [first: string, payload: string]

/** Makes bytes of hex digits; spaces are ignored. */
export function hex(digits: string): Uint8Array {
  const compact = digits.replaceAll(' ', '')
  return Uint8Array.from({ length: compact.length / 2 }, (_, i) =>
    Number.parseInt(compact.slice(2 * i, 2 * i + 2), 16)
  )
}

/** Makes hex digits of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Makes UTF-8 of text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Joins bytes. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Makes bytes that differ from their neighbours and are no valid UTF-8. */
export function noise(byteLength: number): Uint8Array {
  return Uint8Array.from({ length: byteLength }, (_, i) => (i * 131 + 255) & 0xff)
}

const KEY = [0x37, 0xfa, 0x21, 0x3d]

/** Encodes a frame as a peer of that role's endpoint sends it: a server receives masked frames. */
export function encode(spec: FrameSpec, receiver: Role): Uint8Array {
  const isMasked = (receiver === 'server') !== (spec.masking === 'wrong')
  const length = spec.announced ?? BigInt(spec.payload.length)
  const bits = spec.lengthBits ?? (length < 126n ? 7 : length < 65536n ? 16 : 64)
  const maskBit = isMasked ? 0x80 : 0
  const header = [(spec.fin === false ? 0 : 0x80) | (spec.rsv ?? 0) | spec.opcode]
  if (bits === 7) header.push(maskBit | Number(length))
  else header.push(maskBit | (bits === 16 ? 126 : 127))
  if (bits !== 7)
    for (let shift = bits - 8; shift >= 0; shift -= 8) header.push(Number((length >> BigInt(shift)) & 0xffn))
  if (!isMasked) return join([Uint8Array.from(header), spec.payload])
  const masked = spec.payload.map((byte, i) => byte ^ KEY[i % 4]!)
  return join([Uint8Array.from([...header, ...KEY]), masked])
}

/** What `decode` reads: a frame and whether it was masked. */
export interface ReadFrame {
  readonly first: number
  readonly payload: Uint8Array
  readonly isMasked: boolean
}

/** Decodes bytes that are whole frames with minimal lengths; throws Error where they are not. */
export function decode(bytes: Uint8Array): ReadFrame[] {
  const frames: ReadFrame[] = []
  for (let at = 0; at < bytes.length; ) {
    const first = byteAt(bytes, at)
    const second = byteAt(bytes, at + 1)
    const isMasked = (second & 0x80) !== 0
    const short = second & 0x7f
    const extra = short < 126 ? 0 : short === 126 ? 2 : 8
    let length = short < 126 ? short : 0
    for (let i = 0; i < extra; i++) length = length * 256 + byteAt(bytes, at + 2 + i)
    if (extra === 2 && length < 126) throw new Error(`length ${length} in 16 bits`)
    if (extra === 8 && length < 65536) throw new Error(`length ${length} in 64 bits`)
    const keyAt = at + 2 + extra
    const start = keyAt + (isMasked ? 4 : 0)
    if (start + length > bytes.length) throw new Error(`frame at ${at} is cut short`)
    const payload = bytes.slice(start, start + length)
    if (isMasked) for (let i = 0; i < length; i++) payload[i]! ^= byteAt(bytes, keyAt + (i % 4))
    frames.push({ first, payload, isMasked })
    at = start + length
  }
  return frames
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw new Error(`nothing at ${at}`)
  return byte
}
