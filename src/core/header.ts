// Owns the constants of a frame's header and its encoding (RFC 6455 §5.2); decoding is the scanner's.

/** Opcodes of frames. Source: RFC 6455 §5.2, §11.8. */
export const Opcode = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa
} as const

/** Bits of a frame's first header byte. Source: RFC 6455 §5.2. */
export const HeaderBit = {
  FIN: 0x80,
  RSV1: 0x40,
  RSV2: 0x20,
  RSV3: 0x10,
  /** All three reserved bits. */
  RSV: 0x70,
  OPCODE: 0x0f,
  /** In the second byte: the payload is masked. */
  MASK: 0x80,
  /** In the second byte: the length, or how it is extended (126: 16 bits follow, 127: 64 bits follow). */
  LENGTH: 0x7f
} as const

/** Most payload bytes of a control frame. Source: RFC 6455 §5.5. */
export const MAX_CONTROL_BYTES = 125

/** Longest header in bytes: two, a 64-bit length, a masking key. Source: RFC 6455 §5.2. */
export const MAX_HEADER_BYTES = 14

/** Length in bytes of the header of a frame with that much payload. */
export function headerLength(payloadLength: number, isMasked: boolean): number {
  const extended = payloadLength < 126 ? 2 : payloadLength < 65536 ? 4 : 10
  return isMasked ? extended + 4 : extended
}

/**
 * Writes a frame's header. `first`: FIN, reserved bits and opcode. `maskingKey`: four bytes in wire order, the first
 * lowest; null leaves the frame unmasked. Returns the offset of the payload. Source: RFC 6455 §5.2.
 */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  first: number,
  payloadLength: number,
  maskingKey: number | null
): number {
  const mask = maskingKey === null ? 0 : HeaderBit.MASK
  target[offset] = first
  let at = offset + 2
  if (payloadLength < 126) {
    target[offset + 1] = mask | payloadLength
  } else if (payloadLength < 65536) {
    target[offset + 1] = mask | 126
    target[at++] = payloadLength >>> 8
    target[at++] = payloadLength
  } else {
    target[offset + 1] = mask | 127
    const high = Math.floor(payloadLength / 0x1_0000_0000)
    at = writeUint32(target, writeUint32(target, at, high), payloadLength)
  }
  if (maskingKey === null) return at
  target[at++] = maskingKey
  target[at++] = maskingKey >>> 8
  target[at++] = maskingKey >>> 16
  target[at++] = maskingKey >>> 24
  return at
}

function writeUint32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
  return at + 4
}
