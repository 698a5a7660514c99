// The package `ws` as the server of a client made of the core's parts.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type ServerOptions, WebSocketServer, type WebSocket as WsConnection } from 'ws'
import { openCoreClient } from '../support/core-client.js'
import { cleanUp, guard, pattern, until } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

/** Starts a ws server that echoes, unless `onconnection` does something else. */
async function serveWs(options: ServerOptions = {}, onconnection: (socket: WsConnection) => void = echo) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options })
  server.on('connection', onconnection)
  await once(server, 'listening')
  cleanUp(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function echo(socket: WsConnection): void {
  socket.on('message', (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }))
}

describe('ws as server', () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 1_048_576, 20_000_000])(
    '§5.1 §5.3 masks text and binary of %i bytes, and takes the echo',
    async (byteLength) => {
      const { connection, readMessage } = await openCoreClient(await serveWs())
      const payload = pattern(byteLength)
      const text = '漢é😀'.repeat(Math.ceil(byteLength / 9))
      connection.send(payload)
      connection.send(payload.toString('latin1'))
      connection.send(text)
      const [binary, ascii, wide] = [await readMessage(), await readMessage(), await readMessage()]
      expect([binary.opcode, payload.equals(binary.bytes)]).toEqual([2, true])
      expect([ascii.opcode, ascii.payload === payload.toString('latin1')]).toEqual([1, true])
      expect([wide.opcode, wide.payload === text]).toEqual([1, true])
    }
  )

  it('§5.3 leaves the payload that was sent as it is', async () => {
    const { connection, readMessage } = await openCoreClient(await serveWs())
    const payload = pattern(100_000)
    connection.send(payload)
    await readMessage()
    expect(payload.equals(pattern(100_000))).toBe(true)
  })

  it.each([1, 3, 1000])('§5.4 sends fragments of %i bytes, and takes fragments', async (fragmentSize) => {
    const port = await serveWs({}, (socket) => {
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        const middle = data.length >> 1
        socket.send(data.subarray(0, middle), { fin: false, binary: isBinary })
        socket.ping('between')
        socket.send(data.subarray(middle), { fin: true })
      })
    })
    const { connection, readMessage, pings } = await openCoreClient(port)
    connection.send('Grüße aus 漢字 😀', { fragmentSize })
    connection.send(pattern(2500), { fragmentSize })
    expect((await readMessage()).payload).toBe('Grüße aus 漢字 😀')
    expect(pattern(2500).equals((await readMessage()).bytes)).toBe(true)
    expect(pings).toEqual(['between', 'between'])
  })

  it('§5.5.2 pings and pongs go both ways', async () => {
    const heard: string[] = []
    const port = await serveWs({}, (socket) => {
      socket.on('ping', (data) => void heard.push(`ping ${data}`))
      socket.on('pong', (data) => void heard.push(`pong ${data}`))
      socket.ping('from ws')
    })
    const { connection, pings, pongs } = await openCoreClient(port)
    connection.sendPing('from hotsocket')
    await until(() => heard.length === 2 && pongs.length === 1 && pings.length === 1, 'all arrived')
    expect([heard.sort(), pings, pongs]).toEqual([
      ['ping from hotsocket', 'pong from ws'],
      ['from ws'],
      ['from hotsocket']
    ])
  })

  it.each([
    [1000, 'bye'],
    [3000, 'größer'],
    [4999, 'x'.repeat(123)]
  ])('§7.1.1 §7.4 close code %i goes both ways, and the server ends first', async (code, reason) => {
    const heard: [number, string][] = []
    const port = await serveWs({}, (socket) => {
      socket.on('close', (got, why) => void heard.push([got, String(why)]))
      socket.on('message', () => socket.close(code, reason))
    })
    const byClient = await openCoreClient(port)
    const details = await within(byClient.connection.close(code, reason), 'the end')
    expect(details).toMatchObject({ code, wasClean: true, initiator: 'local', cause: null })
    const byServer = await openCoreClient(port)
    byServer.connection.send('close, please')
    await until(() => byServer.closes.length === 1, 'the end')
    expect(byServer.closes).toEqual([{ code, reason, wasClean: true, initiator: 'remote', cause: null }])
    expect([byServer.endpoint.connections.size, byServer.errors]).toEqual([0, []])
    await until(() => heard.length === 2, 'ws noticed')
    expect(heard[0]).toEqual([code, reason])
    expect(heard[1]![0]).toBe(code)
  })

  it('takes messages that come right behind the response', async () => {
    const port = await serveWs({}, (socket) => {
      for (let i = 0; i < 100; i++) socket.send(`${i}`)
      socket.close(4000)
    })
    const { messages, closes } = await openCoreClient(port)
    await until(() => closes.length === 1, 'the end')
    expect(messages.map(({ payload }) => payload)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
    expect(closes[0]!.code).toBe(4000)
  })

  it('§4.1 agrees on a subprotocol; a server that compresses is not asked to', async () => {
    const port = await serveWs({ perMessageDeflate: true, handleProtocols: () => 'b' })
    const { connection, readMessage } = await openCoreClient(port, { protocols: ['a', 'b'] })
    expect(connection.protocol).toBe('b')
    connection.send('x'.repeat(5000))
    expect((await readMessage()).payload).toBe('x'.repeat(5000))
  })

  it('fails a server that sends more than the limit, with 1009', async () => {
    const heard: number[] = []
    const port = await serveWs({}, (socket) => {
      socket.on('close', (code) => void heard.push(code))
      socket.send(Buffer.alloc(1001))
    })
    const { errors } = await openCoreClient(port, { limits: { maxMessageBytes: 1000 } })
    await until(() => heard.length === 1, 'ws noticed')
    expect([errors.map(({ code }) => code), heard]).toEqual([['message-too-big'], [1009]])
  })

  it('keeps thousands of messages of all sizes in order, both ways', async () => {
    const { connection, readMessage } = await openCoreClient(await serveWs())
    const payloads = Array.from({ length: 3000 }, (_, i) => pattern((i * 37) % 3000, i))
    for (const [index, payload] of payloads.entries()) {
      connection.send(index % 2 === 0 ? payload : payload.toString('latin1'))
    }
    let wrong = 0
    for (const [index, payload] of payloads.entries()) {
      const message = await readMessage()
      if (message.opcode !== (index % 2 === 0 ? 2 : 1) || !payload.equals(message.bytes)) wrong++
    }
    expect(wrong).toBe(0)
  })
})
