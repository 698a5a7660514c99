// Owns MQTT over WebSocket: aedes as the broker behind createWebSocketStream, MQTT.js as the clients.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Aedes } from 'aedes'
import mqtt from 'mqtt'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { listen, pattern, report, whose } from './support.mjs'

const broker = await Aedes.createBroker()
const http = createServer()
const server = new WebSocketServer({
  server: http,
  handleProtocols: (protocols) => protocols.has('mqtt') && 'mqtt'
})
server.on('connection', (socket, request) => broker.handle(createWebSocketStream(socket), request))
const url = `ws://127.0.0.1:${await listen(http)}`

const [a, b] = await Promise.all([1, 2].map(() => mqtt.connectAsync(url)))
const result = { ws: whose('mqtt') }
const bytes = pattern(300_000)
const received = []
for (const [qos, payload] of ['grüße', bytes, ''].entries()) {
  await a.subscribeAsync(`news/${qos}/+`, { qos })
  const arrived = once(a, 'message')
  await b.publishAsync(`news/${qos}/now`, payload, { qos })
  const [topic, message, packet] = await arrived
  received.push([topic, packet.qos, message.equals(Buffer.from(payload))])
}
result.received = received
result.protocols = [...server.clients].map(({ protocol }) => protocol)
const gone = [...server.clients].map((client) => once(client, 'close'))
await b.endAsync()
await a.endAsync()
result.goneCount = (await Promise.all(gone)).length
await new Promise((resolve) => broker.close(resolve))
server.close()
http.close()
report(result)
