// A page of Fastify and hotsocket at one port. Run: node docs/examples/fastify.mjs
import { readFile } from 'node:fs/promises'
import fastify from 'fastify'
import { AsyncServer } from 'hotsocket'

const app = fastify()
const page = await readFile(new URL('echo.html', import.meta.url), 'utf8')
app.get('/', (_request, reply) => reply.type('text/html').send(page))

const server = new AsyncServer({ onmessage: (client, message) => void client.send(message) })
server.attach(app.server, { path: '/echo' })

console.log(`${await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8000) })}/`)
