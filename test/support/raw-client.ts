// Owns a WebSocket client that speaks bytes over a plain or TLS socket. It uses nothing of the library, so that a fault
// in the library cannot hide behind itself.
import { createHash, randomBytes } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** A frame that the server sent. */
export interface RawFrame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly payload: Buffer
}

/** How to connect. */
export interface RawOptions {
  readonly path?: string
  /** Further header lines of the request, each without its line end. */
  readonly headers?: readonly string[]
  readonly isSecure?: boolean
  readonly socketPath?: string
  readonly localAddress?: string
}

/** How to write a frame that is not usual. */
export interface FrameOptions {
  readonly fin?: boolean
  readonly rsv?: number
  readonly isMasked?: boolean
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The key that `upgradeRequest` sends. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** The bytes of a sound request. */
export function upgradeRequest(path = '/', headers: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    ...headers,
    '',
    ''
  ].join('\r\n')
}

/** Encodes a frame as a client sends it. */
export function encodeFrame(opcode: number, payload: Uint8Array, options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, isMasked = true } = options
  const { length } = payload
  const extended = length < 126 ? 0 : length < 65536 ? 2 : 8
  const head = Buffer.alloc(2 + extended)
  head[0] = (fin ? 0x80 : 0) | rsv | opcode
  head[1] = (isMasked ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127)
  if (extended === 2) head.writeUInt16BE(length, 2)
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (!isMasked) return Buffer.concat([head, payload])
  const key = randomBytes(4)
  const body = Buffer.from(payload)
  for (let i = 0; i < length; i++) body[i]! ^= key[i & 3]!
  return Buffer.concat([head, key, body])
}

/** The payload of a close frame. */
export function closePayload(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return payload
}

/** Waits, and fails with a name if that takes too long. */
export async function within<Value>(promise: Promise<Value>, what: string, ms = 8000): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** One connection. */
export class RawClient {
  readonly socket: Socket
  /** How the transport ended: 'fin' in order, 'reset' otherwise. Resolves when the socket is closed. */
  readonly closed: Promise<'fin' | 'reset'>
  /** Resolves when the server has ended its side. */
  readonly ended: Promise<void>
  #unread: Buffer = Buffer.alloc(0)
  #isOver = false
  #wake: () => void = () => {}
  #arrived: Buffer[] = []

