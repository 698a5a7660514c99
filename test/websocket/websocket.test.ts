import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import {
  basic,
  ControlFrame,
  connect,
  Frame,
  Opcode,
  ReadyState,
  WebSocket,
  type WebSocketOptions
} from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { duplexPair } from '../support/duplex-pair.js'
import { cleanUp, connectTo, guard, openAt, serve, until } from '../support/harness.js'
import { acceptAll, fieldOf, serveRaw } from '../support/raw-server.js'

guard()

const pair = await certificate()

function make(options: WebSocketOptions = {}): WebSocket {
  const socket = new WebSocket({ logLevel: 'silent', ...options })
  cleanUp(() => socket.terminate())
  return socket
}

const listening = (options: WebSocketOptions = {}) => make(options).bind({ host: '127.0.0.1' }).listen()
const text = (payload: string) => new Frame(Opcode.TEXT, payload)
const textOf = ({ payload }: Frame) => Buffer.from(payload).toString()
const thrown = (code: string) => expect.objectContaining({ code }) as unknown as Error

/** Sends a frame each way. */
async function talk(one: WebSocket, other: WebSocket): Promise<void> {
  one.send(text('there'))
  expect(textOf(await other.recv())).toBe('there')
  other.send(text('back'))
  expect(textOf(await one.recv())).toBe('back')
}

describe('bind, listen, accept and connect', () => {
  it('make connections, in order', async () => {
    const server = await listening()
    expect(server.url).toBe(`ws://127.0.0.1:${server.port}`)
    const clients: WebSocket[] = []
    for (let i = 0; i < 3; i++) clients.push(await make({ location: `/${i}` }).connect(server.url!))
    // A URL has a path of its own.
    for (const [i, client] of clients.entries()) {
      const accepted = await server.accept()
      expect(accepted.request?.path).toBe('/')
      expect([accepted.remoteAddress, accepted.readyState]).toEqual(['127.0.0.1', ReadyState.OPEN])
      client.send(text(`${i}`))
      expect(textOf(await accepted.recv())).toBe(`${i}`)
    }
  })

  it('give accept its connection when it waits already, first come, first served', async () => {
    const server = await listening()
    const accepting = [server.accept(), server.accept()]
    for (const location of ['/a?x=1', '/b']) {
      await make({ location }).connect({ host: '127.0.0.1', port: server.port! })
    }
    const sockets = await Promise.all(accepting)
    expect(sockets.map(({ request }) => request?.target)).toEqual(['/a?x=1', '/b'])
  })

  it('agree on protocol, location, origin and who the user is', async () => {
    const server = await listening({
      protocols: ['b'],
      locations: ['/chat'],
      trustedOrigins: ['https://a.example'],
      auth: basic({ realm: 'r', verify: (name, password) => name === 'ada' && password === 'x' })
    })
    const right = {
      location: '/chat',
      origin: 'https://a.example',
      protocols: ['a', 'b'],
      auth: { username: 'ada', password: 'x' }
    }
    const address = { host: '127.0.0.1', port: server.port! }
    const [client, accepted] = await Promise.all([make(right).connect(address), server.accept()])
    expect([client.protocol, accepted.protocol, accepted.request?.user]).toEqual(['b', 'b', 'ada'])
    const wrong = [
      { origin: 'https://b.example' },
      { location: '/other' },
      { auth: { username: 'ada', password: 'y' } }
    ]
    const statuses = [403, 404, 401]
    for (const [i, options] of wrong.entries()) {
      const refused = make({ ...right, ...options }).connect(address)
      await expect(refused).rejects.toMatchObject({
        code: 'unexpected-status',
        response: { status: statuses[i] }
      })
    }
  })

  it('ask onhandshake', async () => {
    const server = await listening({
      onhandshake: ({ path }) => (path === '/no' ? { status: 410 } : { headers: { 'X-Seen': path }, data: 1 })
    })
    await expect(make().connect(`${server.url}/no`)).rejects.toMatchObject({ response: { status: 410 } })
    await Promise.all([make().connect(`${server.url}/yes`), server.accept()])
  })

  it('keep a backlog: more get 503, until one is accepted', async () => {
    const server = await make().bind({ host: '127.0.0.1' }).listen(2)
    const refused = { code: 'unexpected-status', response: { status: 503 } }
    for (let i = 0; i < 2; i++) await openAt(server)
    await expect(make().connect(server.url!)).rejects.toMatchObject(refused)
    await server.accept()
    await make().connect(server.url!)
    await expect(make().connect(server.url!)).rejects.toMatchObject(refused)
  })

  it('work at a unix socket', async () => {
    const path = join(tmpdir(), `hot socket:${process.pid}-${Math.random()}.sock`)
    const server = await make().bind({ path }).listen()
    expect([server.port, server.url]).toEqual([null, `ws+unix://${path}`])
    const [client, accepted] = await Promise.all([
      make({ location: '/x' }).connect({ path }),
      server.accept()
    ])
    expect(accepted.request?.path).toBe('/x')
    await talk(client, accepted)
  })

  it('of a client that was bound connect from there', async () => {
    const server = await listening()
    const client = make().bind({ host: '127.0.0.3' })
    const [accepted] = await Promise.all([server.accept(), client.connect(server.url!)])
    expect(accepted.remoteAddress).toBe('127.0.0.3')
    await expect(make().bind({ path: '/tmp/x' }).connect(server.url!)).rejects.toMatchObject({
      code: 'wrong-state'
    })
  })

  it('iterate over connections until the socket is closed', async () => {
    const server = await listening()
    const paths: (string | undefined)[] = []
    const serving = (async () => {
      for await (const client of server.accepted()) {
        paths.push(client.request?.path)
        client.send(text('hello'))
      }
    })()
    for (const path of ['/a', '/b']) {
      const client = await make().connect(server.url + path)
      expect(textOf(await client.recv())).toBe('hello')
    }
    await server.close()
    await serving
    expect(paths).toEqual(['/a', '/b'])
  })
})

