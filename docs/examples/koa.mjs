// A page of Koa and hotsocket at one port. Run: node docs/examples/koa.mjs
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { AsyncServer } from 'hotsocket'
import Koa from 'koa'

const app = new Koa()
const page = await readFile(new URL('echo.html', import.meta.url), 'utf8')
app.use((context) => {
  if (context.path === '/') context.body = page
})

const http = createServer(app.callback())
const server = new AsyncServer({ onmessage: (client, message) => void client.send(message) })
server.attach(http, { path: '/echo' })

http.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${http.address().port}/`)
)
