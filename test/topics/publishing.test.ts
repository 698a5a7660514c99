import { describe, expect, it, vi } from 'vitest'
import {
  type AsyncServer,
  BinaryMessage,
  type Connection,
  DeflateMessage,
  ExtensionMessage,
  prepare,
  Server,
  TextMessage
} from '../../src/index.js'
import { tier } from '../../src/kernels/index.js'
import { guard, openAt, pattern, recorder, serve, serveOne, start, until } from '../support/harness.js'
import type { RawClient } from '../support/raw-client.js'

/** Calls of the addon's `engineSend`, which cannot be replaced in its own object. */
const calls = vi.hoisted(() => ({ count: 0 }))

vi.mock('../../src/kernels/index.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/kernels/index.js')>()
  if (original.engineBinding === null) return original
  const { engineSend } = original.engineBinding
  const counting: typeof engineSend = (...args) => {
    calls.count++
    return engineSend(...args)
  }
  return { ...original, engineBinding: { ...original.engineBinding, engineSend: counting } }
})

guard()

/** Opens so many clients, one after the other; `clients` are in the same order. */
async function open<T>(server: AsyncServer<T>, count: number, headers: readonly string[] = []) {
  const peers: RawClient[] = []
  for (let i = 0; i < count; i++) {
    peers.push(await openAt(server, { headers }))
    await until(() => server.clients.size === i + 1, 'it is open')
  }
  return { peers, clients: [...server.clients] }
}

async function readTexts(peer: RawClient, count: number): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) texts.push(await peer.readText())
  return texts
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index))

/** An extension with an opcode, which does nothing. */
const MARKED = ['Sec-WebSocket-Extensions: x-mark']
const marked = {
  names: ['x-mark'],
  rsv: 0,
  opcodes: [3],
  accept: () => ({ parameters: [], session: { shareKey: 'mark' } }),
  offers: () => [],
  confirm: () => null
}

function fail(what: string): never {
  throw new Error(`${what} fails`)
}

