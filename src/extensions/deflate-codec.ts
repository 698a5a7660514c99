// Owns the compression of one connection, both ways, for whole payloads: messages or frames. Must not know which.
import { WebSocketError } from '../core/errors.js'
import type { Deflater, DeflaterOptions, Inflater } from '../core/kernels.js'
import { type ContextPool, deflaterBytes, inflaterBytes } from './contexts.js'
import type { ResolvedDeflateOptions } from './deflate-options.js'
import { MOST_WINDOW_BITS } from './deflate-parameters.js'

/** What a slice yields, in less than a millisecond. Messages that yield no more are inflated at once. */
const SLICE_BYTES = 256 * 1024
/** What a slice joins. */
const JOINED_BYTES = 1024 * 1024

/** Up to here level 6 costs little more than lower ones, and yields no more bytes than zlib's own defaults. */
const SHORT_BYTES = 4 * 1024
/** Shorter results are written to memory that all share; longer ones get memory of their own, which nobody copies. */
const SHARED_TEXT_BYTES = 4 * 1024
/** What the sender copies anyway. */
const SHARED_DEFLATED_BYTES = 8 * 1024
/** Where a window is kept: messages get about 10 to 15 % longer than with 15 bits, for less than half of the memory. */
export const KEPT_WINDOW_BITS = 12

/** What was negotiated. */
export interface CodecTerms {
  /** The window that we may use, 8-15 bits, and whether it is kept from one payload to the next. */
  readonly deflateWindowBits: number
  readonly keepsDeflateWindow: boolean
  /** The window that the peer may use. */
  readonly inflateWindowBits: number
  readonly keepsInflateWindow: boolean
}

/** Payloads up to here are deflated at once, in some milliseconds at most; of longer ones a slice takes that many bytes. */
const DEFLATED_SLICE_BYTES = 128 * 1024

/** Works on the rest of a long payload, slice by slice; null before the last one. Throws as the first call does. */
export type CodeRest = () => Uint8Array | null

/** A result. `isShared`: it stands in memory that the next call writes to. */
export interface Coded {
  readonly payload: Uint8Array
  readonly isShared: boolean
}

const NO_BYTES = new Uint8Array(0)
const sharedText = new Uint8Array(SHARED_TEXT_BYTES)
const sharedDeflated = new Uint8Array(SHARED_DEFLATED_BYTES)

/** Memory that the windows take that are kept under these terms. */
export function keptBytes(terms: CodecTerms, options: ResolvedDeflateOptions): number {
  const inflater = terms.keepsInflateWindow ? inflaterBytes(terms.inflateWindowBits) : 0
  return terms.keepsDeflateWindow ? inflater + deflaterBytes(keptDeflater(terms, options)) : inflater
}

/** Inflates and deflates whole payloads. */
export class DeflateCodec {
  readonly #pool: ContextPool
  readonly #terms: CodecTerms
  readonly #options: ResolvedDeflateOptions
  readonly #reservedBytes: number
  /** Made at their first use, where windows are kept. */
  #inflater: Inflater | null = null
  #deflater: Deflater | null = null
  /** An inflater of the pool that is at work on a long payload. */
  #lent: Inflater | null = null
  #lentForDeflating: Deflater | null = null

  /** `reservedBytes`: what the pool has set aside for this codec, which gives it back. */
  constructor(pool: ContextPool, terms: CodecTerms, options: ResolvedDeflateOptions, reservedBytes: number) {
    this.#pool = pool
    this.#terms = terms
    this.#options = options
    this.#reservedBytes = reservedBytes
  }

