// JSON in text messages, both ways.
import { AsyncServer, connect, type Message, TextMessage } from 'hotsocket'

/** Makes a message of data. */
const encode = (data: unknown) => new TextMessage(JSON.stringify(data))
/** The data of a message. */
const decode = ({ payload }: Message): unknown => JSON.parse(`${payload}`)

const server = new AsyncServer({
  port: Number(process.env.PORT ?? 8000),
  onmessage: (client, message) => client.send(encode({ got: decode(message) }))
})
await server.listen()

const connection = await connect(server.url!)
connection.send(encode({ foo: 'Hello, World!' }))
console.log(decode(await connection.recv()))
await server.close()
