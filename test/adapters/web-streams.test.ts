import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { createWebStreams, type WebStreams, type WebStreamsOptions } from '../../src/adapters/streams.js'
import { type CloseDetails, type Connection, connect, type WebSocketError } from '../../src/index.js'
import { cleanUp, guard, openAt, pattern, serve, until } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

/** A server that makes streams of its one connection, and a raw client. */
async function open(options: WebStreamsOptions = {}) {
  const opened: (WebStreams & { client: Connection; over: Promise<CloseDetails> })[] = []
  const server = await serve({
    onslow: 'continue',
    highWatermarkBytes: 64 * 1024,
    onopen: (client) => opened.push({ ...createWebStreams(client, options), client, over: client.closed() })
  })
  const peer = await openAt(server)
  await until(() => opened.length === 1, 'the connection is open')
  return { ...opened[0]!, peer }
}

const codeOf = (promise: Promise<unknown>) =>
  within(
    promise.then(
      () => 'none',
      ({ code }: WebSocketError) => code
    ),
    'an outcome'
  )

describe('createWebStreams', () => {
  it('§5.6 gives text as strings and binary as bytes, and takes both', async () => {
    const server = await serve({ onmessage: (client, message) => void client.send(message) })
    const { readable, writable } = createWebStreams(await connect(server.url!))
    const reader = readable.getReader()
    const writer = writable.getWriter()
    for (const chunk of ['text', new Uint8Array([1, 2]), '', new Uint8Array()]) {
      await writer.write(chunk)
      expect((await reader.read()).value).toEqual(typeof chunk === 'string' ? chunk : Uint8Array.from(chunk))
    }
    await writer.close()
    expect(await reader.read()).toEqual({ done: true, value: undefined })
  })

  it('carries bytes through transforms', async () => {
    const { readable, writable, peer } = await open({ encoding: 'binary' })
    const packed = new Blob([pattern(100_000)]).stream().pipeThrough(new CompressionStream('gzip'))
    for await (const chunk of packed) peer.binary(chunk as Uint8Array)
    peer.close(1000)
    const bytes = readable as WebStreams<Uint8Array<ArrayBuffer>>['readable']
    const unpacked = await new Response(
      bytes.pipeThrough(new DecompressionStream('gzip')) as never
    ).arrayBuffer()
    expect(Buffer.from(unpacked).equals(pattern(100_000))).toBe(true)
    expect(await codeOf(writable.getWriter().closed as Promise<unknown>)).toBe('not-open')
  })

  it('types what is read by the encoding', async () => {
    const connection = await connect((await serve()).url!)
    expectTypeOf(createWebStreams(connection, { encoding: 'text' })).toEqualTypeOf<WebStreams<string>>()
    const { readable } = createWebStreams(connection, { encoding: 'binary' })
    expectTypeOf(readable).toEqualTypeOf<WebStreams<Uint8Array>['readable']>()
    expect(() => createWebStreams(connection, { encoding: 'utf8' as 'text' })).toThrow(
      "an option is not valid: encoding must be 'binary' or 'text', not \"utf8\""
    )
  })

  it.each(['binary', 'text'] as const)(
    '§7.4.1 with encoding %j refuses the other kind with 1003',
    async (encoding) => {
      const { readable, peer } = await open({ encoding })
      if (encoding === 'binary') peer.text('x')
      else peer.binary(Buffer.from('x'))
      expect(await codeOf(readable.getReader().read())).toBe('unsupported-data')
      expect((await peer.readClose()).code).toBe(1003)
    }
  )
})

describe('the end', () => {
  it('comes behind all that had arrived', async () => {
    const { readable, peer } = await open()
    for (let i = 0; i < 50; i++) peer.text(String(i))
    peer.close()
    peer.end()
    await peer.closed
    const texts: unknown[] = []
    for await (const text of readable) texts.push(text)
    expect(texts).toEqual(Array.from({ length: 50 }, (_, i) => String(i)))
  })

  it('§7.1.5 fails both streams if it was not in order', async () => {
    const lost = await open()
    lost.peer.end()
    expect(await codeOf(lost.readable.getReader().read())).toBe('connection-lost')
    expect(await codeOf(lost.writable.getWriter().closed as Promise<unknown>)).toBe('connection-lost')
    const failed = await open()
    failed.peer.close(1011)
    expect(await codeOf(failed.readable.getReader().read())).toBe('closed-by-peer')
    expect(await codeOf(failed.writable.getWriter().write('x'))).toBe('closed-by-peer')
  })

  it('closing writable waits for the answer; cancel is 1001, abort 1011', async () => {
    const closing = await open()
    const closed = closing.writable.getWriter().close()
    let isClosed = false
    void closed.then(() => {
      isClosed = true
    })
    expect((await closing.peer.readClose()).code).toBe(1000)
    await nextTurn()
    expect(isClosed).toBe(false)
    closing.peer.close(1000)
    await closed
    const cancelled = await open()
    for (let i = 0; i < 10; i++) cancelled.peer.text('unread')
    const cancelling = cancelled.readable.cancel()
    expect((await cancelled.peer.readClose()).code).toBe(1001)
    cancelled.peer.close(1001)
    await cancelling
    expect((await cancelled.over).wasClean).toBe(true)
    const aborted = await open()
    void aborted.writable.abort(new Error('no more'))
    expect((await aborted.peer.readClose()).code).toBe(1011)
  })
})

describe('pressure', () => {
  it('write resolves when the kernel has the bytes, not before', async () => {
    const { writable, client, peer } = await open()
    peer.pause()
    const writer = writable.getWriter()
    let doneCount = 0
    let writeCount = 0
    for (; doneCount === writeCount; writeCount++) {
      void writer.write(Buffer.alloc(1024 * 1024)).then(() => doneCount++)
      await nextTurn()
      await nextTurn()
    }
    expect(client.bufferedAmount).toBeGreaterThan(0)
    expect(writer.desiredSize).toBeLessThanOrEqual(0)
    peer.resume()
    await until(() => doneCount === writeCount, 'all is written')
  })

  it('nothing is read from a connection whose stream nobody reads', async () => {
    const { readable, peer } = await open()
    const frame = Buffer.concat([Buffer.from([0x82, 0xfe, 0x80, 0, 0, 0, 0, 0]), Buffer.alloc(32_768)])
    let isHeldUp = false
    for (let i = 0; i < 2000 && !isHeldUp; i++) {
      isHeldUp = !peer.socket.write(frame)
      await nextTurn()
    }
    expect(isHeldUp).toBe(true)
    const drained = once(peer.socket, 'drain')
    const reader = readable.getReader()
    cleanUp(() => peer.destroy())
    void (async () => {
      while (!(await reader.read()).done);
    })().catch(() => {})
    await within(drained, 'the sender to go on')
  })
})
