// What carries a connection besides plain TCP: TLS, UNIX domain sockets, any Duplex (ws.md "server.handleUpgrade", `socket` is a
// stream.Duplex).
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { certificate } from '../support/certificate.js'
import { duplexPair } from '../support/duplex-pair.js'
import { cleanUp, guard, pattern, until } from '../support/harness.js'
import { KEY } from '../support/raw-client.js'
import { inside, nextOf, openClient, record } from './peers.js'
import { type Subject, subjects } from './subjects.js'

guard()

/** A server's socket and a client's over TLS. */
async function openSecurely(subject: Subject, options: object = {}) {
  const http = createHttps(await certificate())
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const server = new subject.WebSocketServer({ server: http, ...options })
  cleanUp(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
    return new Promise((resolve) => http.close(resolve))
  })
  const connection = once(server, 'connection') as Promise<[WebSocket, IncomingMessage]>
  const url = `wss://127.0.0.1:${(http.address() as AddressInfo).port}`
  const client = await openClient(subject, url, { rejectUnauthorized: false })
  const [socket] = await connection
  return { socket, client, url }
}

describe.each(subjects)('$name: over TLS', (subject) => {
  it('messages come and go', async () => {
    const { socket, client, url } = await openSecurely(subject, { perMessageDeflate: true })
    expect([client.url, client.extensions]).toEqual([`${url}/`, 'permessage-deflate'])
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    const received: Buffer[] = []
    client.on('message', (data) => received.push(data as Buffer))
    for (const length of [0, 100, 70_000, 1_000_000]) client.send(pattern(length))
    await until(() => received.length === 4, 'all came back')
    expect(received.map((data) => data.equals(pattern(data.length)))).toEqual([true, true, true, true])
  })

  it('the socket inside knows of TLS', async () => {
    const { socket, client } = await openSecurely(subject)
    const [ours, theirs] = [inside(socket)._socket as TLSSocket, inside(client)._socket as TLSSocket]
    expect([ours.encrypted, theirs.encrypted, theirs.getPeerCertificate().subject.CN]).toEqual([
      true,
      true,
      'localhost'
    ])
  })

  it('it ends by close and by terminate', async () => {
    const first = await openSecurely(subject)
    const both = Promise.all([nextOf(first.socket, 'close'), nextOf(first.client, 'close')])
    first.client.close(4000, 'over')
    const told = [4000, Buffer.from('over')]
    expect(await both).toEqual([told, told])
    const second = await openSecurely(subject)
    const lost = Promise.all([nextOf(second.socket, 'close'), nextOf(second.client, 'close')])
    second.socket.terminate()
    const gone = [1006, Buffer.of()]
    expect(await lost).toEqual([gone, gone])
  })

  it('a pause holds back what comes', async () => {
    const { socket, client } = await openSecurely(subject)
    const lines = record(socket)
    socket.pause()
    client.send('a')
    client.send('b')
    const pong = once(client, 'pong')
    expect(lines).toEqual([])
    socket.resume()
    client.ping()
    await pong
    expect(lines).toEqual(['text a', 'text b', 'ping '])
  })
})

/** What an HTTP server gives with 'upgrade', for requests that did not come by one. */
function requestOver(stream: Duplex): IncomingMessage {
  const headers = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': KEY,
    'sec-websocket-version': '13'
  }
  return { method: 'GET', url: '/', headers, socket: stream } as unknown as IncomingMessage
}

describe.each(subjects)('$name: over any Duplex', (subject) => {
  it('a server takes it by handleUpgrade, a program opens the other end by setSocket', async () => {
    const [near, far] = duplexPair()
    cleanUp(() => {
      near.destroy()
      far.destroy()
    })
    const server = new subject.WebSocketServer({ noServer: true })
    const opened: WebSocket[] = []
    server.handleUpgrade(requestOver(far), far, Buffer.alloc(0), (socket) => opened.push(socket))
    const [head] = (await once(near, 'data')) as [Buffer]
    expect(head.toString()).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/)
    expect(opened.length).toBe(1)

    // As @fastify/websocket makes the client of its injectWS.
    const Bare = subject.WebSocket as unknown as new (
      address: null,
      protocols?: undefined,
      options?: object
    ) => WebSocket
    const client = Object.assign(new Bare(null, undefined, { isServer: false }), { _isServer: false })
    const lines = record(client)
    const { setSocket } = client as unknown as {
      setSocket(stream: Duplex, head: Buffer, options: object): void
    }
    setSocket.call(client, near, Buffer.alloc(0), { maxPayload: 0 })
    const [socket] = opened
    socket!.on('message', (data, isBinary) => socket!.send(`back: ${data} ${isBinary}`))
    client.send('there')
    await until(() => lines.length === 2, 'it came back')
    client.close(4000, 'over')
    await until(() => lines.length === 3, 'it is closed')
    expect(lines).toEqual(['open', 'text back: there false', 'close 4000 "over"'])
    await until(() => server.clients.size === 0, 'both are closed')
  })

  it('a client takes it by createConnection', async () => {
    const [near, far] = duplexPair()
    cleanUp(() => {
      near.destroy()
      far.destroy()
    })
    const http = createServer()
    const server = new subject.WebSocketServer({ server: http })
    server.on('connection', (socket) => socket.on('message', (data) => socket.send(data, { binary: false })))
    http.emit('connection', far)
    const client = await openClient(subject, 'ws://a.invalid/', { createConnection: () => near })
    client.send('there and back')
    expect(`${(await once(client, 'message'))[0]}`).toBe('there and back')
    const closed = nextOf(client, 'close')
    client.close()
    expect(await closed).toEqual([1005, Buffer.of()])
  })
})
