// Owns masking in JavaScript (RFC 6455 §5.3): the twin of native/kernels/mask.cc. Must not know frames.

/** From this length on, in bytes, making two views of words pays. Measured: bench/kernels.mjs, Node.js 20, x86-64. */
const WORDS_MIN_BYTES = 128

/** Returns the key whose lowest byte masks the payload byte `byteCount` further on. */
export function rotateMaskingKey(maskingKey: number, byteCount: number): number {
  const shift = 8 * (byteCount & 3)
  return shift === 0 ? maskingKey | 0 : (maskingKey >>> shift) | (maskingKey << (32 - shift))
}

/** The twin of `Kernels.mask`. */
export function mask(
  source: Uint8Array,
  target: Uint8Array,
  targetOffset: number,
  maskingKey: number,
  phase: number
): void {
  const offset = targetOffset >>> 0
  if (offset + source.length > target.length) throw new RangeError('target is too short')
  maskRange(source, 0, target, offset, source.length, rotateMaskingKey(maskingKey, phase >>> 0))
}

/**
 * Masks `byteLength` bytes of `source`, from `from` on, into `target`, from `to` on. The lowest byte of `maskingKey`
 * masks the first one. The ranges must lie in their arrays. Returns the bitwise or of all bytes written.
 */
export function maskRange(
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  byteLength: number,
  maskingKey: number
): number {
  const isAligned = ((source.byteOffset + from) & 3) === ((target.byteOffset + to) & 3)
  if (byteLength < WORDS_MIN_BYTES || !isAligned) {
    return maskBytes(source, from, target, to, byteLength, maskingKey)
  }
  const head = -(source.byteOffset + from) & 3
  const wordCount = (byteLength - head) >>> 2
  const tail = head + 4 * wordCount
  const key = rotateMaskingKey(maskingKey, head)
  return (
    maskBytes(source, from, target, to, head, maskingKey) |
    maskWords(source, from + head, target, to + head, wordCount, key) |
    maskBytes(source, from + tail, target, to + tail, byteLength - tail, key)
  )
}

function maskBytes(
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  byteLength: number,
  maskingKey: number
): number {
  const key0 = maskingKey & 0xff
  const key1 = (maskingKey >>> 8) & 0xff
  const key2 = (maskingKey >>> 16) & 0xff
  const key3 = maskingKey >>> 24
  let seen = 0
  let i = 0
  for (; i + 4 <= byteLength; i += 4) {
    const byte0 = source[from + i]! ^ key0
    const byte1 = source[from + i + 1]! ^ key1
    const byte2 = source[from + i + 2]! ^ key2
    const byte3 = source[from + i + 3]! ^ key3
    target[to + i] = byte0
    target[to + i + 1] = byte1
    target[to + i + 2] = byte2
    target[to + i + 3] = byte3
    seen |= byte0 | byte1 | byte2 | byte3
  }
  for (; i < byteLength; i++) {
    const byte = source[from + i]! ^ ((maskingKey >>> (8 * (i & 3))) & 0xff)
    target[to + i] = byte
    seen |= byte
  }
  return seen
}

function maskWords(
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  wordCount: number,
  maskingKey: number
): number {
  const sourceWords = new Int32Array(source.buffer, source.byteOffset + from, wordCount)
  const targetWords = new Int32Array(target.buffer, target.byteOffset + to, wordCount)
  const key = IS_LITTLE_ENDIAN ? maskingKey : swapBytes(maskingKey)
  let seen = 0
  for (let i = 0; i < wordCount; i++) {
    const word = sourceWords[i]! ^ key
    targetWords[i] = word
    seen |= word
  }
  return (seen | (seen >>> 8) | (seen >>> 16) | (seen >>> 24)) & 0xff
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
