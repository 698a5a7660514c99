// An echo server made of a WebSocket that accepts, and a Connection for each client.
import { Connection, type Message, WebSocket } from 'hotsocket'

class EchoConnection extends Connection {
  override onopen() {
    console.log(`connection opened at ${this.remoteAddress}`)
  }

  override onmessage(message: Message) {
    this.send(message)
  }

  override onclose(code: number, reason: string) {
    console.log(`connection closed: ${code} ${reason}`)
  }
}

const server = new WebSocket()
server.bind({ port: Number(process.env.PORT ?? 8000) })
await server.listen()
console.log(`listening at ${server.url}`)
for await (const client of server.accepted()) void new EchoConnection(client).receiveForever()
