// Owns the JavaScript twins of the inflater and the deflater, on node:zlib's synchronous calls. Those know no window
// between two calls, so a twin keeps the last bytes of the plain text and hands them in as a dictionary.
// Must not know what a message means.
import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib'
import type { Deflater, DeflaterOptions, InflateFailure, Inflater } from '../../core/kernels.js'
import { ByteCollector } from './byte-collector.js'

/** What a peer leaves out at the end of a message and the caller appends again. Source: RFC 7692 §7.2.1. */
const TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff)
/** An empty final stored block: behind a message that ends between two blocks it ends the stream; elsewhere it cannot. */
const STREAM_END = [0x01, 0x00, 0x00, 0xff, 0xff] as const

// The same numbers as in native/kernels/inflater.cc and native/binding/zlib-kernels.cc.
const MAX_STREAMS_PER_MESSAGE = 1024
const SPARE_INPUT_BYTES = 1024
const MAX_RESULT_BYTES = 0xffff_ffff

const EMPTY = new Uint8Array(0)

/** Makes an inflater of node:zlib. The interface is the native one's; a message is inflated when its last piece is there. */
export function createInflater(windowBits: number): Inflater {
  return new JsInflater(readInteger('windowBits', windowBits, 8, 15))
}

/** Makes a deflater of node:zlib. A message is deflated when its last piece is there. */
export function createDeflater(options: DeflaterOptions = {}): Deflater {
  return new JsDeflater(readDeflaterOptions(options))
}

/** Fills in the defaults of a deflater's options. Throws RangeError for one that is out of its range. */
export function readDeflaterOptions(options: DeflaterOptions): Required<DeflaterOptions> {
  return {
    windowBits: readInteger('windowBits', options.windowBits ?? 15, 9, 15),
    level: readInteger('level', options.level ?? 6, 0, 9),
    memLevel: readInteger('memLevel', options.memLevel ?? 8, 1, 9),
    isRunLength: readBoolean('isRunLength', options.isRunLength ?? false)
  }
}

/** The last bytes of the plain text, as many as the window has. */
class History {
  readonly #windowBytes: number
  #bytes: Uint8Array = EMPTY

  constructor(windowBits: number) {
    this.#windowBytes = 2 ** windowBits
  }

  /** Options for zlib that begin with this window. */
  get options(): ZlibOptions {
    return this.#bytes.length === 0 ? {} : { dictionary: this.#bytes }
  }