describe('a stream that is given', () => {
  it('carries both sides', async () => {
    const [left, right] = duplexPair()
    const [server, client] = [
      make({ socket: left, locations: ['/x'] }),
      make({ socket: right, location: '/x' })
    ]
    const [accepted] = await Promise.all([server.accept(), client.connect()])
    expect(accepted).toBe(server)
    await talk(client, server)
    const closed = client.close()
    expect((await server.recv()).opcode).toBe(Opcode.CLOSE)
    expect(await closed).toMatchObject({ wasClean: true })
    await until(() => left.destroyed && right.destroyed, 'both streams are gone')
  })

  it('carries TLS, too', async () => {
    const [left, right] = duplexPair()
    const server = make({ socket: left }).enableTls(pair)
    const client = make({ socket: right }).enableTls({ ca: pair.cert })
    await Promise.all([server.accept(), client.connect()])
    expect(server.request?.isSecure).toBe(true)
    await talk(client, server)
  })

  it('is gone when the handshake fails, on both sides', async () => {
    const [left, right] = duplexPair()
    const server = make({ socket: left, locations: ['/x'] })
    const client = make({ socket: right, location: '/y' })
    const [accepted, connected] = await Promise.allSettled([server.accept(), client.connect()])
    expect(accepted).toMatchObject({ status: 'rejected', reason: { code: 'unknown-location' } })
    expect(connected).toMatchObject({ status: 'rejected', reason: { code: 'unexpected-status' } })
    await until(() => left.destroyed && right.destroyed, 'both streams are gone')
    for (const socket of [server, client]) {
      expect(socket.readyState).toBe(ReadyState.CLOSED)
      await expect(socket.recv()).rejects.toMatchObject({ code: 'not-open' })
      await expect(socket.accept()).rejects.toMatchObject({ code: 'wrong-state' })
      await expect(socket.connect()).rejects.toMatchObject({ code: 'wrong-state' })
    }
  })

  it('is destroyed by close and terminate, before and amid a handshake', async () => {
    for (const end of ['close', 'terminate'] as const) {
      const [left, right] = duplexPair()
      right.resume()
      await make({ socket: left })[end]()
      expect(left.destroyed).toBe(true)
      for (const begin of ['connect', 'accept'] as const) {
        const [near] = duplexPair()
        const socket = make({ socket: near })
        const begun = socket[begin]()
        const code = begin === 'connect' ? 'aborted' : 'connection-lost'
        const failed = expect(begun).rejects.toMatchObject({ code })
        expect(await socket[end]()).toBe(end === 'close' ? null : undefined)
        await failed
        expect(near.destroyed).toBe(true)
      }
    }
  })
})

