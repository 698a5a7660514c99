// Owns the reading of an HTTP/1.x head (start line and header fields) out of chunks of any size.
// Must not know WebSocket: what a head asks for is decided in handshake-server.ts and handshake-client.ts.
import { type HandshakeErrorCode, WebSocketError } from './errors.js'
import { HeaderFields } from './header-fields.js'
import { isFieldValue, isToken, trimSpace } from './header-values.js'
import { decodeLatin1 } from './latin1.js'

/** Default limit of a head in bytes, start line and final empty line included. */
export const MAX_HEAD_BYTES = 16 * 1024
/** Default limit of the number of header fields in one head. */
export const MAX_HEADER_COUNT = 100

/** Limits of a `HeadParser`. */
export interface HeadLimits {
  /** Longest head in bytes. Default `MAX_HEAD_BYTES`; that much is held per connection until its head is whole. */
  readonly maxHeadBytes?: number
  /** Most header fields in one head. Default `MAX_HEADER_COUNT`. */
  readonly maxHeaderCount?: number
}

/** Decodes bytes from `start` to `end` as latin1: byte n is character U+00nn. */
export type DecodeLatin1 = (bytes: Uint8Array, start: number, end: number) => string

/** The first line of a request. */
export interface RequestLine {
  readonly method: string
  /** The target as received. */
  readonly target: string
  /** '1.1', '1.0'. */
  readonly version: string
}

/** The first line of a response. */
export interface StatusLine {
  readonly version: string
  readonly status: number
  readonly reason: string
}

/** The head of a request. */
export type RequestHead = RequestLine & { readonly headers: HeaderFields }
/** The head of a response. */
export type ResponseHead = StatusLine & { readonly headers: HeaderFields }

/** How a kind of head begins, and which error a malformed one is. */
export interface LineFormat<Line extends object> {
  readonly errorCode: HandshakeErrorCode
  /** Parses the line; returns null if it is malformed. */
  parse(line: string): Line | null
}

/** The format of requests: method, target, version, one space between. Source: RFC 9112 §3. */
export const REQUEST_LINE: LineFormat<RequestLine> = {
  errorCode: 'malformed-request',
  parse(line) {
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/(\d\.\d)$/.exec(line)
    return match && { method: match[1]!, target: match[2]!, version: match[3]! }
  }
}

/** The format of responses. A missing space before an empty reason is accepted. Source: RFC 9112 §4. */
export const STATUS_LINE: LineFormat<StatusLine> = {
  errorCode: 'malformed-response',
  parse(line) {
    const match = /^HTTP\/(\d\.\d) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(line)
    return match && { version: match[1]!, status: Number(match[2]), reason: match[3] ?? '' }
  }
}

/** A whole head and what came after it. */
export interface ParsedHead<Line extends object> {
  readonly head: Line & { readonly headers: HeaderFields }
  /** The bytes of the last chunk behind the head: a view into that chunk. */
  readonly rest: Uint8Array
}

const CR = 0x0d
const LF = 0x0a
const EMPTY = new Uint8Array(0)
/** A browser's head fits; a parser that never gets more than one byte holds no more than this. */
const FIRST_CAPACITY = 1024

/**
 * Reads one head. Each byte is looked at once and copied at most a constant number of times, whatever the chunks; a
 * head that comes in one chunk is not copied. Strict where leniency invites request smuggling: lines end in CRLF, no
 * folded lines, no space before the colon, names are tokens, values hold no control character but the tab.
 */
export class HeadParser<Line extends object> {
  readonly #decode: DecodeLatin1
  readonly #format: LineFormat<Line>
  readonly #maxBytes: number
  readonly #maxFields: number
  #state: 'reading' | 'done' | 'failed' = 'reading'
  /** Memory for bytes of earlier chunks; the first `#heldLength` are in use. */
  #held: Uint8Array = EMPTY
  #heldLength = 0
  /** Received bytes that were not copied to `#held`: a view into the last chunk. */
  #unheld: Uint8Array = EMPTY
  #lineStart = 0
  #scanned = 0
  #line: Line | null = null
  readonly #raw: string[] = []

  /** `decode`: a faster way to decode than the core's own. */
  constructor(format: LineFormat<Line>, limits: HeadLimits = {}, decode: DecodeLatin1 = decodePart) {
    this.#decode = decode
    this.#format = format
    this.#maxBytes = limits.maxHeadBytes ?? MAX_HEAD_BYTES
    this.#maxFields = limits.maxHeaderCount ?? MAX_HEADER_COUNT
  }

