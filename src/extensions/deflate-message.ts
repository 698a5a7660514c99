// Owns permessage-deflate (RFC 7692): its parameters in both roles, and which messages are compressed.
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
import { type CodecTerms, type CodeRest, DeflateCodec, KEPT_WINDOW_BITS, keptBytes } from './deflate-codec.js'
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

const NAME = 'permessage-deflate'
const SERVER_NO_TAKEOVER = 'server_no_context_takeover'
const CLIENT_NO_TAKEOVER = 'client_no_context_takeover'
const SERVER_WINDOW = 'server_max_window_bits'
const CLIENT_WINDOW = 'client_max_window_bits'

const OFFERED = new Map<string, ParameterKind>([
  [SERVER_NO_TAKEOVER, 'flag'],
  [CLIENT_NO_TAKEOVER, 'flag'],
  [SERVER_WINDOW, 'window-bits'],
  [CLIENT_WINDOW, 'window-bits-or-flag']
])
const ANSWERED = new Map<string, ParameterKind>([...OFFERED, [CLIENT_WINDOW, 'window-bits']])

/** Options of `DeflateMessage`. The four of RFC 7692 mean the same in a server and in a client. */
export interface DeflateMessageOptions extends DeflateOptions {
  /**
   * Whether the server forgets its window after each message. Default true: then an idle connection holds no memory for it.
   * False compresses short messages that resemble each other much better, for some 95 KiB per connection.
   */
  serverNoContextTakeover?: boolean
  /** Whether the client forgets its window after each message. Default true; false costs a server 14 to 42 KiB per connection. */
  clientNoContextTakeover?: boolean
  /**
   * The widest window of the server, 8-15: it looks back 2^bits bytes. Default 15; 12 where windows are kept. zlib cannot
   * deflate with 8: such messages have no repetitions but runs of one byte.
   */
  serverMaxWindowBits?: number
  /** The widest window of the client, 8-15. Default as `serverMaxWindowBits`. A client that offers no such limit uses 15. */
  clientMaxWindowBits?: number
}

/** What was agreed on. */
interface Terms {
  readonly serverWindowBits: number
  readonly clientWindowBits: number
  readonly serverKeeps: boolean
  readonly clientKeeps: boolean
}

/** Of the objects made so far. */
let count = 0

/**
 * permessage-deflate: compresses messages. One object serves many connections, of one thread.
 * Source: RFC 7692 §7.
 */
export class DeflateMessage implements Extension {
  readonly names: readonly string[] = [NAME]
  readonly rsv: number = HeaderBit.RSV1
  readonly opcodes: readonly number[] = []
  /** What it has compressed and decompressed so far. */
  readonly compression: Readonly<CompressionCounts> = new CompressionCounts()
  readonly #options: ResolvedDeflateOptions
  readonly #own: Terms
  readonly #number = ++count
  #pool: ContextPool | null = null

