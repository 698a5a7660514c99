// Owns frames as objects. Must not know connections or messages.
import { type CloseStatus, readClose } from './closing.js'
import { WebSocketError } from './errors.js'
import {
  HeaderBit,
  headerLength,
  MAX_CONTROL_BYTES,
  MAX_HEADER_BYTES,
  Opcode,
  writeHeader
} from './header.js'
import type { Kernels } from './kernels.js'
import { ROW_WORDS, Row, SCAN_STATE_WORDS } from './layout.js'

/** How to mask a frame: the key (four bytes in wire order, the first lowest) and the kernels that do it. */
export interface Masking {
  readonly key: number
  readonly kernels: Kernels
}

/** What a frame has besides opcode and payload. */
export interface FrameOptions {
  /** The last frame of its message. Default true. */
  isFinal?: boolean
  /** Reserved bits, as `HeaderBit.RSV1` and so on. Default 0. */
  rsv?: number
}

const encoder = new TextEncoder()

/** One frame, unmasked. Source: RFC 6455 §5.2. */
export class Frame {
  readonly opcode: number
  readonly payload: Uint8Array
  readonly isFinal: boolean
  readonly rsv: number

  /**
   * `payload`: bytes, which are not copied, or a string, which becomes UTF-8; default empty. Throws WebSocketError
   * 'invalid-argument' for an opcode or reserved bits out of range.
   */
  constructor(opcode: number, payload: string | Uint8Array = new Uint8Array(0), options: FrameOptions = {}) {
    if (!Number.isInteger(opcode) || opcode < 0 || opcode > 15) {
      throw new WebSocketError('invalid-argument', { detail: `opcode must be 0-15, not ${opcode}` })
    }
    const rsv = options.rsv ?? 0
    if ((rsv & ~HeaderBit.RSV) !== 0) {
      throw new WebSocketError('invalid-argument', {
        detail: `rsv must be made of 0x40, 0x20 and 0x10, not ${rsv}`
      })
    }
    this.opcode = opcode
    this.payload = typeof payload === 'string' ? encoder.encode(payload) : payload
    this.isFinal = options.isFinal ?? true
    this.rsv = rsv
  }

  /** Encodes the frame as bytes for the wire. `masking`: for frames from a client; default: not masked. */
  pack(masking: Masking | null = null): Uint8Array {
    const bytes = new Uint8Array(headerLength(this.payload.length, masking !== null) + this.payload.length)
    const first = (this.isFinal ? HeaderBit.FIN : 0) | this.rsv | this.opcode
    const at = writeHeader(bytes, 0, first, this.payload.length, masking === null ? null : masking.key)
    if (masking === null) bytes.set(this.payload, at)
    else masking.kernels.mask(this.payload, bytes, at, masking.key, 0)
    return bytes
  }

  /**
   * Cuts the frame into frames of at most `maxBytes` of payload each; reserved bits stay on the first.
   * Payloads are views. Throws WebSocketError 'invalid-argument' unless `maxBytes` is a positive integer.
   * Source: RFC 6455 §5.4.
   */
  fragment(maxBytes: number): Frame[] {
    checkFragmentSize(maxBytes)
    const frames: Frame[] = []
    let start = 0
    do {
      const end = Math.min(start + maxBytes, this.payload.length)
      const isLast = end === this.payload.length
      frames.push(
        new Frame(start === 0 ? this.opcode : Opcode.CONTINUATION, this.payload.subarray(start, end), {
          isFinal: this.isFinal && isLast,
          rsv: start === 0 ? this.rsv : 0
        })
      )
      start = end
    } while (start < this.payload.length)
    return frames
  }

  /**
   * Parses the frame that `bytes` begins with; the bytes are left as they are. Returns it with the count of bytes it
   * took, or null if it is not whole. Applies no rule of the protocol but the format's. The payload is a copy.
   */
  static parse(bytes: Uint8Array, kernels: Kernels): { frame: Frame; byteLength: number } | null {
    const state = new Int32Array(SCAN_STATE_WORDS)
    const row = new Int32Array(ROW_WORDS)
    // Copies, since the scanner unmasks in place; first of the header alone, since much may follow the frame.
    const head = new Uint8Array(bytes.subarray(0, MAX_HEADER_BYTES))
    if (kernels.scan(state, head, 0, row) === 0) return null
    const start = row[Row.OFFSET]!
    const length = (row[Row.LENGTH_HIGH]! >>> 0) * 0x1_0000_0000 + (row[Row.LENGTH_LOW]! >>> 0)
    const byteLength = start + length
    if (byteLength > bytes.length) return null
    const copy = new Uint8Array(bytes.subarray(0, byteLength))
    kernels.scan(state.fill(0), copy, 0, row)
    return { frame: Frame.make(row[Row.HEADER]! & 0xff, copy.slice(start)), byteLength }
  }

  private static make(first: number, payload: Uint8Array): Frame {
    const opcode = first & HeaderBit.OPCODE
    const isFinal = (first & HeaderBit.FIN) !== 0
    const rsv = first & HeaderBit.RSV
    if (opcode >= Opcode.CLOSE && isFinal && payload.length <= MAX_CONTROL_BYTES) {
      return new ControlFrame(opcode, payload, { rsv })
    }
    return new Frame(opcode, payload, { isFinal, rsv })
  }
}

/** A close, ping or pong frame: whole, with at most 125 bytes of payload. Source: RFC 6455 §5.5. */
export class ControlFrame extends Frame {
  /** Throws WebSocketError 'invalid-argument' for an opcode that is no control opcode, or too long a payload. */
  constructor(
    opcode: number,
    payload: string | Uint8Array = new Uint8Array(0),
    options: { rsv?: number } = {}
  ) {
    if (opcode < Opcode.CLOSE) {
      throw new WebSocketError('invalid-argument', {
        detail: `a control frame's opcode is 8-15, not ${opcode}`
      })
    }
    super(opcode, payload, options)
    const { length } = this.payload
    if (length > MAX_CONTROL_BYTES) {
      throw new WebSocketError('invalid-argument', {
        detail: `a control frame carries at most ${MAX_CONTROL_BYTES} bytes, not ${length}`
      })
    }
  }

  /** Always throws WebSocketError 'invalid-argument': control frames must not be fragmented (RFC 6455 §5.5). */
  override fragment(_maxBytes: number): Frame[] {
    throw new WebSocketError('invalid-argument', { detail: 'a control frame must not be fragmented' })
  }

  /**
   * Reads a close frame's code and reason: 1005 and '' if it carries none. Throws WebSocketError 'close-payload',
   * 'close-code' or 'close-reason' for what must not be sent, 'invalid-argument' on a frame that is no close frame.
   */
  unpackClose(): CloseStatus {
    if (this.opcode !== Opcode.CLOSE) {
      throw new WebSocketError('invalid-argument', { detail: `opcode ${this.opcode} is not a close frame's` })
    }
    const status = readClose(this.payload)
    if (typeof status === 'string') throw new WebSocketError(status)
    return status
  }
}

/** Throws WebSocketError 'invalid-argument' unless `maxBytes` is a positive integer. */
export function checkFragmentSize(maxBytes: number): void {
  if (!Number.isInteger(maxBytes) || maxBytes < 1) {
    throw new WebSocketError('invalid-argument', {
      detail: `a fragment's size must be a positive integer, not ${maxBytes}`
    })
  }
}
