// A page and hotsocket at one port, with node:http. Run: node docs/examples/http.mjs
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { AsyncServer } from 'hotsocket'

const page = await readFile(new URL('echo.html', import.meta.url))
const http = createServer((request, response) => {
  if (request.url === '/') response.writeHead(200, { 'Content-Type': 'text/html' }).end(page)
  else response.writeHead(404).end()
})

const server = new AsyncServer({ onmessage: (client, message) => void client.send(message) })
server.attach(http, { path: '/echo' })

http.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${http.address().port}/`)
)
