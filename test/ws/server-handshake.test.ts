// How a server answers opening handshakes (ws.md "handleProtocols", "server.handleUpgrade", "server.shouldHandle", "Event:
// 'headers'", "Event: 'wsClientError'").
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { WebSocket as WsSocket } from 'ws'
import { cleanUp, connectTo, guard, listenHttp, until } from '../support/harness.js'
import { encodeFrame, KEY, RawClient, upgradeRequest } from '../support/raw-client.js'
import { answerTo, nextOf, refusal, serveRawPeer, serveWs } from './peers.js'
import { original, subjects } from './subjects.js'

guard()

const without = (name: string) => upgradeRequest().replace(new RegExp(`^${name}: .*\r\n`, 'm'), '')
const withField = (name: string, value: string) =>
  upgradeRequest().replace(new RegExp(`^${name}: .*\r\n`, 'm'), `${name}: ${value}\r\n`)

describe.each(subjects)('$name: requests that a server refuses', (subject) => {
  const badKey = refusal('400 Bad Request', 'Missing or invalid Sec-WebSocket-Key header')
  const badVersion = refusal('400 Bad Request', 'Missing or invalid Sec-WebSocket-Version header', [
    'Sec-WebSocket-Version: 13, 8'
  ])

  it.each([
    [
      'another method',
      upgradeRequest().replace('GET', 'POST'),
      refusal('405 Method Not Allowed', 'Invalid HTTP method')
    ],
    ['another protocol', withField('Upgrade', 'foo'), refusal('400 Bad Request', 'Invalid Upgrade header')],
    ['no key', without('Sec-WebSocket-Key'), badKey],
    ['a key of the wrong length', withField('Sec-WebSocket-Key', 'AAAA'), badKey],
    ['no version', without('Sec-WebSocket-Version'), badVersion],
    ['version 12', withField('Sec-WebSocket-Version', '12'), badVersion],
    [
      'a subprotocol that is no token',
      upgradeRequest('/', ['Sec-WebSocket-Protocol: foo;bar']),
      refusal('400 Bad Request', 'Invalid Sec-WebSocket-Protocol header')
    ],
    [
      'a subprotocol twice',
      upgradeRequest('/', ['Sec-WebSocket-Protocol: foo, foo']),
      refusal('400 Bad Request', 'Invalid Sec-WebSocket-Protocol header')
    ]
  ])('%s', async (_, request, answer) => {
    expect(await answerTo(subject, request)).toBe(answer)
  })

  it('another path', async () => {
    const answer = refusal('400 Bad Request', 'Bad Request')
    expect(await answerTo(subject, upgradeRequest('/b'), { path: '/a' })).toBe(answer)
  })

  it('extensions that cannot be read, if it knows any', async () => {
    const request = upgradeRequest('/', ['Sec-WebSocket-Extensions: permessage-deflate; ='])
    expect(await answerTo(subject, request, { perMessageDeflate: true })).toBe(
      refusal('400 Bad Request', 'Invalid or unacceptable Sec-WebSocket-Extensions header')
    )
  })

  it('gives them to wsClientError if there is a listener, and answers nothing itself', async () => {
    const { server, port } = await serveWs(subject)
    const told = nextOf<[Error, Socket, IncomingMessage]>(server, 'wsClientError')
    const peer = await connectTo({ port })
    peer.write(without('Sec-WebSocket-Key'))
    const [error, socket, { headers, method }] = await told
    expect([error, method, headers.upgrade]).toEqual([
      new Error('Missing or invalid Sec-WebSocket-Key header'),
      'GET',
      'websocket'
    ])
    socket.end('HTTP/1.1 418 Teapot\r\n\r\n')
    expect(`${await peer.readRest()}`).toBe('HTTP/1.1 418 Teapot\r\n\r\n')
  })
})

