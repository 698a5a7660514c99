// Owns the rules that a frame's header can break by itself. Must not know what came before it.
import type { ViolationCode } from './errors.js'
import { HeaderBit, MAX_CONTROL_BYTES, Opcode } from './header.js'
import type { Terms } from './terms.js'

/**
 * Returns the rule that a frame's header breaks, or null. `header`: its first two bytes, the first one lowest.
 * `lengthLow`, `lengthHigh`: the length as it stands there. Source: RFC 6455 §5.1, §5.2, §5.5.
 */
export function checkHeader(
  terms: Terms,
  header: number,
  lengthLow: number,
  lengthHigh: number
): ViolationCode | null {
  const opcode = header & HeaderBit.OPCODE
  const isControl = opcode >= Opcode.CLOSE
  const rsv = header & HeaderBit.RSV
  if (rsv !== 0 && (rsv & ~terms.allowedRsv(opcode)) !== 0) return 'reserved-bits'
  if (isControl ? opcode > Opcode.PONG : opcode > Opcode.BINARY && !terms.hasOpcode(opcode))
    return 'reserved-opcode'
  if (((header >>> 8) & HeaderBit.MASK) !== terms.maskBit)
    return terms.maskBit === 0 ? 'masked-frame' : 'unmasked-frame'
  const shortLength = (header >>> 8) & HeaderBit.LENGTH
  if (isControl) {
    if ((header & HeaderBit.FIN) === 0) return 'fragmented-control'
    return shortLength > MAX_CONTROL_BYTES ? 'control-too-long' : null
  }
  if (lengthHigh < 0) return 'length-overflow'
  const length = frameLength(lengthLow, lengthHigh)
  return shortLength >= 126 && length < (shortLength === 126 ? 126 : 65536) ? 'length-not-minimal' : null
}

/** A frame's first two bytes, for the text of an error. */
export function describeHeader(header: number): string {
  const hex = (byte: number) => `0x${(byte & 0xff).toString(16).padStart(2, '0')}`
  return `frame header ${hex(header)} ${hex(header >>> 8)}`
}

/** A frame's length of its two words. */
export function frameLength(lengthLow: number, lengthHigh: number): number {
  return lengthHigh * 0x1_0000_0000 + (lengthLow >>> 0)
}
