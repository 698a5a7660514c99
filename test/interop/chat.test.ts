// The chat of docs/examples: what its server says to pages, alone and with others at one Redis.
import { createClient } from 'redis'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { connect } from '../../src/index.js'
import { BrokerProcess, needBroker } from '../support/broker-process.js'
import { runExample } from '../support/example-process.js'
import { cleanUp, guard, until } from '../support/harness.js'

guard()

/** What the server tells. */
interface ChatEvent {
  readonly type: 'welcome' | 'history' | 'said' | 'present'
  readonly room?: string
  readonly rooms?: readonly string[]
  readonly names?: readonly string[]
  readonly message?: Said
  readonly messages?: readonly Said[]
}

interface Said {
  readonly id: string
  readonly name: string
  readonly text: string
}

/** Somebody who chats. */
class Visitor {
  readonly socket: WebSocket
  readonly events: ChatEvent[] = []
  /** Why it is over, or null. */
  end: { readonly code: number; readonly reason: string } | null = null

  private constructor(pageUrl: string, name: string) {
    this.socket = new WebSocket(new URL(`/chat?name=${encodeURIComponent(name)}`, pageUrl))
    cleanUp(() => this.socket.terminate())
    this.socket.on('message', (data) => this.events.push(JSON.parse(String(data)) as ChatEvent))
    this.socket.on('close', (code, reason) => {
      this.end = { code, reason: String(reason) }
    })
  }

  static async enter(pageUrl: string, name: string, room: string): Promise<Visitor> {
    const visitor = new Visitor(pageUrl, name)
    await until(() => visitor.events.length === 1, `${name} is welcome`)
    expect(visitor.events[0]).toEqual({ type: 'welcome', rooms: ['lobby', 'garden', 'workshop'] })
    await visitor.join(room)
    return visitor
  }

  send(command: unknown): void {
    this.socket.send(JSON.stringify(command))
  }

  /** Enters a room; resolves when what was said there has come. */
  async join(room: string): Promise<void> {
    const count = this.events.length
    this.send({ type: 'join', room })
    const isHistory = (event: ChatEvent) => event.type === 'history' && event.room === room
    await until(() => this.events.slice(count).some(isHistory), `the history of the ${room}`)
  }

  /** What was said and what it is told of it now, in the order in which it came. */
  get heard(): string[] {
    return this.events.filter(({ type }) => type === 'said').map(({ message }) => line(message!))
  }

  get history(): string[] {
    return this.events.findLast(({ type }) => type === 'history')!.messages!.map(line)
  }

  /** Waits until it has heard as many messages. */
  async hears(count: number): Promise<void> {
    await until(() => this.heard.length === count, `${count} messages, not ${this.heard}`)
  }

  /** Waits until it is told that just these are in a room. */
  async sees(room: string, ...names: string[]): Promise<void> {
    const last = () => this.events.findLast((event) => event.type === 'present' && event.room === room)?.names
    await until(() => `${last()}` === `${names}`, `${names} are in the ${room}`)
  }
}

function line({ name, text }: Said): string {
  return `${name}: ${text}`
}

