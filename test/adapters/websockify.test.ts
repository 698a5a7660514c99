import { connect as connectSocket, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type BridgeEnd, type BridgeOptions, bridge } from '../../src/adapters/streams.js'
import { type Connection, connect } from '../../src/index.js'
import { cleanUp, gate, guard, openAt, pattern, serve, until } from '../support/harness.js'
import type { RawOptions } from '../support/raw-client.js'
import { within } from '../support/raw-client.js'
import { closedPort, connectTcp, listenEcho, listenTcp } from '../support/tcp.js'

guard()

/** A server that joins each connection with a TCP connection to `port`. */
async function serveBridge(port: number, options: BridgeOptions = {}, highWatermarkBytes = 256 * 1024) {
  const ends: Promise<BridgeEnd>[] = []
  const sockets: Socket[] = []
  const server = await serve({
    protocols: ['binary', 'base64'],
    onslow: 'continue',
    highWatermarkBytes,
    closeTimeoutMs: 500,
    onopen: (client) => {
      const socket = connectSocket({ port, host: '127.0.0.1' })
      sockets.push(socket)
      ends.push(bridge(client, socket, options))
    }
  })
  const end = async () => {
    await until(() => ends.length > 0, 'a connection was made')
    return within(ends.shift()!, 'the end of the bridge')
  }
  return { server, end, sockets }
}

/** The same with a TCP server of the test, both ends at hand. */
async function open(options: BridgeOptions = {}, rawOptions: RawOptions = {}, highWatermarkBytes?: number) {
  const target = await listenTcp()
  const { server, end, sockets } = await serveBridge(target.port, options, highWatermarkBytes)
  const peer = await openAt(server, rawOptions)
  const tcp = await target.accept()
  return { peer, tcp, end, server, socket: sockets[0]! }
}

const asking = (protocol: string): RawOptions => ({ headers: [`Sec-WebSocket-Protocol: ${protocol}`] })

/** Writes until a socket keeps bytes that the kernel does not take, for 300 turns: its buffers grow. */
async function fill(socket: Socket, write: () => void): Promise<void> {
  for (let fullCount = 0; fullCount < 300; fullCount++) {
    if (socket.writableLength === 0) {
      fullCount = 0
      write()
    }
    await nextTurn()
  }
}

describe("'binary'", () => {
  it.each([{}, asking('binary')])('carries bytes both ways (%j)', async (rawOptions) => {
    const { peer, tcp, end } = await open({}, rawOptions)
    peer.binary(pattern(70_000))
    peer.binary(Buffer.alloc(0))
    peer.send(2, 'ab', { fin: false })
    peer.send(0, 'c')
    expect((await tcp.read(70_003)).subarray(-4).toString()).toBe(`${pattern(70_000).toString().at(-1)}abc`)
    tcp.write('answer')
    expect(await peer.readMessage()).toMatchObject({ opcode: 2, payload: Buffer.from('answer') })
    peer.close(1000)
    await tcp.ended
    tcp.socket.end()
    expect(await end()).toMatchObject({
      receivedBytes: 70_003,
      sentBytes: 6,
      cause: null,
      details: { code: 1000 }
    })
  })

  it('§7.4.1 refuses text with 1003 and resets the socket', async () => {
    const { peer, tcp, end } = await open()
    peer.text('text')
    expect(await peer.readClose()).toEqual({ code: 1003, reason: 'not what this subprotocol carries' })
    expect(await tcp.closed).toBe('ECONNRESET')
    peer.close(1003)
    expect((await end()).cause).toMatchObject({ code: 'unsupported-data' })
  })
})

