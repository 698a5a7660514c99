// A page of Hono and hotsocket at one port. Run: node docs/examples/hono.mjs
import { readFile } from 'node:fs/promises'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { AsyncServer } from 'hotsocket'

const app = new Hono()
const page = await readFile(new URL('echo.html', import.meta.url), 'utf8')
app.get('/', (context) => context.html(page))

const http = createAdaptorServer(app)
const server = new AsyncServer({ onmessage: (client, message) => void client.send(message) })
server.attach(http, { path: '/echo' })

http.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${http.address().port}/`)
)
