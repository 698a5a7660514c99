// Owns the suite that every broker passes: what servers see of each other while the broker is there.
import { describe, expect, it } from 'vitest'
import { cleanUp, pattern, serve, until } from '../support/harness.js'
import { join, joinAll, type MakeBackplane, QUICK, readTexts, subscribe } from './members.js'

/** Filters with topics that they match, and some that they do not. What is special to some broker is among them. */
const FILTERS: readonly (readonly [filter: string, matching: readonly string[], other: readonly string[]])[] =
  [
    ['a', ['a'], ['a/b', 'b', '/a']],
    ['a/+', ['a/b', 'a/'], ['a', 'a/b/c', 'ab/c']],
    ['a/#', ['a', 'a/b', 'a/b/c', 'a/'], ['ab', 'b/a']],
    ['+/b', ['a/b', '/b'], ['b', 'a/a/b']],
    ['+/b/#', ['a/b', 'a/b/c/d'], ['a/c/b']],
    ['a/+/c', ['a/b/c', 'a//c'], ['a/b/b/c', 'a/c']],
    ['#', ['a', '/', 'a/b', 'ü'], ['$a', '$a/b']],
    ['$a/#', ['$a', '$a/b'], ['a']],
    ['[ab]', ['[ab]'], ['a']],
    ['*/+', ['*/a'], ['a/a', '*']],
    ['a?/\\/+', ['a?/\\/b'], ['ab/\\/b']],
    ['a.b', ['a.b'], ['a/b']],
    ['a b/>/#', ['a b/>', 'a b/>/c'], ['a b/c']],
    ['=41/+', ['=41/A'], ['A/A']],
    ['日本/€/+', ['日本/€/x'], ['日本/x/x']],
    ['t/c/all', ['t/c/all'], ['all']],
    [
      `${'long-level/'.repeat(150)}end`,
      [`${'long-level/'.repeat(150)}end`],
      [`${'long-level/'.repeat(150)}and`]
    ],
    [`long/${'x'.repeat(3000)}/+`, [`long/${'x'.repeat(3000)}/a`], [`long/${'x'.repeat(3001)}/a`]]
  ]

