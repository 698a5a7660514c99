import type { Kernels } from '../../src/core/kernels.js'
import { ROW_WORDS, Row, RowFlag, RowKind, ScanState } from '../../src/core/layout.js'

const S = ScanState

function validateUtf8(state: number, bytes: Uint8Array): number {
  let needed = state & 3
  let lo = (state >> 8) & 0xff
  let hi = (state >> 16) & 0xff
  for (let i = 0; i < bytes.length; i++) {
    const b = bytes[i]!
    if (needed === 0) {
      if (b < 0x80) continue
      lo = 0x80
      hi = 0xbf
      if (b >= 0xc2 && b <= 0xdf) needed = 1
      else if (b >= 0xe0 && b <= 0xef) {
        needed = 2
        if (b === 0xe0) lo = 0xa0
        if (b === 0xed) hi = 0x9f
      } else if (b >= 0xf0 && b <= 0xf4) {
        needed = 3
        if (b === 0xf0) lo = 0x90
        if (b === 0xf4) hi = 0x8f
      } else return -(i + 1)
    } else {
      if (b < lo || b > hi) return -(i + 1)
      needed--
      lo = 0x80
      hi = 0xbf
    }
  }
  return needed === 0 ? 0 : needed | (lo << 8) | (hi << 16)
}

function scan(state: Int32Array, chunk: Uint8Array, from: number, table: Int32Array): number {
  const header = new Uint8Array(state.buffer, state.byteOffset + S.HEADER * 4, 16)
  let at = from
  let rows = 0
  const max = Math.floor(table.length / ROW_WORDS)
  while (rows < max && at < chunk.length) {
    let isFirst = false
    if (state[S.PHASE] === 0) {
      header[state[S.HEADER_LENGTH]!] = chunk[at++]!
      const have = ++state[S.HEADER_LENGTH]!
      if (have < 2) continue
      const short = header[1]! & 0x7f
      const ext = short < 126 ? 0 : short === 126 ? 2 : 8
      const masked = (header[1]! & 0x80) !== 0
      if (have < 2 + ext + (masked ? 4 : 0)) continue
      let low = short
      let high = 0
      if (ext === 2) low = (header[2]! << 8) | header[3]!
      if (ext === 8) {
        high = (header[2]! << 24) | (header[3]! << 16) | (header[4]! << 8) | header[5]!
        low = (header[6]! << 24) | (header[7]! << 16) | (header[8]! << 8) | header[9]!
      }
      state[S.LENGTH_LOW] = state[S.LEFT_LOW] = low
      state[S.LENGTH_HIGH] = state[S.LEFT_HIGH] = high
      const k = 2 + ext
      state[S.MASKING_KEY] = masked
        ? header[k]! | (header[k + 1]! << 8) | (header[k + 2]! << 16) | (header[k + 3]! << 24)
        : 0
      state[S.PHASE] = 1
      isFirst = true
    }
    let left = (BigInt(state[S.LEFT_HIGH]! >>> 0) << 32n) | BigInt(state[S.LEFT_LOW]! >>> 0)
    const room = BigInt(chunk.length - at)
    const take = Number(left < room ? left : room)
    let key = state[S.MASKING_KEY]!
    let ascii = true
    for (let i = at; i < at + take; i++) {
      chunk[i]! ^= key & 0xff
      key = (key >>> 8) | (key << 24)
      if (chunk[i]! >= 0x80) ascii = false
    }
    state[S.MASKING_KEY] = key
    left -= BigInt(take)
    state[S.LEFT_LOW] = Number(left & 0xffffffffn) | 0
    state[S.LEFT_HIGH] = Number(left >> 32n) | 0
    const row = rows++ * ROW_WORDS
    table[row + Row.SLOT] = state[S.SLOT]!
    table[row + Row.GENERATION] = state[S.GENERATION]!
    table[row + Row.KIND] =
      RowKind.SEGMENT |
      (isFirst ? RowFlag.FIRST : 0) |
      (left === 0n ? RowFlag.LAST : 0) |
      (ascii ? RowFlag.ASCII : 0)
    table[row + Row.HEADER] = header[0]! | (header[1]! << 8)
    table[row + Row.LENGTH_LOW] = state[S.LENGTH_LOW]!
    table[row + Row.LENGTH_HIGH] = state[S.LENGTH_HIGH]!
    table[row + Row.OFFSET] = at
    table[row + Row.BYTE_LENGTH] = take
    at += take
    if (left === 0n) {
      state[S.PHASE] = 0
      state[S.HEADER_LENGTH] = 0
    }
  }
  state[S.CONSUMED] = at
  return rows
}

export const naiveKernels: Kernels = {
  name: 'js',
  scan,
  validateUtf8,
  mask(source, target, targetOffset, key, phase) {
    for (let i = 0; i < source.length; i++)
      target[targetOffset + i] = source[i]! ^ ((key >>> (8 * ((i + phase) % 4))) & 0xff)
  },
  createInflater: () => {
    throw new Error('not here')
  },
  createDeflater: () => {
    throw new Error('not here')
  }
}