describe('TLS', () => {
  it('is enabled before the handshake', async () => {
    const server = await make().bind({ host: '127.0.0.1' }).enableTls(pair).listen()
    expect(server.url).toMatch(/^wss:/)
    const client = make().enableTls({ ca: pair.cert })
    const [accepted] = await Promise.all([server.accept(), client.connect({ port: server.port! })])
    await talk(client, accepted)
    expect(accepted.request?.isSecure).toBe(true)
    // A URL says so itself.
    const other = make({ tls: { ca: pair.cert } })
    await Promise.all([server.accept(), other.connect(`wss://localhost:${server.port}`)])
    for (const socket of [server, accepted, client])
      expect(() => socket.enableTls(pair)).toThrow(thrown('wrong-state'))
  })

  it('is refused where it does not fit', async () => {
    const client = make().enableTls()
    await expect(client.connect('ws://127.0.0.1:1')).rejects.toMatchObject({ code: 'wrong-state' })
    await expect(make().bind({}).enableTls({ ca: 'x' }).listen()).rejects.toMatchObject({
      code: 'invalid-option'
    })
    expect(() => make().enableTls(1 as unknown as object)).toThrow(thrown('invalid-option'))
    const connecting = make().connect('ws://127.0.0.1:1')
    await expect(connecting).rejects.toMatchObject({ code: 'connect-failed' })
  })
})

