// Owns y-websocket's job: two documents that become the same through its server, who is there, and edits made while apart.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { docs, setupWSConnection } from '@y/websocket-server/utils'
import WebSocket, { WebSocketServer } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { listen, report, whose } from './support.mjs'

const http = createServer()
const server = new WebSocketServer({ noServer: true })
server.on('connection', setupWSConnection)
http.on('upgrade', (request, socket, head) => {
  server.handleUpgrade(request, socket, head, (client) => server.emit('connection', client, request))
})
const url = `ws://127.0.0.1:${await listen(http)}`

async function open() {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(url, 'room', doc, { WebSocketPolyfill: WebSocket, disableBc: true })
  if (!provider.synced) await new Promise((resolve) => provider.once('sync', resolve))
  return { doc, provider, text: doc.getText('text') }
}

/** Waits until a document says what it should. */
async function reads({ doc, text }, expected) {
  while (text.toString() !== expected) await new Promise((resolve) => doc.once('update', resolve))
  return true
}

const [a, b] = [await open(), await open()]
const result = { ws: whose('@y/websocket-server') }
a.text.insert(0, 'Hello')
result.isShared = await reads(b, 'Hello')
const long = 'grüße '.repeat(50_000)
b.text.insert(5, long)
result.isLongShared = await reads(a, `Hello${long}`)

const known = once(b.provider.awareness, 'change')
a.provider.awareness.setLocalStateField('name', 'Ada')
await known
result.awareness = b.provider.awareness.getStates().get(a.doc.clientID)

a.provider.disconnect()
a.text.delete(5, long.length)
b.text.insert(0, '> ')
a.text.insert(5, '!')
a.provider.connect()
result.isMerged = await Promise.all([reads(a, '> Hello!'), reads(b, '> Hello!')])

for (const { provider, doc } of [a, b]) {
  provider.destroy()
  doc.destroy()
}
for (const client of server.clients) await once(client, 'close')
result.clientsLeft = server.clients.size
for (const doc of docs.values()) doc.destroy()
server.close()
http.close()
report(result)