describe('the chat', () => {
  it('tells all in a room what one says, who is there, and who comes later what was said', async () => {
    const { line: url } = await runExample('chat/server')
    const ada = await Visitor.enter(url, 'Ada', 'lobby')
    await ada.sees('lobby', 'Ada')
    const bob = await Visitor.enter(url, 'Bøb', 'lobby')
    await Promise.all([ada, bob].map((visitor) => visitor.sees('lobby', 'Ada', 'Bøb')))
    const eve = await Visitor.enter(url, 'Eve', 'garden')
    ada.send({ type: 'say', text: 'grüße' })
    ada.send({ type: 'say', text: '<b>&amp;"' })
    await Promise.all([ada, bob].map((visitor) => visitor.hears(2)))
    expect([ada.heard, bob.heard]).toEqual([
      ['Ada: grüße', 'Ada: <b>&amp;"'],
      ['Ada: grüße', 'Ada: <b>&amp;"']
    ])
    expect([eve.heard, eve.history]).toEqual([[], []])
    await eve.join('lobby')
    expect(eve.history).toEqual(ada.heard)
    await bob.join('garden')
    await ada.sees('lobby', 'Ada', 'Eve')
    bob.send({ type: 'say', text: 'nobody hears that' })
    await bob.hears(3)
    eve.socket.close()
    await ada.sees('lobby', 'Ada')
    expect([ada.heard.length, eve.heard.length]).toEqual([2, 0])
  })

  it('keeps the last hundred messages of a room', async () => {
    const { line: url } = await runExample('chat/server')
    // A visitor may not say more than ten things in a second.
    const visitors = await Promise.all(
      Array.from({ length: 15 }, (_, index) => Visitor.enter(url, `v${index}`, 'lobby'))
    )
    for (const visitor of visitors)
      for (let index = 0; index < 7; index++) visitor.send({ type: 'say', text: 'x' })
    await visitors[0]!.hears(105)
    await visitors[0]!.join('lobby')
    expect(visitors[0]!.history).toEqual(visitors[0]!.heard.slice(-100))
  })

  it('does not read from those who say more than ten things in a second', async () => {
    const { line: url } = await runExample('chat/server')
    const ada = await Visitor.enter(url, 'Ada', 'lobby')
    const beganMs = performance.now()
    for (let index = 0; index < 6; index++) ada.send({ type: 'say', text: `${index}` })
    await ada.hears(6)
    expect(performance.now() - beganMs).toBeGreaterThan(490)
  })

  it('closes with 1008 for what is no command', async () => {
    const { line: url } = await runExample('chat/server')
    const wrong = [
      '{}',
      'hello',
      'null',
      Buffer.from('{"type":"join","room":"garden"}'),
      '{"type":"join","room":"cellar"}',
      '{"type":"say","text":7}',
      '{"type":"say","text":"  "}',
      JSON.stringify({ type: 'say', text: 'x'.repeat(1001) })
    ]
    const visitors = await Promise.all(wrong.map((_, index) => Visitor.enter(url, `v${index}`, 'lobby')))
    for (const [index, { socket }] of visitors.entries()) socket.send(wrong[index]!)
    await until(() => visitors.every(({ end }) => end !== null), 'the end')
    expect(visitors.map(({ end }) => end)).toEqual(
      wrong.map(() => ({ code: 1008, reason: 'that is no command' }))
    )
    expect(visitors.flatMap(({ heard }) => heard)).toEqual([])
  })

  it('takes the longest text, however it is escaped, and closes with 1009 for what is longer', async () => {
    const { line: url } = await runExample('chat/server')
    const ada = await Visitor.enter(url, 'Ada', 'lobby')
    const text = '\u0001'.repeat(1000)
    ada.send({ type: 'say', text })
    await ada.hears(1)
    expect(ada.heard).toEqual([`Ada: ${text}`])
    ada.socket.send('x'.repeat(10_000))
    await until(() => ada.end !== null, 'the end')
    expect(ada.end!.code).toBe(1009)
  })

  it('answers 400 to what is no name', async () => {
    const { line: url } = await runExample('chat/server')
    for (const name of ['', ' ', '<b>', 'x'.repeat(33), 'a\nb', '\u202Eabc']) {
      const target = new URL(`/chat?name=${encodeURIComponent(name)}`, url.replace(/^http/, 'ws'))
      await expect(connect(target)).rejects.toMatchObject({
        code: 'unexpected-status',
        response: { status: 400 }
      })
    }
  })

  it('asks everybody to come back when it ends', async () => {
    const example = await runExample('chat/server')
    const ada = await Visitor.enter(example.line, 'Ada', 'lobby')
    expect(await example.stop()).toBe(0)
    expect(ada.end).toEqual({ code: 1012, reason: '' })
  })

  it('serves its files, which run no scripts of others', async () => {
    const { line: url } = await runExample('chat/server')
    for (const [path, type] of [
      ['/', 'text/html'],
      ['/page.js', 'text/javascript'],
      ['/page.css', 'text/css']
    ] as const) {
      const { status, headers } = await fetch(new URL(path, url))
      const policy = headers.get('content-security-policy')
      expect([status, headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`])
      expect(policy).toMatch(/^default-src 'self';/)
    }
    expect((await fetch(new URL('/server.mjs', url))).status).toBe(404)
  })
})

describe('several servers of the chat at one Redis', () => {
  it('are one chat, which outlives them', async (context) => {
    needBroker(context, 'redis')
    const REDIS_URL = `redis://127.0.0.1:${(await BrokerProcess.start('redis')).port}`
    const run = () => runExample('chat/server', [], { REDIS_URL })
    const [one, two] = await Promise.all([run(), run()])
    const ada = await Visitor.enter(one.line, 'Ada', 'lobby')
    const bob = await Visitor.enter(two.line, 'Bob', 'lobby')
    await Promise.all([ada, bob].map((visitor) => visitor.sees('lobby', 'Ada', 'Bob')))
    ada.send({ type: 'say', text: 'one' })
    await bob.hears(1)
    bob.send({ type: 'say', text: 'two' })
    await ada.hears(2)
    expect([ada.heard, bob.heard]).toEqual([
      ['Ada: one', 'Bob: two'],
      ['Ada: one', 'Bob: two']
    ])
    expect(await one.stop()).toBe(0)
    await bob.join('garden')
    await bob.join('lobby')
    await bob.sees('lobby', 'Bob')
    expect(await two.stop()).toBe(0)
    const eve = await Visitor.enter((await run()).line, 'Eve', 'lobby')
    expect(eve.history).toEqual(ada.heard)
    await eve.sees('lobby', 'Eve')
  })

  it('forget who was at one that ended without a word', async (context) => {
    needBroker(context, 'redis')
    const REDIS_URL = `redis://127.0.0.1:${(await BrokerProcess.start('redis')).port}`
    const redis = await createClient({ url: REDIS_URL }).connect()
    cleanUp(() => redis.close())
    const key = 'chat:present:lobby'
    const remember = (id: string, name: string, atMs: number) =>
      redis.hSet(key, id, JSON.stringify({ names: [name], atMs }))
    await remember('crashed', 'Ghost', Date.now() - 15_001)
    await remember('alive', 'Zoe', Date.now() + 60_000)
    const ada = await Visitor.enter((await runExample('chat/server', [], { REDIS_URL })).line, 'Ada', 'lobby')
    await ada.sees('lobby', 'Ada', 'Zoe')
    const serverIds = await redis.hKeys(key)
    expect([serverIds.length, serverIds.includes('alive'), serverIds.includes('crashed')]).toEqual([
      2,
      true,
      false
    ])
  })
})