  constructor(socket: Socket) {
    this.socket = socket
    let hadError = false
    let hadEnd = false
    socket.on('data', (bytes: Buffer) => {
      this.#arrived.push(bytes)
      this.#wake()
    })
    socket.on('error', () => {
      hadError = true
    })
    this.ended = new Promise((resolve) => {
      socket.on('end', () => {
        hadEnd = true
        resolve()
      })
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isOver = true
        this.#wake()
        resolve(hadEnd && !hadError ? 'fin' : 'reset')
      })
    })
  }

  /** Opens the transport and nothing more. */
  static async connect(port: number, options: RawOptions = {}): Promise<RawClient> {
    const { isSecure = false, socketPath, localAddress } = options
    const target =
      socketPath === undefined
        ? { port, host: '127.0.0.1', noDelay: true, ...(localAddress && { localAddress }) }
        : { path: socketPath }
    const socket = isSecure ? connectTls({ ...target, rejectUnauthorized: false }) : connectTcp(target)
    await within(
      new Promise<void>((resolve, reject) => {
        socket.once(isSecure ? 'secureConnect' : 'connect', resolve).once('error', reject)
      }),
      'a connection'
    )
    return new RawClient(socket)
  }

  /** Opens a WebSocket; fails unless the answer is a right 101. */
  static async open(port: number, options: RawOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(port, options)
    client.write(upgradeRequest(options.path, options.headers))
    const head = await client.readHead()
    const accept = createHash('sha1').update(`${KEY}${GUID}`).digest('base64')
    // A proxy may write the name in lower case.
    const [, accepted] = /\r\nSec-WebSocket-Accept: (.*)\r\n/i.exec(head) ?? []
    if (!head.startsWith('HTTP/1.1 101 ') || accepted !== accept) {
      throw new Error(`no WebSocket: ${head}`)
    }
    return client
  }

  /** Writes bytes, or latin1 text. */
  write(bytes: Uint8Array | string): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Sends a frame. */
  send(opcode: number, payload: Uint8Array | string = '', options: FrameOptions = {}): void {
    this.write(encodeFrame(opcode, Buffer.from(payload as Uint8Array), options))
  }

  text(payload: string): void {
    this.send(1, payload)
  }

  binary(payload: Uint8Array): void {
    this.send(2, payload)
  }

  close(code?: number, reason?: string): void {
    this.send(8, code === undefined ? '' : closePayload(code, reason))
  }

  /** Reads an HTTP head, with its final empty line. */
  async readHead(): Promise<string> {
    const end = await this.#waitFor('a head', () => {
      const at = this.#unread.indexOf('\r\n\r\n')
      return at === -1 ? null : at + 4
    })
    return this.#take(end).toString('latin1')
  }

  /** Reads the next frame, as it is on the wire; fails if it is masked or its length is not minimal. */
  async readFrame(): Promise<RawFrame> {
    const whole = await this.#waitFor('a frame', () => this.#parse())
    this.#take(whole.byteLength)
    return whole.frame
  }

  /** Reads frames up to the end of a message, or a control frame. */
  async readMessage(): Promise<{ opcode: number; payload: Buffer; frameCount: number }> {
    const first = await this.readFrame()
    const payloads = [first.payload]
    for (let frame = first; !frame.fin; ) {
      frame = await this.readFrame()
      if (frame.opcode !== 0) throw new Error(`opcode ${frame.opcode} inside a message`)
      payloads.push(frame.payload)
    }
    return { opcode: first.opcode, payload: Buffer.concat(payloads), frameCount: payloads.length }
  }

  /** Reads a text message. */
  async readText(): Promise<string> {
    const { opcode, payload } = await this.readMessage()
    if (opcode !== 1) throw new Error(`opcode ${opcode} with ${payload.toString('hex')}, not text`)
    return payload.toString('utf8')
  }

  /** Reads a close frame; returns its code (1005: none) and reason. */
  async readClose(): Promise<{ code: number; reason: string }> {
    const { opcode, payload } = await this.readFrame()
    if (opcode !== 8) throw new Error(`opcode ${opcode} with ${payload.toString('latin1')}, not close`)
    if (payload.length === 0) return { code: 1005, reason: '' }
    return { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString('utf8') }
  }

  /** Reads all there is until the server ends. */
  async readRest(): Promise<Buffer> {
    await within(this.closed, 'the end')
    this.#gather()
    return this.#take(this.#unread.length)
  }

  /** Bytes that arrived and were not read by any method. */
  get unread(): Buffer {
    this.#gather()
    return this.#unread
  }

  /** Forgets what arrived and was not read. */
  discard(): void {
    this.#gather()
    this.#unread = Buffer.alloc(0)
  }

  /** Stops reading from the socket. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Ends this side only. */
  end(): void {
    this.socket.end()
  }

  /** Closes with RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  destroy(): void {
    this.socket.destroy()
  }

  #gather(): void {
    if (this.#arrived.length === 0) return
    this.#unread = Buffer.concat([this.#unread, ...this.#arrived])
    this.#arrived = []
  }

  #take(byteLength: number): Buffer {
    const bytes = this.#unread.subarray(0, byteLength)
    this.#unread = this.#unread.subarray(byteLength)
    return bytes
  }

  async #waitFor<Value>(what: string, find: () => Value | null): Promise<Value> {
    for (;;) {
      this.#gather()
      const found = find()
      if (found !== null) return found
      if (this.#isOver) throw new Error(`the end came instead of ${what}`)
      const arrival = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await within(arrival, what)
    }
  }

  #parse(): { frame: RawFrame; byteLength: number } | null {
    const bytes = this.#unread
    if (bytes.length < 2) return null
    const short = bytes[1]! & 0x7f
    const start = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < start) return null
    if ((bytes[1]! & 0x80) !== 0) throw new Error('the server masked a frame')
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if ((short === 126 && length < 126) || (short === 127 && length < 65536)) {
      throw new Error(`a length of ${length} is not minimal`)
    }
    if (bytes.length < start + length) return null
    const [first] = bytes as unknown as [number]
    const payload = Buffer.from(bytes.subarray(start, start + length))
    const frame = { fin: (first & 0x80) !== 0, rsv: first & 0x70, opcode: first & 0x0f, payload }
    return { frame, byteLength: start + length }
  }
}
