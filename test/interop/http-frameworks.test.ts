// hotsocket and a web framework on one port, both ways: attached to the framework's HTTP server, and the framework behind
// the port of hotsocket.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { AsyncServer } from '../../src/index.js'
import { cleanUp, guard } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

function makeServer() {
  const server = new AsyncServer({
    host: '127.0.0.1',
    logLevel: 'silent',
    onmessage: (client, message) => void client.send(message)
  })
  cleanUp(() => server.close())
  return server
}

function expressApp() {
  const app = express()
  app.get('/page', (_, response) => void response.send('page'))
  return app
}

function fastifyApp(serverFactory?: (listener: RequestListener) => Server) {
  const app = fastify({
    forceCloseConnections: true,
    ...(serverFactory === undefined ? {} : { serverFactory })
  })
  app.get('/page', async () => 'page')
  cleanUp(() => app.close())
  return app
}

function koaApp() {
  const app = new Koa({ env: 'test' })
  app.use((context) => {
    if (context.path === '/page') context.body = 'page'
  })
  return app.callback()
}

function honoApp() {
  return new Hono().get('/page', (context) => context.text('page'))
}

/** Listens with an HTTP server that hotsocket is attached to, and uses both. */
async function attachAndUse(http: Server): Promise<void> {
  makeServer().attach(http, { path: '/ws' })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  cleanUp(() => {
    http.close()
    http.closeAllConnections()
  })
  await useBoth((http.address() as AddressInfo).port)
}

/** Has the port of hotsocket serve pages, and uses both. */
async function serveBehind(listener: RequestListener): Promise<void> {
  const server = makeServer()
  server.http.on('request', listener)
  await server.listen()
  await useBoth(server.port!)
}

/** Fetches pages and exchanges messages at the same port, one after the other and at once. */
async function useBoth(port: number): Promise<void> {
  const page = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return [response.status, await response.text()]
  }
  expect(await page('/page')).toEqual([200, 'page'])
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  cleanUp(() => socket.terminate())
  const answer = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))))
  socket.on('open', () => socket.send('grüße'))
  const pages = Promise.all(Array.from({ length: 10 }, () => page('/page')))
  expect(await within(answer, 'the echo')).toBe('grüße')
  expect((await pages).every(([status]) => status === 200)).toBe(true)
  expect((await page('/elsewhere'))[0]).toBe(404)
  const over = new Promise((resolve) => socket.once('close', resolve))
  socket.close(1000)
  expect(await within(over, 'the end')).toBe(1000)
}

describe.each([
  { name: 'Express', attachable: () => createServer(expressApp()), listener: expressApp },
  { name: 'Koa', attachable: () => createServer(koaApp()), listener: koaApp },
  {
    name: 'Hono',
    attachable: () => createAdaptorServer(honoApp()) as Server,
    listener: () => getRequestListener(honoApp().fetch)
  }
])('$name', ({ attachable, listener }) => {
  it('serves pages, and hotsocket is attached to its HTTP server', () => attachAndUse(attachable()))

  it('gets the pages of the port of hotsocket', () => serveBehind(listener()))
})

describe('Fastify', () => {
  it('serves pages, and hotsocket is attached to its HTTP server', async () => {
    const app = fastifyApp()
    makeServer().attach(app.server, { path: '/ws' })
    await app.listen({ host: '127.0.0.1', port: 0 })
    await useBoth((app.server.address() as AddressInfo).port)
  })

  it('gets the pages of the port of hotsocket', async () => {
    const server = makeServer()
    const app = fastifyApp((listener) => server.http.on('request', listener))
    await app.ready()
    await server.listen()
    await useBoth(server.port!)
  })
})
