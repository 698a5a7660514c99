// Each implementation against each: a client of one at a server of the other.
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { PerMessageDeflateOptions, WebSocket } from 'ws'
import { guard, pattern, until } from '../support/harness.js'
import { type ClientOptions, nextOf, openClient, record, type ServerOptions, serveWs } from './peers.js'
import { original, subjects } from './subjects.js'

guard()

const PAYLOADS = [0, 1, 125, 126, 1023, 1024, 5000, 65_535, 65_536, 300_000, 5, 6].map((length) =>
  pattern(length, length)
)
const others = subjects.filter((subject) => subject !== original)
const pairs = others.flatMap((subject) => [
  { server: subject, client: original, name: `a client of ws at a server of ${subject.name}` },
  { server: original, client: subject, name: `a client of ${subject.name} at a server of ws` },
  { server: subject, client: subject, name: `both of ${subject.name}` }
])

describe.each(pairs)('$name', ({ server: serving, client: asking }) => {
  async function open(server: ServerOptions = {}, client: ClientOptions = {}) {
    const serves = await serveWs(serving, server)
    const connection = once(serves.server, 'connection') as Promise<[WebSocket, unknown]>
    const opened = await openClient(asking, serves.url, client)
    const [socket] = await connection
    return { socket, client: opened }
  }

  const DEFLATE: [string, boolean | PerMessageDeflateOptions, boolean | PerMessageDeflateOptions][] = [
    ['neither', false, false],
    ['only the client', false, true],
    ['only the server', true, false],
    ['both', true, true],
    ['both, from the first byte', { threshold: 0 }, { threshold: 0 }],
    ['no context of the server', { serverNoContextTakeover: true }, { threshold: 0 }],
    ['no context, asked by the client', { threshold: 0 }, { serverNoContextTakeover: true, threshold: 0 }],
    [
      'no contexts',
      { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
      { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 }
    ],
    [
      'contexts kept on both sides',
      { serverNoContextTakeover: false, clientNoContextTakeover: false, threshold: 0 },
      { threshold: 0 }
    ],
    ['small windows of the server', { serverMaxWindowBits: 9, threshold: 0 }, { threshold: 0 }],
    ['small windows, asked by the client', { threshold: 0 }, { serverMaxWindowBits: 9, threshold: 0 }],
    ['small windows of the client', { clientMaxWindowBits: 10, threshold: 0 }, { threshold: 0 }]
  ]

  it.each(DEFLATE)(
    'messages of all lengths come back as they went; compression: %s',
    async (_, first, second) => {
      const { socket, client } = await open({ perMessageDeflate: first }, { perMessageDeflate: second })
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
      const received: [Buffer, boolean][] = []
      client.on('message', (data, isBinary) => received.push([data as Buffer, isBinary]))
      for (const payload of PAYLOADS) {
        client.send(payload)
        client.send(payload.toString())
      }
      await until(() => received.length === 2 * PAYLOADS.length, 'all came back')
      for (const [index, payload] of PAYLOADS.entries()) {
        const [binary, text] = received.slice(2 * index)
        expect([binary![1], binary![0].equals(payload)]).toEqual([true, true])
        expect([text![1], text![0].equals(payload)]).toEqual([false, true])
      }
      expect(socket.extensions).toBe(client.extensions)
      expect(client.extensions).toBe(first !== false && second !== false ? 'permessage-deflate' : '')
    }
  )

  it('fragments, pings and messages keep their order', async () => {
    const { socket, client } = await open()
    const lines = record(socket)
    client.send('a', { fin: false })
    client.send('b', { fin: false })
    client.send('c', { fin: true })
    client.send(Buffer.from('d'))
    client.send('e')
    client.ping('f')
    client.close(4000, 'g')
    await until(() => lines.length === 5, 'it is closed')
    // A ping may overtake fragments (RFC 6455 §5.4): in hotsocket it does.
    const messages = lines.filter((line) => line !== 'ping f')
    expect(messages).toEqual(['text abc', 'binary d', 'text e', 'close 4000 "g"'])
  })

  it.each([
    [[], 1005, ''],
    [[1000], 1000, ''],
    [[3000, 'bye'], 3000, 'bye']
  ] as [parameters: [code?: number, reason?: string], code: number, reason: string][])(
    'close(%j) of either side tells both',
    async (parameters, code, reason) => {
      const told = [code, Buffer.from(reason)]
      for (const side of ['socket', 'client'] as const) {
        const both = await open()
        const closed = Promise.all([nextOf(both.socket, 'close'), nextOf(both.client, 'close')])
        both[side].close(...parameters)
        expect(await closed).toEqual([told, told])
      }
    }
  )

  it('both closing at once are over', async () => {
    const { socket, client } = await open()
    const closed = Promise.all([nextOf(socket, 'close'), nextOf(client, 'close')])
    socket.close(4001, 'server')
    client.close(4002, 'client')
    expect(await closed).toEqual([
      [4002, Buffer.from('client')],
      [4001, Buffer.from('server')]
    ])
  })

  it('a message that is too long ends both: 1009', async () => {
    const { socket, client } = await open({ maxPayload: 100 })
    const lines = record(socket)
    const closed = nextOf<[number, Buffer]>(client, 'close')
    client.send(Buffer.alloc(101))
    expect((await closed)[0]).toBe(1009)
    await until(() => lines.length === 2, 'it is closed')
    expect(lines).toEqual(['error WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'close 1006 ""'])
  })

  it('many small messages both ways at once', async () => {
    const { socket, client } = await open()
    const counts = { socket: 0, client: 0 }
    let isOrdered = true
    socket.on('message', (data) => {
      isOrdered &&= `${data}` === `${counts.socket++}`
    })
    client.on('message', (data) => {
      isOrdered &&= `${data}` === `${counts.client++}`
    })
    for (let i = 0; i < 5000; i++) {
      socket.send(`${i}`)
      client.send(`${i}`)
    }
    await until(() => counts.socket === 5000 && counts.client === 5000, 'all came')
    expect(isOrdered).toBe(true)
  })
})
