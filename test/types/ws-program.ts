// A program as users of `ws` write it: compiled with the types of `@types/ws` by `npm run types`, and with those of hotsocket/ws
// by test/types/ws.test.ts. Nobody runs it.
import { createServer, IncomingMessage } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type {
  AddressInfo,
  CertMeta,
  ClientOptions,
  CloseEvent,
  Data,
  ErrorEvent,
  Event,
  EventListenerOptions,
  FinishRequestCallback,
  MessageEvent,
  PerMessageDeflateOptions,
  RawData,
  ServerOptions,
  VerifyClientCallbackAsync,
  VerifyClientCallbackSync
} from 'ws'
import WebSocket, { createWebSocketStream, WebSocket as Named, type Server, WebSocketServer } from 'ws'

type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false

/** Compiles only if both types are the same. */
function same<A, B>(_isSame: Same<A, B>): void {}

// Clients: every form of the constructor, and the options.
const deflate: PerMessageDeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 10,
  clientMaxWindowBits: 10,
  zlibDeflateOptions: { chunkSize: 1024, memLevel: 7, level: 3 },
  zlibInflateOptions: { chunkSize: 10 * 1024 },
  concurrencyLimit: 10,
  threshold: 1024
}
const finishRequest: FinishRequestCallback = (request, websocket) => {
  request.setHeader('X-State', websocket.readyState)
  request.end()
}
const options: ClientOptions = {
  followRedirects: true,
  generateMask: (mask) => void mask.fill(1),
  handshakeTimeout: 1000,
  maxRedirects: 5,
  perMessageDeflate: deflate,
  localAddress: '127.0.0.1',
  protocolVersion: 13,
  headers: { Authorization: 'Bearer a' },
  origin: 'http://example.com',
  family: 4,
  rejectUnauthorized: false,
  ca: 'a',
  allowSynchronousEvents: true,
  autoPong: false,
  maxPayload: 1 << 20,
  skipUTF8Validation: true,
  finishRequest
}
export const clients = [
  new WebSocket('ws://a'),
  new WebSocket(new URL('ws://a')),
  new WebSocket('ws://a', 'b'),
  new WebSocket('ws://a', ['b', 'c'], options),
  new WebSocket('ws://a', options),
  new WebSocket('ws://a', undefined, { perMessageDeflate: false, auth: 'a:b' }),
  new Named('ws://a')
]

// What a socket has.
export function use(socket: WebSocket): void {
  same<typeof socket.readyState, 0 | 1 | 2 | 3>(true)
  const facts: [number, string, string, string, boolean] = [
    socket.bufferedAmount,
    socket.extensions,
    socket.protocol,
    socket.url,
    socket.isPaused
  ]
  if (socket.readyState === WebSocket.OPEN || socket.readyState === socket.CLOSING) socket.send(`${facts}`)
  socket.binaryType = 'arraybuffer'
  socket.binaryType = 'nodebuffer'
  socket.binaryType = 'fragments'
  socket.send('text', (error) => error?.message)
  socket.send(
    Buffer.from('a'),
    { binary: true, compress: false, fin: true, mask: false },
    (error) => error?.name
  )
  socket.send(new Uint8Array(1))
  socket.send(new ArrayBuffer(1))
  socket.send(new DataView(new ArrayBuffer(1)))
  socket.send([1, 2])
  socket.send(5)
  socket.send(new Blob([]))
  socket.ping()
  socket.ping('a', true, (error: Error) => error.message)
  socket.pong(Buffer.of(1))
  socket.pause()
  socket.resume()
  socket.close(1000, 'reason')
  socket.close(1000, Buffer.from('reason'))
  socket.terminate()
}

// Listeners, by every method.
export function listen(socket: WebSocket): void {
  socket
    .on('open', function () {
      this.send('a')
    })
    .on('message', (data, isBinary) => {
      same<typeof isBinary, boolean>(true)
      const raw: RawData = data
      if (Array.isArray(raw)) return Buffer.concat(raw)
      return raw instanceof ArrayBuffer ? raw.byteLength : raw.toString('utf8')
    })
    .on('message', (data: WebSocket.RawData) => data.toString())
    .on('message', (data: Buffer) => data.length)
    .once('close', (code, reason) => same<[typeof code, typeof reason.length], [number, number]>(true))
    .on('error', (error) => error.message)
    .on('ping', (data) => data.length)
    .on('pong', (data: Buffer) => data.length)
    .on('upgrade', ({ headers }) => headers['set-cookie'])
    .on('redirect', (url, request) => request.removeHeader(url))
    .on('unexpected-response', (request, response) => {
      request.destroy()
      return response.statusCode
    })
    .on('of the program', (...values: unknown[]) => values.length)
  const listener = () => {}
  socket.off('open', listener).removeListener('close', listener).addListener('pong', listener)
  socket.emit('message', Buffer.of(), false)
  socket.removeAllListeners('message').setMaxListeners(5)
}

