// Owns two proxies for tests: HTTP CONNECT (RFC 9110 §9.3.6) and SOCKS5 (RFC 1928), without any authentication.
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { cleanUp } from './harness.js'

/** A proxy, and the 'host:port' that it was asked for. */
export interface Proxy {
  readonly port: number
  readonly asked: string[]
}

/** Starts an HTTP proxy that knows CONNECT only; `status`: of its answers. */
export async function serveConnectProxy(status = 200): Promise<Proxy> {
  const asked: string[] = []
  const server = createHttpServer()
  server.on('connect', ({ url }, socket: Socket) => {
    asked.push(url!)
    socket.write(`HTTP/1.1 ${status} x\r\n\r\n`)
    if (status === 200) join(socket, url!)
    else socket.end()
  })
  return { port: await listen(server), asked }
}

/** Starts a SOCKS5 proxy that knows CONNECT to names and IPv4 addresses. */
export async function serveSocksProxy(): Promise<Proxy> {
  const asked: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(Buffer.of(5, 0))
      socket.once('data', (request: Buffer) => {
        const isName = request[3] === 3
        const end = isName ? 5 + request[4]! : 8
        const host = isName ? request.toString('latin1', 5, end) : request.subarray(4, 8).join('.')
        asked.push(`${host}:${request.readUInt16BE(end)}`)
        socket.write(Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0))
        join(socket, asked.at(-1)!)
      })
    })
  })
  return { port: await listen(server), asked }
}

function join(socket: Socket, address: string): void {
  const [host, port] = address.split(':') as [string, string]
  const other = connect(Number(port), host)
  socket.pipe(other).pipe(socket)
  for (const end of [socket, other]) end.on('error', () => {})
  socket.on('close', () => other.destroy())
  other.on('close', () => socket.destroy())
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