describe("'base64'", () => {
  it('carries bytes as text, where the client asks for it', async () => {
    const { peer, tcp } = await open({}, asking('base64'))
    for (const text of ['AAEC/w==', '', '+/+/', 'AA==']) peer.text(text)
    expect((await tcp.read(8)).toString('hex')).toBe('000102fffbffbf00')
    tcp.write(Buffer.from([0xff, 0xfe]))
    expect(await peer.readText()).toBe('//4=')
  })

  it.each(['AAEC/w', 'AAE=C/w=', 'AA EC', 'AB==', '-_-_', 'A', '====', 'AAEC\n', 'ä'])(
    '§7.4.1 refuses %j, which is not base64, with 1007',
    async (text) => {
      const { peer, tcp, end } = await open({ encoding: 'base64' })
      peer.text('AAEC')
      await tcp.read(3)
      peer.text(text)
      expect((await peer.readClose()).code).toBe(1007)
      expect(await tcp.closed).toBe('ECONNRESET')
      peer.close(1007)
      expect((await end()).receivedBytes).toBe(3)
    }
  )

  it('§7.4.1 refuses binary messages with 1003', async () => {
    const { peer } = await open({}, asking('base64'))
    peer.binary(Buffer.from('AAEC'))
    expect((await peer.readClose()).code).toBe(1003)
  })
})