  /**
   * Takes the next chunk, which may be reused after the call as long as the head is not whole. Returns null until it
   * is; after that, and after an error, the parser takes no more chunks. How the bytes are cut never changes the
   * result. Throws a WebSocketError: 'malformed-request' or 'malformed-response', 'head-too-big', 'too-many-headers'.
   */
  push(chunk: Uint8Array): ParsedHead<Line> | null {
    if (this.#state !== 'reading') throw new Error(`push on a head parser that is ${this.#state}`)
    const before = this.#heldLength
    const bytes = before === 0 ? chunk : this.#hold(chunk)
    this.#unheld = chunk.subarray(this.#heldLength - before)
    this.#state = 'failed' // Stays so if the scan throws.
    const end = this.#scan(bytes)
    this.#state = end === -1 ? 'reading' : 'done'
    if (end !== -1) {
      return {
        head: { ...this.#line!, headers: new HeaderFields(this.#raw) },
        rest: chunk.subarray(end - before)
      }
    }
    if (before === 0) this.#hold(chunk)
    this.#unheld = EMPTY
    return null
  }

  /**
   * Takes every byte received so far, head and rest, so that another parser can begin anew. A copy if the head came
   * in several chunks, else a view into the only one.
   */
  takeBytes(): Uint8Array {
    const held = this.#held.subarray(0, this.#heldLength)
    const unheld = this.#unheld
    this.#held = this.#unheld = EMPTY
    this.#heldLength = 0
    if (held.length === 0) return unheld
    const bytes = new Uint8Array(held.length + unheld.length)
    bytes.set(held)
    bytes.set(unheld, held.length)
    return bytes
  }

  /** Copies as much of the chunk as a head may still have; returns all that is held. */
  #hold(chunk: Uint8Array): Uint8Array {
    const byteLength = Math.min(this.#heldLength + chunk.length, this.#maxBytes)
    if (byteLength > this.#held.length) {
      const grown = new Uint8Array(Math.max(byteLength, 2 * this.#held.length, FIRST_CAPACITY))
      grown.set(this.#held)
      this.#held = grown
    }
    this.#held.set(chunk.subarray(0, byteLength - this.#heldLength), this.#heldLength)
    this.#heldLength = byteLength
    return this.#held.subarray(0, byteLength)
  }

  /** Reads whole lines from where the last scan stopped. Returns the index behind the head, or -1. */
  #scan(bytes: Uint8Array): number {
    const limit = Math.min(bytes.length, this.#maxBytes)
    const lastEnd = bytes.subarray(this.#scanned, limit).lastIndexOf(LF) + this.#scanned
    if (lastEnd >= this.#scanned) {
      const end = this.#readLines(this.#decode(bytes, this.#lineStart, lastEnd + 1))
      if (end !== -1) return end
    }
    if (bytes.length >= this.#maxBytes) {
      throw new WebSocketError('head-too-big', { detail: `more than ${this.#maxBytes} bytes` })
    }
    this.#scanned = bytes.length
    return -1
  }

  /** Reads the lines of a text that begins where a line does and ends where one does. Returns as `#scan`. */
  #readLines(text: string): number {
    const textStart = this.#lineStart
    for (let start = 0; start < text.length; ) {
      const lineEnd = text.indexOf('\n', start)
      if (text.charCodeAt(lineEnd - 1) !== CR || lineEnd === start) this.#fail('a line does not end in CRLF')
      const line = text.slice(start, lineEnd - 1)
      start = lineEnd + 1
      this.#lineStart = textStart + start
      if (this.#line === null) this.#line = this.#format.parse(line) ?? this.#fail('the first line')
      else if (line === '') return this.#lineStart
      else this.#readField(line)
    }
    return -1
  }

  #readField(line: string): void {
    if (this.#raw.length === 2 * this.#maxFields) {
      throw new WebSocketError('too-many-headers', { detail: `more than ${this.#maxFields}` })
    }
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    if (!isToken(name)) this.#fail('the name of a header field')
    const value = trimSpace(line.slice(colon + 1))
    if (!isFieldValue(value)) this.#fail(`the value of ${name}`)
    this.#raw.push(name, value)
  }

  #fail(detail: string): never {
    throw new WebSocketError(this.#format.errorCode, { detail })
  }
}

function decodePart(bytes: Uint8Array, start: number, end: number): string {
  return decodeLatin1(bytes.subarray(start, end))
}
