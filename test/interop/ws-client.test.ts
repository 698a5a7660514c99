// The package `ws` as the client of an AsyncServer.
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import type { AsyncServerOptions } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, pattern, recorder, serve, until } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

async function open(
  server: { readonly url: string | null },
  protocols: string[] = [],
  options: WebSocket.ClientOptions = {}
) {
  const client = new WebSocket(server.url!, protocols, options)
  cleanUp(() => client.terminate())
  const messages: { data: Buffer; isBinary: boolean }[] = []
  client.on('message', (data: Buffer, isBinary: boolean) => void messages.push({ data, isBinary }))
  await within(once(client, 'open'), 'the client to open')
  const readMessage = async () => {
    await until(() => messages.length > 0, 'a message arrived')
    return messages.shift()!
  }
  return { client, readMessage }
}

function serveEcho(options: AsyncServerOptions = {}) {
  return serve({ onmessage: (client, message) => void client.send(message), ...options })
}

const SIZES = [0, 1, 125, 126, 65_535, 65_536, 1_048_576, 20_000_000]

describe('ws as client', () => {
  it.each(SIZES)('§5.6 exchanges text and binary of %i bytes', async (byteLength) => {
    const server = await serveEcho()
    const { client, readMessage } = await open(server)
    const payload = pattern(byteLength)
    const text = '漢é😀'.repeat(Math.ceil(byteLength / 9))
    client.send(payload)
    client.send(payload.toString('latin1'))
    client.send(text)
    const [binary, ascii, wide] = [await readMessage(), await readMessage(), await readMessage()]
    expect([binary.isBinary, binary.data.equals(payload)]).toEqual([true, true])
    expect([ascii.isBinary, ascii.data.equals(payload)]).toEqual([false, true])
    expect([wide.isBinary, wide.data.toString() === text]).toEqual([false, true])
  })

  it('§5.4 exchanges fragments, with pings between them', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({
      ...handlers,
      onmessage: (client, message) => void client.send(message, { fragmentSize: 3 })
    })
    const { client, readMessage } = await open(server)
    client.send('Grü', { fin: false })
    client.ping('between')
    client.send('ße, ', { fin: false })
    client.send('Welt', { fin: true })
    expect(String((await readMessage()).data)).toBe('Grüße, Welt')
    client.send(Buffer.from([1, 2]), { fin: false, binary: true })
    client.send(Buffer.alloc(0), { fin: false })
    client.send(Buffer.from([3, 4, 5, 6, 7]), { fin: true })
    const { data, isBinary } = await readMessage()
    expect([isBinary, data.toString('hex')]).toEqual([true, '01020304050607'])
    expect(lines).toEqual(['open', 'ping between'])
  })

  it('§5.5.2 pings and pongs go both ways', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers })
    const { client } = await open(server)
    const heard: string[] = []
    client.on('ping', (data) => void heard.push(`ping ${data}`))
    client.on('pong', (data) => void heard.push(`pong ${data}`))
    client.ping('from ws')
    for (const connection of server.clients) connection.sendPing('from hotsocket')
    await until(() => heard.length === 2 && lines.length === 3, 'all arrived')
    expect(heard.sort()).toEqual(['ping from hotsocket', 'pong from ws'])
    expect(lines.sort()).toEqual(['open', 'ping from ws', 'pong from hotsocket timed'])
  })

  it.each([
    [1000, 'bye'],
    [1001, ''],
    [3000, 'größer'],
    [4999, 'x'.repeat(123)]
  ])('§7.4 close code %i goes both ways', async (code, reason) => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers })
    const byClient = await open(server)
    byClient.client.close(code, reason)
    const [answered] = await within(once(byClient.client, 'close'), 'the end')
    await until(() => lines.length === 2, 'the server noticed')
    expect([answered, lines.at(-1)]).toEqual([code, `close ${code} "${reason}" clean remote null`])
    const byServer = await open(server)
    const closed = once(byServer.client, 'close')
    for (const connection of server.clients) void connection.close(code, reason)
    const [heardCode, heardReason] = await within(closed, 'the end')
    await until(() => lines.length === 4, 'the server noticed')
    expect([heardCode, String(heardReason)]).toEqual([code, reason])
    // ws answers with the code it got, and without the reason.
    expect(lines.at(-1)).toMatch(new RegExp(`^close ${code} ".*" clean local null$`))
  })

  it('§7.1.5 close without a code is 1005; terminate is 1006', async () => {
    const { lines, handlers } = recorder()
    const server = await serve({ ...handlers })
    const first = await open(server)
    first.client.close()
    expect((await within(once(first.client, 'close'), 'the end'))[0]).toBe(1005)
    const second = await open(server)
    second.client.terminate()
    await until(() => lines.length === 4, 'the server noticed')
    expect(lines[1]).toBe('close 1005 "" clean remote null')
    expect(lines[3]).toMatch(/^close 1006 "" unclean /)
  })

  it('§1.9 agrees on a subprotocol', async () => {
    const server = await serveEcho({ protocols: ['chat', 'superchat'] })
    expect((await open(server, ['unknown', 'superchat', 'chat'])).client.protocol).toBe('superchat')
    expect([...server.clients].map(({ protocol }) => protocol)).toEqual(['superchat'])
    const refusing = new WebSocket(server.url!, ['unknown'])
    const [error] = (await once(refusing, 'error')) as [Error]
    expect(error.message).toBe('Server sent no subprotocol')
  })

  it('§9.1 declines permessage-deflate, which ws offers by default', async () => {
    const server = await serveEcho()
    const { client, readMessage } = await open(server, [], { perMessageDeflate: true })
    expect(client.extensions).toBe('')
    const text = 'compressible '.repeat(10_000)
    client.send(text)
    expect(String((await readMessage()).data) === text).toBe(true)
  })

  it('keeps thousands of messages of all sizes in order', async () => {
    const server = await serveEcho()
    const { client, readMessage } = await open(server)
    const payloads = Array.from({ length: 3000 }, (_, i) => pattern((i * 37) % 3000, i))
    for (const [index, payload] of payloads.entries()) client.send(payload, { binary: index % 2 === 0 })
    let wrong = 0
    for (const [index, payload] of payloads.entries()) {
      const { data, isBinary } = await readMessage()
      if (isBinary !== (index % 2 === 0) || !data.equals(payload)) wrong++
    }
    expect(wrong).toBe(0)
  })

  it('works over TLS', async () => {
    const server = await serveEcho({ tls: await certificate() })
    const { client, readMessage } = await open(server, [], { rejectUnauthorized: false })
    client.send('secret')
    expect(String((await readMessage()).data)).toBe('secret')
  })

  it('hears why a handshake was refused', async () => {
    const server = await serve({
      onhandshake: () => ({ status: 401, headers: { 'X-Why': 'token' }, body: 'no' })
    })
    const client = new WebSocket(server.url!)
    client.on('error', () => {})
    const [, response] = await within(once(client, 'unexpected-response'), 'the refusal')
    expect([response.statusCode, response.headers['x-why']]).toEqual([401, 'token'])
    client.terminate()
  })
})
