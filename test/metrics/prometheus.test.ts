import { AggregatorRegistry, Gauge, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { MemoryHub, memoryBackplane } from '../../src/adapters/memory.js'
import { AsyncServer, METRICS } from '../../src/index.js'
import { cleanUp, guard, openAt, serve, serveOne, until } from '../support/harness.js'

guard()

/** Lines of a registry with a name, in order. */
async function linesOf(registry: Registry, name: string): Promise<string[]> {
  const lines = (await registry.metrics()).split('\n')
  return lines.filter((line) => line.startsWith(name))
}

describe('exportMetrics', () => {
  it('shows all metrics in a registry of prom-client, with type and help', async () => {
    const { server, peer, client } = await serveOne({ onmessage: (one, message) => void one.send(message) })
    const registry = new Registry()
    server.exportMetrics(registry)
    const pong = client.ping('x')
    await peer.readFrame()
    peer.send(10, 'x')
    await pong
    peer.text('abc')
    await peer.readText()
    const text = await registry.metrics()
    for (const { name, kind, help } of METRICS) {
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`)
    }
    expect(text).toContain('\nhotsocket_clients 1\n')
    expect(text).toContain('\nhotsocket_handshakes_total{outcome="accepted"} 1\n')
    expect(await linesOf(registry, 'hotsocket_messages_total')).toEqual([
      'hotsocket_messages_total{direction="in"} 1',
      'hotsocket_messages_total{direction="out"} 1'
    ])
    const roundTrips = await linesOf(registry, 'hotsocket_round_trip_seconds')
    expect(roundTrips.at(0)).toMatch(/^hotsocket_round_trip_seconds_bucket\{le="0.0005"\} [01]$/)
    expect(roundTrips.slice(-3)).toEqual([
      'hotsocket_round_trip_seconds_bucket{le="+Inf"} 1',
      expect.stringMatching(/^hotsocket_round_trip_seconds_sum 0\.0\d+$/),
      'hotsocket_round_trip_seconds_count 1'
    ])
    client.terminate()
    await until(() => server.clients.size === 0, 'it is over')
    expect(await linesOf(registry, 'hotsocket_closes_total')).toEqual([
      'hotsocket_closes_total{initiator="local",code="1006"} 1'
    ])
  })

  it('shows several servers in one registry, by their labels, until each is taken out', async () => {
    const registry = new Registry()
    const [chat, news] = [await serve(), await serve()]
    await openAt(news)
    await until(() => news.clients.size === 1, 'it is open')
    const removeChat = chat.exportMetrics(registry, { labels: { server: 'chat' } })
    const removeNews = news.exportMetrics(registry, { labels: { server: 'news' } })
    expect(await linesOf(registry, 'hotsocket_clients')).toEqual([
      'hotsocket_clients{server="chat"} 0',
      'hotsocket_clients{server="news"} 1'
    ])
    expect(() => chat.exportMetrics(registry, { labels: { server: 'other' } })).toThrow('already')
    expect(() => new AsyncServer().exportMetrics(registry, { labels: { server: 'news' } })).toThrow(
      'the labels {"server":"news"} already; give this one others'
    )
    removeChat()
    removeChat()
    expect(await linesOf(registry, 'hotsocket_clients')).toEqual(['hotsocket_clients{server="news"} 1'])
    removeNews()
    expect(await registry.metrics()).toBe('\n')
    chat.exportMetrics(registry)
    expect(await linesOf(registry, 'hotsocket_clients')).toEqual(['hotsocket_clients 0'])
  })

  it('shows them again after the registry was cleared', async () => {
    const registry = new Registry()
    const [chat, news] = [await serve(), await serve()]
    const remove = chat.exportMetrics(registry)
    registry.clear()
    chat.exportMetrics(registry)
    news.exportMetrics(registry, { labels: { server: 'news' } })
    expect(await linesOf(registry, 'hotsocket_clients')).toEqual([
      'hotsocket_clients 0',
      'hotsocket_clients{server="news"} 0'
    ])
    // That one is over.
    remove()
    expect(await linesOf(registry, 'hotsocket_clients')).toHaveLength(2)
  })

  it('leaves the registry as it was if a metric of the application has one of the names', async () => {
    const registry = new Registry()
    const other = new Gauge({ name: 'hotsocket_topics', help: 'of the application', registers: [registry] })
    const server = await serve()
    expect(() => server.exportMetrics(registry)).toThrow(
      expect.objectContaining({
        code: 'invalid-argument',
        message: expect.stringContaining('hotsocket_topics')
      })
    )
    expect(registry.getMetricsAsArray()).toEqual([other])
    registry.clear()
    server.exportMetrics(registry)
    expect(await linesOf(registry, 'hotsocket_clients')).toEqual(['hotsocket_clients 0'])
  })

  it('takes the figures once for all metrics that are asked for at a time', async () => {
    const server = await serve()
    const registry = new Registry()
    server.exportMetrics(registry)
    let count = 0
    const { metrics } = server
    Object.assign(server, {
      metrics() {
        count++
        return metrics.call(server)
      }
    })
    await registry.metrics()
    await registry.metrics()
    expect(count).toBe(2)
  })

  it('works with OpenMetrics', async () => {
    const server = await serve()
    const registry = new Registry()
    ;(
      registry as unknown as Registry<'application/openmetrics-text; version=1.0.0; charset=utf-8'>
    ).setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    server.exportMetrics(registry)
    const text = await registry.metrics()
    expect(text).toContain('# TYPE hotsocket_messages counter\nhotsocket_messages_total{direction="in"} 0\n')
    expect(text.endsWith('# EOF\n')).toBe(true)
  })

  it('adds up over the workers of a cluster, but for what all see, and what tells of the worst', async () => {
    const hub = new MemoryHub()
    cleanUp(() => hub.close())
    const [one, two] = [await serveOne(), await serveOne()]
    const backplanes = [memoryBackplane(hub), memoryBackplane(hub)]
    one.server.use(backplanes[0]!)
    two.server.use(backplanes[1]!)
    await until(() => backplanes.every((backplane) => backplane.serverCount() === 2), 'all are there')
    const figures = [one, two].map(async ({ server, client }, index) => {
      client.subscribe('a')
      const { metrics } = server
      const oldestMs = 1000 * (index + 1)
      Object.assign(server, {
        metrics: () => ({
          ...metrics.call(server),
          queue: { bytes: 5, publicationBytes: 3, clients: 1, oldestMs }
        })
      })
      const registry = new Registry()
      server.exportMetrics(registry)
      return registry.getMetricsAsJSON()
    })
    const sums = AggregatorRegistry.aggregate(await Promise.all(figures)) as Registry
    const expected = {
      clients: 2,
      topics: 2,
      queue_bytes: 10,
      queue_publication_bytes: 6,
      queue_age_seconds: 2,
      backplane_servers: 2,
      backplane_up: 1
    }
    for (const [name, value] of Object.entries(expected))
      expect(await linesOf(sums, `hotsocket_${name} `)).toEqual([`hotsocket_${name} ${value}`])
  })

  it('survives resetMetrics, which is not for counts of others', async () => {
    const server = await serve()
    const registry = new Registry()
    server.exportMetrics(registry)
    cleanUp(() => registry.clear())
    expect(() => registry.resetMetrics()).not.toThrow()
  })

  it.each([null, undefined, {}, 'registry'])('refuses %o', (registry) => {
    expect(() => new AsyncServer().exportMetrics(registry as unknown as Registry)).toThrow(
      'exportMetrics takes a Registry of prom-client, not '
    )
  })
})

describe('METRICS', () => {
  it('have names as Prometheus wants them, each once, and a unit', () => {
    const names = METRICS.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const { name, kind, unit } of METRICS) {
      expect(name).toMatch(/^hotsocket(_[a-z]+)+$/)
      expect(name.endsWith('_total')).toBe(kind === 'counter')
      if (unit === 'seconds' || unit === 'bytes') expect(name).toContain(unit)
    }
  })
})