describe.each(subjects)('$name: requests that a server accepts', (subject) => {
  it('answers with these lines', async () => {
    const { port } = await serveWs(subject)
    const peer = await connectTo({ port })
    peer.write(upgradeRequest())
    expect(await peer.readHead()).toBe(
      [
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
        '\r\n'
      ].join('\r\n')
    )
  })

  it.each(['8', '13'])('takes version %s', async (version) => {
    const { port } = await serveWs(subject)
    const peer = await connectTo({ port })
    peer.write(withField('Sec-WebSocket-Version', version))
    expect(await peer.readHead()).toContain('101 Switching Protocols')
  })

  it('takes the path without its query, whatever the case of the word websocket', async () => {
    const { server, port } = await serveWs(subject, { path: '/a' })
    const connection = nextOf<[WsSocket, IncomingMessage]>(server, 'connection')
    const peer = await connectTo({ port })
    peer.write(upgradeRequest('/a?b=/c').replace('Upgrade: websocket', 'Upgrade: WebSocket'))
    expect(await peer.readHead()).toContain('101 Switching Protocols')
    const [, { url }] = await connection
    expect(url).toBe('/a?b=/c')
  })

  it('gives the request to the listener of connection: its headers and its socket', async () => {
    const { server, port } = await serveWs(subject)
    const connection = nextOf<[WsSocket, IncomingMessage]>(server, 'connection')
    const peer = await connectTo({ port })
    peer.write(upgradeRequest('/a', ['Cookie: b=c', 'X-Two: 1', 'X-Two: 2']))
    const [, request] = await connection
    expect([request.method, request.url, request.httpVersion, request.headers]).toEqual([
      'GET',
      '/a',
      '1.1',
      {
        host: '127.0.0.1',
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-key': KEY,
        'sec-websocket-version': '13',
        cookie: 'b=c',
        'x-two': '1, 2'
      }
    ])
    expect(request.rawHeaders.slice(-4)).toEqual(['X-Two', '1', 'X-Two', '2'])
    expect([request.socket.remoteAddress, request.socket.remotePort]).toEqual([
      '127.0.0.1',
      peer.socket.localPort
    ])
    expect(request.socket.localPort).toBe(port)
  })

  it('reads frames that came with the request', async () => {
    const { server, port } = await serveWs(subject)
    const lines: string[] = []
    server.on('connection', (socket) => socket.on('message', (data) => lines.push(`${data}`)))
    const peer = await connectTo({ port })
    peer.write(Buffer.concat([Buffer.from(upgradeRequest()), encodeFrame(1, Buffer.from('early'))]))
    await until(() => lines.length === 1, 'it came')
    expect(lines).toEqual(['early'])
  })

  it('lets the listener of headers read and add lines of the answer', async () => {
    const { server, port } = await serveWs(subject)
    const seen: string[] = []
    server.on('headers', (headers, { url }) => {
      seen.push(`${url}`, ...headers)
      headers.push('Set-Cookie: a=b')
    })
    const peer = await connectTo({ port })
    peer.write(upgradeRequest('/x'))
    expect(await peer.readHead()).toContain('\r\nSet-Cookie: a=b\r\n\r\n')
    expect(seen).toEqual([
      '/x',
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    ])
  })
})

describe.each(subjects)('$name: subprotocols', (subject) => {
  const offer = ['Sec-WebSocket-Protocol: a, b,c']

  it('takes the first that the client asks for', async () => {
    const { socket } = await serveRawPeer(subject, {}, offer)
    expect(socket.protocol).toBe('a')
  })

  it('takes what handleProtocols returns', async () => {
    const seen: unknown[] = []
    const handleProtocols = (protocols: Set<string>, request: IncomingMessage) => {
      seen.push([...protocols], request.headers['sec-websocket-protocol'])
      return 'b'
    }
    const { port } = await serveWs(subject, { handleProtocols })
    const peer = await connectTo({ port })
    peer.write(upgradeRequest('/', offer))
    expect(await peer.readHead()).toContain('\r\nSec-WebSocket-Protocol: b\r\n')
    expect(seen).toEqual([['a', 'b', 'c'], 'a, b,c'])
  })

  it('writes no line when handleProtocols returns false', async () => {
    const { port } = await serveWs(subject, { handleProtocols: () => false })
    const peer = await connectTo({ port })
    peer.write(upgradeRequest('/', offer))
    expect(await peer.readHead()).not.toContain('Sec-WebSocket-Protocol')
  })

  it('does not call handleProtocols when the client asks for none', async () => {
    const { socket } = await serveRawPeer(subject, { handleProtocols: () => expect.unreachable() })
    expect(socket.protocol).toBe('')
  })
})

