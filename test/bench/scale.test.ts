// Owns that `bench/scale.mjs` calculates what a simulation finds. Says nothing about what things cost.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../run-node.js'
import { cleanUp } from '../support/harness.js'
import { random } from '../support/random.js'

interface Result {
  readonly machines: number
  readonly bound: string
  readonly servers: number
  readonly deliveriesPerSecond: number
  readonly serversPerPublication: number
  readonly brokerInPerSecond: number
  readonly brokerOutPerSecond: number
  readonly heartbeatsPerSecond: number
  readonly threadBusy: number
  readonly machineBytes: number
  readonly machineBitsPerSecond: number
  readonly stormSeconds: number | null
}

interface Report {
  readonly costs: Readonly<Record<string, number>>
  readonly results: readonly { readonly title: string; readonly result: Result | null }[]
}

function run(...parameters: (string | number)[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'bench/scale.mjs'), ...parameters.map(String)],
    { encoding: 'utf8' }
  )
  return { status, stdout, stderr }
}

function calculate(...parameters: (string | number)[]): Report {
  const { stdout } = run('--json', ...parameters)
  return JSON.parse(stdout) as Report
}

/** The only result there is. */
function calculateOne(...parameters: (string | number)[]): Result {
  const [one] = calculate(...parameters).results
  return one!.result!
}

/**
 * Throws dice for who is where and subscribes to what, then publishes: deliveries, and other servers reached, of a publication on average.
 * `weights`: of topics, which a client has different ones of.
 */
function simulate(
  servers: number,
  clients: number,
  topicsPerClient: number,
  weights: number[],
  popular: boolean
) {
  const below = random(4711)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const drawTopic = () => {
    let at = (below(1 << 30) / (1 << 30)) * sum
    return weights.findIndex((weight) => {
      at -= weight
      return at < 0
    })
  }
  const counts = weights.map(() => new Map<number, number>())
  const subscribersOf = (topic: number) => [...counts[topic]!.values()].reduce((total, one) => total + one, 0)
  for (let client = 0; client < clients; client++) {
    const server = below(servers)
    const topics = new Set<number>()
    while (topics.size < topicsPerClient) topics.add(drawTopic())
    for (const topic of topics) counts[topic]!.set(server, (counts[topic]!.get(server) ?? 0) + 1)
  }
  let [deliveries, reached, total] = [0, 0, 0]
  for (let topic = 0; topic < weights.length; topic++) {
    const subscribers = subscribersOf(topic)
    const share = popular ? subscribers : 1
    // A publication comes from any server.
    for (let origin = 0; origin < servers; origin++) {
      deliveries += share * subscribers
      reached += share * (counts[topic]!.size - (counts[topic]!.has(origin) ? 1 : 0))
      total += share
    }
  }
  return { deliveries: deliveries / total, reached: reached / total }
}

describe('bench/scale.mjs', () => {
  it.each([
    { name: 'rooms of 20, everybody writes', topics: 500, perClient: 1, zipf: 0, popular: true },
    { name: 'a topic for each client', topics: 10_000, perClient: 1, zipf: 0, popular: false },
    { name: 'popular and rare topics', topics: 300, perClient: 3, zipf: 0.8, popular: false }
  ])('agrees with a simulation: $name', ({ topics, perClient, zipf, popular }) => {
    const clients = 10_000
    const rate = 500
    const result = calculateOne(
      ...['--clients', clients, '--topics', topics, '--topics-per-client', perClient, '--zipf', zipf],
      ...['--publications', rate, '--machines', 3, '--threads', 8, ...(popular ? ['--popular'] : [])]
    )
    const weights = Array.from({ length: topics }, (_, rank) => (rank + 1) ** -zipf)
    const simulated = simulate(24, clients, perClient, weights, popular)
    expect(result.servers).toBe(24)
    // In the simulation rooms differ in size, in the calculation they do not.
    expect(result.deliveriesPerSecond / rate / simulated.deliveries).toBeCloseTo(1, 0.8)
    expect(result.serversPerPublication / simulated.reached).toBeCloseTo(1, 1)
    expect(result.brokerOutPerSecond).toBeCloseTo(
      rate * result.serversPerPublication + result.heartbeatsPerSecond,
      6
    )
  })

  it('counts what one topic for all costs', () => {
    const { costs, results } = calculate(
      ...['--clients', 80_000, '--publications', 10, '--bytes', 100, '--machines', 2, '--threads', 4]
    )
    const result = results[0]!.result!
    const [servers, deliveries] = [8, 800_000]
    const heartbeats = (servers * (servers - 1)) / 5
    const cost = (name: string) => costs[name]!
    expect(result).toMatchObject({ servers, serversPerPublication: 7, heartbeatsPerSecond: heartbeats })
    expect(result.deliveriesPerSecond).toBeCloseTo(deliveries, 3)
    expect(result.brokerInPerSecond).toBeCloseTo(10 + servers / 5, 6)
    const seconds =
      deliveries * cost('deliverySeconds') +
      10 * cost('publishSeconds') +
      (70 + heartbeats) * cost('receiveSeconds') +
      (80_000 / 30) * cost('pingSeconds')
    expect(result.threadBusy).toBeCloseTo(seconds / servers, 6)
    const bytes = cost('connectionBytes') + cost('kernelBytes') + cost('subscriptionBytes')
    expect(result.machineBytes).toBeCloseTo(40_000 * bytes + 4 * cost('threadBytes'), 0)
    expect(result.stormSeconds).toBeCloseTo((40_000 * cost('openSeconds')) / 4, 6)
  })

  it('finds the fewest machines, and says why there are so many', () => {
    const load = ['--clients', 1_000_000, '--publications', 4]
    const { machines, bound, threadBusy } = calculateOne(...load)
    expect([bound, threadBusy <= 0.5]).toEqual(['threads', true])
    expect(calculateOne(...load, '--machines', machines - 1).threadBusy).toBeGreaterThan(0.5)
    const secure = calculateOne('--clients', 1_000_000, '--tls', '--memory', 8)
    expect(secure.bound).toBe('memory')
    expect(secure.machineBytes).toBeLessThanOrEqual(0.6 * 8 * 1024 ** 3)
  })

  it('counts n servers that tell n servers of themselves', () => {
    const at = (machines: number, heartbeat: number) =>
      calculateOne('--machines', machines, '--heartbeat', heartbeat).heartbeatsPerSecond
    expect([at(10, 5), at(100, 5), at(100, 60)]).toEqual([(80 * 79) / 5, (800 * 799) / 5, (800 * 799) / 60])
  })

  it('prints four cases of a million clients, and draws them', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hotsocket-scale-'))
    cleanUp(() => rmSync(folder, { recursive: true }))
    const svg = join(folder, 'scale.svg')
    const { status, stdout } = run('--svg', svg)
    const cases = stdout.trim().split('\n\n')
    expect([status, cases.length]).toEqual([0, 4])
    for (const one of cases) expect(one).toMatch(/^ {2}machines \(why so many\) +\d+ \([\w ]+\)$/m)
    // Five parts in each bar and in the legend.
    expect(readFileSync(svg, 'utf8').match(/<rect /g)).toHaveLength(5 * (4 + 1))
  })

  it.each([
    [['--clients', 'many'], '--clients takes a positive number, not many'],
    [
      ['--topics', '2', '--topics-per-client', '3'],
      'there are more subscriptions than clients and topics allow'
    ]
  ])('refuses %j', (parameters, reason) => {
    const { status, stdout, stderr } = run(...parameters)
    expect([status, stdout, stderr.trim()]).toEqual([2, '', `scale: ${reason}`])
  })
})
