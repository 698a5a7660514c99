// Messages that an application takes one by one: `recv` and iteration, at a server's side and at a client's.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type Connection, connect, type Message, type WebSocketError } from '../src/index.js'
import { cleanUp, gate, guard, openAt, recorder, serve, serveOne, until } from './support/harness.js'
import { pair } from './support/pair.js'

guard()

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: WebSocketError) => error.code
  )
const payloadOf = ({ payload }: Message) => payload

describe('recv of a client', () => {
  it('gives messages in order, those that came before the call and those that come after it', async () => {
    const { client, atServer } = await pair()
    for (const text of ['a', 'b', 'c']) atServer.send(text)
    await atServer.ping()
    const first = [client.recv(), client.recv(), client.recv(), client.recv(), client.recv()]
    atServer.send('d')
    atServer.send(Buffer.of(1))
    const messages = await Promise.all(first)
    expect(messages.map(payloadOf)).toEqual(
      ['a', 'b', 'c', 'd', Buffer.of(1)].map((p) =>
        typeof p === 'string' ? p : expect.objectContaining({ 0: 1, length: 1 })
      )
    )
  })

  it('gives what waits when the connection is over already, then says so', async () => {
    const { client, atServer } = await pair()
    atServer.send('last')
    const details = await atServer.close(1000)
    expect(details.wasClean).toBe(true)
    await client.closed()
    expect((await client.recv()).payload).toBe('last')
    expect(await codeOf(client.recv())).toBe('not-open')
    expect(await codeOf(client.recv())).toBe('not-open')
  })

  it('that waits rejects with not-open if the end was clean, else with its cause', async () => {
    const clean = await pair()
    const waiting = [codeOf(clean.client.recv()), codeOf(clean.client.recv())]
    await clean.atServer.close()
    expect(await Promise.all(waiting)).toEqual(['not-open', 'not-open'])
    const broken = await pair()
    const lost = codeOf(broken.client.recv())
    broken.atServer.terminate()
    expect(await lost).toBe((await broken.client.closed()).cause?.code)
    expect(await lost).not.toBe('not-open')
  })

  it('gives messages that came before the end of an unclean connection', async () => {
    const { client, atServer } = await pair()
    atServer.send('before')
    await atServer.ping()
    atServer.terminate()
    const { cause } = await client.closed()
    expect((await client.recv()).payload).toBe('before')
    await expect(client.recv()).rejects.toBe(cause)
  })

  it('after its own close gives what arrives until the peer closes', async () => {
    const { client, atServer } = await pair()
    const closed = client.close()
    atServer.send('late')
    await closed
    const got = await codeOf(client.recv())
    // The server may have seen the close frame first.
    expect(['resolved', 'not-open']).toContain(got)
  })
})

describe('iteration', () => {
  it('yields the messages and ends with a clean end', async () => {
    const { client, atServer } = await pair()
    const got: unknown[] = []
    const done = (async () => {
      for await (const message of client) got.push(message.payload)
    })()
    for (let i = 0; i < 100; i++) atServer.send(`${i}`)
    await atServer.close(4000, 'enough')
    await done
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
  })

  it('throws the cause of an unclean end, behind all that came', async () => {
    const { client, atServer } = await pair()
    atServer.send('a')
    await atServer.ping()
    atServer.terminate()
    const got: unknown[] = []
    const reading = async () => {
      for await (const message of client) got.push(message.payload)
    }
    const { cause } = await client.closed()
    await expect(reading()).rejects.toBe(cause)
    expect(got).toEqual(['a'])
  })

  it('may be left and taken up again', async () => {
    const { client, atServer } = await pair()
    for (const text of ['a', 'b', 'c']) atServer.send(text)
    for await (const { payload } of client) if (payload === 'b') break
    expect((await client.recv()).payload).toBe('c')
  })
})

describe('recv at a server', () => {
  it('keeps messages from the first call on: in onopen nothing is lost', async () => {
    const got: unknown[] = []
    const server = await serve({
      async onopen(client) {
        for await (const { payload } of client) {
          got.push(payload)
          await delay(1)
          client.send(`re ${payload}`)
        }
      }
    })
    const peer = await openAt(server)
    for (let i = 0; i < 20; i++) peer.text(`${i}`)
    for (let i = 0; i < 20; i++) expect(await peer.readText()).toBe(`re ${i}`)
    expect(got).toHaveLength(20)
  })

  it('beside onmessage takes the next message only', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne(handlers)
    const taken = client.recv()
    peer.text('for recv')
    peer.text('for onmessage')
    expect((await taken).payload).toBe('for recv')
    await until(() => lines.includes('message for onmessage'), 'the second one came')
    expect(lines).toEqual(['open', 'message for onmessage'])
  })

  it('inside a handler waits for an answer', async () => {
    const lines: string[] = []
    const { peer } = await serveOne({
      async onmessage(client, { payload }) {
        if (payload !== 'ask') return void lines.push(`message ${payload}`)
        client.send('what?')
        lines.push(`answer ${(await client.recv()).payload}`)
      }
    })
    peer.text('ask')
    expect(await peer.readText()).toBe('what?')
    peer.text('that')
    peer.text('next')
    await until(() => lines.length === 2, 'both came')
    expect(lines.toSorted()).toEqual(['answer that', 'message next'])
  })

  it('that waits in a handler when the connection ends is no failure of the handler', async () => {
    for (const isClean of [true, false]) {
      const { lines, handlers } = recorder()
      const ended = gate()
      const server = await serve({
        ...handlers,
        async onopen(client) {
          try {
            for (;;) await client.recv()
          } finally {
            ended.open()
          }
        }
      })
      const peer = await openAt(server)
      if (isClean) peer.close(1000)
      else peer.reset()
      await ended.passed
      await until(() => lines.length > 0, 'it is over')
      await delay(5)
      expect(lines.map((line) => line.split(' ')[0])).toEqual(['close'])
    }
  })

  it('rejects where messages are told piece by piece', async () => {
    const { client } = await serveOne({ onframedata: () => undefined })
    expect(await codeOf(client.recv())).toBe('invalid-argument')
  })
})

