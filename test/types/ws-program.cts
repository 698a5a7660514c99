// A program in CommonJS as users of `ws` write it; see ws-program.ts. Nobody runs it.
import WebSocket = require('ws')

const server = new WebSocket.Server({ port: 0 })
server.on('connection', (socket: WebSocket, request) => {
  socket.on('message', (data: WebSocket.RawData) => socket.send(`${request.url} ${data}`))
})
const other: WebSocket.Server = new WebSocket.WebSocketServer({ noServer: true })
const clients: WebSocket[] = [new WebSocket('ws://a'), new WebSocket.WebSocket('ws://a')]
const stream = WebSocket.createWebSocketStream(clients[0]!)
const { WebSocketServer } = WebSocket
const third: WebSocket.WebSocketServer = new WebSocketServer({ noServer: true })
const onmessage = (event: WebSocket.MessageEvent): WebSocket.Data => event.data
export = { server, other, clients, stream, third, onmessage }
