import { describe, expect, it } from 'vitest'
import { type Connection, connect, WebSocketError } from '../../src/index.js'
import {
  cleanUp,
  collectGarbage,
  guard,
  leave,
  openAt,
  recorder,
  serve,
  serveOne,
  until
} from '../support/harness.js'

guard()

describe('subscriptions', () => {
  it('are made, counted, listed and ended', async () => {
    const { server, client } = await serveOne()
    expect([
      client.subscribe('a'),
      client.subscribe('a'),
      client.subscribe('b/+'),
      client.subscribe('#')
    ]).toEqual([true, false, true, true])
    expect(client.topics).toEqual(['a', 'b/+', '#'])
    await openAt(server)
    await until(() => server.clients.size === 2, 'both are open')
    const [, other] = server.clients
    expect([other!.topics, other!.subscribe('a'), other!.topics]).toEqual([[], true, ['a']])
    expect([...server.topics].sort()).toEqual([
      ['#', 1],
      ['a', 2],
      ['b/+', 1]
    ])
    expect([server.topics.size, server.topics.count('a'), server.topics.count('b/c')]).toEqual([3, 2, 0])
    expect([client.unsubscribe('b/c'), client.unsubscribe('b/+'), client.unsubscribe('b/+')]).toEqual([
      false,
      true,
      false
    ])
    expect([client.unsubscribe('a'), client.unsubscribe('#'), client.topics]).toEqual([true, true, []])
    expect([...server.topics]).toEqual([['a', 1]])
    other!.unsubscribe('a')
    expect([server.topics.size, server.topics.count('a')]).toEqual([0, 0])
  })

  it('refuse what is no topic, and are for the connections of a server', async () => {
    const { server, client } = await serveOne()
    expect(() => client.subscribe('a/#/b')).toThrow(/"#" must be the whole last level/)
    expect(() => client.subscribe('')).toThrow(WebSocketError)
    const own = await connect(server.url!)
    cleanUp(() => own.terminate())
    for (const act of [() => own.subscribe('a'), () => own.unsubscribe('a'), () => own.topics])
      expect(act).toThrow(/only the connections of a server subscribe to topics/)
  })

  it('end with the connection: in onclose there are none, and none can be made', async () => {
    const { lines, handlers } = recorder()
    const told: unknown[] = []
    const server = await serve({
      ...handlers,
      onopen(client) {
        for (const topic of ['a', 'b/+', '#']) client.subscribe(topic)
        lines.push('open')
      },
      onclose(client: Connection, ...rest) {
        told.push(client.topics, client.subscribe('late'), server.topics.size, server.publish('a', 'x'))
        handlers.onclose(client, ...rest)
      }
    })
    const peer = await openAt(server)
    await until(() => lines.length === 1, 'it is open')
    expect(server.topics.size).toBe(3)
    await leave(peer, lines, 2)
    expect(told).toEqual([[], false, 0, 0])
    expect([...server.topics]).toEqual([])
  })

  it('while the closing handshake is under way stand, and bring nothing', async () => {
    const { server, peer, client } = await serveOne()
    client.subscribe('a')
    void client.close(1000)
    expect([server.topics.count('a'), server.publish('a', 'too late'), server.broadcast('too late')]).toEqual(
      [1, 0, 0]
    )
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
    peer.close(1000)
    peer.end()
    await until(() => server.clients.size === 0, 'it is over')
    expect([server.topics.size, peer.unread.length]).toEqual([0, 0])
  })

  it('hold no connection that is over', async () => {
    const server = await serve({
      overflow: 'latest',
      onopen(client) {
        for (let i = 0; i < 100; i++) client.subscribe(`${i % 10}/${i}${i % 3 === 0 ? '/#' : ''}`)
        references.push(new WeakRef(client))
      }
    })
    const references: WeakRef<Connection>[] = []
    const count = 20
    const peers = await Promise.all(Array.from({ length: count }, () => openAt(server)))
    await until(() => server.clients.size === count, 'all are open')
    expect(server.topics.size).toBe(100)
    for (let i = 0; i < 100; i++) server.publish(`${i % 10}/${i}`, 'x'.repeat(100))
    for (const peer of peers) peer.reset()
    await until(() => server.clients.size === 0, 'all are gone')
    expect([server.topics.size, [...server.topics]]).toEqual([0, []])
    await until(() => {
      collectGarbage()
      return references.every((reference) => reference.deref() === undefined)
    }, 'they are collected')
  })
})