describe('what goes wrong', () => {
  it('calls out of order are refused, and change nothing', async () => {
    const socket = make()
    const wrong = { code: 'wrong-state' }
    for (const call of ['listen', 'accept', 'recv', 'connect'] as const)
      await expect(socket[call]()).rejects.toMatchObject(wrong)
    expect(() => socket.send(new ControlFrame(Opcode.PING))).toThrow(thrown('wrong-state'))
    await expect(socket[Symbol.asyncIterator]().next()).rejects.toMatchObject(wrong)
    expect([socket.readyState, socket.port, socket.url, socket.protocol, socket.request]).toEqual([
      0,
      null,
      null,
      null,
      null
    ])
    await socket.bind({ host: '127.0.0.1' }).listen()
    expect(() => socket.bind({ port: 1 })).toThrow(thrown('wrong-state'))
    await expect(socket.listen()).rejects.toMatchObject(wrong)
    await expect(socket.connect(socket.url!)).rejects.toMatchObject(wrong)
    expect(() => socket.send(text('x'))).toThrow(/listening/)
    const [near, far] = await Promise.all([make().connect(socket.url!), socket.accept()])
    for (const one of [near, far]) {
      await expect(one.accept()).rejects.toMatchObject(wrong)
      await expect(one.connect(socket.url!)).rejects.toMatchObject(wrong)
      expect(() => one.bind({})).toThrow(thrown('wrong-state'))
    }
    await talk(near, far)
  })

  it.each([
    [{ port: -1 }],
    [{ host: '' }],
    [{ path: '' }],
    [{ path: '/x', port: 1 }],
    [{ prot: 1 }],
    ['127.0.0.1'],
    [null]
  ])('the address %j is refused by bind', (address) => {
    expect(() => make().bind(address as object)).toThrow(thrown('invalid-option'))
  })

  it.each([
    [{ port: 0 }],
    [{ port: 65_536 }],
    [{ path: 'relative' }],
    [{ host: 'a b', port: 1 }],
    [{ host: 'x' }],
    [{ host: 5, port: 1 }],
    [7]
  ])('the address %j is refused by connect', async (address) => {
    await expect(make().connect(address as object)).rejects.toMatchObject({
      code: expect.stringMatching(/^invalid-(option|url)$/)
    })
  })

  it.each<[object, RegExp]>([
    [{ prot: 1 }, /"prot"/],
    [{ host: 'x' }, /"host"/],
    [{ location: 'x' }, /location/],
    [{ socket: 1 }, /socket/],
    [{ onhandshake: 1 }, /onhandshake/],
    [{ protocols: [''] }, /protocols/],
    [{ trustedOrigins: 1 }, /trustedOrigins/],
    [{ maxRedirects: -1 }, /maxRedirects/],
    [{ lowWatermarkBytes: 9, highWatermarkBytes: 8 }, /above/]
  ])('the options %o are refused', (options, message) => {
    expect(() => new WebSocket(options)).toThrow(message)
    expect(() => new WebSocket(options)).toThrow(thrown('invalid-option'))
  })

  it('auth of the wrong side is refused when the side is known', async () => {
    const client = { auth: { username: 'a', password: 'b' } }
    await expect(make(client).bind({}).listen()).rejects.toMatchObject({ code: 'invalid-option' })
    const server = { auth: basic({ realm: 'r', verify: () => true }) }
    await expect(make(server).connect('ws://127.0.0.1:1')).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it('a port in use is listen-failed, after which it can be tried again', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    const socket = make().bind({ host: '127.0.0.1', port })
    await expect(socket.listen()).rejects.toMatchObject({ code: 'listen-failed' })
    await expect(socket.accept()).rejects.toMatchObject({ code: 'wrong-state' })
    holder.close()
    await once(holder, 'close')
    await socket.listen()
    expect(socket.port).toBe(port)
    for (const wrong of [0, 1.5, '5'])
      await expect(
        make()
          .bind({})
          .listen(wrong as number)
      ).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it('a server that never answers is handshake-timeout, and no socket is left; then it can be tried again', async () => {
    const silent = await serveRaw(() => {})
    const socket = make({ handshakeTimeoutMs: 50 })
    await expect(socket.connect(silent.url)).rejects.toMatchObject({ code: 'handshake-timeout' })
    await silent.allGone(1)
    const server = await listening()
    await Promise.all([server.accept(), socket.connect(server.url!)])
  })

  it('a client that never asks is no matter of accept', async () => {
    const server = await listening({ handshakeTimeoutMs: 50 })
    const silent = await connectTo(server)
    const accepting = server.accept()
    await silent.readHead()
    await make().connect(`${server.url}/right`)
    expect((await accepting).request?.path).toBe('/right')
  })

  it('close ends what waits: accept, connect, recv', async () => {
    const server = await listening()
    const accepting = expect(server.accept()).rejects.toMatchObject({ code: 'not-open' })
    await server.close()
    await accepting
    await expect(server.accept()).rejects.toMatchObject({ code: 'not-open' })
    expect([server.readyState, await server.close()]).toEqual([ReadyState.CLOSED, null])
    const silent = await serveRaw(() => {})
    const client = make()
    const connecting = expect(client.connect(silent.url)).rejects.toMatchObject({ code: 'aborted' })
    await until(() => silent.requests.length === 1, 'it has asked')
    await client.close()
    await connecting
    await silent.allGone(1)
    await expect(client.connect(silent.url)).rejects.toMatchObject({ code: 'wrong-state' })
    await expect(make().close(999)).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  it('close of one that listens closes what it has accepted, and what waits, with 1001', async () => {
    const server = await listening()
    const clients = [await make().connect(server.url!), await make().connect(server.url!)]
    const accepted = await server.accept()
    const closing = server.close()
    for (const client of [...clients, accepted]) {
      const last = (await client.recvn(9)).at(-1)!
      expect(last).toBeInstanceOf(ControlFrame)
      expect((last as ControlFrame).unpackClose().code).toBe(1001)
    }
    expect(await closing).toBe(null)
  })

  it('terminate drops all, and recv tells', async () => {
    const server = await listening()
    const [client, accepted] = await Promise.all([make().connect(server.url!), server.accept()])
    const waiting = [client.recv(), accepted.recv()].map((frame) =>
      expect(frame).rejects.toMatchObject({ code: 'connection-lost' })
    )
    server.terminate()
    await Promise.all(waiting)
    await until(() => client.readyState === ReadyState.CLOSED, 'it is over')
    expect(client.send(text('x'))).toBe('dropped')
  })

  it('a client that is gone before accept is not accepted, where that is seen', async () => {
    const server = await listening()
    const gone = await connect(server.url!)
    gone.terminate()
    await make().connect(`${server.url}/here`)
    const paths: (string | undefined)[] = []
    while (paths.at(-1) !== '/here') {
      const socket = await server.accept()
      paths.push(socket.request?.path)
      if (paths.at(-1) === '/') await expect(socket.recv()).rejects.toMatchObject({ code: 'connection-lost' })
    }
  })
})

it('sends the headers that its options name', async () => {
  const raw = await serveRaw(acceptAll)
  const client = make({
    origin: 'https://a.example',
    headers: { 'X-A': 'b' },
    protocols: ['p'],
    location: '/l?q'
  })
  await client.connect({ host: '127.0.0.1', port: raw.port })
  const [request] = raw.requests as [string]
  expect(request.split('\r\n')[0]).toBe('GET /l?q HTTP/1.1')
  expect(['Origin', 'X-A', 'Sec-WebSocket-Protocol'].map((name) => fieldOf(request, name))).toEqual([
    'https://a.example',
    'b',
    'p'
  ])
  await client.close()
})

it('talks to servers and clients of messages', async () => {
  const server = await serve({ onmessage: (client, message) => void client.send(message) })
  const socket = await make().connect(server.url!)
  socket.send(...text('in pieces').fragment(2))
  expect(textOf(await socket.recv())).toBe('in pieces')
})

it('takes no stream that is none', () => {
  expect(() => make({ socket: new PassThrough().resume() })).not.toThrow()
  expect(() => make({ socket: {} as PassThrough })).toThrow(thrown('invalid-option'))
})
