// Owns the stream over a WebSocket of `ws`. Must not know how messages are carried.
import { Duplex, type DuplexOptions } from 'node:stream'
import type { RawData, WebSocket } from './websocket.js'

const CONNECTING = 0
const CLOSED = 3

/**
 * A Duplex over a WebSocket. What is written goes as binary messages; what arrives is read, text as strings if `readableObjectMode`
 * is set. A slow reader pauses the WebSocket. `end` begins the closing handshake, `destroy` drops the connection, and the end
 * of the WebSocket ends the stream. `options`: as of Duplex, without `objectMode`, `writableObjectMode`.
 */
export function createWebSocketStream(websocket: WebSocket, options: DuplexOptions = {}): Duplex {
  return new WebSocketStream(websocket, options)
}

class WebSocketStream extends Duplex {
  readonly #websocket: WebSocket
  /** An error of the WebSocket has its own closing handshake under way. */
  #hasFailed = false

  constructor(websocket: WebSocket, options: DuplexOptions) {
    super({ ...options, objectMode: false, writableObjectMode: false, autoDestroy: true })
    this.#websocket = websocket
    websocket.on('message', (data: RawData, isBinary: boolean) => {
      const chunk = !isBinary && this.readableObjectMode ? data.toString() : data
      if (!this.destroyed && !this.push(chunk)) websocket.pause()
    })
    websocket.once('error', (error) => {
      this.#hasFailed = true
      this.destroy(error)
    })
    websocket.once('close', () => {
      if (!this.destroyed) this.push(null)
      // A side that nobody will end any more.
      if (!this.destroyed && !this.writableEnded) this.end()
    })
  }

  override _read(): void {
    if (this.#websocket.isPaused) this.#websocket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#whenOpen(() => this.#websocket.send(chunk, callback))
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#whenOpen(() => {
      const websocket = this.#websocket
      if (websocket.readyState === CLOSED) return callback()
      websocket.close()
      // Nothing more is read by itself: the peer's close frame may stand behind it.
      callback()
    })
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const websocket = this.#websocket
    if (websocket.readyState === CLOSED) return callback(error)
    let reason = error
    websocket.once('error', (failure) => {
      reason ??= failure
    })
    websocket.once('close', () => callback(reason))
    if (!this.#hasFailed) websocket.terminate()
  }

  #whenOpen(action: () => void): void {
    if (this.#websocket.readyState === CONNECTING) this.#websocket.once('open', action)
    else action()
  }
}
