import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type BroadcastOptions, BroadcastServer, NOTES_PROTOCOL } from '../../src/cli/broadcast-server.js'

let server: BroadcastServer
const clients: WebSocket[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate()
  await server.close()
})

describe('a message goes', () => {
  test('to all clients, the sender included, as text and as bytes', async () => {
    await start()
    const [one, two] = [await open(), await open()]
    one.socket.send('héllo 👋')
    one.socket.send(Buffer.from([0, 255]))
    two.socket.send('')
    const expected = ['héllo 👋', Buffer.from([0, 255]), '']
    expect((await one.take(3)).sort(byType)).toEqual([...expected].sort(byType))
    expect((await two.take(3)).sort(byType)).toEqual([...expected].sort(byType))
  })

  test('with isEcho back to its sender only', async () => {
    await start({ isEcho: true })
    const [one, two] = [await open(), await open()]
    one.socket.send('mine')
    expect(await one.take(1)).toEqual(['mine'])
    two.socket.send('yours')
    expect(await two.take(1)).toEqual(['yours'])
    expect([one.received, two.received]).toEqual([[], []])
  })

  test('behind a note of its sender to clients that ask for notes, which first learn their own id', async () => {
    await start()
    const [plain, noted] = [await open(), await open(NOTES_PROTOCOL)]
    const [plainUser, notedUser] = server.users(2)
    plain.socket.send('hi')
    noted.socket.send(Buffer.of(7))
    expect(await plain.take(2)).toEqual(['hi', Buffer.of(7)])
    const notes = (await noted.take(5)).map((payload) =>
      typeof payload === 'string' && payload.startsWith('{') ? JSON.parse(payload) : payload
    )
    const atMs = expect.any(Number)
    expect(notes).toEqual([
      { id: notedUser!.id },
      { from: plainUser!.id, atMs },
      'hi',
      { from: notedUser!.id, atMs },
      Buffer.of(7)
    ])
  })
})

describe('who is connected', () => {
  test('is listed in the order of coming, up to a limit', async () => {
    await start()
    await open()
    await open()
    await open()
    const users = server.users(10)
    expect(users.map(({ address }) => address)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1'])
    expect(new Set(users.map(({ id }) => id)).size).toBe(3)
    expect(server.users(2)).toEqual(users.slice(0, 2))
    expect(server.users(0)).toEqual([])
  })
})

describe('a client that does not read', () => {
  const payload = Buffer.alloc(256 * 1024, 1)

  test('holds senders up for slowTimeoutMs, costs bounded memory, then is closed with 1008', async () => {
    await start({ slowTimeoutMs: 300 })
    const [slow, sender] = [await open(), await open()]
    const closed = once(slow.socket, 'close')
    slow.socket.pause()
    let largest = 0
    const watch = setInterval(() => {
      largest = Math.max(largest, ...[...server.clients].map((client) => client.bufferedAmount))
    }, 5)
    for (let index = 0; index < 100; index++) sender.socket.send(payload)
    const received = await sender.take(100)
    clearInterval(watch)
    slow.socket.resume()
    const [code, reason] = await closed
    expect(received.every((bytes) => payload.equals(bytes as Buffer))).toBe(true)
    expect(slow.received.every((bytes) => payload.equals(bytes as Buffer))).toBe(true)
    expect([code, String(reason)]).toEqual([1008, 'too slow'])
    expect(largest).toBeGreaterThan(1024 * 1024)
    expect(largest).toBeLessThan(1024 * 1024 + 2 * payload.length)
  })

  test('and never comes back is dropped after closeTimeoutMs, while others go on', async () => {
    await start({ slowTimeoutMs: 100, closeTimeoutMs: 100 })
    const ended = new Promise((resolve) => {
      server.onclose = (_client, code, _reason, { initiator, cause }) =>
        resolve({ code, initiator, cause: cause?.code })
    })
    const deaf = await openDeaf()
    const sender = await open()
    for (let index = 0; index < 100; index++) sender.socket.send(payload)
    await sender.take(100)
    expect(await ended).toEqual({ code: 1006, initiator: 'local', cause: 'close-timeout' })
    expect(server.clients.size).toBe(1)
    deaf.destroy()
  })

  test('but catches up in time loses nothing', async () => {
    await start()
    const [slow, sender] = [await open(), await open()]
    slow.socket.pause()
    for (let index = 0; index < 100; index++) sender.socket.send(payload)
    await expect.poll(() => server.status.queuedBytes).toBeGreaterThan(1024 * 1024)
    expect(sender.received.length).toBeLessThan(100)
    slow.socket.resume()
    expect((await slow.take(100)).every((bytes) => payload.equals(bytes as Buffer))).toBe(true)
    expect((await sender.take(100)).length).toBe(100)
    expect(server.clients.size).toBe(2)
  })
})

interface Client {
  readonly socket: WebSocket
  readonly received: (string | Buffer)[]
  /** Waits for that many messages and takes them out of `received`. */
  take(count: number): Promise<(string | Buffer)[]>
}

async function start(options: BroadcastOptions = {}): Promise<void> {
  server = new BroadcastServer({ host: '127.0.0.1', port: 0, ...options })
  await server.listen()
}

async function open(protocol?: string): Promise<Client> {
  const socket = new WebSocket(server.url!, protocol === undefined ? [] : [protocol])
  clients.push(socket)
  const received: (string | Buffer)[] = []
  socket.on('message', (data: Buffer, isBinary: boolean) => received.push(isBinary ? data : String(data)))
  await once(socket, 'open')
  expect(socket.protocol).toBe(protocol ?? '')
  return {
    socket,
    received,
    take: async (count) => {
      await expect.poll(() => received.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count)
      return received.splice(0, count)
    }
  }
}

/** A client that reads nothing after the handshake. */
async function openDeaf(): Promise<Socket> {
  const socket = connect(server.port!, '127.0.0.1')
  socket.write(
    'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  )
  await once(socket, 'data')
  socket.pause()
  return socket
}

/** Messages of different senders come in any order. */
function byType(one: string | Buffer, other: string | Buffer): number {
  return String(one) < String(other) ? -1 : 1
}
