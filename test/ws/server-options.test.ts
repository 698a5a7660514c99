// The server's options, its state and its end (ws.md "new WebSocketServer(options[, callback])", "server.close([callback])").
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanUp, connectTo, guard, listenHttp, until } from '../support/harness.js'
import { RawClient, upgradeRequest, within } from '../support/raw-client.js'
import { nextOf, openClient, openPair, serveWs } from './peers.js'
import { subjects } from './subjects.js'

guard()

const EXCLUSIVE = 'One and only one of the "port", "server", or "noServer" options must be specified'

describe.each(subjects)('$name: options of a server', (subject) => {
  const { WebSocket, WebSocketServer } = subject

  it.each([
    ['none', {}],
    ['a port and a server', { port: 0, server: createServer() }],
    ['a port and noServer', { port: 0, noServer: true }],
    ['a server and noServer', { server: createServer(), noServer: true }]
  ])('refuses %s', (_, options) => {
    expect(() => new WebSocketServer(options)).toThrow(new TypeError(EXCLUSIVE))
  })

  it('refuses to be made without options', () => {
    expect(() => new WebSocketServer()).toThrow(new TypeError(EXCLUSIVE))
  })

  it('listens at a port, tells it by the callback and the event, and knows its address', async () => {
    const told: string[] = []
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', backlog: 5 }, () =>
      told.push('callback')
    )
    cleanUp(() => server.close())
    await once(server, 'listening')
    await until(() => told.length === 1, 'the callback was called')
    const { address, family, port } = server.address() as AddressInfo
    expect([address, family, port > 0]).toEqual(['127.0.0.1', 'IPv4', true])
  })

  it('keeps its options where programs look for them', async () => {
    const { server } = await serveWs(subject, { path: '/a', maxPayload: 5 })
    const { path, maxPayload, noServer, clientTracking } = server.options
    expect([path, maxPayload, noServer, clientTracking]).toEqual(['/a', 5, false, true])
  })

  it('reports the error of its HTTP server', async () => {
    const { port } = await serveWs(subject)
    const second = new WebSocketServer({ port, host: '127.0.0.1' })
    const [error] = await nextOf<[NodeJS.ErrnoException]>(second, 'error')
    expect(error.code).toBe('EADDRINUSE')
  })

  it('answers a request without an upgrade with 426', async () => {
    const { port } = await serveWs(subject)
    const request = get({ port, host: '127.0.0.1', agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const chunks = await response.toArray()
    expect([response.statusCode, response.headers['content-type'], Buffer.concat(chunks).toString()]).toEqual(
      [426, 'text/plain', 'Upgrade Required']
    )
  })

  it('throws when the address is asked of a server without one', () => {
    const server = new WebSocketServer({ noServer: true })
    expect(() => server.address()).toThrow(new Error('The server is operating in "noServer" mode'))
    server.close()
  })

  it('forgets the address when it closes', async () => {
    const { server } = await serveWs(subject)
    await new Promise<void>((resolve) => server.close(() => resolve()))
    expect(server.address()).toBe(null)
  })

  it('takes a server of the application: events, address and requests are that one’s', async () => {
    const http = createServer()
    const server = new WebSocketServer({ server: http })
    const listening = once(server, 'listening')
    const { port } = await listenHttp(http)
    await listening
    expect(server.address()).toEqual(http.address())
    const connection = once(server, 'connection')
    await openClient(subject, `ws://127.0.0.1:${port}`)
    const [socket] = (await connection) as [InstanceType<typeof WebSocket>]
    socket.terminate()
    const failed = nextOf<[Error]>(server, 'error')
    http.emit('error', new Error('of the HTTP server'))
    expect((await failed)[0].message).toBe('of the HTTP server')
    await new Promise<void>((resolve) => server.close(() => resolve()))
    expect([http.listening, http.listenerCount('upgrade'), http.listenerCount('error')]).toEqual([true, 0, 0])
  })

  it.skipIf(process.platform === 'win32')(
    'gives the name of a UNIX domain socket as its address',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'hotsocket-'))
      cleanUp(() => rmSync(folder, { recursive: true }))
      const path = join(folder, 'socket')
      const http = createServer().listen(path)
      const server = new WebSocketServer({ server: http })
      await once(server, 'listening')
      expect(server.address()).toBe(path)
      const client = await openClient(subject, `ws+unix:${path}:/a?b`)
      expect(client.url).toBe(`ws+unix:${path}:/a?b`)
      client.terminate()
      for (const socket of server.clients) socket.terminate()
      server.close()
      await new Promise((resolve) => http.close(resolve))
    }
  )

  it('tracks its clients', async () => {
    const { server, socket, client } = await openPair(subject)
    expect([...server.clients]).toEqual([socket])
    client.close()
    await once(socket, 'close')
    expect(server.clients.size).toBe(0)
  })

  it('has no list of clients when it shall not track them', async () => {
    const { server } = await openPair(subject, { server: { clientTracking: false } })
    expect(server.clients).toBe(undefined)
  })

  it('makes sockets of the class it is told', async () => {
    class Named extends WebSocket {
      readonly kind = 'named'
    }
    const { server, url } = await serveWs(subject, { WebSocket: Named })
    const connection = once(server, 'connection')
    await openClient(subject, url)
    const [socket] = (await connection) as [Named]
    expect([socket instanceof Named, socket.kind]).toEqual([true, 'named'])
    socket.send('works')
  })
})

