// permessage-deflate with the package `ws`: as the client of our server, and as the server of our client's half.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import WebSocket, { type PerMessageDeflateOptions, WebSocketServer } from 'ws'
import { DeflateMessage, type DeflateMessageOptions } from '../../src/index.js'
import { json } from '../extensions/deflate-pair.js'
import { openCoreClient } from '../support/core-client.js'
import { cleanUp, guard, pattern, serve, until } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

const KEEPING = { serverNoContextTakeover: false, clientNoContextTakeover: false } as const
const MESSAGES: (string | Buffer)[] = [
  '',
  'a',
  'ä€😀'.repeat(50),
  json(1024),
  json(1024),
  json(70_000),
  pattern(5000),
  Buffer.alloc(100_000),
  json(3_000_000),
  'the last'
]

const equals = (data: Buffer, message: string | Buffer) =>
  Buffer.compare(data, Buffer.from(message as string)) === 0

async function openWs(url: string, perMessageDeflate: PerMessageDeflateOptions | boolean) {
  const client = new WebSocket(url, { perMessageDeflate })
  cleanUp(() => client.terminate())
  const received: { data: Buffer; isBinary: boolean }[] = []
  client.on('message', (data: Buffer, isBinary: boolean) => void received.push({ data, isBinary }))
  const answers: string[] = []
  client.on('upgrade', ({ headers }) => void answers.push(String(headers['sec-websocket-extensions'])))
  await within(once(client, 'open'), 'the client to open')
  return { client, received, answer: answers[0]! }
}

describe('ws as client', () => {
  const window = (bits: number): [DeflateMessageOptions, PerMessageDeflateOptions, string] => [
    KEEPING,
    { serverMaxWindowBits: bits, clientMaxWindowBits: bits },
    `permessage-deflate; server_max_window_bits=${Math.min(bits, 12)}; client_max_window_bits=${Math.min(bits, 12)}`
  ]

  it.each<[server: DeflateMessageOptions, client: PerMessageDeflateOptions, answer: string]>([
    [{}, {}, 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'],
    [
      { thresholdBytes: 0, level: 9 },
      { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
    ],
    [KEEPING, {}, 'permessage-deflate; server_max_window_bits=12; client_max_window_bits=12'],
    [
      { ...KEEPING, serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
      { serverNoContextTakeover: true, threshold: 0 },
      'permessage-deflate; server_no_context_takeover'
    ],
    ...[9, 10, 11, 12, 13, 14, 15].map(window),
    [
      {},
      { serverMaxWindowBits: 8 },
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8'
    ]
  ])('with %j and %j agrees on %s', async (serverOptions, clientOptions, answer) => {
    const server = await serve({
      extensions: [new DeflateMessage(serverOptions)],
      onmessage: (client, message) => void client.send(message)
    })
    const { client, received, answer: actual } = await openWs(server.url!, clientOptions)
    expect(actual).toBe(answer)
    for (const message of MESSAGES) client.send(message)
    await until(() => received.length === MESSAGES.length, 'all came back')
    for (const [index, { data, isBinary }] of received.entries()) {
      const message = MESSAGES[index]!
      expect([isBinary, equals(data, message)]).toEqual([typeof message !== 'string', true])
    }
  })

  it('§5.4 exchanges fragments, compressed and not', async () => {
    const server = await serve({
      extensions: [new DeflateMessage()],
      onmessage: (client, message) => {
        client.send(message, { fragmentSize: 100 })
        client.send(message, { fragmentSize: 100, compress: false })
      }
    })
    const { client, received } = await openWs(server.url!, { threshold: 0 })
    const text = json(4000)
    client.send(text.slice(0, 1500), { fin: false })
    client.ping('between')
    client.send(text.slice(1500, 1501), { fin: false })
    client.send(text.slice(1501), { fin: true })
    client.send('not compressed', { compress: false })
    await until(() => received.length === 4, 'all came back')
    expect(received.map(({ data }) => String(data))).toEqual([text, text, 'not compressed', 'not compressed'])
  })

  it('a bomb ends its connection with 1009, and no other', async () => {
    const server = await serve({
      extensions: [new DeflateMessage()],
      maxMessageBytes: 1_000_000,
      onmessage: (client, message) => void client.send(message)
    })
    const other = await openWs(server.url!, true)
    const { client } = await openWs(server.url!, { threshold: 0 })
    client.send(Buffer.alloc(100_000_000))
    const [code] = await within(once(client, 'close'), 'the end')
    expect(code).toBe(1009)
    other.client.send('still there')
    await until(() => other.received.length === 1, 'the echo')
  })

  it('other clients are answered while a message of 64 MB is inflated, and it is answered before what followed', async () => {
    const server = await serve({
      extensions: [new DeflateMessage()],
      onmessage: (client, message) =>
        void client.send(message.bytes.length > 1024 ? String(message.bytes.length) : message)
    })
    const quiet = await openWs(server.url!, false)
    const loud = await openWs(server.url!, { threshold: 0 })
    loud.client.send(Buffer.alloc(64_000_000))
    loud.client.send('behind it')
    let count = 0
    while (loud.received.length < 2) {
      quiet.client.send('echo')
      await until(() => quiet.received.length > count, 'the echo')
      count++
      await delay(1)
    }
    expect(loud.received.map(({ data }) => String(data))).toEqual(['64000000', 'behind it'])
  })

  it('a connection that ends in the middle of a long message harms nobody', async () => {
    const extension = new DeflateMessage(KEEPING)
    const server = await serve({
      extensions: [extension],
      onmessage: (client, message) => void client.send(message)
    })
    for (let i = 0; i < 3; i++) {
      const { client } = await openWs(server.url!, { threshold: 0 })
      client.send(Buffer.alloc(20_000_000), () => client.terminate())
      await within(once(client, 'close'), 'the end')
    }
    await until(() => server.clients.size === 0, 'all are gone')
    expect(extension.contextBytes).toBe(0)
    const { client, received } = await openWs(server.url!, true)
    client.send(json(2000))
    await until(() => received.length === 1, 'the echo')
    expect(String(received[0]!.data)).toBe(json(2000))
  })
})

describe('ws as server', () => {
  it.each<[client: DeflateMessageOptions, server: PerMessageDeflateOptions]>([
    [{}, {}],
    [KEEPING, {}],
    [KEEPING, { serverNoContextTakeover: true, clientNoContextTakeover: true }],
    [{ ...KEEPING, serverMaxWindowBits: 9, clientMaxWindowBits: 9, thresholdBytes: 0 }, { threshold: 0 }],
    [KEEPING, { clientMaxWindowBits: 10, serverMaxWindowBits: 11, threshold: 0 }]
  ])('takes the offers of %j, with %j', async (clientOptions, perMessageDeflate) => {
    const wss = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate })
    cleanUp(() => wss.close())
    wss.on('connection', (peer) =>
      peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }))
    )
    await once(wss, 'listening')
    const extensions = [new DeflateMessage(clientOptions)]
    const client = await openCoreClient((wss.address() as AddressInfo).port, { extensions })
    for (const message of MESSAGES) client.connection.send(message)
    for (const message of MESSAGES) {
      const { payload, bytes } = await client.readMessage()
      expect([typeof payload, equals(Buffer.from(bytes), message)]).toEqual([
        typeof message === 'string' ? 'string' : 'object',
        true
      ])
    }
    client.connection.terminate()
    expect(client.errors).toEqual([])
  })
})
