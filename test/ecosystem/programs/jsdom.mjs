// Owns the WebSocket of jsdom's pages, which is ws: a page's script converses, has cookies set, and its window is closed.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { JSDOM } from 'jsdom'
import { WebSocketServer } from 'ws'
import { inbox, listen, report, whose } from './support.mjs'

const http = createServer()
const server = new WebSocketServer({ server: http })
server.on('headers', (headers) => headers.push('Set-Cookie: seen=yes; Path=/'))
const connections = inbox()
server.on('connection', (socket, { headers }) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  connections.push({ socket, origin: headers.origin, cookie: headers.cookie })
})
const address = `127.0.0.1:${await listen(http)}`

const PAGE = `<script>
  const socket = new WebSocket('ws://${address}/')
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => { socket.send('grüße'); socket.send(Uint8Array.of(1, 2, 255)) }
  socket.onmessage = ({ data, origin }) => told(typeof data === 'string' ? data : [...new Uint8Array(data)], origin)
  socket.onclose = ({ code, reason, wasClean }) => told(code, reason, wasClean)
</script>`
const told = inbox()
const { window } = new JSDOM(PAGE, {
  url: `http://${address}/page`,
  runScripts: 'dangerously',
  beforeParse: (page) => Object.assign(page, { told: (...values) => told.push(values) })
})
const { socket, origin } = await connections.next()
const result = { ws: whose('jsdom') }
result.origin = origin === `http://${address}`
result.echo = [(await told.next())[0], (await told.next())[0]]
result.cookie = window.document.cookie
socket.close(4001, 'bye')
result.closed = await told.next()

window.eval(`new WebSocket('ws://${address}/again').onopen = () => told('open')`)
const again = await connections.next()
await told.next()
result.cookieSent = again.cookie
const left = once(again.socket, 'close')
window.close()
result.left = (await left)[0]
server.close()
http.close()
report(result)
