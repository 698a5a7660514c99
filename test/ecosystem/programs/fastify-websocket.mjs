// Owns the job of @fastify/websocket: a route with hooks and options, HTTP at the same path, and injectWS, without a port.
import { once } from 'node:events'
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import WebSocket from 'ws'
import { inbox, report, whose } from './support.mjs'

const fastify = Fastify()
await fastify.register(websocket, { options: { maxPayload: 1000, clientTracking: true } })
fastify.register(async (scope) => {
  scope.addHook('preValidation', async (request, reply) => {
    if (request.query.token !== 'secret') await reply.code(401).send('no')
  })
  scope.route({
    method: 'GET',
    url: '/echo',
    handler: async () => 'plain',
    wsHandler: (socket, request) => {
      socket.on('message', (data, isBinary) =>
        socket.send(isBinary ? data : `${request.query.token}: ${data}`)
      )
    }
  })
})
await fastify.listen({ host: '127.0.0.1', port: 0 })
const { port } = fastify.server.address()
const url = `ws://127.0.0.1:${port}/echo?token=secret`

const result = { ws: whose('@fastify/websocket') }
const socket = new WebSocket(url)
const { push, next } = inbox()
socket.on('message', (data, isBinary) => push(isBinary ? [...data] : data.toString()))
await once(socket, 'open')
socket.send('grüße')
socket.send(Uint8Array.of(1, 2, 255))
result.echo = [await next(), await next()]
result.clients = fastify.websocketServer.clients.size
result.plain = await fetch(url.replace('ws:', 'http:')).then((response) => response.text())
const refused = new WebSocket(url.replace('secret', 'wrong'))
result.refused = (await once(refused, 'error'))[0].message
// A route's error handler ends the connection for a message above maxPayload.
const tooLong = new WebSocket(url)
await once(tooLong, 'open')
tooLong.send('x'.repeat(1001))
result.tooLong = (await once(tooLong, 'close'))[0]

const injected = await fastify.injectWS('/echo?token=secret')
const answered = once(injected, 'message')
injected.send('hello')
result.injected = (await answered)[0].toString()
injected.terminate()
result.injectedRefused = await fastify.injectWS('/echo').catch(({ message }) => message)

const closed = once(socket, 'close')
await fastify.close()
result.closed = (await closed)[0]
report(result)
