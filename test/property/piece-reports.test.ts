// Writers in between of messages, over sockets with little room, ended in every way: what was accepted is reported once, in
// order, and each writer is told whether its message is with the kernel. What the peer got is whole, and in that order.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Connection, Message } from '../../src/index.js'
import { guard, openAt, serve, until } from '../support/harness.js'
import { random } from '../support/random.js'
import type { RawClient } from '../support/raw-client.js'

guard()

const SEED = 64_55
const CONNECTIONS = 24

interface Account {
  /** Names of messages, in the order in which they were begun; those of writers begin with 'w'. */
  readonly begun: string[]
  readonly reports: string[]
  readonly faults: string[]
  readonly got: string[]
}

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 8)).toString().trim()
const named = (name: string, byteLength: number): Buffer =>
  Buffer.alloc(8 + byteLength, '.').fill(name.padEnd(8), 0, 8)

async function readAll(peer: RawClient, { got }: Account): Promise<void> {
  for (;;) {
    const message = await peer.readMessage().catch(() => null)
    if (message === null) return
    if (message.opcode === 8) peer.close(1000)
    else if (message.opcode <= 2) got.push(nameOf(message.payload))
  }
}

async function write(client: Connection, name: string, account: Account, seed: number): Promise<void> {
  const next = random(seed)
  const { begun, faults, reports } = account
  const writer = client.beginMessage()
  const isOpen = client.readyState === 1
  if (isOpen) begun.push(name)
  const pieces = [
    named(name, next(3000)),
    ...Array.from({ length: next(5) }, () => Buffer.alloc(next(60_000), '.'))
  ]
  const isFramed = next(2) === 0
  for (const piece of pieces) {
    const half = next(piece.length)
    const frame = isFramed ? writer.frame(piece.length) : null
    if (frame !== null) await frame(piece.subarray(0, half))
    const status = await (frame === null ? writer.write(piece) : frame(piece.subarray(half)))
    if (status === 'dropped' && client.readyState === 1) faults.push(`${name} was dropped while open`)
    if (next(3) === 0) await delay(next(4))
  }
  const status = await writer.end()
  if (!isOpen && status !== 'dropped') faults.push(`${name} was sent though closed`)
  if (isOpen) reports.push(`${status === 'sent' ? 'sent' : 'unsent'} ${name}`)
}

it(`writers and messages are each reported once (seed ${SEED})`, async () => {
  const accounts = new Map<Connection, Account>()
  const report =
    (what: string) =>
    (client: Connection, { bytes }: Message) =>
      void accounts.get(client)?.reports.push(`${what} ${nameOf(bytes)}`)
  const opened: Connection[] = []
  const server = await serve({
    closeTimeoutMs: 100,
    autoFragmentBytes: 20_000,
    onopen(client) {
      accounts.set(client, { begun: [], reports: [], faults: [], got: [] })
      opened.push(client)
    },
    onsent: report('sent'),
    onunsent: report('unsent')
  })
  const next = random(SEED)
  const play = async (index: number) => {
    const peer = await openAt(server)
    await until(() => opened.length > index, 'it is open')
    const client = opened[index]!
    const account = accounts.get(client)!
    const reading = readAll(peer, account)
    const way = next(5)
    const writing: Promise<void>[] = []
    for (let i = 0; i < 25; i++) {
      if (next(3) === 0) writing.push(write(client, `w${i}`, account, SEED + index * 1000 + i))
      else if (client.send(named(`m${i}`, next(20_000))) !== 'dropped') account.begun.push(`m${i}`)
      if (next(4) === 0) client.sendPing('p')
      if (next(5) === 0) peer.pause()
      if (next(3) === 0) peer.resume()
      if (next(3) === 0) await delay(next(5))
      if (i === 20 && way === 0) client.terminate()
      if (i === 20 && way === 1) peer.close(1000)
      if (i === 20 && way === 2) peer.reset()
    }
    peer.resume()
    // Some wait for what is being written, others do not.
    if (way === 3) await Promise.all(writing)
    const details = await client.close(1000)
    peer.end()
    await Promise.all([...writing, reading])
    return { account, details }
  }
  const results = []
  for (let index = 0; index < CONNECTIONS; index++) results.push(await play(index))
  let [sentCount, unsentCount] = [0, 0]
  for (const { account, details } of results) {
    const { begun, reports, faults, got } = account
    expect(faults).toEqual([])
    const names = reports.map((line) => line.split(' ')[1]!)
    expect(names.toSorted()).toEqual(begun.toSorted())
    const sent = reports.filter((line) => line.startsWith('sent ')).map((line) => line.slice(5))
    sentCount += sent.length
    unsentCount += reports.length - sent.length
    // Messages by themselves are told in order; so are those that the peer got, all together.
    const isMessage = (name: string) => name.startsWith('m')
    expect(names.filter(isMessage)).toEqual(begun.filter(isMessage))
    expect(got).toEqual(begun.slice(0, got.length))
    expect(begun.slice(0, sent.length).toSorted()).toEqual(sent.toSorted())
    if (details.wasClean) expect([got.length, sent.length]).toEqual([begun.length, begun.length])
  }
  expect([sentCount > 150, unsentCount > 30]).toEqual([true, true])
}, 30_000)
