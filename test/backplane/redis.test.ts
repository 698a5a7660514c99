import { createClient } from 'redis'
import { beforeEach, describe, expect, it } from 'vitest'
import { redisBackplane } from '../../src/adapters/redis.js'
import type { BackplaneOptions } from '../../src/index.js'
import { BrokerProcess, Gate, needBroker } from '../support/broker-process.js'
import { cleanUp, guard, serve, until } from '../support/harness.js'
import { testFaults } from './faults.js'
import { join, joinAll, QUICK, subscribe } from './members.js'
import { testBackplane } from './suite.js'

guard()
beforeEach((context) => needBroker(context, 'redis'))

/** A backplane at a port; it reconnects quickly. */
function backplaneAt(port: number, options: BackplaneOptions) {
  return redisBackplane(createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: 20 } }), options)
}

/** A client of the test's own. */
async function connectTo(port: number) {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  await client.on('error', () => {}).connect()
  cleanUp(() => client.close())
  return client
}

describe('a backplane on Redis', () => {
  let port = 0
  beforeEach(async () => {
    port = (await BrokerProcess.start('redis')).port
  })

  testBackplane((options) => backplaneAt(port, options))

  it('asks Redis for what is needed, and for nothing more when it is closed', async () => {
    const one = await join((options) => backplaneAt(port, options))
    const { client } = await subscribe(one, 'a/b', 'a/+', '[x]/#')
    const redis = await connectTo(port)
    const own = ['all', one.backplane.serverId].map((name) => `hotsocket/c/${name}`)
    expect((await redis.pubSubChannels()).sort()).toEqual(
      [...own, 'hotsocket/t/[x]', 'hotsocket/t/a/b'].sort()
    )
    expect(await redis.pubSubNumPat()).toBe(2)
    client.terminate()
    await until(() => one.server.clients.size === 0, 'the client is gone')
    await one.backplane.ready()
    expect((await redis.pubSubChannels()).sort()).toEqual(own.sort())
    expect(await redis.pubSubNumPat()).toBe(0)
    await one.server.close()
    await until(() => one.backplane.state === 'closed', 'it is closed')
    expect(await redis.pubSubChannels()).toEqual([])
  })

  it('refuses what other programs publish at its channels', async () => {
    const [one, two] = await joinAll((options) => backplaneAt(port, options), 2)
    const { peer } = await subscribe(two!, 'a')
    const redis = await connectTo(port)
    await redis.publish('hotsocket/t/a', 'not ours')
    await redis.publish('hotsocket/c/all', '')
    one!.server.publish('a', 'ours')
    expect(await peer.readText()).toBe('ours')
    expect(two!.backplane.metrics()).toMatchObject({ received: 1, refused: 2 })
    expect(two!.backplane.serverCount()).toBe(2)
  })

  it('that is not there yet is found when it comes', async () => {
    const broker = await BrokerProcess.start('redis')
    await broker.kill()
    const states: string[] = []
    const onstate = (state: string) => void states.push(state)
    const server = await serve()
    const backplane = backplaneAt(broker.port, { ...QUICK, onstate })
    server.use(backplane)
    await until(() => states.includes('lost'), 'it is not there')
    expect(server.publish('a', 'nobody')).toBe(0)
    expect(await broker.start()).toBe(true)
    await until(() => backplane.state === 'connected', 'it has come')
    await backplane.ready()
    expect(states).toEqual(['lost', 'connected'])
    expect(backplane.metrics().dropped).toBe(1)
  })

  it('speaks RESP3 as well', async () => {
    const make = (options: BackplaneOptions) =>
      redisBackplane(createClient({ RESP: 3, socket: { host: '127.0.0.1', port } }), options)
    const [one, two] = await joinAll(make, 2)
    const { peer } = await subscribe(two!, 'a/+')
    one!.server.publish('a/b', Uint8Array.of(0, 255, 13, 10))
    expect((await peer.readMessage()).payload).toEqual(Buffer.of(0, 255, 13, 10))
  })
})

describe('Redis', () => {
  testFaults(async () => {
    const broker = await BrokerProcess.start('redis')
    const gate = await Gate.before(broker.port)
    const make = (options: BackplaneOptions) => backplaneAt(broker.port, options)
    return { broker, gate, make, makeParted: (options) => backplaneAt(gate.port, options) }
  })
})
