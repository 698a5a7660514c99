import { once } from 'node:events'
import { Registry } from 'prom-client'
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryHub, memoryBackplane } from '../../src/adapters/memory.js'
import { cleanUp, guard, serve, until } from '../support/harness.js'
import { join, joinAll, subscribe } from './members.js'
import { testBackplane } from './suite.js'

guard()

let hub: MemoryHub
beforeEach(() => {
  hub = new MemoryHub()
  return () => hub.close()
})

describe('a backplane in memory', () => {
  testBackplane((options) => memoryBackplane(hub, options))

  it('is lost with its hub; local delivery goes on', async () => {
    const [one, two] = await joinAll((options) => memoryBackplane(hub, options), 2)
    const { peer } = await subscribe(one!, 'a')
    hub.close()
    await until(() => one!.backplane.state === 'lost' && two!.backplane.state === 'lost', 'it is noticed')
    expect(one!.server.publish('a', 'local')).toBe(1)
    expect(await peer.readText()).toBe('local')
    expect(one!.backplane.metrics().dropped).toBe(1)
  })

  it('shows in the metrics of its server', async () => {
    const [one, two] = await joinAll((options) => memoryBackplane(hub, options), 2)
    const { peer } = await subscribe(two!, 'a')
    one!.server.publish('a', 'four')
    await peer.readText()
    expect(one!.server.metrics().backplane).toMatchObject({
      state: 'connected',
      servers: 2,
      published: 1,
      publishedBytes: 4
    })
    expect((await serve()).metrics().backplane).toBeNull()
    const registry = new Registry()
    cleanUp(two!.server.exportMetrics(registry))
    const lines = (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('hotsocket_backplane'))
    expect(lines).toEqual([
      'hotsocket_backplane_up 1',
      'hotsocket_backplane_servers 2',
      'hotsocket_backplane_publications_total{fate="published"} 0',
      'hotsocket_backplane_publications_total{fate="received"} 1',
      'hotsocket_backplane_publications_total{fate="dropped"} 0',
      'hotsocket_backplane_publications_total{fate="repeated"} 0',
      'hotsocket_backplane_publications_total{fate="refused"} 0',
      'hotsocket_backplane_bytes_total{direction="in"} 4',
      'hotsocket_backplane_bytes_total{direction="out"} 0'
    ])
  })
})

describe('a hub', () => {
  it('drops what a member does not take, and goes on when it does', async () => {
    const small = new MemoryHub({ maxPendingBytes: 10_000 })
    cleanUp(() => small.close())
    const [publisher, member] = [small.connect(), small.connect()]
    member.postMessage({ type: 'subscribe', filters: ['a'] })
    const publish = async (count: number) => {
      const items = Array.from({ length: count }, () => ({ channel: 'a', bytes: new Uint8Array(936) }))
      publisher.postMessage({ type: 'publish', items })
      publisher.postMessage({ type: 'flush', number: 1 })
      await once(publisher, 'message')
    }
    member.postMessage({ type: 'flush', number: 1 })
    await once(member, 'message')
    await publish(100)
    expect(small.droppedCount).toBe(90)
    const [{ items }] = await once(member, 'message')
    expect(items).toHaveLength(10)
    member.postMessage({ type: 'taken', byteLength: 5000 })
    member.postMessage({ type: 'flush', number: 2 })
    await once(member, 'message')
    await publish(100)
    expect(small.droppedCount).toBe(185)
    member.close()
    await until(() => small.memberCount === 1, 'it is gone')
    await publish(10)
    expect(small.droppedCount).toBe(185)
  })

  it('is not harmed by a server that takes what comes, however much', async () => {
    const [one, two] = await joinAll((options) => memoryBackplane(hub, options), 2)
    const { peer } = await subscribe(two!, 'a')
    const bytes = new Uint8Array(100_000)
    for (let i = 0; i < 500; i++) {
      one!.server.publish('a', bytes)
      await peer.readMessage()
    }
    expect(hub.droppedCount).toBe(0)
    expect(one!.backplane.metrics().dropped).toBe(0)
  })

  it('takes a bound that is one', async () => {
    expect(() => new MemoryHub({ maxPendingBytes: 0 })).toThrow(
      expect.objectContaining({ code: 'invalid-option' })
    )
    const one = await join((options) => memoryBackplane(hub, options))
    expect(hub.memberCount).toBe(1)
    await one.server.close()
    await until(() => hub.memberCount === 0, 'it has left')
  })
})
