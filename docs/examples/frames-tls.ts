// A server and a client with TLS, which is enabled before the handshake.
import { readFileSync } from 'node:fs'
import { Frame, Opcode, WebSocket } from 'hotsocket'

const [key, cert] = [readFileSync(process.env.KEY ?? 'key.pem'), readFileSync(process.env.CERT ?? 'cert.pem')]

const server = new WebSocket()
server.enableTls({ key, cert })
server.bind({ port: Number(process.env.PORT ?? 8000) })
await server.listen()

const socket = new WebSocket()
socket.enableTls({ ca: cert })
await socket.connect({ host: 'localhost', port: server.port! })
const client = await server.accept()

client.send(new Frame(Opcode.TEXT, 'for your eyes only'))
const frame = await socket.recv()
console.log(`${server.url?.split(':')[0]}: ${Buffer.from(frame.payload)}`)
await server.close()
