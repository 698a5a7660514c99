// Owns deflate-frame (draft-tyoshino-hybi-websocket-perframe-deflate-06), which WebKit called x-webkit-deflate-frame:
// its parameters in both roles, and which frames are compressed.
import type { Environment } from '../core/environment.js'
import {
  type AcceptedExtension,
  CompressionCounts,
  type Extension,
  type ExtensionData,
  type ExtensionOffer,
  type ExtensionParameter,
  type ExtensionSession,
  type SlicedWork
} from '../core/extension.js'
import { HeaderBit } from '../core/header.js'
import { ContextPool } from './contexts.js'
import { type CodecTerms, DeflateCodec, KEPT_WINDOW_BITS, keptBytes } from './deflate-codec.js'
import { inflateData, isToCompress } from './deflate-message.js'
import {
  type DeflateOptions,
  isBoolean,
  isWindowBits,
  type ResolvedDeflateOptions,
  resolveDeflateOptions
} from './deflate-options.js'
import {
  flagParameter,
  MOST_WINDOW_BITS,
  type ParameterKind,
  type Parameters,
  readParameters,
  windowBitsOf,
  windowParameter
} from './deflate-parameters.js'

const NAMES: readonly string[] = ['deflate-frame', 'x-webkit-deflate-frame']
const WINDOW = 'max_window_bits'
const NO_TAKEOVER = 'no_context_takeover'
const KINDS = new Map<string, ParameterKind>([
  [WINDOW, 'window-bits'],
  [NO_TAKEOVER, 'flag']
])

/** Options of `DeflateFrame`. */
export interface DeflateFrameOptions extends DeflateOptions {
  /**
   * Whether both sides forget their windows after each frame: we do, and the peer is asked to. Default true; false costs
   * some 110 to 140 KiB per connection.
   */
  noContextTakeover?: boolean
  /**
   * The widest window that we use and that the peer is asked to use, 8-15: it looks back 2^bits bytes. Default 15; 12 where windows are
   * kept. zlib cannot deflate with 8: such frames have no repetitions but runs of one byte.
   */
  maxWindowBits?: number
}

/**
 * deflate-frame and x-webkit-deflate-frame: compresses each frame by itself. For old peers; others speak permessage-deflate.
 * One object serves many connections, of one thread. Source: draft-tyoshino-hybi-websocket-perframe-deflate-06.
 */
export class DeflateFrame implements Extension {
  readonly names: readonly string[] = NAMES
  readonly rsv: number = HeaderBit.RSV1
  readonly opcodes: readonly number[] = []
  /** What it has compressed and decompressed so far. */
  readonly compression: Readonly<CompressionCounts> = new CompressionCounts()
  readonly #options: ResolvedDeflateOptions
  readonly #keeps: boolean
  readonly #windowBits: number
  #pool: ContextPool | null = null

  /** Throws WebSocketError 'invalid-option', naming the option that is wrong. */
  constructor(options: DeflateFrameOptions = {}) {
    this.#options = resolveDeflateOptions('DeflateFrame', options, {
      noContextTakeover: isBoolean,
      maxWindowBits: isWindowBits
    })
    this.#keeps = options.noContextTakeover === false
    this.#windowBits = options.maxWindowBits ?? (this.#keeps ? KEPT_WINDOW_BITS : MOST_WINDOW_BITS)
  }

  /** Memory in bytes that is set aside for the windows of open connections: see `maxContextBytes`. */
  get contextBytes(): number {
    return this.#pool?.reservedBytes ?? 0
  }

  /** One offer for each name: what they ask binds the server. */
  offers(): readonly ExtensionOffer[] {
    return NAMES.map((name) => ({ name, parameters: this.#demands(this.#keeps) }))
  }

  /** Declines an offer with a parameter that is unknown, comes twice or has a wrong value. */
  accept(offer: ExtensionOffer, environment: Environment): AcceptedExtension | null {
    const asked = readParameters(offer, KINDS)
    if (asked === null) return null
    const pool = this.#poolOf(environment)
    const terms = this.#termsOf(asked, this.#keeps)
    const reservedBytes = keptBytes(terms, this.#options)
    if (pool.reserve(reservedBytes)) {
      const session = new Session(new DeflateCodec(pool, terms, this.#options, reservedBytes), this.#options)
      return { parameters: this.#demands(this.#keeps), session }
    }
    const codec = new DeflateCodec(pool, this.#termsOf(asked, false), this.#options, 0)
    return { parameters: this.#demands(false), session: new Session(codec, this.#options) }
  }

  /** Refuses an answer that is not valid. What it asks binds us. */
  confirm(answer: ExtensionOffer, environment: Environment): ExtensionSession | null {
    const asked = readParameters(answer, KINDS)
    if (asked === null) return null
    const pool = this.#poolOf(environment)
    const terms = this.#termsOf(asked, this.#keeps)
    const reservedBytes = keptBytes(terms, this.#options)
    pool.take(reservedBytes)
    return new Session(new DeflateCodec(pool, terms, this.#options, reservedBytes), this.#options)
  }

  /** What the peer is asked. */
  #demands(keeps: boolean): ExtensionParameter[] {
    const parameters: ExtensionParameter[] = []
    if (this.#windowBits < MOST_WINDOW_BITS) parameters.push(windowParameter(WINDOW, this.#windowBits))
    if (!keeps) parameters.push(flagParameter(NO_TAKEOVER))
    return parameters
  }

  /** What the peer asks, together with what it is asked. */
  #termsOf(asked: Parameters, keeps: boolean): CodecTerms {
    return {
      deflateWindowBits: Math.min(this.#windowBits, windowBitsOf(asked, WINDOW) ?? MOST_WINDOW_BITS),
      keepsDeflateWindow: keeps && !asked.has(NO_TAKEOVER),
      inflateWindowBits: this.#windowBits,
      keepsInflateWindow: keeps
    }
  }

  #poolOf({ kernels }: Environment): ContextPool {
    this.#pool ??= new ContextPool(kernels, this.#options.maxContextBytes, this.compression)
    return this.#pool
  }
}

class Session implements ExtensionSession {
  readonly #codec: DeflateCodec
  readonly #options: ResolvedDeflateOptions

  constructor(codec: DeflateCodec, options: ResolvedDeflateOptions) {
    this.#codec = codec
    this.#options = options
  }

  encodeFrame(frame: ExtensionData): ExtensionData | null {
    if (!isToCompress(frame, this.#options)) return null
    const coded = this.#codec.deflate(frame.payload, false)
    return coded === null || typeof coded === 'function'
      ? null
      : { ...frame, ...coded, rsv: frame.rsv | HeaderBit.RSV1 }
  }

  decodeFrame(frame: ExtensionData, maxBytes: number): ExtensionData | SlicedWork | null {
    return (frame.rsv & HeaderBit.RSV1) === 0 ? null : inflateData(this.#codec, frame, maxBytes)
  }

  close(): void {
    this.#codec.close()
  }
}
