// Owns zlib's contexts of one extension: those that wait to be used again, and the account of those that connections
// keep. Must not know what is inflated or deflated.
import type { CompressionCounts } from '../core/extension.js'
import type { Deflater, DeflaterOptions, Inflater, Kernels } from '../core/kernels.js'

/** Contexts of one kind that wait: more are in use at a time only while long messages are worked on in slices. */
const MAX_WAITING = 4

/** Contexts that are lent for one message after another, and memory set aside for those that connections keep. */
export class ContextPool {
  readonly #kernels: Kernels
  readonly #maxBytes: number
  /** Where codecs count what they deflate and inflate. */
  readonly counts: CompressionCounts
  readonly #inflaters: Inflater[] = []
  /** By their options, see `kindOf`. */
  readonly #deflaters = new Map<number, Deflater[]>()
  #reservedBytes = 0

  constructor(kernels: Kernels, maxBytes: number, counts: CompressionCounts) {
    this.counts = counts
    this.#kernels = kernels
    this.#maxBytes = maxBytes
  }

  /** Memory set aside for contexts that connections keep. */
  get reservedBytes(): number {
    return this.#reservedBytes
  }

  /** Sets memory aside. Returns false if that would be more than there may be. */
  reserve(byteLength: number): boolean {
    if (this.#reservedBytes + byteLength > this.#maxBytes) return false
    this.take(byteLength)
    return true
  }

  /** Counts memory that is needed all the same: what a client has agreed to with a server. */
  take(byteLength: number): void {
    this.#reservedBytes += byteLength
  }

  /** Gives memory back that `reserve` has set aside. */
  unreserve(byteLength: number): void {
    this.#reservedBytes -= byteLength
  }

  /** Makes a context that its connection keeps and closes. */
  makeInflater(windowBits: number): Inflater {
    return this.#kernels.createInflater(windowBits)
  }

  /** As `makeInflater`. */
  makeDeflater(options: Required<DeflaterOptions>): Deflater {
    return this.#kernels.createDeflater(options)
  }

  /** Lends an inflater with an empty window of the widest kind, which fits every message. */
  takeInflater(): Inflater {
    return this.#inflaters.pop() ?? this.#kernels.createInflater(15)
  }

  /** Takes an inflater back whose window is empty. One that has failed is closed instead. */
  giveInflater(inflater: Inflater): void {
    if (inflater.failure === null && this.#inflaters.length < MAX_WAITING) this.#inflaters.push(inflater)
    else inflater.close()
  }

  /** Lends a deflater with an empty window. */
  takeDeflater(options: Required<DeflaterOptions>): Deflater {
    return this.#deflaters.get(kindOf(options))?.pop() ?? this.#kernels.createDeflater(options)
  }

  /** Takes a deflater back that was made with these options and whose window is empty. */
  giveDeflater(deflater: Deflater, options: Required<DeflaterOptions>): void {
    const kind = kindOf(options)
    const waiting = this.#deflaters.get(kind)
    if (waiting === undefined) this.#deflaters.set(kind, [deflater])
    else if (waiting.length < MAX_WAITING) waiting.push(deflater)
    else deflater.close()
  }
}

/** Memory of an inflater: zlib's state and the window. */
export function inflaterBytes(windowBits: number): number {
  return 10 * 1024 + 2 ** windowBits
}

/** Memory of a deflater: state, window with its chains, the hash table (Node.js' zlib has 2^15 entries at least), output. */
export function deflaterBytes({ windowBits, memLevel }: Required<DeflaterOptions>): number {
  return 6 * 1024 + 2 ** (windowBits + 2) + 2 ** (Math.max(15, memLevel + 7) + 1) + 2 ** (memLevel + 8)
}

/** One number for all options. */
function kindOf({ windowBits, level, memLevel, isRunLength }: Required<DeflaterOptions>): number {
  return ((windowBits * 16 + level) * 16 + memLevel) * 2 + (isRunLength ? 1 : 0)
}
