// Owns which inflaters and deflaters the zlib suites run over, and how a test feeds them.
import type { Deflater, DeflaterOptions, InflateFailure, Inflater } from '../../src/core/kernels.js'
import { createDeflater, createInflater } from '../../src/kernels/js/zlib.js'
import { loadNativeKernels } from '../../src/kernels/native.js'

export interface ZlibSubject {
  readonly name: string
  createInflater(windowBits: number): Inflater
  createDeflater(options?: DeflaterOptions): Deflater
}

const js: ZlibSubject = { name: 'js', createInflater, createDeflater }
const native = loadNativeKernels()

/** Why the native subject is not among them; null if it is. */
export const nativeSkipReason = native.status === 'loaded' ? null : native.reason

export const subjects: readonly ZlibSubject[] =
  native.status === 'loaded' ? [js, { ...native.kernels, name: 'native' }] : [js]

/** What a peer leaves out at the end of a message. Source: RFC 7692 §7.2.1. */
export const TAIL = Uint8Array.from([0x00, 0x00, 0xff, 0xff])

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16))
}

export function text(string: string): Uint8Array {
  return new TextEncoder().encode(string)
}

/** The same bytes as a string, which is compared much faster. */
export function latin1(result: Uint8Array | InflateFailure): string {
  return typeof result === 'string' ? result : Buffer.from(result).toString('latin1')
}

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces))
}

/** Inflates one message that comes in pieces, with the limit counted down as callers do. */
export function inflateMessage(
  inflater: Inflater,
  pieces: readonly Uint8Array[],
  maxBytes = 2 ** 30
): Uint8Array | InflateFailure {
  const output: Uint8Array[] = []
  let left = maxBytes
  for (const [i, piece] of pieces.entries()) {
    const ready = inflater.inflate(piece, i === pieces.length - 1, left)
    if (ready === null) return inflater.failure!
    left -= ready.length
    output.push(ready)
  }
  return concat(...output)
}

/** Inflates one message with an inflater of its own. */
export function inflateOnce(
  subject: ZlibSubject,
  message: Uint8Array,
  { maxBytes = 2 ** 30, windowBits = 15 } = {}
): Uint8Array | InflateFailure {
  const inflater = subject.createInflater(windowBits)
  const result = inflateMessage(inflater, [message], maxBytes)
  inflater.close()
  return result
}

/** Cuts `message` into pieces of `size` bytes; one empty piece if there are no bytes. */
export function cut(message: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let from = 0; from < message.length || from === 0; from += size) {
    pieces.push(message.subarray(from, from + size))
  }
  return pieces
}

/** Bytes that do not compress, always the same ones for a seed. */
export function noise(byteLength: number, seed = 1): Uint8Array {
  let state = seed
  return Uint8Array.from({ length: byteLength }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state >>> 24
  })
}

/** A JSON text of about `byteLength` bytes. */
export function json(byteLength: number): Uint8Array {
  const rows: string[] = []
  for (let i = 0, length = 0; length < byteLength; i++) {
    const row = JSON.stringify({
      id: i,
      name: `name ${i % 97}`,
      values: [i * 3, i % 11, -i],
      isLive: i % 2 === 0
    })
    rows.push(row)
    length += row.length + 1
  }
  return text(`[${rows.join()}]`)
}
