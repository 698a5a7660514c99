// Thirty connections over sockets with little room, readers that stall, ends of every kind at random moments: each message
// that was accepted is reported once, as sent or as unsent, first sent first, before onclose.
import { once } from 'node:events'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import {
  AsyncServer,
  BinaryMessage,
  type CloseDetails,
  type Connection,
  type Message,
  TextMessage,
  type WebSocketError
} from '../../src/index.js'
import { guard, openAt, start, until } from '../support/harness.js'
import { type Random, random } from '../support/random.js'
import { RawClient, upgradeRequest } from '../support/raw-client.js'

guard()

const SEED = 6455
const CONNECTIONS = 30

/** What one connection accepted, and what it was told. */
class Account {
  readonly accepted: Message[] = []
  readonly reported: { message: Message; reason: WebSocketError | null }[] = []
  /** What callbacks were told: 'dropped' for messages that were not accepted. */
  readonly callbacks: { message: Message; reason: WebSocketError | null }[] = []
  readonly withCallback: Message[] = []
  readonly faults: string[] = []
  details: CloseDetails | null = null

  send(client: Connection<Account>, message: Message, next: Random): void {
    const options = {
      ...(next(4) === 0 && { fragmentSize: 1 + next(20_000) }),
      ...(next(3) === 0 && {
        sent: (reason: WebSocketError | null) => void this.callbacks.push({ message, reason })
      })
    }
    const status = client.send(message, options)
    if ('sent' in options) this.withCallback.push(message)
    if (status !== 'dropped') this.accepted.push(message)
  }

  report(message: Message, reason: WebSocketError | null): void {
    if (this.details !== null) this.faults.push('reported after onclose')
    this.reported.push({ message, reason })
  }

  /** Everything that is wrong, now that all is over. */
  judge(): string[] {
    const { faults, accepted, reported, details } = this
    if (details === null) return ['no onclose']
    if (reported.length !== accepted.length)
      faults.push(`${reported.length} reports of ${accepted.length} messages`)
    if (reported.some(({ message }, index) => message !== accepted[index])) faults.push('not in order')
    const sentCount = reported.filter(({ reason }) => reason === null).length
    if (reported.slice(0, sentCount).some(({ reason }) => reason !== null)) faults.push('sent behind unsent')
    if (reported.slice(sentCount).some(({ reason }) => reason !== details.cause))
      faults.push('another reason than that of the end')
    if (details.wasClean && sentCount < accepted.length) faults.push('a clean end that loses messages')
    return [...faults, ...this.#judgeCallbacks()]
  }

  #judgeCallbacks(): string[] {
    const reasons = new Map(this.reported.map(({ message, reason }) => [message, reason]))
    const told = new Map(this.callbacks.map(({ message, reason }) => [message, reason]))
    if (told.size !== this.callbacks.length || told.size !== this.withCallback.length)
      return [`${this.callbacks.length} callbacks for ${this.withCallback.length} messages`]
    return this.withCallback.flatMap((message) => {
      const [reason, expected] = [told.get(message), reasons.get(message)]
      const isRight = reasons.has(message) ? reason === expected : reason?.code === 'not-open'
      return isRight ? [] : [`a callback got ${reason?.code} instead of ${expected?.code}`]
    })
  }
}

function makeMessage(next: Random): Message {
  const byteLength = [next(10), next(130), next(5000), next(60_000), 130_000 + next(400_000)][
    Math.min(next(7), 4)
  ]!
  return next(2) === 0
    ? new TextMessage('ä'.repeat(byteLength / 2))
    : new BinaryMessage(Buffer.alloc(byteLength, next(256)))
}

async function openUnix(path: string): Promise<RawClient> {
  const socket = connect({ path })
  await once(socket, 'connect')
  const peer = new RawClient(socket)
  peer.write(upgradeRequest())
  await peer.readHead()
  return peer
}

/** Reads whole messages, and answers a close frame; returns how many came. */
async function readAll(peer: RawClient, mayAnswer: boolean): Promise<number> {
  let count = 0
  for (;;) {
    const message = await peer.readMessage().catch(() => null)
    if (message === null) return count
    if (message.opcode === 8 && mayAnswer) peer.close(1000)
    if (message.opcode <= 2) count++
  }
}

/** Ends a connection in one of the ways in which connections end, or leaves that to the server's own end. */
function endSomehow(way: number, client: Connection<Account>, peer: RawClient): void {
  if (way === 0) client.terminate()
  else if (way === 1 && peer.socket.remotePort !== undefined) peer.reset()
  else if (way === 1) peer.destroy()
  else if (way === 2) peer.destroy()
  else if (way === 3) peer.close(1000)
  else if (way === 4) peer.end()
  else if (way === 5) void client.close(4000, 'in the middle')
  else if (way === 6) peer.write(Buffer.of(0xff, 0xff))
}

