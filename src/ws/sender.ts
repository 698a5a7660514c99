// Owns the class Sender of `ws` as far as programs use it: frames as bytes, and their way into a stream. Must not know sessions.
import type { Duplex } from 'node:stream'
import { HeaderBit, headerLength, Opcode, writeHeader } from '../core/header.js'
import { environment } from '../kernels/index.js'
import { generateKey } from './options.js'
import { type SendCallback, toBytes } from './outgoing.js'

/** What a frame has besides its payload. */
export interface FrameOptions {
  /** Whether it is the last frame of its message. Default false. */
  fin?: boolean | undefined
  /** Writes the masking key into the four bytes that it is given. Default: unpredictable ones. */
  generateMask?: ((mask: Buffer) => void) | undefined
  /** Default false. */
  mask?: boolean | undefined
  /** Where `generateMask` writes. Default: memory of its own. */
  maskBuffer?: Buffer | undefined
  opcode: number
  /** No effect: the payload is never changed. */
  readOnly?: boolean | undefined
  /** Default false. */
  rsv1?: boolean | undefined
}

/** Makes frames, and writes them to a stream. */
export class Sender {
  readonly #stream: Duplex
  readonly #generateMask: ((mask: Buffer) => void) | undefined
  /** Whether a message has begun that has not ended. */
  #isAmid = false

  /** `extensions`: no effect, nothing is compressed. `generateMask`: as of `FrameOptions`. */
  constructor(stream: Duplex, _extensions?: object, generateMask?: (mask: Buffer) => void) {
    this.#stream = stream
    this.#generateMask = generateMask
  }

  /** Makes a frame: its header, and behind it the payload, which is not copied unless it is masked. Source: RFC 6455 §5.2. */
  static frame(data: string | Uint8Array, options: FrameOptions): Buffer[] {
    const payload = typeof data === 'string' ? Buffer.from(data) : data
    const { length } = payload
    const first =
      (options.fin === true ? HeaderBit.FIN : 0) |
      (options.rsv1 === true ? HeaderBit.RSV1 : 0) |
      options.opcode
    const key = options.mask === true ? maskingKey(options) : null
    const target = Buffer.allocUnsafe(headerLength(length, key !== null) + (key === null ? 0 : length))
    const start = writeHeader(target, 0, first, length, key)
    if (key !== null) {
      environment.kernels.mask(payload, target, start, key, 0)
      return [target]
    }
    return length === 0 ? [target] : [target, Buffer.from(payload.buffer, payload.byteOffset, length)]
  }

  /** Writes a frame. `callback`: called when it is written. */
  sendFrame(list: readonly (string | Uint8Array)[], callback?: SendCallback): void {
    const stream = this.#stream
    const last = list.length - 1
    stream.cork()
    list.forEach((part, index) => {
      stream.write(part, (error) => {
        if (index === last) callback?.(error ?? undefined)
      })
    })
    stream.uncork()
  }

  /** Sends a message, or a fragment of one. */
  send(
    data: unknown,
    options: { binary?: boolean; fin?: boolean; mask?: boolean },
    callback?: SendCallback
  ): void {
    const opcode = this.#isAmid ? Opcode.CONTINUATION : options.binary === true ? Opcode.BINARY : Opcode.TEXT
    this.#isAmid = options.fin !== true
    this.#write(opcode, data, options.fin === true, options.mask, callback)
  }

  /** Sends a ping. */
  ping(data: unknown, mask?: boolean, callback?: SendCallback): void {
    this.#write(Opcode.PING, data, true, mask, callback)
  }

  /** Sends a pong. */
  pong(data: unknown, mask?: boolean, callback?: SendCallback): void {
    this.#write(Opcode.PONG, data, true, mask, callback)
  }

  /** Sends a close frame. */
  close(code?: number, data?: string | Uint8Array, mask?: boolean, callback?: SendCallback): void {
    this.#write(Opcode.CLOSE, encodeStatus(code, data), true, mask, callback)
  }

  #write(
    opcode: number,
    data: unknown,
    fin: boolean,
    mask: boolean | undefined,
    callback: SendCallback | undefined
  ): void {
    const payload = typeof data === 'string' ? data : toBytes(data)
    const generateMask = this.#generateMask
    this.sendFrame(Sender.frame(payload, { fin, opcode, mask, generateMask }), callback)
  }
}

function maskingKey({ generateMask, maskBuffer }: FrameOptions): number {
  if (generateMask === undefined) return environment.maskingKey()
  return generateKey(generateMask, maskBuffer ?? Buffer.alloc(4))
}

function encodeStatus(code: number | undefined, data: string | Uint8Array | undefined): Uint8Array {
  if (code === undefined) return Buffer.alloc(0)
  const status = Buffer.alloc(2)
  status.writeUInt16BE(code)
  return data === undefined ? status : Buffer.concat([status, Buffer.from(data as string)])
}
