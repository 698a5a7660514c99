import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Connection, connect, DeflateMessage, ReadyState } from '../../src/index.js'
import { cleanUp, guard, pattern, recorder, serve, until } from '../support/harness.js'
import { acceptance, fieldOf, serveRaw } from '../support/raw-server.js'

guard()

/** An echo server of the library. */
const serveEcho = () =>
  serve({ protocols: ['b', 'a'], onmessage: (client, message) => void client.send(message) })

function ended<T>(connection: Connection<T>): Connection<T> {
  cleanUp(() => connection.terminate())
  return connection
}

describe('connect', () => {
  it('resolves after onopen, with a connection whose data is what was given', async () => {
    const server = await serveEcho()
    const told: unknown[] = []
    const connection = ended(
      await connect(server.url!, {
        data: { name: 'Ada' },
        protocols: ['x', 'a'],
        onopen: ({ data, readyState }) => void told.push(data.name, readyState)
      })
    )
    expect(told).toEqual(['Ada', ReadyState.OPEN])
    expect([connection.protocol, connection.request, connection.data]).toEqual(['a', null, { name: 'Ada' }])
    expect([connection.remoteAddress, connection.remotePort]).toEqual(['127.0.0.1', server.port])
  })

  it.each([0, 125, 126, 65_536, 3_000_000])(
    '§5.3 sends and takes %i bytes, text and binary',
    async (byteLength) => {
      const server = await serveEcho()
      const got: (string | Uint8Array)[] = []
      const connection = ended(
        await connect(server.url!, { onmessage: (_, { payload }) => void got.push(payload) })
      )
      const payload = pattern(byteLength)
      connection.send(payload)
      connection.send('é漢'.repeat(byteLength / 5))
      await until(() => got.length === 2, 'both came back')
      expect(payload.equals(got[0] as Uint8Array)).toBe(true)
      expect(got[1] === 'é漢'.repeat(byteLength / 5)).toBe(true)
      expect(payload.equals(pattern(byteLength))).toBe(true)
    }
  )

  it('loses no message that comes right behind the handshake, in one chunk or byte by byte', async () => {
    const frames = Buffer.concat([1, 2, 3].map((i) => Buffer.from([0x81, 1, 48 + i])))
    for (const isSlow of [false, true]) {
      const server = await serveRaw(async (socket, request) => {
        const bytes = Buffer.concat([Buffer.from(acceptance(request), 'latin1'), frames])
        if (!isSlow) socket.write(bytes)
        else
          for (const byte of bytes) {
            socket.write(Buffer.of(byte))
            await new Promise(setImmediate)
          }
      })
      const { lines, handlers } = recorder()
      ended(await connect(server.url, handlers))
      await until(() => lines.length === 4, 'all arrived')
      expect(lines).toEqual(['open', 'message 1', 'message 2', 'message 3'])
    }
  })

  it('reports what a server reports: sent, pings, pongs, the end', async () => {
    const server = await serve({ onopen: (client) => void client.sendPing('p') })
    const { lines, handlers } = recorder()
    const sent: unknown[] = []
    const connection = ended(
      await connect(server.url!, { ...handlers, onsent: (_, { payload }) => void sent.push(payload) })
    )
    connection.send('one')
    connection.sendPing('q')
    await until(() => lines.length === 3 && sent.length === 1, 'all arrived')
    const details = await connection.close(3000, 'bye')
    expect(details).toMatchObject({ code: 3000, wasClean: true, initiator: 'local' })
    expect(sent).toEqual(['one'])
    expect([lines[0], ...lines.slice(1, 3).sort(), ...lines.slice(3)]).toEqual([
      'open',
      'ping p',
      'pong q timed',
      'close 3000 "" clean local null'
    ])
  })

  it('§5.5.1 closes without a code if asked to', async () => {
    const server = await serve()
    const codes: number[] = []
    server.onclose = (_, code) => void codes.push(code)
    const connection = await connect(server.url!)
    expect(await connection.close(null)).toMatchObject({ code: 1005, wasClean: true })
    await until(() => codes.length === 1, 'the server noticed')
    expect(codes).toEqual([1005])
  })

  it('a server that breaks a rule is told so, and the connection ends (§5.1)', async () => {
    const server = await serveRaw((socket, request) => {
      socket.write(acceptance(request))
      socket.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))
    })
    const { lines, handlers } = recorder()
    const connection = await connect(server.url, { ...handlers, closeTimeoutMs: 50 })
    await connection.closed()
    expect(lines).toEqual(['open', 'error masked-frame', 'close 1006 "" unclean local masked-frame'])
    await server.allGone(1)
  })

  it('a handler that throws harms only its own connection', async () => {
    const server = await serveEcho()
    const { lines, handlers } = recorder()
    const connection = await connect(server.url!, {
      ...handlers,
      onmessage: () => {
        throw new Error('mine')
      }
    })
    const other = ended(await connect(server.url!))
    connection.send('x')
    expect((await connection.closed()).cause).toMatchObject({ code: 'handler-failed' })
    expect(lines).toContain('error handler-failed')
    expect(other.readyState).toBe(ReadyState.OPEN)
  })

  it('§4.1 sends what was asked for, each field once', async () => {
    const server = await serveRaw((socket, request) => void socket.write(acceptance(request)))
    const headers = { 'X-One': '1', Cookie: 'a=b', 'x-list': ['p', 'q'] }
    ended(
      await connect(`${server.url}/p/a?q=1`, {
        headers,
        origin: 'https://example.com',
        protocols: ['a', 'b']
      })
    )
    const [request] = server.requests
    expect(request!.split('\r\n')[0]).toBe('GET /p/a?q=1 HTTP/1.1')
    const names = request!
      .split('\r\n')
      .slice(1, -2)
      .map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
    expect(names.sort()).toEqual(
      [
        'connection',
        'cookie',
        'host',
        'origin',
        'sec-websocket-key',
        'sec-websocket-protocol',
        'sec-websocket-version',
        'upgrade',
        'x-list',
        'x-list',
        'x-one'
      ].sort()
    )
    expect(fieldOf(request!, 'Host')).toBe(`127.0.0.1:${server.port}`)
    expect(fieldOf(request!, 'Origin')).toBe('https://example.com')
    expect(fieldOf(request!, 'Sec-WebSocket-Protocol')).toBe('a, b')
    expect(fieldOf(request!, 'Connection')).toBe('Upgrade')
    expect(fieldOf(request!, 'Cookie')).toBe('a=b')
  })

  it('§4.1 draws a new key each time', async () => {
    const server = await serveRaw((socket, request) => void socket.write(acceptance(request)))
    for (let i = 0; i < 5; i++) ended(await connect(server.url))
    expect(new Set(server.requests.map((one) => fieldOf(one, 'Sec-WebSocket-Key'))).size).toBe(5)
  })

  it('§9 negotiates extensions', async () => {
    const server = await serve({
      extensions: [new DeflateMessage()],
      onmessage: (client, message) => void client.send(message)
    })
    const got: unknown[] = []
    let agreed: readonly { name: string }[] = []
    const connection = ended(
      await connect(server.url!, {
        extensions: [new DeflateMessage()],
        onhandshake: ({ extensions }) => {
          agreed = extensions
        },
        onmessage: (_, { payload }) => void got.push(payload)
      })
    )
    connection.send('x'.repeat(100_000))
    await until(() => got.length === 1, 'it came back')
    expect([got[0], agreed[0]?.name]).toEqual(['x'.repeat(100_000), 'permessage-deflate'])
  })

  it('reaches a unix socket, and an IPv6 address', async () => {
    const socketPath = join(tmpdir(), `hotsocket-client-${process.pid}-${process.env.HOTSOCKET_TIER}.sock`)
    const paths: string[] = []
    await serve({ socketPath, host: undefined!, onhandshake: ({ path }) => void paths.push(path) })
    ended(await connect(`ws+unix://${socketPath}:/chat?x=1`))
    ended(await connect(`ws+unix://${socketPath}`))
    expect(paths).toEqual(['/chat', '/'])
    const server = await serve({ host: '::1' })
    expect(ended(await connect(`ws://[::1]:${server.port}`)).remoteAddress).toBe('::1')
  })

  it('connects from the address and port that it is told, and resolves names as it is told', async () => {
    const server = await serve()
    const asked: string[] = []
    const connection = ended(
      await connect(`ws://nowhere.invalid:${server.port}/`, {
        localAddress: '127.0.0.2',
        lookup: (name, options, callback) => {
          asked.push(name)
          if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }])
          else callback(null, '127.0.0.1', 4)
        }
      })
    )
    expect([asked, connection.remoteAddress]).toEqual([['nowhere.invalid'], '127.0.0.1'])
    expect([...server.clients].map(({ remoteAddress }) => remoteAddress)).toEqual(['127.0.0.2'])
  })

  it("reads on while its own queue is full ('continue'), so that two that send much do not wait for each other", async () => {
    const bytes = pattern(3_000_000)
    const server = await serve({ onmessage: (client) => void client.send(bytes) })
    let received = 0
    const connection = ended(
      await connect(server.url!, {
        onmessage: (_, { payload }) => {
          received += payload.length
        }
      })
    )
    for (let i = 0; i < 8; i++) connection.send(bytes)
    expect(connection.bufferedAmount).toBeGreaterThan(20_000_000)
    await until(() => received === 8 * bytes.length, 'all came back')
    expect([connection.bufferedAmount, connection.isPaused]).toEqual([0, false])
  })

  it('pings by itself, and finds a server that is gone', async () => {
    const server = await serveRaw((socket, request) => void socket.write(acceptance(request)))
    const connection = await connect(server.url, { pingIntervalMs: 20, pongTimeoutMs: 40 })
    expect((await connection.closed()).cause).toMatchObject({ code: 'pong-timeout' })
    await server.allGone(1)
  })

  it('goes over the socket of an agent that keeps connections alive', async () => {
    const http = createServer((_, response) => void response.end('page')).listen(0, '127.0.0.1')
    await once(http, 'listening')
    cleanUp(() => void http.close())
    const server = await serve({ onmessage: (client, message) => void client.send(message) })
    server.attach(http)
    const { Agent, get } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    cleanUp(() => agent.destroy())
    const url = `127.0.0.1:${(http.address() as AddressInfo).port}/`
    const [page] = await once(get(`http://${url}`, { agent }), 'response')
    page.resume()
    await once(page, 'end')
    const got: unknown[] = []
    const connection = ended(
      await connect(`ws://${url}`, { agent, onmessage: (_, { payload }) => void got.push(payload) })
    )
    connection.send('hello')
    await until(() => got.length === 1, 'the echo')
    expect(got).toEqual(['hello'])
  })
})
