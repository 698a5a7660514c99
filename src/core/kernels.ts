// Owns the interface of the kernels: the few loops over bytes that exist twice, in C++ and in JavaScript.
// The core receives an implementation as an argument and must not know which one it is.

/**
 * Why an inflater refused its input. `corrupt`: it is no deflate stream, or not the whole of one, or has more than 1024
 * final blocks in one message. `too-large`: the message yields more than `maxBytes`, or has more than
 * `2 * maxBytes + 1024` bytes itself (empty blocks yield nothing). A message that is both is called either.
 */
export type InflateFailure = 'corrupt' | 'too-large'

/**
 * Inflates raw deflate streams (RFC 1951), keeping the window between messages.
 *
 * The bytes of a message, with the tail 00 00 ff ff that the caller appends (RFC 7692 §7.2.2), must end between two
 * blocks on a whole byte, or with a final block. What follows a final block is a new stream, with an empty window; the
 * bare tail may follow it, too (RFC 7692 §7.2.3.4). No bytes at all are an empty message. A stream that reaches back
 * further than the window is refused or inflated to what its writer meant, never to anything else.
 */
export interface Inflater {
  /**
   * Inflates one piece of a message. `isFinal`: the message ends with this piece. `maxBytes`: how many bytes the
   * message may still yield, a non-negative integer or Infinity (which means 4 GiB - 1); checked before more is
   * allocated. Returns what is ready, which may be nothing until `isFinal`: only the concatenation over a whole message
   * is defined. The result is a copy that belongs to the caller. Returns null on failure, after which `failure` says why
   * and only `close` may be called. `budget`: it may stop when so many bytes are ready, at least 1; then `rest` says how
   * to go on. Default Infinity. Throws TypeError or RangeError for arguments of another kind.
   */
  inflate(piece: Uint8Array, isFinal: boolean, maxBytes: number, budget?: number): Uint8Array | null
  /**
   * Inflates a whole message, or what is left of it, that comes without its tail, as `inflate` does otherwise.
   * `keepsWindow`: false forgets the window when the message is over. `target`: the result is written to its start if it
   * fits, and the byte count returned. Nothing may be left of a message that `inflate` began.
   */
  inflateMessage(
    message: Uint8Array,
    keepsWindow: boolean,
    maxBytes: number,
    budget: number,
    target: Uint8Array | null
  ): Uint8Array | number | null
  /**
   * After a call that stopped at its budget: how many bytes at the end of its input the next call must be given again,
   * which may be none. Otherwise null.
   */
  readonly rest: number | null
  /** Why the last call returned null; null before any failure. */
  readonly failure: InflateFailure | null
  /** Forgets the window and a message that has begun, as without context takeover. */
  reset(): void
  /** Releases the context. Idempotent; any other call after it throws. */
  close(): void
}

/** Parameters of a deflater. */
export interface DeflaterOptions {
  /** Base-2 logarithm of the window: 9-15 (zlib's raw deflate has no 8). Default 15. Memory: 2^(windowBits+2) bytes. */
  windowBits?: number
  /** zlib's compression level: 0-9. Default 6. */
  level?: number
  /** zlib's memLevel: 1-9. Default 8. Memory: 2^(memLevel+9) bytes. */
  memLevel?: number
  /** Reaches back one byte only (zlib's Z_RLE), so that any window is enough. Default false. */
  isRunLength?: boolean
}

/** Deflates messages to raw deflate streams (RFC 1951), keeping the window between messages. */
export interface Deflater {
  /**
   * Deflates one piece of a message; with `isFinal` flushes to a byte boundary (zlib's Z_SYNC_FLUSH), so that the
   * message's output ends with 00 00 ff ff. Returns what is ready, a copy that belongs to the caller; only the
   * concatenation over a whole message is defined, and that only as what inflates to the input: twins may differ in bytes.
   */
  deflate(piece: Uint8Array, isFinal: boolean): Uint8Array
  /**
   * Deflates a whole message, without the tail 00 00 ff ff. `keepsWindow`: false forgets the window afterwards. `target`: the
   * result is written there at `offset` if it fits, and the byte count returned; what stands behind it is undefined.
   */
  deflateMessage(
    message: Uint8Array,
    keepsWindow: boolean,
    target: Uint8Array | null,
    offset: number
  ): Uint8Array | number
  /** Forgets the window and a message that has begun, as without context takeover. */
  reset(): void
  /** Releases the context. Idempotent; any other call after it throws. */
  close(): void
}

/** The loops over bytes. Both implementations give the same results on every input. */
export interface Kernels {
  /** Which implementation this is. */
  readonly name: 'native' | 'js'

  /**
   * Scans one chunk into rows of the segment table. `state`: `SCAN_STATE_WORDS` words, kept by the caller between
   * the chunks of one connection. `chunk`: payloads are unmasked in place. `from`: where to begin, in bytes.
   * `table`: whole rows; a full table returns early. Returns the row count; `state[ScanState.CONSUMED]` tells where
   * to go on. Errors: none, policy is the receiver's. Source: RFC 6455 §5.2, §5.3.
   */
  scan(state: Int32Array, chunk: Uint8Array, from: number, table: Int32Array): number

  /**
   * Masks (or unmasks) `source` into `target` at `targetOffset`; both may be the same memory if they are aligned
   * with each other. `maskingKey`: four bytes in wire order, the first one lowest. `phase`: how many bytes of the
   * payload came before (only its value modulo 4 counts). Throws RangeError if `target` is too short.
   * Source: RFC 6455 §5.3.
   */
  mask(source: Uint8Array, target: Uint8Array, targetOffset: number, maskingKey: number, phase: number): void

  /**
   * Validates one piece of a UTF-8 text. `state`: 0 at the start, then what the last call returned. Returns the new
   * state: 0 on a code point boundary, positive inside a code point; or -(i + 1), where i is the index in `bytes` of
   * the first byte that no valid text can have there (as in RFC 3629 §4's table; overlong forms, surrogates and
   * values above U+10FFFF fail at the byte that makes them so). `Utf8State` in core/utf8.ts tells the state's bits.
   */
  validateUtf8(state: number, bytes: Uint8Array): number

  /**
   * Decodes valid UTF-8 from `start` to `end`; a byte order mark is a part of the text. Of other bytes it makes some string.
   * Throws RangeError, or what the runtime throws, if the text is too long for a string.
   */
  decodeUtf8(bytes: Uint8Array, start: number, end: number): string

  /** Makes an inflater with a window of 2^windowBits bytes, 8-15. Throws RangeError for any other number. */
  createInflater(windowBits: number): Inflater

  /** Makes a deflater. Throws RangeError for an option out of its range. */
  createDeflater(options?: DeflaterOptions): Deflater
}
