import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createDuplex, type DuplexOptions } from '../../src/adapters/streams.js'
import {
  type AsyncServerOptions,
  BinaryMessage,
  type CloseDetails,
  type Connection,
  connect,
  type Message,
  TextMessage,
  type WebSocketError
} from '../../src/index.js'
import { cleanUp, collectGarbage, gate, guard, openAt, pattern, serve, until } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

/** A server that makes a Duplex of its one connection, and a raw client. */
async function open(duplexOptions?: DuplexOptions, options: AsyncServerOptions = {}) {
  const opened: { stream: Duplex; client: Connection; over: Promise<CloseDetails> }[] = []
  const server = await serve({
    ...options,
    onopen: (client) => {
      const stream = createDuplex(client, duplexOptions)
      cleanUp(() => stream.on('error', () => {}).destroy())
      opened.push({ stream, client, over: client.closed() })
    }
  })
  const peer = await openAt(server)
  await until(() => opened.length === 1, 'the connection is open')
  return { ...opened[0]!, peer }
}

/** A server that echoes, and a Duplex of our client. */
async function openEcho(options?: DuplexOptions) {
  const server = await serve({ onmessage: (client, message) => void client.send(message) })
  const connection = await connect(server.url!)
  cleanUp(() => connection.terminate())
  return { connection, stream: createDuplex(connection, options) }
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const failureOf = async (stream: Duplex) => {
  const [error] = (await within(once(stream, 'error'), 'an error')) as [WebSocketError]
  return error
}

/** Bytes in use, of objects and of buffers. */
function measureLive(): number {
  collectGarbage()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

describe('bytes', () => {
  it('come as they were sent, whatever the messages were', async () => {
    const { stream, peer } = await open()
    peer.binary(Buffer.from('ab'))
    peer.binary(Buffer.alloc(0))
    peer.send(2, 'c', { fin: false })
    peer.send(0, 'de')
    peer.close(1000)
    expect(String(await readAll(stream))).toBe('abcde')
  })

  it('go as a message a chunk, long ones as several, empty ones as none', async () => {
    const { stream, peer } = await open({ maxMessageBytes: 4 })
    stream.write('ab')
    stream.write('')
    stream.write(Buffer.from('cdefghijkl'))
    for (const expected of ['ab', 'cdef', 'ghij', 'kl']) {
      const { opcode, payload } = await peer.readMessage()
      expect([opcode, String(payload)]).toEqual([2, expected])
    }
  })

  it('§7.4.1 refuse text with 1003', async () => {
    const { stream, peer, over } = await open()
    const failed = failureOf(stream)
    peer.text('text')
    expect(await peer.readClose()).toEqual({ code: 1003, reason: '' })
    expect(await failed).toMatchObject({
      code: 'unsupported-data',
      message:
        'a message is not of the kind that is expected here: text came where binary is expected (RFC 6455 §7.4.1)'
    })
    peer.close(1003)
    expect((await over).initiator).toBe('local')
  })

  it('go through both ways, with a pipeline', async () => {
    const { stream } = await openEcho()
    const sent = pattern(1_000_003)
    const received = new PassThrough()
    const done = pipeline(stream, received)
    let byteCount = 0
    received.on('data', (bytes: Buffer) => {
      byteCount += bytes.length
      if (byteCount === sent.length) stream.end()
    })
    const all = readAll(received)
    Readable.from([sent.subarray(0, 100_000), sent.subarray(100_000)]).pipe(stream, { end: false })
    expect((await all).equals(sent)).toBe(true)
    await done
  })
})

describe("encoding 'text'", () => {
  it('§5.6 carries UTF-8, cut anywhere when written', async () => {
    const { stream, peer } = await open({ encoding: 'text' })
    const bytes = Buffer.from('Grüße, 漢😀')
    stream.write(bytes.subarray(0, 3))
    stream.write(bytes.subarray(3, 4))
    stream.write(bytes.subarray(4, -1))
    stream.write(bytes.subarray(-1))
    const texts = [await peer.readText(), await peer.readText(), await peer.readText(), await peer.readText()]
    expect(texts).toEqual(['Gr', 'ü', 'ße, 漢', '😀'])
    stream.setEncoding('utf8')
    peer.text('größer')
    peer.close()
    expect((await stream.toArray()).join('')).toBe('größer')
  })

  it('§7.4.1 refuses binary with 1003, and to write what is not UTF-8', async () => {
    const first = await open({ encoding: 'text' })
    const failed = failureOf(first.stream)
    first.peer.binary(Buffer.from('x'))
    expect((await first.peer.readClose()).code).toBe(1003)
    expect((await failed).code).toBe('unsupported-data')
    const second = await open({ encoding: 'text' })
    const wrong = failureOf(second.stream)
    second.stream.write(Buffer.from([0xff]))
    expect((await wrong).message).toBe(
      'an argument is not valid: bytes that are not UTF-8 cannot be sent as text'
    )
    expect((await second.peer.readClose()).code).toBe(1011)
    const third = await open({ encoding: 'text' })
    const cut = failureOf(third.stream)
    third.stream.end(Buffer.from([0xc3]))
    expect((await cut).message).toContain('text that ends inside a code point')
    expect((await third.peer.readClose()).code).toBe(1011)
  })
})

describe('objectMode', () => {
  it('keeps messages and their kinds', async () => {
    const { stream } = await openEcho({ objectMode: true })
    for (const message of [
      'text',
      Buffer.from('bytes'),
      new TextMessage(''),
      new BinaryMessage(new Uint8Array())
    ])
      stream.write(message)
    const seen: [number, string][] = []
    for await (const message of stream as AsyncIterable<Message>) {
      seen.push([message.opcode, String(Buffer.from(message.bytes))])
      if (seen.length === 4) break
    }
    expect(seen).toEqual([
      [1, 'text'],
      [2, 'bytes'],
      [1, ''],
      [2, '']
    ])
  })

  it('refuses to write what is no message', async () => {
    const { stream, peer } = await open({ objectMode: true })
    const failed = failureOf(stream)
    stream.write(7)
    expect((await failed).code).toBe('invalid-argument')
    expect((await peer.readClose()).code).toBe(1011)
  })
})

describe('the end', () => {
  it('end() closes with 1000 behind all that was written; finish comes with the answer', async () => {
    const { stream, peer, over } = await open()
    const finished = once(stream, 'finish')
    let isFinished = false
    void finished.then(() => {
      isFinished = true
    })
    stream.write('last')
    stream.end('words')
    expect(String((await peer.readMessage()).payload)).toBe('last')
    expect(String((await peer.readMessage()).payload)).toBe('words')
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
    await nextTurn()
    expect(isFinished).toBe(false)
    peer.close(1000)
    await finished
    expect((await over).wasClean).toBe(true)
    stream.resume()
    await within(once(stream, 'close'), 'the end of the stream')
  })

  it.each([1000, 1001, undefined])(
    "'end' comes behind all that had arrived, and a close with %s",
    async (code) => {
      const { stream, peer } = await open({ readableHighWaterMark: 10 })
      for (let i = 0; i < 100; i++) peer.binary(pattern(100, i))
      peer.close(code)
      peer.end()
      await peer.closed
      const closed = once(stream, 'close')
      expect(
        (await readAll(stream)).equals(Buffer.concat(Array.from({ length: 100 }, (_, i) => pattern(100, i))))
      ).toBe(true)
      await within(closed, 'the end of the stream')
    }
  )

  it('a close with another code is an error', async () => {
    const { stream, peer } = await open()
    const failed = failureOf(stream)
    peer.close(1011, 'out of "luck"')
    expect(await failed).toMatchObject({
      code: 'closed-by-peer',
      message:
        'the peer closed the connection with a code that tells of a failure: 1011 "out of \\"luck\\"" (RFC 6455 §7.4.1)'
    })
  })

  it('§7.1.5 a connection that is lost is an error', async () => {
    const { stream, peer } = await open()
    const failed = failureOf(stream)
    peer.end()
    expect((await failed).code).toBe('connection-lost')
  })

  it.each([
    [undefined, 1001],
    [new Error('no more'), 1011]
  ])('destroy(%s) closes with %i, and what still comes is dropped', async (error, code) => {
    const { stream, peer, over } = await open({ readableHighWaterMark: 1 })
    for (let i = 0; i < 10; i++) peer.binary(pattern(1000))
    await until(() => stream.readableLength > 0, 'something arrived')
    const failed = error === undefined ? null : failureOf(stream)
    stream.destroy(error)
    expect(await peer.readClose()).toEqual({ code, reason: '' })
    for (let i = 0; i < 10; i++) peer.binary(pattern(1000))
    peer.close(code)
    expect((await over).wasClean).toBe(true)
    if (failed !== null) expect(await failed).toBe(error)
  })

  it('a write when it is over fails, but not before what had arrived is read', async () => {
    const { stream, peer, over } = await open({ readableHighWaterMark: 1 })
    peer.binary(Buffer.from('one'))
    peer.binary(Buffer.from('two'))
    peer.close(1000)
    await over
    const seen: string[] = []
    stream.on('error', (error: WebSocketError) => seen.push(error.code))
    stream.once('readable', () => {
      stream.write('too late')
      stream.on('data', (bytes) => seen.push(String(bytes))).on('end', () => seen.push('end'))
    })
    await until(() => stream.closed, 'the end')
    expect(seen).toEqual(['one', 'two', 'end', 'not-open'])
  })

  it('a write when it is over and nobody reads fails at once', async () => {
    const { stream, peer, over } = await open()
    peer.binary(Buffer.from('unread'))
    peer.close(1000)
    await over
    const failed = failureOf(stream)
    stream.write('too late')
    expect((await failed).code).toBe('not-open')
  })
})

describe('pressure', () => {
  it('a reader that stops stops the sender; 256 MiB go through a slow reader in bounded memory', async () => {
    const byteCount = 256 * 1024 * 1024
    const chunk = pattern(64 * 1024)
    const received = createHash('sha256')
    const sent = createHash('sha256')
    let receivedBytes = 0
    let slowTurns = 0
    const { passed: isOver, open: finish } = gate()
    const server = await serve({
      onslow: 'continue',
      onopen: (client) => {
        const slow = new Writable({
          write: (bytes: Buffer, _, done) => {
            received.update(bytes)
            receivedBytes += bytes.length
            // Each MiB it dawdles for some turns of the event loop.
            const dawdle = (turns: number) => (turns === 0 ? done() : setImmediate(dawdle, turns - 1))
            const isMiB = receivedBytes >> 20 !== (receivedBytes - bytes.length) >> 20
            if (isMiB) slowTurns += 20
            dawdle(isMiB ? 20 : 0)
          }
        })
        void pipeline(createDuplex(client), slow).then(finish)
      }
    })
    const connection = await connect(server.url!)
    cleanUp(() => connection.terminate())
    const stream = createDuplex(connection)
    const before = measureLive()
    let highest = 0
    const source = function* () {
      for (let at = 0; at < byteCount; at += chunk.length) {
        sent.update(chunk)
        if (at % (4 * 1024 * 1024) === 0) highest = Math.max(highest, measureLive() - before)
        yield chunk
      }
    }
    stream.resume()
    await pipeline(Readable.from(source(), { objectMode: false }), stream)
    await isOver
    expect(receivedBytes).toBe(byteCount)
    expect(received.digest('hex')).toBe(sent.digest('hex'))
    expect(slowTurns).toBeGreaterThan(1000)
    expect(highest).toBeLessThan(32 * 1024 * 1024)
  }, 60_000)

  it("a write's callback comes when the kernel has the bytes, not before", async () => {
    const { stream, client, peer } = await open({}, { onslow: 'continue' })
    peer.pause()
    let callbackCount = 0
    let writeCount = 0
    // Until the kernel takes no more.
    for (; callbackCount === writeCount; writeCount++) {
      stream.write(Buffer.alloc(1024 * 1024), () => callbackCount++)
      await nextTurn()
      await nextTurn()
    }
    expect(client.bufferedAmount).toBeGreaterThan(0)
    expect(client.bufferedAmount).toBeLessThan(1.1 * 1024 * 1024)
    expect(stream.write('more')).toBe(false)
    peer.resume()
    await until(() => callbackCount === writeCount, 'all is written')
  })

  it('nothing is read from a connection whose stream nobody reads', async () => {
    const { stream, peer } = await open({}, { highWatermarkBytes: 64 * 1024 })
    let isHeldUp = false
    for (let i = 0; i < 2000 && !isHeldUp; i++) {
      isHeldUp = !peer.socket.write(
        Buffer.concat([Buffer.from([0x82, 0xfe, 0x80, 0, 0, 0, 0, 0]), Buffer.alloc(32_768)])
      )
      await nextTurn()
    }
    expect(isHeldUp).toBe(true)
    expect(stream.readableLength).toBeLessThan(128 * 1024)
    const drained = once(peer.socket, 'drain')
    stream.resume()
    await within(drained, 'the sender to go on')
  })
})

describe.each<[string, AsyncServerOptions]>([
  ['without handlers', {}],
  ['with handlers', { onmessage: () => {} }]
])('end() on a connection %s', (_, options) => {
  const SIZE = 64 * 1024

  /** Ends the stream while nobody reads it, has the peer send so many messages before it answers, and gives the stream. */
  async function endAmid(messageCount: number) {
    const all = await open({ readableHighWaterMark: 1 }, options)
    const { stream, peer } = all
    // The first half is more than a connection keeps that nobody reads.
    for (let i = 0; i < messageCount / 2; i++) peer.binary(pattern(SIZE, i))
    await until(() => stream.readableLength > 0, 'something arrived')
    await nextTurn()
    stream.end()
    expect((await peer.readClose()).code).toBe(1000)
    for (let i = messageCount / 2; i < messageCount; i++) peer.binary(pattern(SIZE, i))
    peer.close(1000)
    return all
  }

  it('loses nothing of what comes until the answer', async () => {
    const { stream, over } = await endAmid(64)
    expect((await over).wasClean).toBe(true)
    const received = await readAll(stream)
    expect(received.equals(Buffer.concat(Array.from({ length: 64 }, (_, i) => pattern(SIZE, i))))).toBe(true)
  })

  it('fails if more comes than it keeps, which must not look like all', async () => {
    const ending = open({ readableHighWaterMark: 1 }, options)
    const { stream, peer, over } = await ending
    stream.end()
    expect((await peer.readClose()).code).toBe(1000)
    const failed = failureOf(stream)
    const payload = pattern(1024 * 1024)
    for (let i = 0; i < 20; i++) peer.binary(payload)
    expect((await failed).code).toBe('connection-lost')
    expect((await over).wasClean).toBe(false)
  })
})

describe('a connection whose owner has handlers', () => {
  it('gives its messages to the stream only, and is read as far as that is', async () => {
    const lines: unknown[] = []
    const { stream, peer, over } = await open(
      { readableHighWaterMark: 1, objectMode: true },
      { onmessage: (_, message) => void lines.push(message) }
    )
    for (let i = 0; i < 20; i++) peer.text(String(i))
    await until(() => stream.readableLength > 0, 'something arrived')
    await nextTurn()
    expect(stream.readableLength).toBe(1)
    for (let i = 20; i < 40; i++) peer.text(String(i))
    peer.close(1000)
    peer.end()
    const texts: unknown[] = []
    for await (const message of stream as AsyncIterable<Message>) texts.push(message.payload)
    expect(texts).toEqual(Array.from({ length: 40 }, (_, i) => String(i)))
    expect([(await over).code, lines]).toEqual([1000, []])
  })

  it('that takes messages piece by piece is refused', async () => {
    const errors: WebSocketError[] = []
    const server = await serve({
      onmessagebegin: () => {},
      onopen: (client) => void createDuplex(client).on('error', (error: WebSocketError) => errors.push(error))
    })
    const peer = await openAt(server)
    expect((await peer.readClose()).code).toBe(1011)
    expect(errors.map(({ code }) => code)).toEqual(['invalid-argument'])
  })
})

describe('options', () => {
  it.each<[object, string]>([
    [
      { highWaterMark: 1 },
      'there is no option "highWaterMark"; there are encoding, objectMode, maxMessageBytes, readableHighWaterMark, writableHighWaterMark'
    ],
    [{ encoding: 'utf8' }, "encoding must be 'binary' or 'text', not \"utf8\""],
    [
      { encoding: 'text', objectMode: true },
      'encoding is for bytes: in objectMode each message tells what it is'
    ],
    [{ maxMessageBytes: 0 }, 'maxMessageBytes must be an integer above 0, not 0']
  ])('%j is refused', async (options, detail) => {
    const connection = await connect((await serve()).url!)
    expect(() => createDuplex(connection, options as DuplexOptions)).toThrow(
      `an option is not valid: ${detail}`
    )
  })
})
