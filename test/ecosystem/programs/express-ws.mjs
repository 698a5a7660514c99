// Owns express-ws' job: a route with parameters, a broadcast to its clients, a middleware that refuses, and HTTP beside it.
import { once } from 'node:events'
import express from 'express'
import expressWs from 'express-ws'
import WebSocket from 'ws'
import { inbox, report, whose } from './support.mjs'

const { app, getWss } = expressWs(express())
app.get('/', (_, response) => response.send('plain'))
app.ws('/rooms/:room', (socket, request) => {
  socket.send(`welcome to ${request.params.room}, ${request.query.name}`)
  socket.on('message', (data, isBinary) => {
    for (const client of getWss().clients) client.send(isBinary ? data : `all: ${data}`)
  })
})
app.ws('/closed', (_, __, next) => next(new Error('not here')))
app.use((_error, _request, response, _next) => response.status(500).end())

const http = app.listen(0, '127.0.0.1')
await once(http, 'listening')
const { port } = http.address()

async function join(path) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  const { push, next } = inbox()
  socket.on('message', (data, isBinary) => push(isBinary ? [...data] : data.toString()))
  await once(socket, 'open')
  return { socket, next }
}

const result = { ws: whose('express-ws') }
const [a, b] = [await join('/rooms/blue?name=Ada'), await join('/rooms/red?name=Bob')]
result.welcomes = [await a.next(), await b.next()]
a.socket.send('grüße')
a.socket.send(Uint8Array.of(1, 2, 255))
result.received = [await a.next(), await a.next(), await b.next(), await b.next()]
result.plain = await fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())

const refused = await join('/closed')
result.refused = (await once(refused.socket, 'close'))[0]
a.socket.close(4001, 'bye')
const [code, reason] = await once(a.socket, 'close')
result.closed = [code, reason.toString()]
b.socket.terminate()
result.lost = (await once(b.socket, 'close'))[0]
getWss().close()
http.close()
http.closeAllConnections()
report(result)
