import { describe, expect, it } from 'vitest'
import { BinaryMessage, type Connection, type Message, type SendStatus, TextMessage } from '../src/index.js'
import { guard, openAt, pattern, recorder, serve, serveOne, until } from './support/harness.js'
import { encodeFrame } from './support/raw-client.js'

guard()

const echo = { onmessage: (client: Connection, message: Message) => void client.send(message) }

const EDGES = [0, 1, 125, 126, 127, 1024, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 200_000, 1_048_576]

describe('Connection.send', () => {
  it.each(EDGES)('§5.6 §5.2 echoes text and binary of %i bytes', async (byteLength) => {
    const { peer } = await serveOne(echo)
    const payload = pattern(byteLength)
    const wide = '€'.repeat(Math.floor(byteLength / 3))
    peer.send(1, payload)
    peer.send(2, payload)
    peer.send(1, Buffer.from(wide))
    const [text, binary] = [await peer.readMessage(), await peer.readMessage()]
    expect([text.opcode, text.frameCount, text.payload.equals(payload)]).toEqual([1, 1, true])
    expect([binary.opcode, binary.frameCount, binary.payload.equals(payload)]).toEqual([2, 1, true])
    expect((await peer.readText()) === wide).toBe(true)
  })

  it.each(EDGES)('§5.6 sends strings, bytes and messages of %i bytes', async (byteLength) => {
    const { peer, client } = await serveOne()
    const payload = pattern(byteLength)
    const text = payload.toString('latin1')
    const wide = 'ä€😀'.repeat(Math.floor(byteLength / 9))
    const array = new Uint8Array(payload)
    for (const sendable of [text, wide, array, new TextMessage(text), new BinaryMessage(array)]) {
      client.send(sendable)
    }
    const received = []
    for (let i = 0; i < 5; i++) received.push(await peer.readMessage())
    const expected = [payload, Buffer.from(wide), payload, payload, payload]
    expect(received.map(({ opcode }) => opcode)).toEqual([1, 1, 2, 1, 2])
    expect(received.every((message, i) => message.payload.equals(expected[i]!))).toBe(true)
  })

  it.each([1, 7, 125, 126, 1000, 70_000])('§5.4 fragments into frames of %i bytes', async (fragmentSize) => {
    const { peer, client } = await serveOne()
    for (const byteLength of [0, 1, fragmentSize, fragmentSize + 1, 5 * fragmentSize]) {
      const payload = pattern(byteLength)
      client.send(payload, { fragmentSize })
      client.send(payload.toString('latin1'), { fragmentSize })
      const frameCount = Math.max(1, Math.ceil(byteLength / fragmentSize))
      for (const opcode of [2, 1]) {
        const message = await peer.readMessage()
        expect([message.opcode, message.frameCount]).toEqual([opcode, frameCount])
        expect(message.payload.equals(payload)).toBe(true)
      }
    }
  })

  it('keeps the order of thousands of sends of one turn, of all kinds and sizes', async () => {
    const { peer, client } = await serveOne()
    const expected: string[] = []
    for (let i = 0; i < 3000; i++) {
      const payload = pattern(i % 97 === 0 ? 20_000 + i : i % 50, i)
      const kind = i % 4
      if (kind === 0) client.send(payload.toString('latin1'))
      else if (kind === 1) client.send(payload)
      else if (kind === 2) client.send(payload.toString('latin1'), { fragmentSize: 64 * 1024 })
      else client.sendPing(payload.subarray(0, 100))
      expected.push(`${[1, 2, 1, 9][kind]} ${kind === 3 ? payload.subarray(0, 100) : payload}`)
    }
    const received: string[] = []
    while (received.length < expected.length) {
      const { opcode, payload } = await peer.readMessage()
      received.push(`${opcode} ${payload}`)
    }
    expect(received.findIndex((line, i) => line !== expected[i])).toBe(-1)
  })

  it('broadcasts to 200 clients, fast and slow, each getting its own right bytes in order', async () => {
    const server = await serve()
    const peers = await Promise.all(Array.from({ length: 200 }, () => openAt(server)))
    await until(() => server.clients.size === 200, 'all are open')
    const slow = peers.filter((_, index) => index % 10 === 3)
    for (const peer of slow) peer.pause()
    const sent: string[][] = peers.map(() => [])
    const clients = [...server.clients]
    for (let round = 0; round < 40; round++) {
      for (const [index, client] of clients.entries()) {
        // Sizes differ from client to client and round to round, across the 8 KiB where bytes are no longer copied.
        const byteLength = (index * 31 + round * 577) % (round % 8 === 0 ? 40_000 : 900)
        const payload = `${index}/${round}:${pattern(byteLength, index + round)}`
        sent[index]!.push(payload)
        client.send(round % 2 === 0 ? payload : Buffer.from(payload))
        if (round % 5 === 0) client.send(`common ${round}`)
        if (round % 5 === 0) sent[index]!.push(`common ${round}`)
      }
      if (round % 3 === 0) await new Promise(setImmediate)
      if (round === 30) for (const peer of slow) peer.resume()
    }
    const wrong: string[] = []
    // Connections open in the order in which their handshakes came, which need not be that of the peers.
    const byFirst = new Map(sent.map((list) => [list[0], list]))
    for (const peer of peers) {
      const first = (await peer.readMessage()).payload.toString()
      const list = byFirst.get(first)
      byFirst.delete(first)
      for (const expected of list?.slice(1) ?? ['no such list']) {
        const got = (await peer.readMessage()).payload.toString()
        if (got !== expected) wrong.push(`${got.slice(0, 40)} instead of ${expected.slice(0, 40)}`)
      }
    }
    expect([wrong, byFirst.size]).toEqual([[], 0])
  })

  it('tells what it did: sent, queued, dropped; never throws for the state', async () => {
    const { peer, client } = await serveOne({ closeTimeoutMs: 100 })
    const statuses: SendStatus[] = []
    peer.pause()
    statuses.push(client.send('x'), client.send(Buffer.alloc(20_000_000)))
    await new Promise(setImmediate)
    statuses.push(
      client.sendPing(),
      client.send('behind what the kernel has not taken'),
      client.sendPing('p')
    )
    void client.close()
    statuses.push(client.send('x'), client.sendPing())
    client.terminate()
    statuses.push(client.send('x'), client.sendPing(), client.send('x', { fragmentSize: 1 }))
    await client.closed()
    statuses.push(client.send('x'), client.sendPing())
    expect(statuses.join(' ')).toBe(
      'sent queued queued queued queued dropped dropped dropped dropped dropped dropped dropped'
    )
    expect([client.bufferedAmount, client.queuedMessages]).toEqual([0, 0])
  })

  it.each<[string, (client: Connection) => unknown, string]>([
    ['a number', (client) => client.send(5 as unknown as string), 'number 5'],
    ['nothing', (client) => client.send(undefined as unknown as string), 'not undefined'],
    ['null', (client) => client.send(null as unknown as string), 'not null'],
    ['an ArrayBuffer', (client) => client.send(new ArrayBuffer(8) as unknown as Uint8Array), 'ArrayBuffer'],
    ['an object', (client) => client.send({ payload: 'x' } as unknown as string), 'not Object'],
    ['fragmentSize 0', (client) => client.send('x', { fragmentSize: 0 }), 'not 0'],
    ['fragmentSize 1.5', (client) => client.send('x', { fragmentSize: 1.5 }), 'not 1.5'],
    ["fragmentSize '9'", (client) => client.send('x', { fragmentSize: '9' as unknown as number }), 'not 9'],
    ['a ping of 126 bytes', (client) => client.sendPing(new Uint8Array(126)), 'not 126'],
    ['a ping of 42 characters with 126 bytes', (client) => client.sendPing('€'.repeat(42)), 'not 126'],
    ['a ping that is a number', (client) => client.sendPing(100 as unknown as string), 'not number'],
    ['close code 1005', (client) => client.close(1005), 'not 1005'],
    ['close code 1006', (client) => client.close(1006), 'not 1006'],
    ['close code 1015', (client) => client.close(1015), 'not 1015'],
    ['close code 999', (client) => client.close(999), 'not 999'],
    ["close code '1000'", (client) => client.close('1000' as unknown as number), 'not 1000'],
    ['a reason of 124 bytes', (client) => client.close(1000, 'x'.repeat(124)), 'not 124'],
    ['a typed array as reason', (c) => c.close(1000, new Uint8Array(9) as unknown as string), 'not object']
  ])('throws at the call for %s, and leaves the connection as it was', async (_, call, detail) => {
    for (const onsent of [undefined, () => {}]) {
      const { peer, client } = await serveOne(onsent === undefined ? {} : { onsent })
      expect(() => call(client)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
      expect(() => call(client)).toThrow(detail)
      client.send('fine')
      expect(await peer.readText()).toBe('fine')
      expect([client.bufferedAmount, client.queuedMessages, client.readyState]).toEqual([0, 0, 1])
    }
  })
})

describe('onsent', () => {
  it('comes once for each message, first sent first, for fast and slow readers', async () => {
    const sent = new Map<Connection, Message[]>()
    const server = await serve({
      onopen: (client) => void sent.set(client, []),
      onsent: (client, message) => void sent.get(client)!.push(message)
    })
    const peers = await Promise.all(Array.from({ length: 12 }, () => openAt(server)))
    await until(() => server.clients.size === 12, 'all are open')
    const slow = peers.filter((_, index) => index % 3 === 0)
    for (const peer of slow) peer.pause()
    const accepted = new Map([...server.clients].map((client) => [client, [] as Message[]]))
    for (let round = 0; round < 60; round++) {
      for (const client of server.clients) {
        const message = new BinaryMessage(new Uint8Array((round % 4) * 60_000).fill(round))
        accepted.get(client)!.push(message)
        client.send(message)
        client.sendPing('between')
      }
      if (round % 7 === 0) await new Promise(setImmediate)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
    const stuck = [...server.clients].filter((client) => client.queuedMessages > 0)
    expect(stuck.length).toBe(slow.length)
    for (const client of server.clients) {
      expect(sent.get(client)!.length).toBe(60 - client.queuedMessages)
    }
    for (const peer of slow) peer.resume()
    await until(() => [...server.clients].every((client) => client.queuedMessages === 0), 'all is sent')
    const faults = [...accepted].filter(
      ([client, list]) =>
        sent.get(client)!.length !== 60 || list.some((one, i) => one !== sent.get(client)![i])
    )
    expect(faults).toEqual([])
    expect([...server.clients].map(({ bufferedAmount }) => bufferedAmount)).toEqual(Array(12).fill(0))
  })

  it('gives back what was sent: the same object, or a message made of the payload', async () => {
    const payloads: Message[] = []
    const { peer, client } = await serveOne({ onsent: (_, message) => void payloads.push(message) })
    const message = new TextMessage('object')
    client.send(message)
    client.send('text', { fragmentSize: 1 })
    client.send(Uint8Array.of(1, 2))
    for (let i = 0; i < 3; i++) await peer.readMessage()
    await until(() => payloads.length === 3, 'all are sent')
    expect(payloads[0]).toBe(message)
    expect(payloads.map(({ opcode, payload }) => [opcode, payload])).toEqual([
      [1, 'object'],
      [1, 'text'],
      [2, Uint8Array.of(1, 2)]
    ])
  })

  it('comes only when the kernel has taken the last byte, and not for what is lost', async () => {
    const sent: number[] = []
    const { peer, client } = await serveOne({
      onsent: (_, message) => void sent.push(message.bytes.length)
    })
    peer.pause()
    client.send('small')
    await until(() => sent.length === 1, 'the first is sent')
    client.send(Buffer.alloc(30_000_000))
    client.send('behind')
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect([sent, client.queuedMessages]).toEqual([[5], 2])
    client.terminate()
    await client.closed()
    expect(sent).toEqual([5])
  })

  it('may send again', async () => {
    let count = 0
    const { peer, client } = await serveOne({
      onsent(client) {
        if (++count < 500) client.send(String(count))
      }
    })
    client.send('0')
    const received = []
    for (let i = 0; i < 500; i++) received.push(await peer.readText())
    expect(received).toEqual(Array.from({ length: 500 }, (_, i) => String(i)))
  })
})

describe('sendPing', () => {
  it('§5.5.2 §5.5.3 tells the pong and its round-trip time', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({ ...handlers })
    client.sendPing('ä')
    client.sendPing(Uint8Array.of(0x31))
    client.sendPing()
    const pings = [await peer.readFrame(), await peer.readFrame(), await peer.readFrame()]
    expect(pings.map(({ opcode, payload }) => `${opcode} ${payload.toString('hex')}`)).toEqual([
      '9 c3a4',
      '9 31',
      '9 '
    ])
    peer.send(10, '1')
    peer.send(10, 'nobody asked')
    await until(() => lines.length === 3, 'the pongs arrived')
    expect(lines).toEqual(['open', 'pong 1 timed', 'pong nobody asked null'])
  })

  it("§5.5.2 the peer's ping is answered before onping is called", async () => {
    const { lines, handlers } = recorder()
    const { peer } = await serveOne({ ...handlers, onping: (client) => void client.send('after') })
    peer.write(Buffer.concat([encodeFrame(9, Buffer.from('p')), encodeFrame(9, Buffer.alloc(125, 65))]))
    const frames = []
    for (let i = 0; i < 4; i++) frames.push(await peer.readFrame())
    expect(frames.map(({ opcode, payload }) => `${opcode} ${payload}`)).toEqual([
      '10 p',
      '1 after',
      `10 ${'A'.repeat(125)}`,
      '1 after'
    ])
    expect(lines).toEqual(['open'])
  })
})

describe('Connection', () => {
  it('tells who it is', async () => {
    const { peer, client, server } = await serveOne()
    const port = peer.socket.localPort
    expect(client.id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    expect(client.id).toBe(client.id)
    expect([client.remoteAddress, client.remotePort]).toEqual(['127.0.0.1', port])
    expect([client.protocol, client.data, client.readyState, client.isPaused]).toEqual([
      null,
      undefined,
      1,
      false
    ])
    const other = await openAt(server)
    expect(other.socket.localPort).not.toBe(port)
    await until(() => server.clients.size === 2, 'the other is open')
    expect(new Set([...server.clients].map(({ id }) => id)).size).toBe(2)
    peer.destroy()
    await client.closed()
    expect([client.remoteAddress, client.remotePort]).toEqual(['127.0.0.1', port])
  })
})