  append(text: Uint8Array): void {
    const kept = this.#bytes.subarray(Math.max(0, this.#bytes.length + text.length - this.#windowBytes))
    const added = text.subarray(Math.max(0, text.length - this.#windowBytes))
    const bytes = new Uint8Array(kept.length + added.length)
    bytes.set(kept)
    bytes.set(added, kept.length)
    this.#bytes = bytes
  }

  clear(): void {
    this.#bytes = EMPTY
  }
}

class JsInflater implements Inflater {
  readonly #windowBits: number
  readonly #history: History
  #pieces = new ByteCollector()
  #state: 'between-messages' | 'in-message' | 'failed' | 'closed' = 'between-messages'
  #maxInputBytes = 0
  #failure: InflateFailure | null = null

  constructor(windowBits: number) {
    this.#windowBits = windowBits
    this.#history = new History(windowBits)
  }

  get failure(): InflateFailure | null {
    return this.#failure
  }

  /** A message is inflated at its end: no budget stops it. */
  get rest(): number | null {
    return null
  }

  inflate(piece: Uint8Array, isFinal: boolean, maxBytes: number, budget?: number): Uint8Array | null {
    this.#requireWorking()
    checkPiece(piece, isFinal)
    const limit = readCount('maxBytes', maxBytes, 0)
    if (budget !== undefined) readCount('budget', budget, 1)
    if (this.#state === 'between-messages') {
      this.#state = 'in-message'
      this.#maxInputBytes = 2 * limit + SPARE_INPUT_BYTES
    }
    if (this.#pieces.byteLength + piece.length > this.#maxInputBytes) return this.#fail('too-large')
    this.#pieces.append(piece)
    if (!isFinal) return EMPTY
    this.#state = 'between-messages'
    return this.#inflateWhole(limit)
  }

  inflateMessage(
    message: Uint8Array,
    keepsWindow: boolean,
    maxBytes: number,
    budget: number,
    target: Uint8Array | null
  ): Uint8Array | number | null {
    readBoolean('keepsWindow', keepsWindow)
    checkTarget(target)
    if (this.inflate(message, false, maxBytes, budget) === null) return null
    const text = this.inflate(TAIL, true, maxBytes, budget)
    if (text !== null && !keepsWindow) this.#history.clear()
    return text === null ? null : put(text, target, 0)
  }

  reset(): void {
    this.#requireWorking()
    this.#pieces.take()
    this.#history.clear()
    this.#state = 'between-messages'
  }

  close(): void {
    this.#pieces.take()
    this.#history.clear()
    this.#state = 'closed'
  }

  /** A final block ends a stream; what follows it is a new one with an empty window. Source: RFC 7692 §7.2.3.4. */
  #inflateWhole(maxBytes: number): Uint8Array | null {
    const byteLength = this.#pieces.byteLength
    this.#pieces.append(Uint8Array.from(STREAM_END))
    const input = this.#pieces.take()
    const output = new ByteCollector()
    let from = 0
    for (let endedCount = 0; endedCount <= MAX_STREAMS_PER_MESSAGE; endedCount++) {
      const stream = inflateStream(input.subarray(from), {
        ...this.#history.options,
        windowBits: this.#windowBits,
        maxOutputLength: Math.max(1, maxBytes - output.byteLength)
      })
      if (typeof stream === 'string') return this.#fail(stream)
      if (output.byteLength + stream.text.length > maxBytes) return this.#fail('too-large')
      output.append(stream.text)
      from += stream.consumedBytes
      if (from === input.length) {
        this.#history.append(stream.text)
        return output.take()
      }
      if (from > byteLength || endedCount === MAX_STREAMS_PER_MESSAGE) break
      this.#history.clear()
      if (isTail(input.subarray(from, byteLength))) return output.take()
    }
    return this.#fail('corrupt')
  }

  #fail(failure: InflateFailure): null {
    this.close()
    this.#state = 'failed'
    this.#failure = failure
    return null
  }

  #requireWorking(): void {
    if (this.#state === 'closed') throw stateError('the inflater is closed')
    if (this.#state === 'failed') throw stateError('the inflater has failed: only close may be called')
  }
}

class JsDeflater implements Deflater {
  readonly #options: ZlibOptions
  readonly #history: History
  readonly #pieces = new ByteCollector()
  #isClosed = false

  constructor({ windowBits, level, memLevel, isRunLength }: Required<DeflaterOptions>) {
    const strategy = isRunLength ? constants.Z_RLE : constants.Z_DEFAULT_STRATEGY
    this.#options = { windowBits, level, memLevel, strategy, finishFlush: constants.Z_SYNC_FLUSH }
    this.#history = new History(windowBits)
  }

  deflate(piece: Uint8Array, isFinal: boolean): Uint8Array {
    this.#requireOpen()
    checkPiece(piece, isFinal)
    this.#pieces.append(piece)
    if (!isFinal) return EMPTY
    const text = this.#pieces.take()
    const bytes = deflateRawSync(text, { ...this.#options, ...this.#history.options })
    this.#history.append(text)
    return new Uint8Array(bytes)
  }

  deflateMessage(
    message: Uint8Array,
    keepsWindow: boolean,
    target: Uint8Array | null,
    offset: number
  ): Uint8Array | number {
    readBoolean('keepsWindow', keepsWindow)
    checkTarget(target)
    readCount('offset', offset, 0)
    const deflated = this.deflate(message, true)
    if (!keepsWindow) this.#history.clear()
    return put(deflated.subarray(0, deflated.length - TAIL.length), target, offset)
  }

  reset(): void {
    this.#requireOpen()
    this.#pieces.take()
    this.#history.clear()
  }

  close(): void {
    this.#pieces.take()
    this.#history.clear()
    this.#isClosed = true
  }

  #requireOpen(): void {
    if (this.#isClosed) throw stateError('the deflater is closed')
  }
}

interface InflatedStream {
  readonly text: Uint8Array
  readonly consumedBytes: number
}

/** What node:zlib returns with `info`; @types/node does not know it. */
interface InflateInfo {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}

/** Inflates `input` up to the end of its first final block. */
function inflateStream(input: Uint8Array, options: ZlibOptions): InflatedStream | InflateFailure {
  try {
    const { buffer, engine } = inflateRawSync(input, { ...options, info: true }) as unknown as InflateInfo
    return { text: buffer, consumedBytes: engine.bytesWritten }
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'ERR_BUFFER_TOO_LARGE':
        return 'too-large'
      case 'Z_DATA_ERROR':
      case 'Z_NEED_DICT':
      case 'Z_BUF_ERROR': // the input ends before its final block
        return 'corrupt'
      default:
        throw error
    }
  }
}

/** Nothing at all, or the bare tail: a peer that ended with a final block may leave out the 00 behind it. */
function isTail(bytes: Uint8Array): boolean {
  return bytes.length === 0 || (bytes.length === TAIL.length && TAIL.every((byte, i) => bytes[i] === byte))
}

function checkPiece(piece: Uint8Array, isFinal: boolean): void {
  if (!(piece instanceof Uint8Array)) throw typeError('piece must be a Uint8Array')
  if (typeof isFinal !== 'boolean') throw typeError('isFinal must be a boolean')
}

function checkTarget(target: Uint8Array | null): void {
  if (target === null || target instanceof Uint8Array) return
  throw typeError('target must be a Uint8Array or null')
}

/** Writes `bytes` to `target` and returns their count, or returns `bytes` where they do not fit. */
function put(bytes: Uint8Array, target: Uint8Array | null, offset: number): Uint8Array | number {
  if (target === null || bytes.length > target.length - offset) return bytes
  target.set(bytes, offset)
  return bytes.length
}

function readCount(name: 'maxBytes' | 'budget' | 'offset', count: number, least: 0 | 1): number {
  if (typeof count !== 'number') throw typeError(`${name} must be a number`)
  if (!(count >= least) || count !== Math.floor(count)) {
    const what = least === 0 ? 'non-negative' : 'positive'
    throw rangeError(`${name} must be a ${what} integer${name === 'offset' ? '' : ' or Infinity'}`)
  }
  return Math.min(count, MAX_RESULT_BYTES)
}

function readBoolean(name: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw typeError(`${name} must be a boolean`)
  return value
}

function readInteger(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw rangeError(`${name} must be an integer from ${least} to ${most}`)
}

function typeError(text: string): TypeError {
  return Object.assign(new TypeError(text), { code: 'ERR_INVALID_ARG_TYPE' })
}

function rangeError(text: string): RangeError {
  return Object.assign(new RangeError(text), { code: 'ERR_OUT_OF_RANGE' })
}

function stateError(text: string): Error {
  return Object.assign(new Error(text), { code: 'ERR_INVALID_STATE' })
}