describe('ends cross', () => {
  it('FIN of the socket: all that it sent is delivered, then 1000; what comes until the answer reaches the socket', async () => {
    const { peer, tcp, end } = await open()
    const sent = pattern(3_000_000)
    tcp.socket.end(sent)
    const received: Buffer[] = []
    for (let byteCount = 0; byteCount < sent.length; ) {
      const { payload } = await peer.readMessage()
      received.push(payload)
      byteCount += payload.length
    }
    expect(Buffer.concat(received).equals(sent)).toBe(true)
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
    peer.binary(Buffer.from('still '))
    peer.binary(Buffer.from('there'))
    peer.close(1000)
    expect(String(await tcp.readRest())).toBe('still there')
    expect(await tcp.closed).toBe('fin')
    expect(await end()).toMatchObject({ receivedBytes: 11, sentBytes: 3_000_000, cause: null })
  })

  it('FIN of a socket that takes nothing: what comes until the answer reaches it all the same', async () => {
    const { peer, tcp, end } = await open({}, {}, 1024 * 1024)
    tcp.socket.pause()
    const payloads = Array.from({ length: 120 }, (_, i) => pattern(65_536, i))
    for (const payload of payloads.slice(0, 100)) peer.binary(payload)
    tcp.socket.end()
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
    for (const payload of payloads.slice(100)) peer.binary(payload)
    peer.close(1000)
    tcp.socket.resume()
    expect((await tcp.readRest()).equals(Buffer.concat(payloads))).toBe(true)
    expect(await end()).toMatchObject({ receivedBytes: 120 * 65_536, cause: null })
  })

  it.each([1000, 1001, undefined])('close with %s: FIN behind all that had arrived', async (code) => {
    const { peer, tcp, end } = await open()
    tcp.socket.pause()
    peer.binary(pattern(100_000))
    peer.close(code)
    await peer.readClose()
    tcp.socket.resume()
    expect((await tcp.readRest()).equals(pattern(100_000))).toBe(true)
    tcp.socket.end()
    expect(await tcp.closed).toBe('fin')
    expect((await end()).cause).toBeNull()
  })

  it.each([1011, 4000])('close with %i: RST', async (code) => {
    const { peer, tcp, end } = await open()
    peer.close(code, 'failed')
    expect(await tcp.closed).toBe('ECONNRESET')
    expect((await end()).cause).toMatchObject({ code: 'closed-by-peer' })
  })

  it('§7.1.5 a WebSocket that is lost: RST', async () => {
    const { peer, tcp, end } = await open()
    peer.destroy()
    expect(await tcp.closed).toBe('ECONNRESET')
    expect((await end()).cause).toMatchObject({ code: 'connection-lost' })
  })

  it('§7.4.1 RST of the socket: 1011 with the reason', async () => {
    const { peer, tcp, end } = await open()
    tcp.write('x')
    await peer.readMessage()
    tcp.socket.resetAndDestroy()
    expect(await peer.readClose()).toEqual({ code: 1011, reason: 'the TCP connection failed: ECONNRESET' })
    peer.close(1011)
    expect((await end()).cause).toMatchObject({ code: 'ECONNRESET' })
  })

  it('a socket that cannot connect: 1014 with the reason, and what came meanwhile is dropped', async () => {
    const { server, end } = await serveBridge(await closedPort())
    const peer = await openAt(server)
    peer.binary(pattern(1000))
    expect(await peer.readClose()).toEqual({
      code: 1014,
      reason: 'the target cannot be reached: ECONNREFUSED'
    })
    peer.close(1014)
    expect((await end()).cause).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('a socket that does not connect in time: 1014', async () => {
    const target = await listenTcp()
    const server = await serve({
      onopen: (client) => {
        const socket = connectSocket({
          port: target.port,
          host: 'never.invalid',
          // A name server that does not answer.
          lookup: () => {}
        })
        void bridge(client, socket, { connectTimeoutMs: 20 })
      }
    })
    const peer = await openAt(server)
    expect(await peer.readClose()).toEqual({ code: 1014, reason: 'the target cannot be reached: ETIMEDOUT' })
  })

  it('a socket that somebody else destroys, or has destroyed: 1011', async () => {
    const target = await listenTcp()
    const sockets: Socket[] = []
    const ends: Promise<BridgeEnd>[] = []
    const server = await serve({
      onopen: (client) => {
        const socket = connectSocket({ port: target.port, host: '127.0.0.1' })
        if (sockets.length === 0) socket.destroy()
        sockets.push(socket)
        ends.push(bridge(client, socket))
      }
    })
    for (let i = 0; i < 2; i++) {
      const peer = await openAt(server)
      if (i === 1) {
        await target.accept()
        sockets[1]!.destroy()
      }
      expect(await peer.readClose()).toEqual({ code: 1011, reason: 'the TCP connection ended' })
      peer.close(1011)
    }
    for (const { cause } of await within(Promise.all(ends), 'both ends'))
      expect(cause).toMatchObject({ message: 'the socket was destroyed' })
  })
})

describe('a connection whose server has handlers', () => {
  it('gives its messages to the socket only', async () => {
    const target = await listenTcp()
    const messages: unknown[] = []
    const server = await serve({
      onmessage: (_, message) => void messages.push(message),
      onopen: (client) => void bridge(client, connectSocket({ port: target.port, host: '127.0.0.1' }))
    })
    const peer = await openAt(server)
    const tcp = await target.accept()
    tcp.socket.pause()
    const payload = pattern(100_000)
    for (let i = 0; i < 100; i++) peer.binary(payload)
    await nextTurn()
    tcp.socket.resume()
    for (let i = 0; i < 100; i++) expect((await tcp.read(payload.length)).equals(payload)).toBe(true)
    expect(messages).toEqual([])
  })

  it('that takes messages piece by piece is refused: 1011 and RST', async () => {
    const target = await listenTcp()
    const socket = connectSocket({ port: target.port, host: '127.0.0.1' })
    const tcp = await target.accept()
    const ends: Promise<BridgeEnd>[] = []
    const server = await serve({
      onmessagebegin: () => {},
      onopen: (client) => void ends.push(bridge(client, socket))
    })
    const peer = await openAt(server)
    expect((await peer.readClose()).code).toBe(1011)
    expect(await tcp.closed).toBe('ECONNRESET')
    peer.close(1011)
    expect((await ends[0])!.cause).toMatchObject({ code: 'invalid-argument' })
  })
})

describe('timeouts', () => {
  it('idleTimeoutMs closes both with 1001', async () => {
    const { peer, tcp, end } = await open({ idleTimeoutMs: 30 })
    expect(await peer.readClose()).toEqual({ code: 1001, reason: 'idle for too long' })
    peer.close(1001)
    await tcp.ended
    tcp.socket.end()
    expect((await end()).details.code).toBe(1001)
  })

  it('closeTimeoutMs: a socket whose peer does not end is dropped', async () => {
    const { peer, tcp, end } = await open({ closeTimeoutMs: 30 })
    peer.binary(Buffer.from('last words'))
    peer.close(1000)
    expect(String(await tcp.readRest())).toBe('last words')
    expect(await end()).toMatchObject({ receivedBytes: 10, cause: null })
  })

  it('closeTimeoutMs: a socket whose peer does not read is reset', async () => {
    const { peer, tcp, end, socket } = await open({ closeTimeoutMs: 30 })
    tcp.socket.pause()
    await fill(socket, () => peer.binary(pattern(65_536)))
    peer.close(1000)
    await peer.readClose()
    await end()
    expect(socket.destroyed).toBe(true)
  })
})

describe('pressure', () => {
  it('a socket that takes nothing holds up the WebSocket, and one that takes nothing holds up the socket', async () => {
    const { peer, tcp, server } = await open()
    const [client] = server.clients
    tcp.socket.pause()
    peer.pause()
    const chunk = Buffer.alloc(65_536)
    const frame = Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), chunk])
    await Promise.all([fill(peer.socket, () => peer.write(frame)), fill(tcp.socket, () => tcp.write(chunk))])
    expect(client!.bufferedAmount).toBeLessThan(1_000_000)
    peer.resume()
    tcp.socket.resume()
    await until(() => peer.socket.writableLength === 0 && tcp.socket.writableLength === 0, 'both are through')
  })

  it('a WebSocket that is lost does not wait for a socket that takes nothing', async () => {
    const { peer, tcp, end } = await open()
    tcp.socket.pause()
    const payload = pattern(1_000_000)
    for (let i = 0; i < 30; i++) peer.binary(payload)
    await until(() => tcp.byteCount > 0 || peer.socket.writableLength > 0, 'some of it is on its way')
    peer.reset()
    expect((await end()).cause).not.toBeNull()
  })

  it('64 MiB go through two bridges and an echo', async () => {
    const echo = await listenEcho()
    const inward = await serveBridge(echo.port)
    const outward = await listenTcp((socket) => {
      socket.pause()
      void connect(inward.server.url!, { protocols: ['binary'] }).then((connection) =>
        bridge(connection, socket)
      )
    })
    const tcp = await connectTcp(outward.port)
    const chunk = pattern(1024 * 1024)
    const { passed, open: finish } = gate()
    let sentCount = 0
    const send = () => {
      if (sentCount++ === 64) return finish()
      tcp.socket.write(chunk, send)
    }
    send()
    for (let i = 0; i < 64; i++) expect((await tcp.read(chunk.length)).equals(chunk)).toBe(true)
    await passed
    tcp.socket.end()
    expect(await tcp.closed).toBe('fin')
    expect(await inward.end()).toMatchObject({ receivedBytes: 64 * 1024 * 1024, cause: null })
  })
})

describe('options', () => {
  it.each<[object, string]>([
    [
      { timeoutMs: 1 },
      'there is no option "timeoutMs"; there are encoding, connectTimeoutMs, idleTimeoutMs, closeTimeoutMs'
    ],
    [{ encoding: 'text' }, "encoding must be 'binary' or 'base64', not \"text\""],
    [{ idleTimeoutMs: -1 }, 'idleTimeoutMs must be an integer from 0 to 2147483647, not -1']
  ])('%j is refused', async (options, detail) => {
    const connection: Connection = await connect((await serve()).url!)
    cleanUp(() => connection.terminate())
    const wrong = () =>
      bridge(
        connection,
        connectSocket(1).on('error', () => {}),
        options as BridgeOptions
      )
    expect(wrong).toThrow(`an option is not valid: ${detail}`)
  })
})
