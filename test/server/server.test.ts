import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  type AsyncServerOptions,
  type Connection,
  connect,
  type Message,
  Server,
  type WebSocketError
} from '../../src/index.js'
import { gate, guard, openAt, start, until } from '../support/harness.js'

guard()

const LOCAL = { host: '127.0.0.1', logLevel: 'silent' } as const

async function serveInOrder<T = undefined>(options: AsyncServerOptions<T>) {
  return start(new Server<T>({ ...LOCAL, ...options }))
}

describe('Server', () => {
  it('handles the messages of one client strictly one after the other, and those of others meanwhile', async () => {
    const lines: string[] = []
    const first = gate()
    const server = await serveInOrder({
      async onmessage(client: Connection, { payload }: Message) {
        lines.push(`begin ${payload}`)
        if (payload === 'a1') await first.passed
        else await delay(1)
        lines.push(`end ${payload}`)
        client.send(`re ${payload}`)
      }
    })
    const a = await openAt(server)
    const b = await openAt(server)
    for (const one of ['a1', 'a2', 'a3']) a.text(one)
    await until(() => lines.length === 1, 'the first handler is at work')
    b.text('b1')
    expect(await b.readText()).toBe('re b1')
    expect(lines).toEqual(['begin a1', 'begin b1', 'end b1'])
    first.open()
    expect([await a.readText(), await a.readText(), await a.readText()]).toEqual(['re a1', 're a2', 're a3'])
    expect(lines.slice(3)).toEqual(['end a1', 'begin a2', 'end a2', 'begin a3', 'end a3'])
  })

  it('awaits onopen before the first message, and all before onclose', async () => {
    const lines: string[] = []
    const opening = gate()
    const server = await serveInOrder({
      async onopen() {
        await opening.passed
        lines.push('open')
      },
      async onmessage(_, { payload }) {
        await delay(1)
        lines.push(`message ${payload}`)
      },
      async onping() {
        await delay(1)
        lines.push('ping')
      },
      async onclose(_, code) {
        lines.push(`close ${code}`)
      }
    })
    const peer = await openAt(server)
    peer.text('one')
    peer.send(9, Buffer.from('p'))
    peer.text('two')
    peer.close(4001)
    peer.end()
    await delay(20)
    expect(lines).toEqual([])
    opening.open()
    await until(() => lines.length === 5, 'all is handled')
    expect(lines).toEqual(['open', 'message one', 'ping', 'message two', 'close 4001'])
  })

  it('stops reading from the client of a slow handler, and from no other', async () => {
    const slow = gate()
    let received = 0
    const server = await serveInOrder({
      async onmessage(client, { payload }) {
        received++
        if (payload === 'slow') await slow.passed
        else client.send(payload)
      }
    })
    const peer = await openAt(server)
    const other = await openAt(server)
    peer.text('slow')
    await until(() => received === 1, 'the handler is at work')
    // More than the kernel's buffers hold: what is not read stays with the sender.
    const bytes = Buffer.alloc(64 * 1024)
    let written = 0
    while (written < 400 && peer.socket.writableLength < 4 * 1024 * 1024) {
      peer.send(2, bytes)
      written++
      await delay(0)
    }
    other.text('quick')
    expect(await other.readText()).toBe('quick')
    expect([received, peer.socket.writableLength > 0]).toEqual([2, true])
    slow.open()
    for (let i = 0; i < written; i++) expect((await peer.readMessage()).payload.length).toBe(bytes.length)
    expect(received).toBe(2 + written)
  })

  it('lets a handler wait for the next message itself', async () => {
    const server = await serveInOrder({
      async onmessage(client, { payload }) {
        client.send(`name of ${payload}?`)
        const { payload: name } = await client.recv()
        await delay(2)
        client.send(`${payload} is ${name}`)
      }
    })
    const peer = await openAt(server)
    for (const one of ['cat', 'Tom', 'mouse', 'Jerry']) peer.text(one)
    const answers = []
    for (let i = 0; i < 4; i++) answers.push(await peer.readText())
    expect(answers).toEqual(['name of cat?', 'cat is Tom', 'name of mouse?', 'mouse is Jerry'])
  })

  it('lets onopen take all messages in a loop', async () => {
    const ended = gate()
    const server = await serveInOrder({
      async onopen(client) {
        for await (const message of client) client.send(message)
        ended.open()
      }
    })
    const peer = await openAt(server)
    for (const one of ['a', 'b', 'c']) peer.text(one)
    expect([await peer.readText(), await peer.readText(), await peer.readText()]).toEqual(['a', 'b', 'c'])
    peer.close(1000)
    peer.end()
    await ended.passed
  })

  it('lets onmessagebegin read its message, and begins the next one when it is done', async () => {
    const lines: string[] = []
    const server = await serveInOrder({
      async onmessagebegin(client, message) {
        lines.push('begin')
        let byteLength = 0
        for await (const bytes of message) {
          byteLength += bytes.length
          await delay(0)
        }
        lines.push(`${byteLength}`)
        client.send(`${byteLength}`)
      }
    })
    const peer = await openAt(server)
    for (const byteLength of [300_000, 0, 5]) peer.send(2, Buffer.alloc(byteLength))
    expect([await peer.readText(), await peer.readText(), await peer.readText()]).toEqual([
      '300000',
      '0',
      '5'
    ])
    expect(lines).toEqual(['begin', '300000', 'begin', '0', 'begin', '5'])
  })

  it('reads nothing while onmessagebegin is pending and onframedata has the payload', async () => {
    const asked = gate()
    let told = 0
    const server = await serveInOrder({
      onmessagebegin: () => asked.passed,
      onframedata(_, { length }) {
        told += length
      },
      onmessageend: (client) => client.send(`${told}`)
    })
    const client = await connect(server.url!)
    const message = client.beginMessage()
    let sent = 0
    let isRefused = false
    for (const piece = Buffer.alloc(65_536); !isRefused && sent < 2 ** 26; sent += piece.length) {
      isRefused = await Promise.race([message.write(piece).then(() => false), delay(300, true)])
    }
    expect([isRefused, told]).toEqual([true, 0])
    asked.open()
    await message.end()
    expect((await client.recv()).payload).toBe(`${sent}`)
    await client.close()
  })

  it('keeps 1024 pings of a client whose handler waits for a message', async () => {
    let pings = 0
    const server = await serveInOrder({
      onping: () => void pings++,
      async onmessage(client) {
        const { payload } = await client.recv()
        client.send(`${payload}`)
      },
      onpong: (client) => client.send(`${pings}`)
    })
    const peer = await openAt(server)
    peer.text('one')
    for (let i = 0; i < 3000; i++) peer.send(9, Buffer.of())
    peer.text('two')
    peer.send(10, Buffer.of())
    let answer = ''
    while (answer === '') {
      const { opcode, payload } = await peer.readFrame()
      if (opcode === 1) answer = `${payload}`
    }
    expect(answer).toBe('two')
    expect(await peer.readText()).toBe('1024')
  })

  it('ends the connection of a handler that rejects, with 1011, and calls onclose last', async () => {
    const lines: string[] = []
    const server = await serveInOrder({
      async onmessage() {
        await delay(1)
        throw new Error('no')
      },
      onerror: (_, error: WebSocketError) =>
        void lines.push(`${error.code}: ${(error.cause as Error).message}`),
      onclose: (_, code) => void lines.push(`close ${code}`)
    })
    const peer = await openAt(server)
    peer.text('x')
    expect((await peer.readClose()).code).toBe(1011)
    peer.end()
    await until(() => lines.length === 2, 'it is over')
    expect(lines).toEqual(['handler-failed: no', 'close 1006'])
  })

  it('lets a handler wait for the end of its own connection', async () => {
    const lines: string[] = []
    const server = await serveInOrder({
      async onmessage(client, { payload }) {
        lines.push(`${payload}`)
        const { code, wasClean } = await client.close(4000, 'enough')
        lines.push(`${code} ${wasClean}`)
      }
    })
    const peer = await openAt(server)
    peer.text('one')
    peer.text('two')
    expect((await peer.readClose()).code).toBe(4000)
    peer.text('late')
    peer.close(4000)
    peer.end()
    await until(() => server.clients.size === 0, 'it is over')
    await until(() => lines.length === 2, 'the handler has gone on')
    expect(lines).toEqual(['one', '4000 true'])
  })

  it('does not take a client for dead while its handler is at work', async () => {
    const done = gate()
    const server = await serveInOrder({
      pingIntervalMs: 15,
      pongTimeoutMs: 15,
      async onmessage(client) {
        await done.passed
        client.send('done')
      }
    })
    const peer = await openAt(server)
    peer.text('work')
    await delay(120)
    expect(server.clients.size).toBe(1)
    done.open()
    for (;;) {
      const { opcode, payload } = await peer.readFrame()
      if (opcode === 1) {
        expect(payload.toString()).toBe('done')
        break
      }
    }
  })

  it('costs no promise where handlers are not asynchronous', async () => {
    const payloads: unknown[] = []
    const server = await serveInOrder({
      onmessage(client, message) {
        payloads.push(message.payload)
        client.send(message)
      }
    })
    const peer = await openAt(server)
    for (let i = 0; i < 100; i++) peer.text(`${i}`)
    for (let i = 0; i < 100; i++) expect(await peer.readText()).toBe(`${i}`)
    expect(payloads.length).toBe(100)
  })
})