describe.each(subjects)('$name: handleUpgrade', (subject) => {
  it('shares one HTTP server among servers by path', async () => {
    const http = await listenHttp()
    const servers = new Map(
      ['/a', '/b'].map((path) => [path, new subject.WebSocketServer({ noServer: true })])
    )
    http.on('upgrade', (request, socket, head) => {
      const server = servers.get(request.url!)
      server?.handleUpgrade(request, socket, head, (connection, same) => {
        expect(same).toBe(request)
        server.emit('connection', connection, request)
      })
      if (server === undefined) socket.destroy()
    })
    for (const [path, server] of servers) {
      server.on('connection', (socket) => socket.send(`at ${path}`))
    }
    for (const path of servers.keys()) {
      const client = await RawClient.open(http.port, { path })
      cleanUp(() => client.destroy())
      expect(await client.readText()).toBe(`at ${path}`)
    }
    await expect(RawClient.open(http.port, { path: '/c' })).rejects.toThrow()
    for (const server of servers.values()) {
      expect(server.clients.size).toBe(1)
      for (const socket of server.clients) socket.terminate()
      server.close()
    }
  })

  it('does not announce a connection itself, and passes on the head it is given', async () => {
    const http = await listenHttp()
    const server = new subject.WebSocketServer({ noServer: true })
    server.on('connection', () => expect.unreachable())
    const messages: string[] = []
    http.on('upgrade', (request, socket) => {
      const head = encodeFrame(1, Buffer.from('from the head'))
      server.handleUpgrade(request, socket, head, (connection) =>
        connection.on('message', (data) => messages.push(`${data}`))
      )
    })
    const peer = await RawClient.open(http.port)
    cleanUp(() => peer.destroy())
    peer.text('after it')
    await until(() => messages.length === 2, 'both came')
    expect(messages).toEqual(['from the head', 'after it'])
    for (const socket of server.clients) socket.terminate()
  })

  it('throws when a socket is upgraded twice', async () => {
    const http = await listenHttp()
    const server = new subject.WebSocketServer({ noServer: true })
    const thrown = new Promise((resolve) =>
      http.on('upgrade', (request, socket, head) => {
        server.handleUpgrade(request, socket, head, () => {})
        try {
          server.handleUpgrade(request, socket, head, () => {})
        } catch (error) {
          resolve(error)
        }
      })
    )
    const peer = await RawClient.open(http.port)
    cleanUp(() => peer.destroy())
    expect(await thrown).toEqual(
      new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration'
      )
    )
    for (const socket of server.clients) socket.terminate()
  })

  // With ws the socket is left to nobody.
  it.runIf(subject !== original).each(['handleProtocols', 'headers', 'WebSocket'])(
    'ends the connection when %s throws',
    async (thrower) => {
      const fail = () => {
        throw new Error(`by ${thrower}`)
      }
      const http = await listenHttp()
      const server = new subject.WebSocketServer({
        noServer: true,
        ...(thrower === 'handleProtocols' && { handleProtocols: fail }),
        ...(thrower === 'WebSocket' && { WebSocket: fail as unknown as typeof WsSocket })
      })
      if (thrower === 'headers') server.on('headers', fail)
      const thrown = new Promise((resolve) =>
        http.on('upgrade', (request, socket, head) => {
          try {
            server.handleUpgrade(request, socket, head, () => expect.unreachable())
          } catch (error) {
            resolve(error)
          }
        })
      )
      const peer = await connectTo({ port: http.port })
      peer.write(upgradeRequest('/', ['Sec-WebSocket-Protocol: a']))
      expect(await thrown).toBeInstanceOf(Error)
      expect(`${await peer.readRest()}`).toBe('')
      expect(server.clients.size).toBe(0)
    }
  )

  it('asks shouldHandle, which a program may replace', async () => {
    const { server, port } = await serveWs(subject, { path: '/a' })
    const ask = (url: string) => server.shouldHandle({ url } as IncomingMessage)
    expect([ask('/a'), ask('/a?b'), ask('/b'), ask('/a/')]).toEqual([true, true, false, false])
    server.shouldHandle = ({ url }) => url === '/b'
    const peer = await RawClient.open(port, { path: '/b' })
    cleanUp(() => peer.destroy())
    await expect(RawClient.open(port, { path: '/a' })).rejects.toThrow('400 Bad Request')
  })
})
