// An echo server whose handlers are awaited, client by client.
import { type Connection, type Message, Server } from 'hotsocket'

class EchoServer extends Server {
  override async onopen(client: Connection) {
    console.log(`client connected from ${client.remoteAddress}`)
  }

  override async onmessage(client: Connection, message: Message) {
    client.send(message)
    await client.drained()
  }

  override onclose(_client: Connection, code: number, reason: string) {
    console.log(`client disconnected: ${code} ${reason}`)
  }
}

const server = new EchoServer({ port: Number(process.env.PORT ?? 8000) })
await server.listen()
console.log(`listening at ${server.url}`)
await server.run()
