// An echo server that is driven by callbacks, compresses, and tells what it does.
import { AsyncServer, type Connection, DeflateFrame, DeflateMessage, type Message } from 'hotsocket'

class EchoServer extends AsyncServer {
  override onmessage(client: Connection, message: Message) {
    client.send(message)
  }
}

const server = new EchoServer({
  port: Number(process.env.PORT ?? 8000),
  extensions: [new DeflateMessage(), new DeflateFrame()],
  logLevel: 'debug'
})
await server.listen()
console.log(`listening at ${server.url}`)
await server.run()
