import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { CloseDetails, Connection } from '../src/index.js'
import {
  connectTo,
  guard,
  pattern,
  recorder,
  serve,
  serveOne,
  serveOnePausing,
  until
} from './support/harness.js'
import { encodeFrame, upgradeRequest, within } from './support/raw-client.js'

guard()

/** What a promise of `close` or `closed` told, as one line. */
function told({ code, reason, wasClean, initiator, cause }: CloseDetails): string {
  return `${code} "${reason}" ${wasClean ? 'clean' : 'unclean'} ${initiator} ${cause?.code ?? 'null'}`
}

describe('close', () => {
  it.each<[string, Parameters<Connection['close']>, string, number, string]>([
    ['without arguments', [], '03e8', 1000, ''],
    ['with a code', [3000], '0bb8', 3000, ''],
    [
      'with a code and a reason',
      [4999, 'bis später'],
      `1387${Buffer.from('bis später').toString('hex')}`,
      4999,
      'ok'
    ]
  ])('§7.1.2 %s: close frame, answer, end of the transport', async (_, args, payload, code, reason) => {
    const { lines, handlers } = recorder()
    const { server, peer, client } = await serveOne({ ...handlers })
    const closing = client.close(...args)
    expect([client.readyState, server.clients.size]).toEqual([2, 1])
    const frame = await peer.readFrame()
    expect([frame.opcode, frame.payload.toString('hex')]).toEqual([8, payload])
    peer.close(code, reason)
    expect(told(await closing)).toBe(`${code} "${reason}" clean local null`)
    expect(await peer.closed).toBe('fin')
    expect([client.readyState, server.clients.size, peer.unread.length]).toEqual([3, 0, 0])
    expect(lines).toEqual(['open', `close ${code} "${reason}" clean local null`])
  })

  it.each<[string, number | undefined, string, string, string]>([
    ['with a code and a reason', 4000, 'bye', '0fa0', '4000 "bye" clean remote null'],
    ['without a code', undefined, '', '', '1005 "" clean remote null']
  ])('§5.5.1 answers a peer that closes %s, and ends first', async (_, code, reason, answer, expected) => {
    const { lines, handlers } = recorder()
    const { server, peer, client } = await serveOne({ ...handlers })
    const closed = client.closed()
    peer.close(code, reason)
    const frame = await peer.readFrame()
    expect([frame.opcode, frame.payload.toString('hex')]).toEqual([8, answer])
    await within(peer.ended, 'the end of the transport')
    expect(told(await closed)).toBe(expected)
    expect(lines).toEqual(['open', `close ${expected}`])
    expect([server.clients.size, client.readyState]).toEqual([0, 3])
  })

  it.each<[string, (client: Connection) => void, string]>([
    ['closeTimeoutMs', () => {}, 'close-timeout'],
    ['terminate', (client) => client.terminate(), 'connection-lost']
  ])('§7.1.4 is not clean if %s dropped what was queued, our close frame with it', async (_, act, cause) => {
    const { lines, handlers } = recorder()
    const watermarks = { lowWatermarkBytes: 100_000_000, highWatermarkBytes: 100_000_000 }
    const { peer, client } = await serveOne({ ...handlers, closeTimeoutMs: 150, ...watermarks })
    peer.pause()
    client.send(Buffer.alloc(30_000_000))
    peer.close(1000)
    await until(() => client.readyState === 2, 'the close frame arrived')
    act(client)
    expect(told(await within(client.closed(), 'the end'))).toBe(`1000 "" unclean remote ${cause}`)
    expect(lines).toEqual(['open', `close 1000 "" unclean remote ${cause}`])
  })

  it('sends what is queued before its close frame, to a slow reader too', async () => {
    const { peer, client } = await serveOne({ closeTimeoutMs: 5000 })
    peer.pause()
    const count = 30
    for (let i = 0; i < count; i++) client.send(Buffer.alloc(500_000, i))
    const closing = client.close(1000, 'done')
    await delay(30)
    expect(client.bufferedAmount).toBeGreaterThan(0)
    peer.resume()
    for (let i = 0; i < count; i++) {
      expect((await peer.readMessage()).payload.equals(Buffer.alloc(500_000, i))).toBe(true)
    }
    expect(await peer.readClose()).toEqual({ code: 1000, reason: 'done' })
    peer.close(1000)
    expect((await closing).wasClean).toBe(true)
  })

  it('§7.1.1 drops a peer that does not answer in time', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({ ...handlers, closeTimeoutMs: 50 })
    expect(told(await client.close())).toBe('1006 "" unclean local close-timeout')
    await within(peer.closed, 'the end')
    expect(lines).toEqual(['open', 'close 1006 "" unclean local close-timeout'])
  })

  it('§7.1.1 drops a peer that answered and does not go; that end is clean', async () => {
    const { peer, client } = await serveOne({ closeTimeoutMs: 50 })
    peer.socket.allowHalfOpen = true
    const closing = client.close()
    await peer.readClose()
    peer.close(1000)
    expect(told(await closing)).toBe('1000 "" clean local null')
  })

  it('delivers messages that were under way, and answers none of them', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({
      ...handlers,
      onmessage: (client, message) => void lines.push(`${message.payload} ${client.send('answer')}`)
    })
    const closing = client.close()
    await peer.readClose()
    peer.text('late')
    peer.close(1000)
    await closing
    expect(lines).toEqual(['open', 'late dropped', 'close 1000 "" clean local null'])
    expect(peer.unread.length).toBe(0)
  })

  it('twice, or after the peer closed, changes nothing and resolves with the same', async () => {
    const { peer, client } = await serveOne()
    const all = [client.close(4000, 'first'), client.close(4001, 'second'), client.closed()]
    expect(await peer.readClose()).toEqual({ code: 4000, reason: 'first' })
    peer.close(4000, 'first')
    const details = await Promise.all([...all, all[0]!.then(() => client.close(4002))])
    expect(new Set(details.map(told))).toEqual(new Set(['4000 "first" clean local null']))
    expect(peer.unread.length).toBe(0)
  })

  it('works while reading is paused', async () => {
    const { lines, peer, client } = await serveOnePausing()
    peer.write(Buffer.concat([encodeFrame(1, Buffer.from('a')), encodeFrame(1, Buffer.from('b'))]))
    await until(() => lines.length === 2, 'the first message arrived')
    const closing = client.close()
    await peer.readClose()
    peer.close(1000)
    await closing
    expect(lines).toEqual(['open', 'a', 'b', 'close 1000 "" clean local null'])
  })

  it('in onopen, and in onmessage: what stands behind in the chunk is still told', async () => {
    const { lines, handlers } = recorder()
    const inOpen = await serveOne({ onopen: (client) => void client.close(4000) })
    expect(await inOpen.peer.readClose()).toEqual({ code: 4000, reason: '' })
    const { peer } = await serveOne({
      ...handlers,
      onmessage(client, message) {
        lines.push(`${message.payload}`)
        void client.close(4000)
      }
    })
    peer.write(Buffer.concat(['a', 'b'].map((text) => encodeFrame(1, Buffer.from(text)))))
    expect(await peer.readClose()).toEqual({ code: 4000, reason: '' })
    expect(lines).toEqual(['open', 'a', 'b'])
  })

  it('§1.4 frames behind the close frame are ignored, however many', async () => {
    const { lines, handlers } = recorder()
    const { peer } = await serveOne({ ...handlers })
    peer.close(1000)
    for (let i = 0; i < 200; i++) peer.write(Buffer.alloc(50_000, encodeFrame(1, Buffer.from('after'))))
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
    peer.end()
    expect(await within(peer.closed, 'the end')).toBe('fin')
    await until(() => lines.length === 2, 'it is over')
    expect(lines).toEqual(['open', 'close 1000 "" clean remote null'])
  })

  it('may be waited for inside onclose', async () => {
    const seen: string[] = []
    const { peer } = await serveOne({
      async onclose(client, code) {
        seen.push(`${code} ${client.readyState} ${client.send('x')} ${told(await client.close())}`)
      }
    })
    peer.close(1001)
    await until(() => seen.length === 1, 'onclose was called')
    expect(seen).toEqual(['1001 3 dropped 1001 "" clean remote null'])
  })
})