  /** Throws WebSocketError 'invalid-option', naming the option that is wrong. */
  constructor(options: DeflateMessageOptions = {}) {
    this.#options = resolveDeflateOptions('DeflateMessage', options, {
      serverNoContextTakeover: isBoolean,
      clientNoContextTakeover: isBoolean,
      serverMaxWindowBits: isWindowBits,
      clientMaxWindowBits: isWindowBits
    })
    const serverKeeps = options.serverNoContextTakeover === false
    const clientKeeps = options.clientNoContextTakeover === false
    this.#own = {
      serverKeeps,
      clientKeeps,
      serverWindowBits: options.serverMaxWindowBits ?? (serverKeeps ? KEPT_WINDOW_BITS : MOST_WINDOW_BITS),
      clientWindowBits: options.clientMaxWindowBits ?? (clientKeeps ? KEPT_WINDOW_BITS : MOST_WINDOW_BITS)
    }
  }

  /** Memory in bytes that is set aside for the windows of open connections: see `maxContextBytes`. */
  get contextBytes(): number {
    return this.#pool?.reservedBytes ?? 0
  }

  /** The offer that the options describe; then, if it limits the server's window, one that does not. Source: RFC 7692 §7.1. */
  offers(): readonly ExtensionOffer[] {
    const { serverKeeps, clientKeeps, serverWindowBits, clientWindowBits } = this.#own
    const flags: ExtensionParameter[] = []
    if (!serverKeeps) flags.push(flagParameter(SERVER_NO_TAKEOVER))
    if (!clientKeeps) flags.push(flagParameter(CLIENT_NO_TAKEOVER))
    const clientBits = clientWindowBits < MOST_WINDOW_BITS ? clientWindowBits : null
    const client = windowParameter(CLIENT_WINDOW, clientBits)
    const fallback = { name: NAME, parameters: [...flags, client] }
    if (serverWindowBits === MOST_WINDOW_BITS) return [fallback]
    return [
      { name: NAME, parameters: [...flags, windowParameter(SERVER_WINDOW, serverWindowBits), client] },
      fallback
    ]
  }

  /** Declines an offer with a parameter that is unknown, comes twice or has a wrong value. Source: RFC 7692 §7.1. */
  accept(offer: ExtensionOffer, environment: Environment): AcceptedExtension | null {
    const asked = readParameters(offer, OFFERED)
    if (asked === null) return null
    const pool = this.#poolOf(environment)
    let terms = this.#agree(asked)
    let reservedBytes = keptBytes(codecTerms(terms, 'server'), this.#options)
    if (!pool.reserve(reservedBytes)) {
      terms = { ...terms, serverKeeps: false, clientKeeps: false }
      reservedBytes = 0
    }
    const codec = new DeflateCodec(pool, codecTerms(terms, 'server'), this.#options, reservedBytes)
    const shareKey = terms.serverKeeps ? undefined : `${NAME} ${this.#number} ${terms.serverWindowBits}`
    return { parameters: answer(terms, asked), session: new Session(codec, this.#options, shareKey) }
  }

  /** Refuses an answer that is not valid, or does not keep to what was offered. Source: RFC 7692 §7.1. */
  confirm(answered: ExtensionOffer, environment: Environment): ExtensionSession | null {
    const agreed = readParameters(answered, ANSWERED)
    const own = this.#own
    if (agreed === null || (!own.serverKeeps && !agreed.has(SERVER_NO_TAKEOVER))) return null
    const clientWindowBits = windowBitsOf(agreed, CLIENT_WINDOW) ?? own.clientWindowBits
    if (clientWindowBits > own.clientWindowBits) return null
    const terms: Terms = {
      serverKeeps: own.serverKeeps && !agreed.has(SERVER_NO_TAKEOVER),
      clientKeeps: own.clientKeeps && !agreed.has(CLIENT_NO_TAKEOVER),
      serverWindowBits: windowBitsOf(agreed, SERVER_WINDOW) ?? MOST_WINDOW_BITS,
      clientWindowBits
    }
    const pool = this.#poolOf(environment)
    const mine = codecTerms(terms, 'client')
    const reservedBytes = keptBytes(mine, this.#options)
    pool.take(reservedBytes)
    return new Session(new DeflateCodec(pool, mine, this.#options, reservedBytes), this.#options, undefined)
  }

  #poolOf({ kernels }: Environment): ContextPool {
    this.#pool ??= new ContextPool(kernels, this.#options.maxContextBytes, this.compression)
    return this.#pool
  }

  #agree(asked: Parameters): Terms {
    const own = this.#own
    const mayLimitClient = asked.has(CLIENT_WINDOW)
    const clientMost = windowBitsOf(asked, CLIENT_WINDOW) ?? MOST_WINDOW_BITS
    return {
      serverKeeps: own.serverKeeps && !asked.has(SERVER_NO_TAKEOVER),
      clientKeeps: own.clientKeeps && !asked.has(CLIENT_NO_TAKEOVER),
      serverWindowBits: Math.min(
        own.serverWindowBits,
        windowBitsOf(asked, SERVER_WINDOW) ?? MOST_WINDOW_BITS
      ),
      clientWindowBits: mayLimitClient ? Math.min(own.clientWindowBits, clientMost) : MOST_WINDOW_BITS
    }
  }
}

/** What the server says of terms that it has agreed to. Source: RFC 7692 §7.1.1, §7.1.2. */
function answer(terms: Terms, asked: Parameters): ExtensionParameter[] {
  const { serverKeeps, clientKeeps, serverWindowBits, clientWindowBits } = terms
  const parameters: ExtensionParameter[] = []
  if (!serverKeeps) parameters.push(flagParameter(SERVER_NO_TAKEOVER))
  if (!clientKeeps) parameters.push(flagParameter(CLIENT_NO_TAKEOVER))
  if (serverWindowBits < MOST_WINDOW_BITS || asked.has(SERVER_WINDOW))
    parameters.push(windowParameter(SERVER_WINDOW, serverWindowBits))
  if (clientWindowBits < MOST_WINDOW_BITS) parameters.push(windowParameter(CLIENT_WINDOW, clientWindowBits))
  return parameters
}

function codecTerms(terms: Terms, role: 'server' | 'client'): CodecTerms {
  const server = [terms.serverWindowBits, terms.serverKeeps] as const
  const client = [terms.clientWindowBits, terms.clientKeeps] as const
  const [own, peer] = role === 'server' ? [server, client] : [client, server]
  return {
    deflateWindowBits: own[0],
    keepsDeflateWindow: own[1],
    inflateWindowBits: peer[0],
    keepsInflateWindow: peer[1]
  }
}

class Session implements ExtensionSession {
  readonly #codec: DeflateCodec
  readonly #options: ResolvedDeflateOptions
  readonly shareKey?: string

  constructor(codec: DeflateCodec, options: ResolvedDeflateOptions, shareKey: string | undefined) {
    this.#codec = codec
    this.#options = options
    if (shareKey !== undefined) this.shareKey = shareKey
  }

  encodeMessage(message: ExtensionData): ExtensionData | SlicedWork | null {
    if (!isToCompress(message, this.#options)) return null
    const coded = this.#codec.deflate(message.payload, true)
    if (coded === null) return null
    if (typeof coded === 'function') return deflateRest(message, coded)
    const { payload, isShared } = coded
    return { opcode: message.opcode, isFinal: true, rsv: message.rsv | HeaderBit.RSV1, payload, isShared }
  }

  decodeMessage(message: ExtensionData, maxBytes: number): ExtensionData | SlicedWork | null {
    return (message.rsv & HeaderBit.RSV1) === 0 ? null : inflateData(this.#codec, message, maxBytes)
  }

  close(): void {
    this.#codec.close()
  }
}

function deflateRest(message: ExtensionData, rest: CodeRest): SlicedWork {
  return {
    next() {
      const payload = rest()
      if (payload === null) return null
      // Deflating it would make it longer.
      if (payload === message.payload) return message
      return { opcode: message.opcode, isFinal: true, rsv: message.rsv | HeaderBit.RSV1, payload }
    }
  }
}

/** Inflates a message or a frame that RSV1 marks, in slices if it is long. */
export function inflateData(
  codec: DeflateCodec,
  data: ExtensionData,
  maxBytes: number
): ExtensionData | SlicedWork {
  const { opcode, isFinal } = data
  const rsv = data.rsv & ~HeaderBit.RSV1
  const inflated = codec.inflate(data.payload, data.isShared === true, maxBytes)
  if (typeof inflated !== 'function') {
    return { opcode, isFinal, rsv, payload: inflated.payload, isShared: inflated.isShared }
  }
  return {
    next() {
      const payload = inflated()
      return payload === null ? null : { opcode, isFinal, rsv, payload, isShared: false }
    }
  }
}

/** Decides about one payload: as `send` was told, else by its length and the option `compress`. */
export function isToCompress(data: ExtensionData, options: ResolvedDeflateOptions): boolean {
  if (data.compress !== undefined) return data.compress
  return data.payload.length >= options.thresholdBytes && (options.compress?.(data) ?? true)
}