/** Declares the tests. `make`: makes a backplane at a broker that all of one test share. */
export function testBackplane(make: MakeBackplane): void {
  describe('publications', () => {
    it('reach the subscribers of all servers, those of the own one once', async () => {
      const [one, two, three] = await joinAll(make, 3)
      const subscriptions = [
        await subscribe(one!, 'news'),
        await subscribe(two!, 'news'),
        await subscribe(two!, 'news')
      ]
      expect(three!.server.publish('news', 'from three')).toBe(0)
      for (const { peer } of subscriptions) expect(await peer.readText()).toBe('from three')
      expect(one!.server.publish('news', 'from one')).toBe(1)
      expect(two!.server.publish('news', 'from two')).toBe(2)
      for (const { peer } of subscriptions)
        expect((await readTexts(peer, 2)).sort()).toEqual(['from one', 'from two'])
      expect(one!.backplane.metrics()).toMatchObject({
        published: 1,
        received: 2,
        dropped: 0,
        refused: 0,
        repeated: 0
      })
      expect(three!.backplane.metrics()).toMatchObject({ published: 1, received: 0 })
    })

    it('are text or binary, of any bytes and length', async () => {
      const [one, two] = await joinAll(make, 2)
      const { peer } = await subscribe(two!, 'any')
      const all = Uint8Array.from({ length: 256 }, (_, i) => i)
      const long = pattern(300_000)
      for (const message of [all, new Uint8Array(0), long, '', '\0 ü € 𝄞', long.toString('latin1')]) {
        one!.server.publish('any', message)
        const { opcode, payload } = await peer.readMessage()
        const isText = typeof message === 'string'
        expect(opcode).toBe(isText ? 1 : 2)
        expect(payload.equals(Buffer.from(message as string))).toBe(true)
      }
    })

    it('of each publisher arrive in order and once, however many subscriptions they match', async () => {
      const [one, two, three] = await joinAll(make, 3)
      const { peer } = await subscribe(three!, 'a/x', 'a/+', 'a/#', '#', 'a/y', '+/y')
      const COUNT = 400
      for (let i = 0; i < COUNT; i++) {
        one!.server.publish(i % 2 === 0 ? 'a/x' : 'a/y', `one ${i}`)
        two!.server.publish(i % 3 === 0 ? 'a/x' : 'a/z', `two ${i}`)
      }
      const texts = await readTexts(peer, 2 * COUNT)
      const numbers = Array.from({ length: COUNT }, (_, i) => i)
      for (const name of ['one', 'two'])
        expect(texts.filter((text) => text.startsWith(name))).toEqual(numbers.map((i) => `${name} ${i}`))
      expect(three!.backplane.metrics().received).toBe(2 * COUNT)
      one!.server.publish('a/x', 'the end')
      expect(await peer.readText()).toBe('the end')
    })

    it('go where filters say (MQTT 5.0 §4.7)', async () => {
      const [one, two] = await joinAll(make, 2)
      const { client, peer } = await subscribe(two!)
      for (const [filter, matching, other] of FILTERS) {
        client.subscribe(filter)
        await two!.backplane.ready()
        for (const topic of [...other, ...matching]) one!.server.publish(topic, topic)
        expect(await readTexts(peer, matching.length), filter).toEqual(matching)
        client.unsubscribe(filter)
      }
      expect(two!.backplane.metrics().refused).toBe(0)
    })

    it('are asked for only where somebody subscribes', async () => {
      const [one, two] = await joinAll(make, 2)
      expect(two!.backplane.channelCount).toBe(2)
      const first = await subscribe(two!, 'here')
      const second = await subscribe(two!, 'here', 'there')
      const { channelCount } = two!.backplane
      expect(channelCount).toBe(4)
      one!.server.publish('elsewhere', 'no')
      first.peer.destroy()
      await until(() => two!.server.clients.size === 1, 'the client is gone')
      second.client.unsubscribe('there')
      await two!.backplane.ready()
      expect(two!.backplane.channelCount).toBe(3)
      one!.server.publish('there', 'no')
      one!.server.publish('here', 'yes')
      expect(await second.peer.readText()).toBe('yes')
      expect(two!.backplane.metrics().received).toBe(1)
      second.client.unsubscribe('here')
      await two!.backplane.ready()
      expect(two!.backplane.channelCount).toBe(2)
    })

    it('to all clients reach those of all servers', async () => {
      const [one, two] = await joinAll(make, 2)
      const { peer: near } = await subscribe(one!)
      const { peer: far } = await subscribe(two!)
      expect(one!.server.broadcast('to all')).toBe(1)
      expect([await near.readText(), await far.readText()]).toEqual(['to all', 'to all'])
    })

    it('with another prefix are none of ours', async () => {
      const [one, two] = await joinAll(make, 2)
      const other = await join(make, { prefix: 'other' })
      const { peer } = await subscribe(two!, '#')
      const { peer: stranger } = await subscribe(other, '#')
      other.server.publish('a', 'of another')
      one!.server.publish('a', 'ours')
      expect(await peer.readText()).toBe('ours')
      expect(await stranger.readText()).toBe('of another')
      expect(other.backplane.serverCount()).toBe(1)
    })

    it('with a prefix that begins with ours are none of ours either', async () => {
      const one = await join(make, { prefix: 'x' })
      const other = await join(make, { prefix: 'x/t' })
      const { peer } = await subscribe(one, 'a', 't/a')
      const { peer: stranger } = await subscribe(other, 'c/all')
      other.server.publish('a', 'of another')
      one.server.publish('c/all', 'to servers of another')
      one.server.publish('a', 'ours')
      other.server.publish('c/all', 'theirs')
      expect(await peer.readText()).toBe('ours')
      expect(await stranger.readText()).toBe('theirs')
      for (const { backplane } of [one, other]) {
        expect(backplane.serverCount()).toBe(1)
        expect(backplane.metrics()).toMatchObject({ received: 0, refused: 0 })
      }
    })

    it('that nobody could read are dropped and counted', async () => {
      const [one, two] = await joinAll(make, 2, { maxPublicationBytes: 1000 })
      const { peer } = await subscribe(two!, 'a')
      one!.server.publish('a', 'x'.repeat(1001))
      one!.server.publish('a', 'x'.repeat(1000))
      expect(await peer.readText()).toHaveLength(1000)
      expect(one!.backplane.metrics()).toMatchObject({ published: 1, publishedBytes: 1000, dropped: 1 })
    })
  })

  describe('servers', () => {
    it('know how many there are, and how many clients they have', async () => {
      const [one, two, three] = await joinAll(make, 3)
      await subscribe(one!)
      await subscribe(two!)
      await subscribe(two!)
      await until(() => three!.backplane.clientCount() === 3, 'heartbeats tell')
      await two!.server.close()
      expect(two!.backplane.state).toBe('closed')
      await until(() => one!.backplane.serverCount() === 2, 'it has said goodbye')
      await until(() => one!.backplane.clientCount() === 1, 'its clients do not count')
    })

    it('count the subscribers of a topic', async () => {
      const [one, two, three] = await joinAll(make, 3)
      await subscribe(one!, 'room/1')
      await subscribe(two!, 'room/1', 'room/+')
      await subscribe(two!, 'room/1')
      expect(await three!.backplane.count('room/1')).toBe(3)
      expect(await one!.backplane.count('room/+')).toBe(1)
      expect(await one!.backplane.count('room/2')).toBe(0)
    })

    it('close a client, wherever it is', async () => {
      const [one, two] = await joinAll(make, 2)
      const far = await subscribe(two!)
      const near = await subscribe(one!)
      expect(await one!.backplane.disconnect(far.client.id, 4001, 'kicked ü')).toBe(true)
      expect(await far.peer.readClose()).toEqual({ code: 4001, reason: 'kicked ü' })
      expect(await one!.backplane.disconnect(near.client.id)).toBe(true)
      expect(await near.peer.readClose()).toEqual({ code: 1000, reason: '' })
      expect(await one!.backplane.disconnect('00000000-0000-4000-8000-000000000000')).toBe(false)
      await expect(one!.backplane.disconnect(far.client.id, 1005)).rejects.toMatchObject({
        code: 'invalid-argument'
      })
    })
  })

  it('stays with a server that drains until its last client has left', async () => {
    const [one, two] = await joinAll(make, 2)
    const near = await subscribe(one!, 'left')
    const leaving = [
      await subscribe(two!, 'news'),
      await subscribe(two!, 'news'),
      await subscribe(two!, 'news')
    ]
    let sent = 0
    const feed = setInterval(() => {
      one!.server.publish('news', String(sent))
      sent++
    }, 1)
    cleanUp(() => clearInterval(feed))
    two!.server.onclose = (client, code) => void two!.server.publish('left', `${client.id} ${code}`)
    const counts = leaving.map(async ({ peer }) => {
      for (let count = 0; ; count++) {
        const { opcode, payload } = await peer.readMessage()
        if (opcode === 8) {
          peer.close(1012)
          peer.end()
          return count
        }
        expect(payload.toString()).toBe(String(count))
      }
    })
    expect(await two!.server.drain({ jitterMs: 300 })).toMatchObject({
      left: 3,
      dropped: 0,
      unsentMessages: 0
    })
    for (const count of await Promise.all(counts)) expect(count).toBeGreaterThan(0)
    const told = await readTexts(near.peer, 3)
    expect(told.sort()).toEqual(leaving.map(({ client }) => `${client.id} 1012`).sort())
    await until(() => one!.backplane.serverCount() === 1, 'it has said goodbye')
    expect(one!.backplane.clientCount()).toBe(1)
  })

  it('is used by one server, which uses one', async () => {
    const one = await join(make)
    const spare = await make(QUICK)
    const other = await serve()
    const refused = expect.objectContaining({ code: 'invalid-argument' })
    expect(() => one.server.use(spare)).toThrow(refused)
    expect(() => other.use(one.backplane)).toThrow(refused)
    expect(() => other.use({} as typeof spare)).toThrow(refused)
    expect(spare.state).toBe('new')
    other.use(spare)
    await other.close()
    expect(spare.state).toBe('closed')
    const late = await make(QUICK)
    expect(() => other.use(late)).toThrow(refused)
    cleanUp(() => late.close())
  })

  it('takes what clients subscribed to before it was there', async () => {
    const one = await join(make)
    const server = await serve()
    const early = await make(QUICK)
    const { peer } = await subscribe({ server, backplane: early }, 'early')
    server.use(early)
    await early.ready()
    one.server.publish('early', 'bird')
    expect(await peer.readText()).toBe('bird')
  })
}