describe('terminate', () => {
  it('drops the connection with all that is queued, once', async () => {
    const { lines, handlers } = recorder()
    const { server, peer, client } = await serveOne({ ...handlers })
    client.send(pattern(100))
    client.send(Buffer.alloc(30_000_000))
    client.terminate()
    client.terminate()
    expect(client.readyState).toBe(2)
    expect(told(await client.closed())).toBe('1006 "" unclean local connection-lost')
    client.terminate()
    await within(peer.closed, 'the end')
    expect(lines).toEqual(['open', 'close 1006 "" unclean local connection-lost'])
    expect([server.clients.size, client.bufferedAmount, client.queuedMessages]).toEqual([0, 0, 0])
  })

  it.each(['onopen', 'onmessage', 'onping', 'onpong', 'onsent', 'onerror', 'onclose'] as const)(
    'in %s ends everything there',
    async (name) => {
      const { lines, handlers } = recorder()
      const handler = (client: Connection) => {
        lines.push(name)
        client.terminate()
      }
      const server = await serve({ ...handlers, [name]: handler })
      const peer = await connectTo(server)
      peer.write(upgradeRequest())
      if (name !== 'onopen') await peer.readHead()
      for (const client of server.clients) client.send('for onsent')
      peer.write(
        Buffer.concat([
          encodeFrame(9, Buffer.from('')),
          encodeFrame(10, Buffer.from('')),
          encodeFrame(1, Buffer.from('m')),
          encodeFrame(1, Buffer.from('n')),
          encodeFrame(3, Buffer.from('')),
          encodeFrame(8, Buffer.from(''))
        ])
      )
      await within(peer.closed, 'the end')
      await until(() => server.clients.size === 0, 'the end is noticed')
      const last = name === 'onclose' ? name : lines.at(-1)!.slice(0, 5)
      expect([lines.filter((line) => line === name).length, last]).toEqual([
        1,
        name === 'onclose' ? name : 'close'
      ])
      if (name === 'onmessage') expect(lines).not.toContain('message n')
    }
  )
})

