import { connect } from '@nats-io/transport-node'
import { beforeEach, describe, expect, it } from 'vitest'
import { natsBackplane } from '../../src/adapters/nats.js'
import type { BackplaneOptions } from '../../src/index.js'
import { BrokerProcess, Gate, needBroker } from '../support/broker-process.js'
import { cleanUp, guard, until } from '../support/harness.js'
import { testFaults } from './faults.js'
import { join, joinAll, subscribe } from './members.js'
import { testBackplane } from './suite.js'

guard()
beforeEach((context) => needBroker(context, 'nats'))

/** A connection that reconnects quickly and for ever. */
async function connectTo(port: number) {
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 20,
    reconnectJitter: 0,
    waitOnFirstConnect: true,
    timeout: 1000
  })
  cleanUp(() => connection.close())
  return connection
}

async function backplaneAt(port: number, options: BackplaneOptions) {
  return natsBackplane(await connectTo(port), options)
}

describe('a backplane on NATS', () => {
  let port = 0
  beforeEach(async () => {
    port = (await BrokerProcess.start('nats')).port
  })

  testBackplane((options) => backplaneAt(port, options))

  it('refuses what other programs publish at its subjects', async () => {
    const [one, two] = await joinAll((options) => backplaneAt(port, options), 2)
    const { peer } = await subscribe(two!, 'a')
    const nats = await connectTo(port)
    nats.publish('hotsocket.t.a', 'not ours')
    nats.publish('hotsocket.c.all', '')
    await nats.flush()
    one!.server.publish('a', 'ours')
    expect(await peer.readText()).toBe('ours')
    expect(two!.backplane.metrics()).toMatchObject({ received: 1, refused: 2 })
  })

  it('drops what is longer than NATS takes', async () => {
    const [one, two] = await joinAll((options) => backplaneAt(port, options), 2)
    const { peer } = await subscribe(two!, 'a')
    one!.server.publish('a', new Uint8Array(1024 * 1024))
    one!.server.publish('a', 'short')
    expect(await peer.readText()).toBe('short')
    expect(one!.backplane.metrics()).toMatchObject({ published: 1, dropped: 1 })
  })

  it('leaves the connection to the application', async () => {
    const connection = await connectTo(port)
    const one = await join(() => natsBackplane(connection))
    await subscribe(one, 'a/#')
    await one.server.close()
    expect(connection.isClosed()).toBe(false)
    await connection.flush()
  })

  it('leaves a connection alone that the application drains while the broker stands still', async () => {
    const broker = await BrokerProcess.start('nats')
    const connection = await connectTo(broker.port)
    let attempts = 0
    const reconnect = connection.reconnect.bind(connection)
    connection.reconnect = () => {
      attempts++
      return reconnect()
    }
    const one = await join(() => natsBackplane(connection, { heartbeatMs: 50, timeoutMs: 50 }))
    broker.stop()
    const drained = connection.drain().catch(() => {})
    await until(() => attempts > 0, 'it is to be connected anew')
    expect(one.backplane.state).toBe('lost')
    broker.continue()
    await drained
  })

  it('is lost when the application closes the connection', async () => {
    const connection = await connectTo(port)
    const one = await join(() => natsBackplane(connection))
    await connection.close()
    await until(() => one.backplane.state === 'lost', 'it is noticed')
    expect(one.server.publish('a', 'nobody')).toBe(0)
    expect(one.backplane.metrics().dropped).toBe(1)
  })
})

describe('NATS', () => {
  testFaults(async () => {
    const broker = await BrokerProcess.start('nats')
    const gate = await Gate.before(broker.port)
    const make = (options: BackplaneOptions) => backplaneAt(broker.port, options)
    return { broker, gate, make, makeParted: (options) => backplaneAt(gate.port, options) }
  })
})