  /**
   * Inflates a payload that comes without its tail: the whole of it, or the first slice of a long one, for which it returns a
   * function. `isPassing`: the payload's memory will be written to again. Throws WebSocketError 'message-too-big' if it
   * yields more than `maxBytes`, 'extension-failed' if it is no deflate stream.
   */
  inflate(payload: Uint8Array, isPassing: boolean, maxBytes: number): Coded | CodeRest {
    const keepsWindow = this.#terms.keepsInflateWindow
    const inflater = this.#takeInflater()
    const text = inflater.inflateMessage(payload, keepsWindow, maxBytes, SLICE_BYTES, sharedText)
    if (typeof text !== 'number' && text !== null && text.length >= SLICE_BYTES) {
      const { rest } = inflater
      if (rest !== null) {
        const left = payload.subarray(payload.length - rest)
        return this.#inflateRest(inflater, isPassing ? left.slice() : left, text, maxBytes, payload.length)
      }
    }
    if (text !== null) {
      this.#giveInflater(inflater)
      this.#countInflated(payload.length, typeof text === 'number' ? text : text.length)
      return coded(text, sharedText)
    }
    throw this.#fail(inflater, maxBytes)
  }

  /**
   * Deflates a payload, without its tail. Returns null, and leaves no trace in the window, if the result would be no shorter:
   * only where no window is kept. `mayDefer`: for a long one it may return a function; then the payload must not change.
   */
  deflate(payload: Uint8Array, mayDefer: boolean): Coded | CodeRest | null {
    if (mayDefer && payload.length > DEFLATED_SLICE_BYTES) return this.#deflateRest(payload)
    if (this.#terms.keepsDeflateWindow) {
      this.#deflater ??= this.#pool.makeDeflater(keptDeflater(this.#terms, this.#options))
      const kept = this.#deflater.deflateMessage(payload, true, sharedDeflated, 0)
      this.#countDeflated(payload.length, typeof kept === 'number' ? kept : kept.length)
      return coded(kept, sharedDeflated)
    }
    const options = this.#lentDeflater(payload.length)
    const deflater = this.#pool.takeDeflater(options)
    const deflated = deflater.deflateMessage(payload, false, sharedDeflated, 0)
    this.#pool.giveDeflater(deflater, options)
    const byteLength = typeof deflated === 'number' ? deflated : deflated.length
    this.#countDeflated(payload.length, Math.min(byteLength, payload.length))
    return byteLength < payload.length ? coded(deflated, sharedDeflated) : null
  }

  /** Closes the contexts that were kept. */
  close(): void {
    this.#inflater?.close()
    this.#lent?.close()
    this.#lentForDeflating?.close()
    this.#deflater?.close()
    this.#pool.unreserve(this.#reservedBytes)
  }

