// Owns the class Receiver of `ws` as far as programs use it: a writable stream of bytes that tells of messages. Must not know
// sockets.
import { Writable } from 'node:stream'
import type { WebSocketError } from '../core/errors.js'
import { BinaryMessage, type Message } from '../core/message.js'
import { OutputBytes } from '../core/output.js'
import { Protocol } from '../core/protocol.js'
import type { ProtocolHandler } from '../core/protocol-handler.js'
import { toWsError } from './errors.js'
import { type CommonOptions, environmentOf, limitsOf } from './options.js'
import { convert, toBuffer } from './payloads.js'
import type { BinaryType } from './websocket.js'

/** Options of a Receiver. */
export interface ReceiverOptions
  extends Pick<CommonOptions, 'maxFragments' | 'maxPayload' | 'skipUTF8Validation' | 'maxBufferedChunks'> {
  /** No effect: events come as the bytes do. */
  allowSynchronousEvents?: boolean | undefined
  /** Default 'nodebuffer'. */
  binaryType?: BinaryType | undefined
  /** No effect: nothing is decompressed. */
  extensions?: object | undefined
  /** Whether frames must be masked. Default false. */
  isServer?: boolean | undefined
}

/**
 * Reads frames. Emits 'message' (data, isBinary), 'ping' (data), 'pong' (data) and 'conclude' (code, reason) for a close frame; and
 * 'error' for a rule that is broken, after which nothing more is read.
 */
export class Receiver extends Writable {
  readonly #protocol: Protocol

  constructor(options: ReceiverOptions = {}) {
    super()
    const { isServer = false, binaryType = 'nodebuffer' } = options
    const handler: ProtocolHandler = {
      handleMessage: (message: Message) => {
        const isBinary = message instanceof BinaryMessage
        this.emit(
          'message',
          isBinary ? convert(message.payload, binaryType) : toBuffer(message.bytes),
          isBinary
        )
      },
      handlePing: (payload) => this.emit('ping', toBuffer(payload)),
      handlePong: (payload) => this.emit('pong', toBuffer(payload)),
      handleError: (error: WebSocketError) => this.destroy(toWsError(error)),
      handleFinish: () => {
        if (this.destroyed) return
        const { code, reason } = this.#protocol.end()
        this.emit('conclude', code, Buffer.from(reason))
      }
    }
    this.#protocol = new Protocol(
      {
        role: isServer ? 'server' : 'client',
        limits: limitsOf(options),
        environment: environmentOf(options),
        eagerTextBytes: -1,
        answersPings: false
      },
      new OutputBytes(),
      handler
    )
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    // It is unmasked in place, and belongs to whoever has written it.
    this.#protocol.receiveBytes(new Uint8Array(chunk))
    callback()
  }
}
