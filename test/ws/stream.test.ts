// A socket as a Duplex stream (ws.md "createWebSocketStream(websocket[, options])").
import { once } from 'node:events'
import { Duplex, PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { cleanUp, guard, pattern, until } from '../support/harness.js'
import { acceptAll, response, serveRaw } from '../support/raw-server.js'
import { makeClient, nextOf, openAtRawPeer, openPair, readFrame, record, serveRawPeer } from './peers.js'
import { subjects } from './subjects.js'

guard()

/** Destroys a stream with its test. */
const followed = (stream: Duplex) => {
  cleanUp(() => stream.on('error', () => {}).destroy())
  return stream
}

describe.each(subjects)('$name: createWebSocketStream', (subject) => {
  const { createWebSocketStream } = subject
  const streamOf = (...parameters: Parameters<typeof createWebSocketStream>) =>
    followed(createWebSocketStream(...parameters))

  it('gives a Duplex that is not in object mode', async () => {
    const { client } = await openPair(subject)
    const stream = streamOf(client)
    expect(stream).toBeInstanceOf(Duplex)
    expect([stream.readableObjectMode, stream.writableObjectMode]).toEqual([false, false])
  })

  it('passes the options of Duplex, all but objectMode for writing', async () => {
    const { client } = await openPair(subject)
    const stream = streamOf(client, {
      readableHighWaterMark: 5,
      writableHighWaterMark: 6,
      objectMode: true
    })
    expect([stream.readableHighWaterMark, stream.writableHighWaterMark]).toEqual([5, 6])
    expect([stream.readableObjectMode, stream.writableObjectMode]).toEqual([false, false])
  })

  it('carries bytes both ways', async () => {
    const { socket, client } = await openPair(subject)
    const echo = streamOf(socket)
    echo.pipe(echo)
    const stream = streamOf(client)
    const sent = pattern(300_000)
    const received: Buffer[] = []
    stream.on('data', (chunk) => received.push(chunk))
    stream.write(sent.subarray(0, 100_000))
    stream.write(sent.subarray(100_000))
    await until(() => Buffer.concat(received).length === sent.length, 'all came back')
    expect(Buffer.concat(received).equals(sent)).toBe(true)
    const closed = nextOf(socket, 'close')
    stream.end()
    expect(await closed).toEqual([1005, Buffer.of()])
  })

  it('works with pipeline', async () => {
    const { socket, client } = await openPair(subject)
    const source = new PassThrough()
    const target = new PassThrough()
    source.end(pattern(100_000))
    const received: Buffer[] = []
    target.on('data', (chunk) => received.push(chunk))
    await Promise.all([pipeline(source, streamOf(client)), pipeline(streamOf(socket), target)])
    expect(Buffer.concat(received).equals(pattern(100_000))).toBe(true)
  })

  it('sends each chunk as one message: strings as binary ones, or as text with decodeStrings: false', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const stream = streamOf(socket)
    stream.write('a')
    stream.write(Buffer.from('b'))
    expect([(await peer.readFrame()).opcode, (await peer.readFrame()).opcode]).toEqual([2, 2])
    const second = await serveRawPeer(subject)
    streamOf(second.socket, { decodeStrings: false }).write('text')
    const { opcode, payload } = await second.peer.readFrame()
    expect([opcode, `${payload}`]).toEqual([1, 'text'])
  })

  it('reads strings of text and buffers of bytes with readableObjectMode', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const stream = streamOf(socket, { readableObjectMode: true })
    const seen: unknown[] = []
    stream.on('data', (data) => seen.push(data))
    peer.text('a')
    peer.binary(Buffer.from('b'))
    await until(() => seen.length === 2, 'both came')
    expect(seen).toEqual(['a', Buffer.from('b')])
  })

  it('reads text as bytes otherwise', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const stream = streamOf(socket)
    peer.text('é')
    expect((await once(stream, 'data'))[0]).toEqual(Buffer.from('é'))
  })

  it('may be written to before the socket is open', async () => {
    const { url, requests } = await serveRaw(acceptAll)
    const client = makeClient(subject, url)
    const stream = streamOf(client)
    const written = new Promise((resolve) => stream.write('early', resolve))
    expect(requests).toEqual([])
    expect((await written) ?? null).toBe(null)
    expect(client.readyState).toBe(1)
  })

  it('may be ended before the socket is open', async () => {
    const { url } = await serveRaw(acceptAll)
    const client = makeClient(subject, url)
    const stream = streamOf(client)
    stream.resume().end()
    await once(stream, 'close')
    expect(client.readyState).toBe(3)
  })

  it('ends when the other side closes, and is destroyed when both sides are over', async () => {
    const { socket, client } = await openPair(subject)
    const stream = streamOf(client)
    const lines: string[] = []
    for (const event of ['end', 'finish', 'close']) stream.on(event, () => lines.push(event))
    stream.resume()
    socket.close()
    await until(() => lines.includes('end'), 'the end came')
    stream.end()
    await until(() => lines.includes('close'), 'it is closed')
    expect([lines.at(-1), stream.destroyed]).toEqual(['close', true])
  })

  it('closes the socket by the closing handshake when it is ended', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const stream = streamOf(socket)
    stream.resume().end('last')
    expect(`${(await peer.readFrame()).payload}`).toBe('last')
    expect(await peer.readClose()).toEqual({ code: 1005, reason: '' })
    peer.close()
    await once(stream, 'close')
    expect([stream.destroyed, socket.readyState]).toEqual([true, 3])
  })

  it('terminates the socket when it is destroyed', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const stream = streamOf(socket)
    const lines = record(socket)
    stream.destroy()
    await once(stream, 'close')
    expect(lines).toEqual(['close 1006 ""'])
    await peer.closed
  })

  it('gives the error it is destroyed with', async () => {
    const { socket } = await serveRawPeer(subject)
    const stream = streamOf(socket)
    const failed = nextOf<[Error]>(stream, 'error')
    stream.destroy(new Error('enough'))
    expect((await failed)[0].message).toBe('enough')
    await until(() => socket.readyState === 3, 'the socket is closed')
  })

  it('may be destroyed before the socket is open', async () => {
    const { url } = await serveRaw(() => {})
    const client = makeClient(subject, url)
    const stream = streamOf(client)
    const failed = nextOf<[Error]>(stream, 'error')
    stream.destroy()
    expect((await failed)[0].message).toBe('WebSocket was closed before the connection was established')
    await until(() => client.readyState === 3, 'the client is closed')
  })

  it('gives the error of a failed handshake', async () => {
    const { url } = await serveRaw(
      (socket) => void socket.end(response('403 Forbidden', ['Content-Length: 0']))
    )
    const stream = streamOf(makeClient(subject, url))
    const [error] = await nextOf<[Error]>(stream, 'error')
    expect([error.message, stream.destroyed]).toEqual(['Unexpected server response: 403', true])
  })

  it('gives the error of a violation, and the peer still gets its close frame', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const stream = streamOf(socket)
    const failed = nextOf<[NodeJS.ErrnoException]>(stream, 'error')
    peer.send(3)
    expect(await peer.readClose()).toEqual({ code: 1002, reason: '' })
    expect((await failed)[0].code).toBe('WS_ERR_INVALID_OPCODE')
  })

  it('stops the socket while nobody reads, and loses nothing', async () => {
    const { socket, client } = await openPair(subject)
    const stream = streamOf(socket, { readableHighWaterMark: 1 })
    let written = 0
    for (let i = 0; i < 32; i++) client.send(Buffer.alloc(1 << 20, i), () => written++)
    await until(() => socket.isPaused, 'it is paused')
    expect(written).toBeLessThan(32)
    let byteCount = 0
    for await (const chunk of stream) {
      byteCount += chunk.length
      if (byteCount === 32 << 20) break
    }
    expect(byteCount).toBe(32 << 20)
  })

  it('says by write when its buffer is full, and drains', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const stream = streamOf(socket, { writableHighWaterMark: 16_384 })
    peer.pause()
    let count = 0
    while (stream.write(Buffer.alloc(8192))) count++
    expect(count).toBeLessThan(64)
    const drained = once(stream, 'drain')
    peer.resume()
    await drained
  })

  it('with allowHalfOpen: false ends its side with the other', async () => {
    const { socket, client } = await openPair(subject)
    const stream = streamOf(client, { allowHalfOpen: false })
    const finished = once(stream, 'finish')
    stream.resume()
    socket.close()
    await finished
    await until(() => stream.destroyed, 'it is destroyed')
  })

  it('masks what a client writes', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    streamOf(socket).write('abc')
    const { key, payload } = await readFrame(peer)
    expect([key !== null, `${payload}`]).toEqual([true, 'abc'])
  })
})
