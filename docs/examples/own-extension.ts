// An extension of one's own: turns the bytes of messages around, and says so by RSV2. See docs/EXTENSIONS.md.
import { type Extension, type ExtensionSession, Frame, HeaderBit, Opcode, WebSocket } from 'hotsocket'

const session: ExtensionSession = {
  encodeMessage: (message) => ({
    ...message,
    rsv: message.rsv | HeaderBit.RSV2,
    payload: message.payload.slice().reverse()
  }),
  decodeMessage: (message) =>
    (message.rsv & HeaderBit.RSV2) === 0
      ? null // nothing to be changed
      : { ...message, rsv: message.rsv & ~HeaderBit.RSV2, payload: message.payload.slice().reverse() }
}

const reverse: Extension = {
  names: ['x-reverse'],
  rsv: HeaderBit.RSV2,
  opcodes: [],
  offers: () => [{ name: 'x-reverse', parameters: [] }],
  accept: ({ parameters }) => (parameters.length > 0 ? null : { parameters: [], session }),
  confirm: ({ parameters }) => (parameters.length > 0 ? null : session)
}

const server = new WebSocket({ extensions: [reverse] }).bind({ port: Number(process.env.PORT ?? 8000) })
await server.listen()
const socket = await new WebSocket({ extensions: [reverse] }).connect(server.url!)
socket.send(new Frame(Opcode.BINARY, 'abc')) // on the wire: cba
const client = await server.accept()
console.log(Buffer.from((await client.recv()).payload).toString())
await server.close()