describe('messages that nobody takes', () => {
  it('stop the reading above the high watermark, and nothing is lost', async () => {
    const { client, atServer } = await pair({}, { highWatermarkBytes: 100_000, lowWatermarkBytes: 10_000 })
    const before = process.memoryUsage().arrayBuffers
    const count = 3000
    let sentCount = 0
    const sending = (async () => {
      for (; sentCount < count; sentCount++) {
        atServer.send(Buffer.alloc(10_000, sentCount))
        if (atServer.bufferedAmount > 100_000) await atServer.drained()
      }
    })()
    let last = -1
    await until(() => {
      const isStill = last === sentCount
      last = sentCount
      return isStill && sentCount > 0
    }, 'the sender is stopped')
    await delay(20)
    expect(sentCount).toBeLessThan(count)
    // What the kernel holds is not counted.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000)
    for (let i = 0; i < count; i++) {
      const { bytes } = await client.recv()
      if (bytes[0] !== (i & 255) || bytes.length !== 10_000) throw new Error(`message ${i} is wrong`)
    }
    await sending
  })

  it('stop it by their count, too', async () => {
    const { client, atServer } = await pair({}, { highWatermarkBytes: 6400, lowWatermarkBytes: 640 })
    for (let i = 0; i < 5000; i++) atServer.send('')
    await delay(20)
    const pings = atServer.ping()
    let isAnswered = false
    void pings.then(() => {
      isAnswered = true
    })
    await delay(20)
    // Pings wait behind them: nothing is read.
    expect(isAnswered).toBe(false)
    for (let i = 0; i < 5000; i++) expect((await client.recv()).payload).toBe('')
    expect(await pings).toBeGreaterThan(0)
  })

  it('do not keep close from ending in order', async () => {
    const { client, atServer } = await pair({}, { highWatermarkBytes: 1000, lowWatermarkBytes: 100 })
    for (let i = 0; i < 200; i++) atServer.send(Buffer.alloc(10_000))
    await delay(20)
    expect(await client.close()).toMatchObject({ wasClean: true, initiator: 'local' })
    let count = 0
    while ((await codeOf(client.recv())) === 'resolved') count++
    expect(count).toBeGreaterThan(0)
  })

  it('are told to be missing if more came behind close() than may wait', async () => {
    const { peer, client } = await serveOne({ highWatermarkBytes: 1000, lowWatermarkBytes: 1000 })
    const first = client.recv()
    const closed = client.close(1000)
    peer.text('first')
    for (let i = 0; i < 20; i++) peer.text('x'.repeat(500))
    peer.close(1000)
    peer.end()
    expect((await closed).wasClean).toBe(true)
    expect((await first).payload).toBe('first')
    const kept: unknown[] = []
    const reading = async () => {
      for await (const { payload } of client) kept.push(payload)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'not-open' })
    expect(kept.length).toBeLessThan(20)
  })

  it('go to an onmessage that is set later, in order', async () => {
    const server = await serve({
      onopen(client) {
        client.send('hello')
        client.send('there')
      },
      onmessage: (client, message) => void client.send(message)
    })
    const client = await connect(`ws://127.0.0.1:${server.port}`, { logLevel: 'silent' })
    cleanUp(() => client.terminate())
    const got: unknown[] = []
    client.onmessage = ({ payload }) => got.push(payload)
    await until(() => got.length === 2, 'what waited came')
    client.send('echo')
    await until(() => got.length === 3, 'the next one came')
    expect(got).toEqual(['hello', 'there', 'echo'])
  })

  it('count once, also if they go to an onmessage that is set later', async () => {
    const { server, peer, client } = await serveOne()
    const first = client.recv()
    for (const text of ['one', 'two', 'three']) peer.text(text)
    expect((await first).payload).toBe('one')
    await until(() => server.metrics().messages.in === 3, 'all have arrived')
    const got: unknown[] = []
    client.onmessage = ({ payload }) => got.push(payload)
    peer.text('four')
    await until(() => got.length === 3, 'those that waited came, and the next one')
    expect([got, server.metrics().messages.in]).toEqual([['two', 'three', 'four'], 4])
  })
})

it('receiveForever resolves with how the connection ended, and handlers work meanwhile', async () => {
  const got: unknown[] = []
  const { client, atServer } = await pair(
    {},
    { onmessage: (_: Connection, { payload }: Message) => void got.push(payload) }
  )
  const over = client.receiveForever()
  atServer.send('x')
  await atServer.close(1001, 'bye')
  expect(await over).toMatchObject({ code: 1001, reason: 'bye', wasClean: true, initiator: 'remote' })
  expect(got).toEqual(['x'])
})
