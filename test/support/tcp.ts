// Owns TCP servers and clients for tests of what carries bytes: each ends with its test.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { cleanUp } from './harness.js'
import { within } from './raw-client.js'

/** A TCP server at a free port of 127.0.0.1. */
export interface TcpServer {
  readonly server: Server
  readonly port: number
  /** The next connection that nobody has asked for. */
  readonly accept: () => Promise<TcpPeer>
}

/** One end of a TCP connection, which remembers what came and how it ended. */
export class TcpPeer {
  readonly socket: Socket
  /** Resolves when the other end has ended its side. */
  readonly ended: Promise<void>
  /** Resolves when the socket is closed: 'fin' in order, otherwise the error's code. */
  readonly closed: Promise<string>
  #received: Buffer[] = []
  #byteCount = 0
  #wake = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    let error = ''
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      error = cause.code ?? cause.message
    })
    socket.on('data', (bytes: Buffer) => {
      this.#received.push(bytes)
      this.#byteCount += bytes.length
      this.#wake()
    })
    this.ended = new Promise((resolve) => socket.once('end', resolve))
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        resolve(error === '' ? 'fin' : error)
        this.#wake()
      })
    )
  }

  /** Bytes that arrived and were not read. */
  get byteCount(): number {
    return this.#byteCount
  }

  write(bytes: Uint8Array | string): boolean {
    return this.socket.write(bytes)
  }

  /** Reads so many bytes. */
  async read(byteLength: number): Promise<Buffer> {
    while (this.#byteCount < byteLength) {
      if (this.socket.destroyed)
        throw new Error(`the end came after ${this.#byteCount} of ${byteLength} bytes`)
      await within(
        new Promise<void>((resolve) => {
          this.#wake = resolve
        }),
        `${byteLength} bytes`
      )
    }
    const all = Buffer.concat(this.#received)
    this.#received = [all.subarray(byteLength)]
    this.#byteCount -= byteLength
    return all.subarray(0, byteLength)
  }

  /** Reads so many bytes as text. */
  async readText(byteLength: number): Promise<string> {
    return (await this.read(byteLength)).toString('latin1')
  }

  /** Reads all there is until the other end has ended its side. */
  async readRest(): Promise<Buffer> {
    await within(Promise.race([this.ended, this.closed]), 'the end')
    return this.read(this.#byteCount)
  }
}

/** Listens; `onconnection` gets the sockets, or `accept` if there is none. Either side may end before the other. */
export async function listenTcp(onconnection?: (socket: Socket) => void): Promise<TcpServer> {
  const waiting: TcpPeer[] = []
  let wake = () => {}
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    cleanUp(() => socket.destroy())
    if (onconnection !== undefined) return onconnection(socket)
    waiting.push(new TcpPeer(socket))
    wake()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  cleanUp(() => server.close())
  const accept = async () => {
    while (waiting.length === 0) {
      await within(
        new Promise<void>((resolve) => {
          wake = resolve
        }),
        'a TCP connection'
      )
    }
    return waiting.shift()!
  }
  return { server, port: (server.address() as { port: number }).port, accept }
}

/** Sends back what comes, and ends when the other end has. */
export function listenEcho(): Promise<TcpServer> {
  return listenTcp((socket) => void socket.on('error', () => {}).pipe(socket))
}

/** Connects. */
export async function connectTcp(port: number): Promise<TcpPeer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  cleanUp(() => socket.destroy())
  await within(once(socket, 'connect'), 'a TCP connection')
  return new TcpPeer(socket)
}

/** A port of 127.0.0.1 at which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
