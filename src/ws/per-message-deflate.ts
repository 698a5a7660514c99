// Owns the class PerMessageDeflate of `ws`: parameters of the extension, and messages through it. Must not know how they are carried.

import type { ExtensionData, ExtensionSession, SlicedWork } from '../core/extension.js'
import { HeaderBit, Opcode } from '../core/header.js'
import { environment } from '../kernels/index.js'
import { type Configuration, toConfiguration, toOffer } from './header-lists.js'
import { extensionsOf, extensionsToOffer, limitsOf, type PerMessageDeflateOptions } from './options.js'
import { callOutside } from './uncaught.js'

const MAX_STORED_BYTES = 65_535

/** Options of a PerMessageDeflate. */
export interface PerMessageDeflateSettings extends PerMessageDeflateOptions {
  /** Whether it is a server's. Default false. */
  isServer?: boolean | undefined
  /** Most bytes of a message that is decompressed; 0: no limit. Default 0. */
  maxPayload?: number | undefined
}

/** Gets what came out, or why nothing did. */
export type CodingCallback = (error: Error | null, result?: Buffer) => void

/** permessage-deflate at one end of a connection. Source: RFC 7692 §7. */
export class PerMessageDeflate {
  static readonly extensionName = 'permessage-deflate'
  /** What was agreed on; null before `accept`. */
  params: Record<string, string | number | true> | null = null
  readonly #isServer: boolean
  readonly #extension
  readonly #maxBytes: number
  readonly #limitsServer: boolean
  #session: ExtensionSession | null = null

  /** Throws WebSocketError 'invalid-option'. */
  constructor(options: PerMessageDeflateSettings = {}) {
    const { isServer = false, maxPayload = 0, ...rest } = options
    this.#isServer = isServer
    this.#extension = (isServer ? extensionsOf(rest) : extensionsToOffer(rest))[0]!
    this.#limitsServer = rest.serverMaxWindowBits != null
    this.#maxBytes = limitsOf({ maxPayload }).maxMessageBytes
  }

  /** A client's parameters, for `extension.format`. */
  offer(): Record<string, string | number | true> {
    const offers = this.#extension.offers()
    // The last one leaves the server its window.
    return simplify(toConfiguration(this.#limitsServer ? offers[0]! : offers.at(-1)!))
  }

  /**
   * A server takes the first of a client's offers that it can, a client takes the answer: parameters as `extension.parse` gives them. Returns what was
   * agreed on. Throws Error if that is nothing.
   */
  accept(configurations: readonly Configuration[]): Record<string, string | number | true> {
    for (const configuration of configurations) {
      const offer = toOffer(PerMessageDeflate.extensionName, configuration)
      const accepted = this.#isServer
        ? this.#extension.accept(offer, environment)
        : { session: this.#extension.confirm(offer, environment), parameters: offer.parameters }
      if (accepted === null || accepted.session === null) continue
      this.#session = accepted.session
      this.params = simplify(toConfiguration({ name: offer.name, parameters: accepted.parameters }))
      return this.params
    }
    throw new Error('None of the extension offers can be accepted')
  }

  /** Releases what it holds. */
  cleanup(): void {
    this.#session?.close?.()
    this.#session = null
  }

  /** Compresses a whole message. `fin`: true. */
  compress(data: string | Uint8Array, fin: boolean, callback: CodingCallback): void {
    const payload = typeof data === 'string' ? Buffer.from(data) : data
    const message = { opcode: Opcode.BINARY, isFinal: true, rsv: 0, payload, compress: true }
    this.#code(fin, callback, (session) => {
      const coded = finish(session.encodeMessage!(message))
      // What would grow is left as it is, where a WebSocket says so by the frame's bit.
      return coded === null || coded.rsv === 0 ? store(payload) : coded.payload
    })
  }

  /** Decompresses a whole message. `fin`: true. */
  decompress(data: Uint8Array, fin: boolean, callback: CodingCallback): void {
    const message = { opcode: Opcode.BINARY, isFinal: true, rsv: HeaderBit.RSV1, payload: data }
    this.#code(fin, callback, (session) => finish(session.decodeMessage!(message, this.#maxBytes))!.payload)
  }

  #code(fin: boolean, callback: CodingCallback, run: (session: ExtensionSession) => Uint8Array): void {
    let result: Buffer | null = null
    let failure: Error | null = null
    try {
      if (this.#session === null) throw new Error('Nothing was accepted')
      if (!fin) throw new Error('Messages are compressed and decompressed whole')
      // The codec's memory is written to again.
      result = Buffer.from(run(this.#session))
    } catch (error) {
      failure = error as Error
    }
    process.nextTick(() => {
      if (failure === null) callOutside(callback, null, result!)
      else callOutside(callback, failure)
    })
  }
}

/** Does all slices of what a hook has begun. */
function finish(begun: ExtensionData | SlicedWork | null): ExtensionData | null {
  if (begun === null || !('next' in begun)) return begun
  for (;;) {
    const data = begun.next()
    if (data !== null) return data
  }
}

/** Deflates without compressing: blocks of at most 65 535 bytes, and the beginning of the last one, whose rest is left out. Source: RFC 1951 §3.2.4, RFC 7692 §7.2.1. */
function store(payload: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let start = 0; start < payload.length; start += MAX_STORED_BYTES) {
    const block = payload.subarray(start, start + MAX_STORED_BYTES)
    const head = Buffer.alloc(5)
    head.writeUInt16LE(block.length, 1)
    head.writeUInt16LE(block.length ^ 0xffff, 3)
    parts.push(head, block)
  }
  return Buffer.concat([...parts, Buffer.alloc(1)])
}

/** Single values instead of lists of them, and numbers where they are. */
function simplify(configuration: Configuration): Record<string, string | number | true> {
  const entries = Object.entries(configuration).map(([name, [value]]) => {
    const isNumber = typeof value === 'string' && /^\d+$/.test(value)
    return [name, isNumber ? Number(value) : (value ?? true)] as const
  })
  return Object.fromEntries(entries)
}