async function play(
  client: Connection<Account>,
  peer: RawClient,
  next: Random,
  others: () => Connection<Account>[]
): Promise<void> {
  const roundCount = 3 + next(25)
  const endAt = next(roundCount)
  const way = next(9)
  for (let round = 0; round < roundCount; round++) {
    for (let i = next(12); i > 0; i--) client.data.send(client, makeMessage(next), next)
    if (next(3) === 0) client.sendPing('between')
    const all = others()
    const other = all[next(Math.max(all.length, 1))]
    if (other !== undefined && next(3) === 0) other.data.send(other, makeMessage(next), next)
    if (next(3) === 0) peer.pause()
    if (next(2) === 0) peer.resume()
    if (round === endAt) endSomehow(way, client, peer)
    if (next(2) === 0) client.data.send(client, makeMessage(next), next)
    if (next(3) > 0) await (next(2) === 0 ? delay(next(15)) : new Promise(setImmediate))
  }
}

async function playAll({ server, opened }: Stage, open: () => Promise<RawClient>, seed: number) {
  const next = random(seed)
  const accounts: Account[] = []
  const received: Promise<number>[] = []
  const playing: Promise<void>[] = []
  const peers: RawClient[] = []
  for (let index = 0; index < CONNECTIONS / 2; index++) {
    const peer = await open()
    peers.push(peer)
    received.push(readAll(peer, next(4) > 0))
    // Others may send to it, and end it, as soon as it is open: it need not be among the clients any more.
    await until(() => opened.length > index, 'the connection is open')
    const client = opened[index]!
    accounts.push(client.data)
    playing.push(play(client, peer, random(seed + index * 7919), () => [...server.clients]))
  }
  await Promise.all(playing)
  if (next(2) === 0) for (const peer of peers) peer.resume()
  await server.close()
  await new Promise(setImmediate)
  for (const peer of peers) peer.resume()
  return { accounts, counts: await Promise.all(received) }
}

/** A server, and its connections in the order in which they opened. */
interface Stage {
  readonly server: AsyncServer<Account>
  readonly opened: Connection<Account>[]
}

async function makeStage(at: { socketPath: string } | { host: string }, next: Random): Promise<Stage> {
  const opened: Connection<Account>[] = []
  const server = new AsyncServer<Account>({
    ...at,
    logLevel: 'silent',
    closeTimeoutMs: 200,
    onhandshake: () => ({ data: new Account() }),
    onopen: (client) => void opened.push(client),
    onsent(client, message) {
      client.data.report(message, null)
      if (next(9) === 0) client.data.send(client, makeMessage(next), next)
      if (next(300) === 0) client.terminate()
    },
    onunsent(client, message, reason) {
      client.data.report(message, reason)
      if (next(9) === 0) client.data.send(client, makeMessage(next), next)
    },
    onclose(client, _code, _reason, details) {
      client.data.details = details
      client.data.send(client, makeMessage(next), next)
    }
  })
  return { server: await start(server), opened }
}

it(`each accepted message is reported once, in order, as sent or as unsent (seed ${SEED})`, async () => {
  const socketPath = join(tmpdir(), `hotsocket-reports-${process.pid}-${process.env.HOTSOCKET_TIER}.sock`)
  const overTcp = await makeStage({ host: '127.0.0.1' }, random(SEED))
  const overUnix = await makeStage({ socketPath }, random(SEED + 1))
  const results = await Promise.all([
    playAll(overTcp, () => openAt(overTcp.server), SEED + 2),
    playAll(overUnix, () => openUnix(socketPath), SEED + 3)
  ])
  const accounts = results.flatMap(({ accounts }) => accounts)
  expect(accounts.map((account) => account.judge()).filter(({ length }) => length > 0)).toEqual([])
  const reports = accounts.flatMap(({ reported }) => reported)
  const sentCount = reports.filter(({ reason }) => reason === null).length
  // The test is worth something only if both happen often.
  expect([sentCount > 300, reports.length - sentCount > 100]).toEqual([true, true])
  const counts = results.flatMap(({ counts }) => counts)
  // After a clean end nothing can be under way: the peer has got exactly what was reported as sent.
  const clean = accounts.flatMap(({ details, reported }, index) =>
    details?.wasClean ? [[counts[index], reported.length]] : []
  )
  expect(clean.filter(([got, sent]) => got !== sent)).toEqual([])
  expect(clean.length).toBeGreaterThan(2)
}, 30_000)