describe('publish', () => {
  it('reaches those whom the topic concerns, once however many of their subscriptions match', async () => {
    const server = await serve()
    const { peers, clients } = await open(server, 4)
    for (const topic of ['a/b', 'a/+', 'a/#', '#', '+/b']) clients[0]!.subscribe(topic)
    clients[1]!.subscribe('a/b')
    clients[2]!.subscribe('a/+/c')
    expect(server.publish('a/b', '1')).toBe(2)
    expect(server.publish('a/x/c', new TextMessage('2'))).toBe(2)
    expect(server.publish('nobody', '3', { except: clients[0]! })).toBe(0)
    expect(server.broadcast('end')).toBe(4)
    expect(await Promise.all(peers.map((peer, index) => readTexts(peer, [3, 2, 2, 1][index]!)))).toEqual([
      ['1', '2', 'end'],
      ['1', 'end'],
      ['2', 'end'],
      ['end']
    ])
    expect(peers.map((peer) => peer.unread.length)).toEqual([0, 0, 0, 0])
  })

  it('leaves out the one that is excepted', async () => {
    const server = await serve()
    const { peers, clients } = await open(server, 3)
    for (const client of clients) client.subscribe('room')
    expect(server.publish('room', 'from 1', { except: clients[1]! })).toBe(2)
    expect(server.broadcast('to all but 0', { except: clients[0]! })).toBe(2)
    expect(
      await Promise.all([readTexts(peers[0]!, 1), readTexts(peers[1]!, 1), readTexts(peers[2]!, 2)])
    ).toEqual([['from 1'], ['to all but 0'], ['from 1', 'to all but 0']])
  })

  it('goes in order with what is sent otherwise, and those of one turn in one write', async () => {
    const server = await serve()
    const { peers, clients } = await open(server, 3)
    for (const client of clients) client.subscribe('t')
    const chunks = peers.map(({ socket }) => {
      const lengths: number[] = []
      socket.on('data', ({ length }: Buffer) => lengths.push(length))
      return lengths
    })
    calls.count = 0
    await new Promise(setImmediate)
    for (const number of numbers(60)) {
      if (Number(number) % 3 === 0) for (const client of clients) client.send(number)
      else if (Number(number) % 3 === 1) server.publish('t', number)
      else server.broadcast(Buffer.from(number))
    }
    for (const peer of peers) {
      const texts: string[] = []
      for (let i = 0; i < 60; i++) texts.push((await peer.readMessage()).payload.toString())
      expect(texts).toEqual(numbers(60))
    }
    expect(chunks).toEqual(Array(3).fill([60 * 2 + 10 + 50 * 2]))
    if (tier === 'engine') expect(calls.count).toBe(1)
  })

  it.each([0, 1, 125, 8192, 8193, 65_536, 131_072, 131_073, 1_500_000])(
    'sends %d bytes to several, and again',
    async (length) => {
      const server = await serve()
      const { peers } = await open(server, 3)
      const payload = pattern(length)
      const message = prepare(payload)
      const both = Promise.all(
        peers.map(async (peer) => {
          for (let i = 0; i < 3; i++) {
            const { opcode, payload: got } = await peer.readMessage()
            if (opcode !== 2 || !got.equals(payload)) return `message ${i} is wrong`
          }
          return (await peer.readText()) === 'end'
        })
      )
      for (let i = 0; i < 2; i++) expect(server.broadcast(message)).toBe(3)
      await new Promise(setImmediate)
      server.broadcast(message)
      server.broadcast('end')
      expect(await both).toEqual([true, true, true])
    }
  )

  it('keeps the order when what is collected is flushed amid publications: records, and memory', async () => {
    const server = await serve()
    const { peers } = await open(server, 30)
    // 30 x 700 records are more than the 16 384 of a flush; 700 x 4 KiB more than its memory.
    const payloads = numbers(700).map((number) => (number.endsWith('3') ? number.padEnd(4096, '.') : number))
    const read = Promise.all(peers.map((peer) => readTexts(peer, 700)))
    for (const payload of payloads) server.broadcast(payload)
    for (const [index, texts] of (await read).entries()) expect([index, texts]).toEqual([index, payloads])
  })

  it('sends one message in all of many turns, each time from new memory', async () => {
    const server = await serve()
    const { peers, clients } = await open(server, 2)
    const message = prepare('again')
    for (let i = 0; i < 20; i++) {
      clients[0]!.send(`before ${i}`)
      server.broadcast(message)
      if (i % 3 === 0) await new Promise(setImmediate)
    }
    const [first, second] = await Promise.all([readTexts(peers[0]!, 40), readTexts(peers[1]!, 20)])
    expect(first).toEqual(numbers(20).flatMap((i) => [`before ${i}`, 'again']))
    expect(second).toEqual(Array(20).fill('again'))
  })

  it('copies bytes: they may change after it', async () => {
    const server = await serve()
    const { peers } = await open(server, 2)
    for (const length of [100, 300_000]) {
      const bytes = new Uint8Array(length).fill(7)
      server.broadcast(bytes)
      bytes.fill(8)
      server.broadcast(new BinaryMessage(bytes))
      structuredClone(bytes, { transfer: [bytes.buffer] })
      for (const peer of peers)
        for (const value of [7, 8])
          expect((await peer.readMessage()).payload.equals(Buffer.alloc(length, value))).toBe(true)
    }
  })

  it('cuts into frames of at most autoFragmentBytes', async () => {
    const server = await serve({ autoFragmentBytes: 10, extensions: [new DeflateMessage()] })
    const { peers } = await open(server, 2)
    const [deflated] = await Promise.all([openAt(server, { headers: DEFLATE })])
    await until(() => server.clients.size === 3, 'all are open')
    const text = '0123456789ab'.repeat(6)
    server.broadcast(text)
    server.broadcast(prepare(text, { compress: true }))
    for (const peer of peers)
      for (let i = 0; i < 2; i++)
        expect(await peer.readMessage()).toEqual({ opcode: 1, payload: Buffer.from(text), frameCount: 8 })
    expect((await deflated!.readMessage()).payload.toString()).toBe(text)
    const { rsv, fin, payload } = await deflated!.readFrame()
    expect([rsv, fin, payload.length]).toEqual([0x40, false, 10])
  })

  it('reports to onsent, and counts in queuedMessages', async () => {
    const sent: string[] = []
    const { server, peer, client } = await serveOne({
      onsent: (_, { payload }) => void sent.push(String(payload))
    })
    client.send('1')
    server.broadcast('2')
    server.broadcast(prepare('3'))
    expect([client.queuedMessages, client.bufferedAmount]).toEqual([3, 9])
    expect(await readTexts(peer, 3)).toEqual(['1', '2', '3'])
    await until(() => sent.length === 3, 'all are reported')
    expect([sent, client.queuedMessages]).toEqual([['1', '2', '3'], 0])
  })

  it('from onsent and onclose reaches the others', async () => {
    let isFirst = true
    const server: AsyncServer = await serve({
      onsent(client, message) {
        if (message.payload !== 'first' || !isFirst) return
        isFirst = false
        server.broadcast('from onsent', { except: client })
      },
      onclose: () => void server.broadcast('from onclose')
    })
    const { peers, clients } = await open(server, 3)
    server.broadcast('first')
    expect(await readTexts(peers[2]!, 2)).toEqual(['first', 'from onsent'])
    clients[0]!.terminate()
    expect(await readTexts(peers[1]!, 3)).toEqual(['first', 'from onsent', 'from onclose'])
  })

  it('from a handler that is called amid a publication goes behind it, to all', async () => {
    const broken = {
      ...marked,
      accept: () => ({ parameters: [], session: { encodeMessage: () => fail('a hook') } })
    }
    const server: AsyncServer = await serve({
      extensions: [broken],
      onerror: (client) => void server.publish('t', 'nested', { except: client })
    })
    const first = await open(server, 1)
    await openAt(server, { headers: MARKED })
    await until(() => server.clients.size === 2, 'it is open')
    const last = [await openAt(server), await openAt(server)]
    await until(() => server.clients.size === 4, 'all are open')
    for (const client of server.clients) client.subscribe('t')
    expect(server.publish('t', 'outer')).toBe(3)
    for (const peer of [...first.peers, ...last])
      expect(await readTexts(peer!, 2)).toEqual(['outer', 'nested'])
  })

  it('goes to none that a handler closes before its turn, and on to the others', async () => {
    const { server, peer, client } = await serveOne()
    const other = await openAt(server)
    await until(() => server.clients.size === 2, 'both are open')
    client.terminate()
    expect(server.broadcast('x')).toBe(1)
    expect(await other.readText()).toBe('x')
    await peer.closed
  })

  it('of an opcode that not all have negotiated goes to those who have', async () => {
    const server = await serve({ extensions: [marked] })
    const { peers } = await open(server, 1)
    const withIt = await openAt(server, { headers: MARKED })
    await until(() => server.clients.size === 2, 'both are open')
    expect(server.broadcast(new ExtensionMessage(3, Buffer.from('x')))).toBe(1)
    expect(server.broadcast('end')).toBe(2)
    expect((await withIt.readFrame()).opcode).toBe(3)
    expect(await Promise.all([withIt.readText(), peers[0]!.readText()])).toEqual(['end', 'end'])
  })

  it('works with a Server, whose handlers are awaited', async () => {
    const server: Server<{ name: string }> = new Server({
      host: '127.0.0.1',
      logLevel: 'silent',
      onhandshake: ({ path }) => ({ data: { name: path.slice(1) } }),
      onopen: (client) => void client.subscribe('room'),
      async onmessage(client, message) {
        await new Promise(setImmediate)
        server.publish('room', `${client.data.name}: ${message.payload}`, { except: client })
      }
    })
    await start(server)
    const [ann, bob] = [await openAt(server, { path: '/ann' }), await openAt(server, { path: '/bob' })]
    await until(() => server.topics.count('room') === 2, 'both are in')
    for (const text of ['one', 'two']) ann!.text(text)
    expect(await readTexts(bob!, 2)).toEqual(['ann: one', 'ann: two'])
    bob!.text('three')
    expect(await readTexts(ann!, 1)).toEqual(['bob: three'])
  })

  it('refuses wrong topics, messages and options, and sends nothing then', async () => {
    const { lines, handlers } = recorder()
    const { server, peer, client } = await serveOne(handlers)
    client.subscribe('#')
    const attempts: [() => unknown, RegExp][] = [
      [() => server.publish('a/+', 'x'), /has no wildcards, and "a\/\+" has/],
      [() => server.publish('', 'x'), /a topic is a string that is not empty/],
      [() => server.publish('a', 7 as never), /a message is a string, a Uint8Array or a Message/],
      [() => server.broadcast(null as never), /a message is a string, a Uint8Array or a Message, not null/],
      [
        () => server.publish('a', 'x', { except: 'me' as never }),
        /except must be a connection, not string me/
      ],
      [() => server.publish('a', 'x', { from: {} as never }), /from must be a connection/],
      [() => server.publish('a', 'x', { key: 1 as never }), /key must be a string, not number 1/],
      [
        () => server.publish('a', 'x', { overflow: 'newest' as never }),
        /overflow must be one of 'queue', 'drop-newest'/
      ],
      [
        () => server.publish('a', 'x', { compress: 1 as never }),
        /compress must be true or false, not number 1/
      ],
      [
        () => server.broadcast('x', { to: client } as never),
        /there is no option "to"; there are except, from/
      ]
    ]
    for (const [attempt, reason] of attempts) {
      expect(attempt).toThrow(reason)
      expect(attempt).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    }
    expect(server.publish('a', 'right', { except: undefined, key: undefined, overflow: undefined })).toBe(1)
    expect(await peer.readText()).toBe('right')
    expect(lines).toEqual(['open'])
  })
})

