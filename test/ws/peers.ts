// Owns what the suites of this folder share: servers and clients of a subject that end with their test, opposite peers that
// speak bytes, and a record of events.
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type * as Ws from 'ws'
import { cleanUp, connectTo, gate, openAt } from '../support/harness.js'
import type { RawClient } from '../support/raw-client.js'
import { acceptance, serveRaw } from '../support/raw-server.js'
import { TcpPeer } from '../support/tcp.js'
import type { Subject } from './subjects.js'

/** Options of ws that its published types do not have. */
interface Untyped {
  readonly closeTimeout?: number
  readonly maxPendingAutoPongs?: number
}

export type ServerOptions = Ws.ServerOptions & Untyped
export type ClientOptions = Omit<Ws.ClientOptions, 'agent' | 'createConnection'> &
  Untyped & {
    readonly protocols?: string | string[]
    readonly auth?: string
    readonly agent?: unknown
    readonly createConnection?: unknown
  }

/** What programs reach for inside a socket of ws. */
export interface Inside {
  readonly _socket: Socket
  readonly _sender: {
    sendFrame(list: (Buffer | string)[], done?: (error?: Error) => void): void
  }
}

export const inside = (socket: Ws.WebSocket) => socket as unknown as Inside

/** A socket, without its types where a test gives what they do not allow. */
export interface Untidy {
  send(data: unknown, options?: unknown, done?: unknown): void
  ping(data?: unknown, mask?: unknown, done?: unknown): void
  pong(data?: unknown, mask?: unknown, done?: unknown): void
  close(code?: unknown, reason?: unknown): void
  binaryType: string
}

export const untidy = (socket: Ws.WebSocket) => socket as unknown as Untidy

/** Starts a server at a free port of 127.0.0.1; it ends with its clients when the test does. */
export async function serveWs({ WebSocketServer }: Subject, options: ServerOptions = {}) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options })
  const connected = new Set<Ws.WebSocket>()
  server.on('connection', (socket) => connected.add(socket))
  cleanUp(async () => {
    for (const socket of connected) end(socket)
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, port, url: `ws://127.0.0.1:${port}` }
}

/** Makes a client that ends with its test. */
export function makeClient(
  { WebSocket }: Pick<Subject, 'WebSocket'>,
  url: string | URL,
  options: ClientOptions = {},
  protocols: string | string[] = []
): Ws.WebSocket {
  const socket = new WebSocket(url, protocols, options as Ws.ClientOptions)
  cleanUp(() => end(socket))
  return socket
}

/** Makes a client and waits until it is open. */
export async function openClient(
  subject: Pick<Subject, 'WebSocket'>,
  url: string | URL,
  options: ClientOptions = {},
  protocols: string | string[] = []
): Promise<Ws.WebSocket> {
  const socket = makeClient(subject, url, options, protocols)
  await once(socket, 'open')
  return socket
}

/** A server's socket and a client's of the same subject, connected. */
export async function openPair(
  subject: Subject,
  options: { server?: ServerOptions; client?: ClientOptions } = {}
) {
  const { server, port, url } = await serveWs(subject, options.server)
  const connection = once(server, 'connection') as Promise<[Ws.WebSocket, unknown]>
  const client = await openClient(subject, url, options.client)
  const [socket] = await connection
  return { server, port, socket, client }
}

/** A server's socket of a subject, and the client that speaks bytes to it. */
export async function serveRawPeer(
  subject: Subject,
  options: ServerOptions = {},
  headers: readonly string[] = []
): Promise<{ server: Ws.WebSocketServer; socket: Ws.WebSocket; peer: RawClient }> {
  const { server, port } = await serveWs(subject, options)
  const connection = once(server, 'connection') as Promise<[Ws.WebSocket, unknown]>
  const peer = await openAt({ port }, { headers })
  const [socket] = await connection
  return { server, socket, peer }
}

/** A client's socket of a subject, and the server that speaks bytes to it. */
export async function openAtRawPeer(
  subject: Subject,
  options: ClientOptions = {},
  fields: readonly string[] = []
): Promise<{ socket: Ws.WebSocket; peer: TcpPeer; request: string }> {
  const accepted = gate()
  let peer: TcpPeer | undefined
  const { url, requests } = await serveRaw((socket, request) => {
    peer = new TcpPeer(socket)
    socket.write(acceptance(request, fields))
    accepted.open()
  })
  const socket = await openClient(subject, url, options)
  await accepted.passed
  return { socket, peer: peer!, request: requests[0]! }
}

/** Sends a request to a server of a subject; gives all that it answers until it ends. */
export async function answerTo(
  subject: Subject,
  request: string,
  options: ServerOptions = {}
): Promise<string> {
  const { server, port } = await serveWs(subject, options)
  server.on('connection', (socket) => socket.terminate())
  const peer = await connectTo({ port })
  peer.write(request)
  return `${await peer.readRest()}`
}

/** The whole answer to a request that is refused. */
export function refusal(status: string, body: string, fields: readonly string[] = []): string {
  return [
    `HTTP/1.1 ${status}`,
    'Connection: close',
    'Content-Type: text/html',
    `Content-Length: ${body.length}`,
    ...fields,
    '',
    body
  ].join('\r\n')
}

/** A frame as it is on the wire. */
export interface WireFrame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  /** null: it was not masked. */
  readonly key: Buffer | null
  readonly payload: Buffer
}

/** Reads a frame that a client or a server sent. */
export async function readFrame(peer: TcpPeer): Promise<WireFrame> {
  const [first, second] = (await peer.read(2)) as unknown as [number, number]
  const short = second & 0x7f
  const length =
    short < 126
      ? short
      : short === 126
        ? (await peer.read(2)).readUInt16BE()
        : Number((await peer.read(8)).readBigUInt64BE())
  const key = (second & 0x80) === 0 ? null : Buffer.from(await peer.read(4))
  const payload = Buffer.from(await peer.read(length))
  if (key !== null) for (let i = 0; i < length; i++) payload[i]! ^= key[i & 3]!
  return { fin: (first & 0x80) !== 0, rsv: first & 0x70, opcode: first & 0x0f, key, payload }
}

/** Records the events of a socket as lines. */
export function record(socket: Ws.WebSocket): string[] {
  const lines: string[] = []
  socket.on('open', () => lines.push('open'))
  socket.on('message', (data, isBinary) => lines.push(`${isBinary ? 'binary' : 'text'} ${show(data)}`))
  socket.on('ping', (data) => lines.push(`ping ${show(data)}`))
  socket.on('pong', (data) => lines.push(`pong ${show(data)}`))
  socket.on('error', (error: NodeJS.ErrnoException) => lines.push(`error ${error.code ?? error.message}`))
  socket.on('close', (code, reason) => lines.push(`close ${code} "${show(reason)}"`))
  return lines
}

function show(data: Ws.RawData): string {
  if (Array.isArray(data)) return data.map(show).join('|')
  return (Buffer.isBuffer(data) ? data : Buffer.from(data)).toString('latin1')
}

/** Waits for an event whatever errors come before it. */
export function nextOf<Values extends unknown[]>(
  emitter: { once(event: string, listener: (...values: Values) => void): unknown },
  event: string
): Promise<Values> {
  return new Promise((resolve) => emitter.once(event, (...values: Values) => resolve(values)))
}

function end(socket: Ws.WebSocket): void {
  socket.on('error', () => {})
  socket.terminate()
}
