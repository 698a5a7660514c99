// A server, frame by frame: says hello to one client, and prints what that says.
import { Frame, Opcode, WebSocket } from 'hotsocket'

const server = new WebSocket()
server.bind({ port: Number(process.env.PORT ?? 8000) })
await server.listen(5)
console.log(`listening at ${server.url}`)

const client = await server.accept()
client.send(new Frame(Opcode.TEXT, 'Hello, Client!'))
const frame = await client.recv()
console.log(`${client.remoteAddress} says: ${Buffer.from(frame.payload)}`)
await server.close()
