// How a program decides about requests with verifyClient (ws.md "verifyClient").
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { certificate } from '../support/certificate.js'
import { connectTo, guard, until } from '../support/harness.js'
import { upgradeRequest } from '../support/raw-client.js'
import { answerTo, nextOf, openClient, refusal, serveRawPeer, serveWs } from './peers.js'
import { subjects } from './subjects.js'

guard()

/** What verifyClient is given. */
interface Asked {
  readonly origin: string
  readonly secure: boolean
  readonly req: IncomingMessage
}

describe.each(subjects)('$name: verifyClient', (subject) => {
  const request = upgradeRequest('/a', ['Origin: http://example.com'])

  it('decides by what it returns: 401', async () => {
    const seen: unknown[] = []
    const answer = await answerTo(subject, request, {
      verifyClient: (info: Asked) => {
        seen.push(info.origin, info.secure, info.req.url)
        return false
      }
    })
    expect([answer, seen]).toEqual([
      refusal('401 Unauthorized', 'Unauthorized'),
      ['http://example.com', false, '/a']
    ])
  })

  it('accepts by returning true', async () => {
    const { socket } = await serveRawPeer(subject, { verifyClient: () => true })
    expect(socket.readyState).toBe(1)
  })

  it('with two parameters decides later; 401 is the default', async () => {
    const answer = await answerTo(subject, request, {
      verifyClient: (_, done) => setImmediate(done, false)
    })
    expect(answer).toBe(refusal('401 Unauthorized', 'Unauthorized'))
  })

  it('with two parameters says the status, the body and further fields', async () => {
    const answer = await answerTo(subject, request, {
      verifyClient: (_, done) => setImmediate(done, false, 503, 'busy', { 'Retry-After': 120 })
    })
    expect(answer).toBe(refusal('503 Service Unavailable', 'busy', ['Retry-After: 120']))
  })

  it('with two parameters accepts later; frames that came meanwhile are read', async () => {
    const { server, port } = await serveWs(subject, {
      verifyClient: (_, done) => setTimeout(done, 20, true)
    })
    const message = new Promise((resolve) =>
      server.on('connection', (socket) => socket.on('message', (data) => resolve(`${data}`)))
    )
    const peer = await connectTo({ port })
    peer.write(upgradeRequest())
    peer.text('early')
    expect(await message).toBe('early')
  })

  it('takes the origin of version 8 from its own field', async () => {
    const origins: string[] = []
    const { port } = await serveWs(subject, {
      verifyClient: ({ origin }: Asked) => origins.push(origin) > 0
    })
    const peer = await connectTo({ port })
    peer.write(
      upgradeRequest('/', ['Sec-WebSocket-Origin: http://old.example', 'Origin: http://new.example']).replace(
        'Version: 13',
        'Version: 8'
      )
    )
    expect(await peer.readHead()).toContain(' 101 ')
    expect(origins).toEqual(['http://old.example'])
  })

  it('knows that TLS is secure', async () => {
    const http = createHttps(await certificate())
    const { port } = await new Promise<AddressInfo>((resolve) =>
      http.listen(0, '127.0.0.1', () => resolve(http.address() as AddressInfo))
    )
    const seen: boolean[] = []
    const server = new subject.WebSocketServer({
      server: http,
      verifyClient: ({ secure }: Asked) => seen.push(secure) > 0
    })
    const client = await openClient(subject, `wss://127.0.0.1:${port}`, { rejectUnauthorized: false })
    client.send('over TLS')
    const [socket] = server.clients
    expect(`${(await once(socket!, 'message'))[0]}`).toBe('over TLS')
    expect(seen).toEqual([true])
    const ended = once(socket!, 'close')
    client.close()
    await ended
    server.close()
    await new Promise((resolve) => http.close(resolve))
  })

  it('leaves it at that when the client is gone before the decision', async () => {
    const asked: [IncomingMessage, (ok: boolean) => void][] = []
    const { server, port } = await serveWs(subject, {
      verifyClient: (info: Asked, done: (ok: boolean) => void) => void asked.push([info.req, done])
    })
    server.on('connection', () => expect.unreachable())
    const peer = await connectTo({ port })
    peer.write(upgradeRequest())
    await until(() => asked.length === 1, 'it is asked')
    const [request, decide] = asked[0]!
    const gone = nextOf(request.socket, 'close')
    peer.reset()
    await gone
    decide(true)
    expect(server.clients.size).toBe(0)
  })
})
