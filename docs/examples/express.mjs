// A page of Express and hotsocket at one port. Run: node docs/examples/express.mjs
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { AsyncServer } from 'hotsocket'

const app = express()
const page = fileURLToPath(new URL('echo.html', import.meta.url))
app.get('/', (_request, response) => response.sendFile(page))

const http = createServer(app)
const server = new AsyncServer({ onmessage: (client, message) => void client.send(message) })
server.attach(http, { path: '/echo' })

http.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${http.address().port}/`)
)
