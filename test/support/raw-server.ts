// Owns a server that answers handshakes with whatever bytes a test wants. It uses nothing of the library, so that a fault in
// the library cannot hide behind itself.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { cleanUp, until } from './harness.js'

/** A server, and what it saw. */
export interface RawServer {
  readonly port: number
  /** 'ws://127.0.0.1:port', or 'wss://localhost:port'. */
  readonly url: string
  /** The heads of all requests. */
  readonly requests: string[]
  /** All sockets that were accepted. */
  readonly sockets: Set<Socket>
  /** Resolves when all of `count` sockets have come and gone. */
  allGone(count: number): Promise<void>
}

/** Answers one request; `index` counts them from 0. */
export type RawAnswer = (socket: Socket, request: string, index: number) => void

/** What to serve with. */
export interface RawServerOptions {
  readonly tls?: TlsOptions
  readonly socketPath?: string
}

/** Starts a server at 127.0.0.1 that gives each whole request head to `answer`. */
export async function serveRaw(answer: RawAnswer, options: RawServerOptions = {}): Promise<RawServer> {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const onsocket = (socket: Socket) => {
    let head = ''
    const ondata = (chunk: Buffer) => {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', ondata)
      answer(socket, head, requests.push(head) - 1)
    }
    socket.on('data', ondata).on('error', () => {})
  }
  const { tls, socketPath } = options
  const server: Server = tls === undefined ? createTcpServer(onsocket) : createTlsServer(tls, onsocket)
  server.on('tlsClientError', () => {})
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})))
  server.listen(socketPath === undefined ? { port: 0, host: '127.0.0.1' } : { path: socketPath })
  await once(server, 'listening')
  cleanUp(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const port = socketPath === undefined ? (server.address() as AddressInfo).port : 0
  return {
    port,
    url: tls === undefined ? `ws://127.0.0.1:${port}` : `wss://localhost:${port}`,
    requests,
    sockets,
    allGone: (count) =>
      until(
        () => sockets.size === count && [...sockets].every(({ destroyed }) => destroyed),
        `${count} sockets are gone`
      )
  }
}

/** The Sec-WebSocket-Accept that a request asks for. */
export function acceptFor(request: string): string {
  const key = /^sec-websocket-key: (\S+)\r$/im.exec(request)![1]!
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** The head that accepts a request. */
export function acceptance(request: string, fields: readonly string[] = []): string {
  return response('101 Switching Protocols', [
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptFor(request)}`,
    ...fields
  ])
}

/** A response of HTTP/1.1. */
export function response(status: string, fields: readonly string[] = [], body = ''): string {
  return [`HTTP/1.1 ${status}`, ...fields, '', body].join('\r\n')
}

/** Accepts every request, and answers a close frame. */
export const acceptAll: RawAnswer = (socket, request) => {
  socket.write(acceptance(request))
  socket.once('data', () => socket.end(Buffer.from([0x88, 0])))
}

/** The value of a field of a request; null if there is none. */
export function fieldOf(request: string, name: string): string | null {
  return new RegExp(`^${name}: (.*)\r$`, 'im').exec(request)?.[1] ?? null
}