  #countDeflated(plainBytes: number, codedBytes: number): void {
    const { counts } = this.#pool
    counts.plainBytesOut += plainBytes
    counts.codedBytesOut += codedBytes
  }

  #countInflated(codedBytes: number, plainBytes: number): void {
    const { counts } = this.#pool
    counts.codedBytesIn += codedBytes
    counts.plainBytesIn += plainBytes
  }

  #takeInflater(): Inflater {
    if (!this.#terms.keepsInflateWindow) return this.#pool.takeInflater()
    this.#inflater ??= this.#pool.makeInflater(this.#terms.inflateWindowBits)
    return this.#inflater
  }

  #giveInflater(inflater: Inflater): void {
    if (!this.#terms.keepsInflateWindow) this.#pool.giveInflater(inflater)
    this.#lent = null
  }

  #fail(inflater: Inflater, maxBytes: number): WebSocketError {
    const { failure } = inflater
    this.#giveInflater(inflater)
    return failure === 'too-large' ? tooBig(maxBytes) : corrupt()
  }

  #inflateRest(
    inflater: Inflater,
    payload: Uint8Array,
    first: Uint8Array,
    maxBytes: number,
    codedBytes: number
  ): CodeRest {
    if (inflater !== this.#inflater) this.#lent = inflater
    const pieces = [first]
    let left = payload
    let byteLength = first.length
    let join: (() => Uint8Array | null) | null = null
    return () => {
      if (join !== null) return join()
      const keepsWindow = this.#terms.keepsInflateWindow
      const piece = inflater.inflateMessage(left, keepsWindow, maxBytes - byteLength, SLICE_BYTES, null)
      if (piece === null) throw this.#fail(inflater, maxBytes)
      pieces.push(piece as Uint8Array)
      byteLength += (piece as Uint8Array).length
      const { rest } = inflater
      if (rest === null) {
        this.#giveInflater(inflater)
        this.#countInflated(codedBytes, byteLength)
        join = joinInSlices(pieces, byteLength)
      } else {
        left = left.subarray(left.length - rest)
      }
      return null
    }
  }

  #deflateRest(payload: Uint8Array): CodeRest {
    const { keepsDeflateWindow } = this.#terms
    const options = this.#lentDeflater(payload.length)
    if (keepsDeflateWindow)
      this.#deflater ??= this.#pool.makeDeflater(keptDeflater(this.#terms, this.#options))
    const deflater = keepsDeflateWindow ? this.#deflater! : this.#pool.takeDeflater(options)
    if (!keepsDeflateWindow) this.#lentForDeflating = deflater
    const { length } = payload
    const pieces: Uint8Array[] = []
    let from = 0
    let byteLength = -TAIL_BYTES
    let join: CodeRest | null = null
    return () => {
      if (join !== null) return join()
      const to = Math.min(from + DEFLATED_SLICE_BYTES, length)
      // The application has detached its memory.
      if (to > payload.length) throw new WebSocketError('payload-transferred')
      const piece = deflater.deflate(payload.subarray(from, to), to === length)
      pieces.push(piece)
      byteLength += piece.length
      from = to
      if (to < length) return null
      this.#countDeflated(length, keepsDeflateWindow ? byteLength : Math.min(byteLength, length))
      if (!keepsDeflateWindow) {
        deflater.reset()
        this.#pool.giveDeflater(deflater, options)
        this.#lentForDeflating = null
        if (byteLength >= length) return payload
      }
      join = joinInSlices(pieces, byteLength)
      return null
    }
  }

  /** A window as wide as the message is enough. */
  #lentDeflater(byteLength: number): Required<DeflaterOptions> {
    const { level, memLevel } = this.#options
    const isShort = byteLength <= SHORT_BYTES
    return withWindow(Math.min(this.#terms.deflateWindowBits, isShort ? 12 : MOST_WINDOW_BITS), {
      level: level ?? (isShort ? 6 : 2),
      memLevel: memLevel ?? (isShort ? 6 : 8)
    })
  }
}

function keptDeflater(
  terms: CodecTerms,
  { level, memLevel }: ResolvedDeflateOptions
): Required<DeflaterOptions> {
  return withWindow(terms.deflateWindowBits, { level: level ?? 6, memLevel: memLevel ?? 5 })
}

/** zlib deflates with windows from 9 bits on. One that reaches back a single byte fits into every window. */
function withWindow(
  windowBits: number,
  options: { level: number; memLevel: number }
): Required<DeflaterOptions> {
  return { ...options, windowBits: Math.max(9, windowBits), isRunLength: windowBits < 9 }
}

function coded(result: number | Uint8Array, shared: Uint8Array): Coded {
  return typeof result === 'number'
    ? { payload: shared.subarray(0, result), isShared: true }
    : { payload: result, isShared: false }
}

/** 00 00 ff ff at the end of a message, which is not sent. Source: RFC 7692 §7.2.1. */
const TAIL_BYTES = 4

/** Joins the first `byteLength` bytes of the pieces, some at each call, and lets go of each. Returns the whole with the last one, null before. */
function joinInSlices(pieces: Uint8Array[], byteLength: number): () => Uint8Array | null {
  const whole = new Uint8Array(byteLength)
  let at = 0
  let index = 0
  return () => {
    for (const end = at + JOINED_BYTES; index < pieces.length && at < end; index++) {
      const room = byteLength - at
      whole.set(pieces[index]!.length > room ? pieces[index]!.subarray(0, room) : pieces[index]!, at)
      at += pieces[index]!.length
      pieces[index] = NO_BYTES
    }
    return index < pieces.length ? null : whole
  }
}

function tooBig(maxBytes: number): WebSocketError {
  return new WebSocketError('message-too-big', { detail: `more than ${maxBytes} bytes after inflating` })
}

function corrupt(): WebSocketError {
  return new WebSocketError('extension-failed', { detail: 'the payload is no deflate stream' })
}