export function listenAsInBrowsers(socket: WebSocket): void {
  socket.onopen = ({ type, target }: Event) => target.send(type)
  socket.onmessage = ({ data }: MessageEvent) => {
    const given: Data = data
    return typeof given === 'string' ? given : given.toString()
  }
  socket.onmessage = (event) => JSON.parse(event.data as string)
  socket.onclose = ({ code, reason, wasClean }: CloseEvent) => [code, reason, wasClean]
  socket.onerror = ({ error, message }: ErrorEvent) => [error, message]
  socket.onerror = null
  const once: EventListenerOptions = { once: true }
  socket.addEventListener('message', ({ data }) => data, once)
  const onclose = (event: WebSocket.CloseEvent) => event.code
  socket.addEventListener('close', onclose)
  socket.removeEventListener('close', onclose)
}

// Servers.
class Request extends IncomingMessage {
  user = 'nobody'
}
class Client extends WebSocket {
  isAlive = true
}
const verify: VerifyClientCallbackSync = ({ origin, secure, req }) => secure && origin === req.url
const verifyLater: VerifyClientCallbackAsync = (info, done) =>
  done(info.secure, 401, 'no', { 'Retry-After': 1 })
const serverOptions: ServerOptions = {
  host: '127.0.0.1',
  port: 0,
  backlog: 5,
  verifyClient: verify,
  handleProtocols: (protocols, request) => (protocols.has('a') ? `${request.url}` : false),
  path: '/a',
  clientTracking: true,
  perMessageDeflate: deflate,
  maxPayload: 5,
  skipUTF8Validation: false,
  allowSynchronousEvents: false,
  autoPong: true,
  WebSocket
}

export function serve(): void {
  const server = new WebSocketServer(serverOptions, () => {})
  server.on('connection', function (socket, request) {
    same<typeof request, IncomingMessage>(true)
    socket.send(`${request.headers.cookie} ${request.socket.remoteAddress} ${this.clients.size}`)
    use(socket)
  })
  server.on('headers', (headers, request) => headers.push(`X-Url: ${request.url}`))
  server.on('wsClientError', (error, socket: Duplex, request) => socket.end(`${error} ${request.url}`))
  server.once('listening', () => {}).on('error', (error) => error.message)
  server.on('close', () => {})
  for (const socket of server.clients) if (socket.readyState === WebSocket.OPEN) socket.ping()
  server.clients.forEach((socket) => {
    socket.terminate()
  })
  const { port } = server.address() as AddressInfo
  server.close((error) => [error?.message, port])
  server.options.maxPayload = 6

  const detached = new WebSocketServer({ noServer: true, verifyClient: verifyLater })
  createServer().on('upgrade', (request, socket, head) => {
    if (!detached.shouldHandle(request)) return socket.destroy()
    detached.handleUpgrade(request, socket, head, (client, same) => detached.emit('connection', client, same))
    return undefined
  })
  new WebSocketServer({ server: createHttpsServer({ key: 'a' satisfies CertMeta }) })
  new WebSocketServer<typeof Client, typeof Request>({
    WebSocket: Client,
    server: createServer({ IncomingMessage: Request })
  }).on('connection', (client, { user }) => {
    client.isAlive = user !== 'nobody'
  })
}

// Names that are types and values, and the namespace.
export function ofServer(server: Server | WebSocketServer): WebSocketServer {
  return server
}
export const typed: {
  readonly data: WebSocket.Data
  readonly event: WebSocket.MessageEvent
  readonly options: WebSocket.ClientOptions
  readonly serverOptions: WebSocket.ServerOptions
}[] = []
export const sockets: Set<WebSocket> = new Set<Named>()
export const states: [0, 1, 2, 3] = [
  WebSocket.CONNECTING,
  WebSocket.OPEN,
  WebSocket.CLOSING,
  WebSocket.CLOSED
]

// Streams.
export const stream: Duplex = createWebSocketStream(new WebSocket('ws://a'), {
  encoding: 'utf8',
  objectMode: true
})
