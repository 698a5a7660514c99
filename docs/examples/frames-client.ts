// A client, frame by frame: says hello in one frame, and in several, and prints what comes back.
import { ControlFrame, Frame, Opcode, WebSocket } from 'hotsocket'

const socket = new WebSocket({ location: '/my/path' })
await socket.connect({ port: Number(process.env.PORT ?? 8000) })

// A message of one frame.
socket.send(new Frame(Opcode.TEXT, 'Hello, Server!'))
// One of several, with a ping between them.
socket.send(
  new Frame(Opcode.TEXT, 'Hello, ', { isFinal: false }),
  new ControlFrame(Opcode.PING, 'still there?'),
  new Frame(Opcode.CONTINUATION, 'Server!')
)
// One frame, cut into frames of at most 5 bytes.
socket.send(...new Frame(Opcode.TEXT, 'Hello, Server!').fragment(5))
socket.send(new ControlFrame(Opcode.CLOSE))

for await (const { opcode, isFinal, payload } of socket) {
  console.log(opcode, isFinal, Buffer.from(payload).toString())
}