const DEFLATE = [
  'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover'
]

describe('a compressed publication', () => {
  it('is the same bytes for all of a class, and not compressed where that is asked for', async () => {
    const server = await serve({ extensions: [new DeflateMessage({ thresholdBytes: 0 })] })
    const { peers } = await open(server, 2, DEFLATE)
    const plain = await openAt(server)
    await until(() => server.clients.size === 3, 'all are open')
    const text = 'compress me '.repeat(50)
    expect([server.broadcast(text), server.broadcast(text, { compress: false })]).toEqual([3, 3])
    const frames = await Promise.all(peers.map((peer) => peer.readFrame()))
    expect([frames[0]!.rsv, frames[0]!.payload.length < 40]).toEqual([0x40, true])
    expect(frames[1]).toEqual(frames[0])
    expect(await Promise.all([...peers, plain].map((peer) => peer.readText()))).toEqual([text, text, text])
    expect(await plain.readText()).toBe(text)
  })

  it('of some hundred KiB comes in order with others, of which some are not compressed', async () => {
    const server = await serve({ extensions: [new DeflateMessage()] })
    const { peers } = await open(server, 3, DEFLATE)
    const plain = await openAt(server)
    await until(() => server.clients.size === 4, 'all are open')
    const long = 'all work and no play '.repeat(20_000)
    server.broadcast('1', { compress: false })
    server.broadcast(long)
    server.broadcast('2', { compress: false })
    expect(await readTexts(plain, 3)).toEqual(['1', long, '2'])
    const frames = await Promise.all(
      peers.map(async (peer) => [await peer.readFrame(), await peer.readFrame(), await peer.readFrame()])
    )
    const [first] = frames
    expect(first!.map(({ rsv, payload }) => [rsv, payload.length < 20_000])).toEqual([
      [0, true],
      [0x40, true],
      [0, true]
    ])
    expect(frames[1]).toEqual(first)
    expect(frames[2]).toEqual(first)
  })
})

describe('a client that closes in its handler', () => {
  it('does not disturb the publication of another', async () => {
    const server: AsyncServer = await serve({
      onmessage(client: Connection) {
        void client.close(4000, 'bye')
        server.broadcast('left')
        for (const other of server.clients) if (other !== client) void other.close(4001)
        expect(server.broadcast('nobody')).toBe(0)
      }
    })
    const { peers } = await open(server, 3)
    peers[0]!.text('go')
    expect(await peers[0]!.readClose()).toEqual({ code: 4000, reason: 'bye' })
    for (const peer of peers.slice(1)) {
      expect(await peer.readText()).toBe('left')
      expect(await peer.readClose()).toEqual({ code: 4001, reason: '' })
    }
  })
})