describe.each(subjects)('$name: the end of a server', (subject) => {
  const { WebSocketServer } = subject

  it('tells by the callback and the event; a second time it is an error', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    const lines: string[] = []
    server.on('close', () => lines.push('event'))
    await new Promise<void>((resolve) =>
      server.close((error) => {
        lines.push(`callback ${error}`)
        resolve()
      })
    )
    expect(lines).toEqual(['event', 'callback undefined'])
    const error = await new Promise<Error | undefined>((resolve) => server.close(resolve))
    expect(error).toEqual(new Error('The server is not running'))
  })

  it('waits for its connections, and closes none of them', async () => {
    const { server, port, socket, client } = await openPair(subject)
    let isClosed = false
    server.close(() => {
      isClosed = true
    })
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
    client.send('still there')
    expect(`${(await once(socket, 'message'))[0]}`).toBe('still there')
    expect(isClosed).toBe(false)
    client.terminate()
    await until(() => isClosed, 'the server is closed')
  })

  it('without a server of its own, closes when the last client it tracks has left', async () => {
    const http = await listenHttp()
    const server = new WebSocketServer({ server: http })
    const client = await openClient(subject, `ws://127.0.0.1:${http.port}`)
    const lines: string[] = []
    server.close(() => lines.push('server'))
    client.on('close', () => lines.push('client'))
    await new Promise(setImmediate)
    expect(lines).toEqual([])
    client.close()
    await until(() => lines.length === 2, 'both are closed')
    expect([...lines].sort()).toEqual(['client', 'server'])
  })

  it('without a server of its own and without tracking, closes in the next tick', async () => {
    const http = await listenHttp()
    const server = new WebSocketServer({ server: http, clientTracking: false })
    const client = await openClient(subject, `ws://127.0.0.1:${http.port}`)
    let isClosed = false
    server.close(() => {
      isClosed = true
    })
    expect(isClosed).toBe(false)
    await new Promise<void>((resolve) => process.nextTick(resolve))
    expect([isClosed, client.readyState]).toEqual([true, 1])
    client.terminate()
  })

  it('answers with 503 what comes to handleUpgrade afterwards', async () => {
    const http = await listenHttp()
    const server = new WebSocketServer({ noServer: true })
    http.on('upgrade', (request, socket, head) => {
      server.close()
      server.handleUpgrade(request, socket, head, () => expect.unreachable())
    })
    const peer = await connectTo(http)
    peer.write(upgradeRequest())
    expect(`${await within(peer.readRest(), 'the answer')}`).toMatch(
      /^HTTP\/1\.1 503 Service Unavailable\r\nConnection: close\r\n/
    )
  })
})
