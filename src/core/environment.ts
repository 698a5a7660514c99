// Owns the interface to all that the core may not make itself: kernels, text, randomness, hashes, time.
import type { Kernels } from './kernels.js'

/** What the core is given by whoever embeds it. `environment` of `hotsocket/kernels` is the one for Node.js. */
export interface Environment {
  readonly kernels: Kernels
  /** Decodes bytes from `start` to `end`, of which each is a character: byte n is U+00nn. */
  decodeLatin1(bytes: Uint8Array, start: number, end: number): string
  /** Encodes text as UTF-8 into fresh memory; lone surrogates become U+FFFD. */
  encodeUtf8(text: string): Uint8Array
  /** Encodes text into `target` at `offset`, where at least `3 * text.length` bytes are free. Returns the byte count. */
  writeUtf8(text: string, target: Uint8Array, offset: number): number
  /** Fresh memory with a buffer of its own, which need not be zeroed. */
  allocate(byteLength: number): Uint8Array
  /** A fresh masking key, unpredictable, as an unsigned or signed 32-bit integer. Source: RFC 6455 §10.3. */
  maskingKey(): number
  /** Fresh random bytes. */
  randomBytes(byteLength: number): Uint8Array
  /** The SHA-1 of ASCII text, in base64. Source: RFC 6455 §4.2.2. */
  sha1(text: string): string
  /** Runs a task in a later turn of the event loop, after what else is ready by then. */
  defer(task: () => void): void
  /** Milliseconds of a clock that never goes back. */
  now(): number
}
