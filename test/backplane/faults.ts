// Owns what every broker behind TCP is put through: killed, stopped, parted from some of its servers.
import { describe, expect, it } from 'vitest'
import type { BrokerProcess, Gate } from '../support/broker-process.js'
import { until } from '../support/harness.js'
import { joinAll, type MakeBackplane, type Member, subscribe } from './members.js'

/** What a test of faults can do. */
export interface FaultyBroker {
  readonly broker: BrokerProcess
  /** Stands between the broker and what `makeParted` makes. */
  readonly gate: Gate
  readonly make: MakeBackplane
  readonly makeParted: MakeBackplane
}

const IMPATIENT = { timeoutMs: 200 }
const isIn = (state: string, ...members: readonly Member[]) =>
  until(() => members.every(({ backplane }) => backplane.state === state), `the state is ${state}`)

/** Two servers, the second behind the gate, that have found each other; states are recorded. */
async function joinTwo(faulty: FaultyBroker) {
  const states: string[][] = []
  const make: MakeBackplane = (given) => {
    const own: string[] = []
    const makeOne = states.push(own) === 1 ? faulty.make : faulty.makeParted
    const onstate = (state: string, cause: { code: string } | null) =>
      void own.push(cause === null ? state : `${state}: ${cause.code}`)
    return makeOne({ ...given, onstate })
  }
  const [one, two] = (await joinAll(make, 2, IMPATIENT)) as [Member, Member]
  const near = await subscribe(one, 'news')
  const far = await subscribe(two, 'news', 'other/+')
  return { one, two, near, far, states }
}

/** Publications pass both ways again, from now on. */
async function expectJoined(one: Member, two: Member, near: string[], far: string[]): Promise<void> {
  await isIn('connected', one, two)
  await Promise.all([one.backplane.ready(), two.backplane.ready()])
  const count = () => one.backplane.serverCount() + two.backplane.serverCount()
  await until(() => count() === 4, 'they know of each other')
  await arrives(one, 'news', 'again', far)
  await arrives(two, 'news', 'and back', near)
  await arrives(one, 'other/x', 'by wildcard', far)
}

/**
 * Publishes until it arrives: a broker with much to catch up may be lost once more, and then at most once is not at all. What
 * arrives does so in order, and once.
 */
async function arrives(
  { server }: Member,
  topic: string,
  text: string,
  texts: readonly string[]
): Promise<void> {
  let count = 0
  const found = () =>
    texts.filter((one) => one.startsWith(`${text} #`)).map((one) => Number(one.split('#')[1]))
  const publish = () => {
    server.publish(topic, `${text} #${count}`)
    count++
  }
  await until(() => found().length > 0 || publish() !== undefined, `"${text}" arrives`)
  const numbers = found()
  expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other))
}

/** Collects the texts that a client gets. */
function collect({ peer }: { peer: { readText(): Promise<string> } }): string[] {
  const texts: string[] = []
  void (async () => {
    for (;;) texts.push(await peer.readText())
  })().catch(() => {})
  return texts
}

/** Declares the tests. `start`: starts a broker for one test. */
export function testFaults(start: () => Promise<FaultyBroker>): void {
  describe('a broker that', () => {
    it('is killed leaves local delivery, and is joined again when it is back', async () => {
      const faulty = await start()
      const { one, two, near, far, states } = await joinTwo(faulty)
      await faulty.broker.kill()
      await isIn('lost', one, two)
      for (const own of states) expect(own).toEqual(['connected', 'lost: broker-lost'])
      const [here, there] = [collect(near), collect(far)]
      // Meanwhile clients come and go, and nothing is kept for the broker.
      const before = process.memoryUsage().rss
      const text = 'x'.repeat(10_000)
      for (let i = 0; i < 20_000; i++) one.server.publish('elsewhere', text)
      expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
      expect(one.backplane.metrics()).toMatchObject({ dropped: 20_000, published: 0 })
      expect(one.server.publish('news', 'local')).toBe(1)
      await until(() => here.includes('local'), 'local delivery goes on')
      far.client.subscribe('late')
      far.client.unsubscribe('other/+')
      far.client.subscribe('other/#')
      await until(() => one.backplane.serverCount() === 1, 'heartbeats are missed')
      expect(await one.backplane.count('news')).toBe(1)
      expect(await faulty.broker.start()).toBe(true)
      await expectJoined(one, two, here, there)
      await arrives(one, 'late', 'for who asked meanwhile', there)
      expect(there).not.toContain('local')
    })

    it('stands still is lost after timeoutMs, takes bounded memory, and goes on', async () => {
      const faulty = await start()
      const { one, two, near, far } = await joinTwo(faulty)
      const [here, there] = [collect(near), collect(far)]
      faulty.broker.stop()
      const text = 'x'.repeat(100_000)
      // What is not confirmed is at most 16 MiB.
      for (let i = 0; i < 1000; i++) one.server.publish('elsewhere', text)
      const { published, dropped } = one.backplane.metrics()
      expect(published + dropped).toBe(1000)
      expect(published).toBeLessThanOrEqual(168)
      await isIn('lost', one, two)
      expect(one.server.publish('news', 'local')).toBe(1)
      await until(() => here.includes('local'), 'local delivery goes on')
      faulty.broker.continue()
      await expectJoined(one, two, here, there)
    })

    it('stands still for long is joined by new connections when it goes on', async () => {
      const faulty = await start()
      const { one, two, near, far } = await joinTwo(faulty)
      const [here, there] = [collect(near), collect(far)]
      const { acceptedCount } = faulty.gate
      faulty.broker.stop()
      await until(() => faulty.gate.acceptedCount > acceptedCount, 'it is connected to anew')
      expect(two.backplane.state).toBe('lost')
      faulty.broker.continue()
      await expectJoined(one, two, here, there)
    })

    it('is parted from one server stays with the others', async () => {
      const faulty = await start()
      const { one, two, near, far } = await joinTwo(faulty)
      const [here, there] = [collect(near), collect(far)]
      faulty.gate.shut()
      await isIn('lost', two)
      expect(one.backplane.state).toBe('connected')
      await until(() => one.backplane.serverCount() === 1, 'the one behind is not heard')
      two.server.publish('news', 'there only')
      await until(() => there.includes('there only'), 'local delivery goes on')
      faulty.gate.open()
      await expectJoined(one, two, here, there)
      expect(here).not.toContain('there only')
    })

    it('is reached only by new connections is connected to anew', async () => {
      const faulty = await start()
      const { one, two, near, far } = await joinTwo(faulty)
      const [here, there] = [collect(near), collect(far)]
      faulty.gate.shut()
      await isIn('lost', two)
      faulty.gate.open({ old: false })
      await expectJoined(one, two, here, there)
    })

    it('breaks its connections again and again is joined each time', async () => {
      const faulty = await start()
      const { one, two, near, far, states } = await joinTwo(faulty)
      const [here, there] = [collect(near), collect(far)]
      for (let i = 0; i < 5; i++) {
        faulty.gate.cut()
        await until(() => states[1]!.length > 2 * i + 1, 'it is noticed')
        await isIn('connected', two)
        far.client.subscribe(`more/${i}`)
      }
      await expectJoined(one, two, here, there)
      for (let i = 0; i < 5; i++) await arrives(one, `more/${i}`, `more ${i}`, there)
    })
  })
}
