// Owns two jobs in Chromium, the path of which is the parameter: Puppeteer drives it over `ws` as the client, and its page
// talks by Socket.IO's own bundle to a server on `ws`.
import { createServer } from 'node:http'
import puppeteer from 'puppeteer-core'
import { Server } from 'socket.io'
import { inbox, listen, report, whose } from './support.mjs'

const PAGE = `<!doctype html><title>page</title><script src="/socket.io/socket.io.js"></script>`
const http = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(PAGE))
const server = new Server(http)
const ends = inbox()
server.on('connection', (socket) => {
  socket.on('join', (room, done) => done(void socket.join(room)))
  socket.on('echo', (...values) => values.pop()(...values))
  socket.on('disconnect', (reason) => ends.push(reason))
})
const port = await listen(http)

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking'
]
const browser = await puppeteer.launch({ executablePath: process.argv[2], headless: true, args })
const result = {
  ws: whose('puppeteer-core', 'engine.io'),
  isWebSocket: browser.wsEndpoint().startsWith('ws:')
}
const page = await browser.newPage()
await page.goto(`http://127.0.0.1:${port}/`)
result.title = await page.title()
result.evaluated = await page
  .evaluate((a, b) => a + b, 'grüße', 'x'.repeat(1_000_000))
  .then((text) => text.length)

const rooms = inbox()
await page.exposeFunction('told', (...values) => rooms.push(values))
result.page = await page.evaluate(async () => {
  const socket = window.io({ transports: ['websocket'] })
  window.socket = socket
  await new Promise((resolve) => socket.on('connect', resolve))
  socket.on('news', (text, bytes) => window.told(text, [...new Uint8Array(bytes)]))
  await socket.emitWithAck('join', 'blue')
  const [text, bytes] = await new Promise((resolve) =>
    socket.emit('echo', 'grüße', Uint8Array.of(1, 2, 255), (...values) => resolve(values))
  )
  return [socket.io.engine.transport.name, text, [...new Uint8Array(bytes)]]
})
server.to('blue').emit('news', 'to the room', Buffer.of(3, 4))
result.room = await rooms.next()
const { length } = await page.screenshot()
result.isPictured = length > 1000

// A page that leaves, then one that is left.
await page.reload()
result.ends = [await ends.next()]
const reconnected = new Promise((resolve) => server.once('connection', resolve))
await page.evaluate(
  () => void window.io({ transports: ['websocket'], reconnection: false }).on('disconnect', window.told)
)
await reconnected
// Chromium keeps connections to HTTP servers that it has not used yet.
const closed = server.close()
http.closeAllConnections()
await closed
result.ends.push((await rooms.next())[0])
await browser.close()
report(result)
