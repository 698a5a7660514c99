// Publications, whose bytes stand in the send arena once for all: in order with everything else that is sent in their turn.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AsyncServer, PreparedMessage } from '../../src/index.js'
import { prepare } from '../../src/index.js'
import { guard, openAt, serve, until } from '../support/harness.js'
import type { RawClient } from '../support/raw-client.js'

guard()

const SEED = 6455
const COUNT = 3

type Payload = string | Uint8Array

const length = fc.oneof(
  { weight: 8, arbitrary: fc.nat(300) },
  { weight: 1, arbitrary: fc.constantFrom(8192, 8193, 70_000, 131_072, 131_073) }
)
const payload: fc.Arbitrary<Payload> = fc.oneof(
  length.map((count) => new Uint8Array(count).fill(count)),
  fc.nat(600).map((count) => `${count}`.padEnd(count, 'é'))
)

/** To all, to all but one, or to one: a new message, or one of those that were prepared before. */
const item = fc.record({
  to: fc.constantFrom('all', 'others', 'one'),
  client: fc.nat(COUNT - 1),
  payload,
  again: fc.option(fc.nat(9), { freq: 3 })
})

const show = (message: Payload) => {
  const bytes = Buffer.from(message as string)
  return `${typeof message === 'string' ? 1 : 2} ${bytes.length} ${bytes.subarray(-40).toString('hex')}`
}

async function serveSome(): Promise<{ server: AsyncServer; peers: RawClient[] }> {
  const server = await serve()
  const peers: RawClient[] = []
  for (let index = 0; index < COUNT; index++) {
    peers.push(await openAt(server))
    await until(() => server.clients.size === index + 1, 'it is open')
  }
  return { server, peers }
}

describe('publications', () => {
  it('arrive whole and in order, mixed with all else', async () => {
    const { server, peers } = await serveSome()
    const clients = [...server.clients]
    const known: PreparedMessage[] = []
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(item, { maxLength: 30 }), { maxLength: 4 }), async (turns) => {
        const expected: string[][] = clients.map(() => [])
        for (const turn of turns) {
          for (const { to, client, payload, again } of turn) {
            const message = (again === null ? undefined : known[again]) ?? prepare(payload)
            if (again !== null) known[again] = message
            for (const [index, lines] of expected.entries())
              if (to === 'all' || (to === 'one') === (index === client)) lines.push(show(message.payload))
            if (to === 'one') clients[client]!.send(message)
            else server.broadcast(message, to === 'all' ? {} : { except: clients[client]! })
          }
          await new Promise(setImmediate)
        }
        for (const [index, lines] of expected.entries()) {
          for (const line of lines) {
            const got = await peers[index]!.readMessage()
            expect(show(got.opcode === 1 ? got.payload.toString() : got.payload)).toBe(line)
          }
        }
        await until(() => clients.every((client) => client.bufferedAmount === 0), 'all is sent')
        expect(clients.map((client) => client.queuedMessages)).toEqual(clients.map(() => 0))
      }),
      { numRuns: 100, seed: SEED }
    )
  }, 20_000)

  it('of one turn that are more than one flush takes arrive in order', async () => {
    const { server, peers } = await serveSome()
    const [first] = [...server.clients]
    for (let i = 0; i < 8000; i++) {
      server.broadcast(`${i}`)
      // So that the next one does not stand behind the last.
      if (i % 2 === 0) first!.send(new Uint8Array([i & 255]))
    }
    for (const [index, peer] of peers.entries()) {
      for (let i = 0; i < 8000; i++) {
        expect(await peer.readText()).toBe(`${i}`)
        if (index === 0 && i % 2 === 0) expect([...(await peer.readMessage()).payload]).toEqual([i & 255])
      }
    }
  }, 20_000)

  it('do not go to who came in the place of one that left in the same turn', async () => {
    const { server, peers } = await serveSome()
    const [first, second] = [...server.clients]
    server.broadcast('to three')
    first!.terminate()
    second!.send('to one')
    server.broadcast('to two')
    for (const one of ['to three', 'to one', 'to two']) expect(await peers[1]!.readText()).toBe(one)
    await until(() => server.clients.size === COUNT - 1, 'it is gone')
    const next = await openAt(server)
    await until(() => server.clients.size === COUNT, 'another is there')
    server.broadcast('to all')
    expect(await next.readText()).toBe('to all')
    for (const one of ['to three', 'to two', 'to all']) expect(await peers[2]!.readText()).toBe(one)
  })
})