describe('a peer that vanishes', () => {
  it.each<[string, 'reset' | 'end' | 'destroy', RegExp]>([
    ['RST', 'reset', /^1006 "" unclean (local|remote) transport-error$/],
    ['FIN without a close frame', 'end', /^1006 "" unclean remote connection-lost$/],
    ['a closed socket', 'destroy', /^1006 "" unclean remote connection-lost$/]
  ])('§7.1.5 by %s is 1006 with its cause', async (_, how, expected) => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({ ...handlers })
    peer.text('last words')
    await until(() => lines.length === 2, 'they arrived')
    peer[how]()
    const details = await within(client.closed(), 'the end')
    expect(told(details)).toMatch(expected)
    expect(lines).toEqual(['open', 'message last words', `close ${told(details)}`])
    if (how === 'reset') expect(details.cause?.message).toContain('ECONNRESET')
  })

  it('inside a frame loses that frame and nothing before', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({ ...handlers })
    peer.text('whole')
    peer.write(encodeFrame(1, Buffer.from('broken')).subarray(0, 9))
    peer.end()
    expect(told(await client.closed())).toBe('1006 "" unclean remote connection-lost')
    expect(lines.slice(0, 2)).toEqual(['open', 'message whole'])
  })

  it('with FIN still gets what was queued for it', async () => {
    const { peer } = await serveOne({
      onmessage(client) {
        for (let i = 0; i < 20; i++) client.send(Buffer.alloc(100_000, i))
      }
    })
    peer.socket.allowHalfOpen = true
    peer.text('go')
    peer.end()
    for (let i = 0; i < 20; i++) {
      expect((await peer.readMessage()).payload.equals(Buffer.alloc(100_000, i))).toBe(true)
    }
    expect(await within(peer.closed, 'the end')).toBe('fin')
  })
})
