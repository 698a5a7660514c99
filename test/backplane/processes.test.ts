// Servers in threads and in processes of their own, with the package as it is built.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect } from '@nats-io/transport-node'
import { createClient } from 'redis'
import { describe, expect, it } from 'vitest'
import { serveWorkers } from '../../dist/index.js'
import { MemoryHub, memoryBackplane } from '../../src/adapters/memory.js'
import { natsBackplane } from '../../src/adapters/nats.js'
import { redisBackplane } from '../../src/adapters/redis.js'
import { BrokerProcess, needBroker } from '../support/broker-process.js'
import { cleanUp, guard, openAt, until } from '../support/harness.js'
import { type RawClient, within } from '../support/raw-client.js'
import { join as joinBackplane, type MakeBackplane, subscribe } from './members.js'

guard()

const file = (name: string) => join(import.meta.dirname, name)

/** What a server of hub-server.mjs says of itself. */
interface Answer {
  readonly server: string
  readonly servers: number
  readonly pid: number
}

/** Has a server of hub-server.mjs do something. */
async function ask(client: RawClient, order: object): Promise<Answer> {
  client.text(JSON.stringify(order))
  return JSON.parse(await client.readText())
}

/** Opens a client at each of two servers that listen at one port: which one it gets is not its choice. */
async function openAtEach(at: { port: number | null }) {
  const clients = new Map<string, readonly [Answer, RawClient]>()
  while (clients.size < 2) {
    const client = await openAt(at)
    const answer = await ask(client, {})
    clients.set(answer.server, [answer, client])
  }
  return [...clients.values()]
}

/** A program of Node.js, and what it prints, line by line. */
function run(name: string, ...parameters: string[]) {
  const child = spawn(process.execPath, [file(name), ...parameters], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  const ended = once(child, 'exit')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  cleanUp(async () => {
    child.stdin.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
    await ended
    clearTimeout(timer)
  })
  const next = async () => {
    const line = await within(lines.next(), `a line of ${name}`)
    if (line.done) throw new Error(`${name} has ended`)
    return line.value
  }
  return { child, ended, next }
}

describe('servers on a hub', () => {
  it('in threads of serveWorkers reach each other, and the main thread', async () => {
    const hub = new MemoryHub()
    const group = await serveWorkers(file('hub-server.mjs'), { workers: 2, hub })
    cleanUp(() => group.close())
    const main = await joinBackplane((options) => memoryBackplane(hub, options))
    const near = await subscribe(main, 'room/+')
    const clients = await openAtEach(group)
    const [[, one], [, two]] = clients as [(typeof clients)[0], (typeof clients)[0]]
    for (const client of [one, two]) await ask(client, { subscribe: 'room/1' })
    await until(() => main.backplane.serverCount() === 3, 'all are there')
    one.text(JSON.stringify({ publish: 'room/1', message: 'from a thread' }))
    expect(await two.readText()).toBe('from a thread')
    expect(await near.peer.readText()).toBe('from a thread')
    expect(main.server.publish('room/1', 'from the main one')).toBe(1)
    expect(await two.readText()).toBe('from the main one')
    expect(hub.memberCount).toBe(3)
    await group.close()
    await until(() => hub.memberCount === 1, 'the threads have gone')
    expect(main.backplane.serverCount()).toBe(1)
  })

  it.each(['json', 'advanced'])('in a cluster reach each other, by messages in %s', async (serialization) => {
    const { child, next } = run('cluster-primary.mjs', serialization)
    await next()
    const { port } = JSON.parse(await next()) as { port: number }
    const clients = await openAtEach({ port })
    const [[server, one], [, two]] = clients as [(typeof clients)[0], (typeof clients)[0]]
    await ask(one, { subscribe: 'a/#' })
    await ask(two, { publish: 'a/b', message: 'ü across' })
    expect(await one.readText()).toBe('ü across')
    await within(
      (async () => {
        while ((await ask(two, {})).servers !== 2);
      })(),
      'both are there'
    )
    child.stdin.write(`kill ${server.pid}\n`)
    expect(JSON.parse(await next())).toEqual({ members: 1 })
    await within(
      (async () => {
        while ((await ask(two, {})).servers !== 1);
      })(),
      'the killed one does not count any more'
    )
    child.stdin.write('close\n')
    expect(JSON.parse(await next())).toEqual({ members: 0 })
  })
})

describe('servers on Redis', () => {
  it('in processes of their own reach each other; one that crashes is forgotten', async (context) => {
    needBroker(context, 'redis')
    const { port } = await BrokerProcess.start('redis')
    const processes = [run('redis-server.mjs', String(port)), run('redis-server.mjs', String(port))]
    const [one, two] = processes as [(typeof processes)[0], (typeof processes)[0]]
    const clients = [
      await openAt({ port: Number(await one.next()) }),
      await openAt({ port: Number(await two.next()) })
    ]
    const here = await joinBackplane((options) =>
      redisBackplane(createClient({ socket: { host: '127.0.0.1', port } }), { ...options, heartbeatMs: 200 })
    )
    const { peer } = await subscribe(here, 'news')
    await until(() => here.backplane.serverCount() === 3, 'all are there')
    clients[0]!.text('from a process')
    for (const client of [...clients, peer]) expect(await client.readText()).toBe('from a process')
    expect(await here.backplane.count('news')).toBe(3)
    one.child.kill('SIGKILL')
    await one.ended
    expect(here.backplane.serverCount()).toBe(3)
    await until(() => here.backplane.serverCount() === 2, 'three heartbeats are missed')
    two.child.stdin.end()
    await until(() => here.backplane.serverCount() === 1, 'the other says goodbye')
    await two.ended
    expect(two.child.exitCode).toBe(0)
  })
})

describe('a server that publishes, closes, and ends its process', () => {
  /** Reads what it has published, whose process begins with `start`. */
  async function expectLastWords(make: MakeBackplane, start: () => void): Promise<void> {
    const here = await joinBackplane(make)
    const { peer } = await subscribe(here, 'news')
    start()
    for (let i = 0; i < 100; i++) expect((await peer.readText()).split(' ')[0]).toBe(String(i))
    // It has said goodbye: nobody waits for its heartbeats.
    await until(() => here.backplane.serverCount() === 1, 'it does not count any more', 1000)
  }

  it('has told all to a hub', async () => {
    const hub = new MemoryHub()
    await expectLastWords(
      (options) => memoryBackplane(hub, { ...options, heartbeatMs: 60_000 }),
      () => {
        const child = fork(file('last-words.mjs'), ['hub'])
        const ended = once(child, 'exit')
        cleanUp(() => child.kill('SIGKILL') && ended)
        hub.join(child)
      }
    )
  })

  it('has told all to Redis', async (context) => {
    needBroker(context, 'redis')
    const { port } = await BrokerProcess.start('redis')
    await expectLastWords(
      (options) =>
        redisBackplane(createClient({ socket: { host: '127.0.0.1', port } }), {
          ...options,
          heartbeatMs: 60_000
        }),
      () => run('last-words.mjs', 'redis', String(port))
    )
  })

  it('has told all to NATS', async (context) => {
    needBroker(context, 'nats')
    const { port } = await BrokerProcess.start('nats')
    const connection = await connect({ servers: `127.0.0.1:${port}` })
    cleanUp(() => connection.close())
    await expectLastWords(
      (options) => natsBackplane(connection, { ...options, heartbeatMs: 60_000 }),
      () => run('last-words.mjs', 'nats', String(port))
    )
  })
})
