import { getEventListeners } from 'node:events'
import { createServer, type Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Backoff } from '../../src/client/backoff.js'
import { Outbox } from '../../src/client/outbox.js'
import {
  type Chance,
  PersistentConnection,
  type PersistentOptions,
  type UrlSource
} from '../../src/client/persistent.js'
import { connect, connectPersistently, WebSocketError } from '../../src/index.js'
import { cleanUp, guard, serve, until } from '../support/harness.js'
import { acceptance, type RawAnswer, response, serveRaw } from '../support/raw-server.js'

guard()

/** Time that stands still until it is moved, and chance that is known. */
function fakeChance() {
  const timers: { callback: () => void; delayMs: number }[] = []
  const chance: Chance & { timers: typeof timers; time: number; fire(): void } = {
    timers,
    time: 0,
    later(callback, delayMs) {
      const timer = { callback, delayMs }
      timers.push(timer)
      return () => timers.splice(timers.indexOf(timer), 1)
    },
    now: () => chance.time,
    random: () => 0.5,
    fire() {
      const timer = timers.shift()!
      chance.time += timer.delayMs
      timer.callback()
    }
  }
  return chance
}

function open(url: UrlSource, options: PersistentOptions = {}, chance: Chance = fakeChance()) {
  const persistent = new PersistentConnection(url, { closeTimeoutMs: 50, ...options }, chance)
  cleanUp(() => persistent.close())
  return persistent
}

const accept: RawAnswer = (socket, request) => void socket.write(acceptance(request))

describe('Backoff', () => {
  it('doubles the most, up to a limit, and draws from all of it', () => {
    const drawn: number[] = []
    const backoff = new Backoff({ minDelayMs: 500, maxDelayMs: 30_000 }, () => drawn.pop() ?? 0.9999)
    const delays = Array.from({ length: 8 }, () => backoff.fail())
    expect(delays).toEqual([499, 999, 1999, 3999, 7999, 15998, 29997, 29997])
    drawn.push(0)
    expect([backoff.fail(), backoff.failures]).toEqual([0, 9])
    backoff.reset()
    expect([backoff.fail(), backoff.failures]).toEqual([499, 1])
  })

  it('does not overflow after very many failures', () => {
    const backoff = new Backoff({ minDelayMs: 500, maxDelayMs: 30_000 }, () => 0.5)
    for (let i = 0; i < 5000; i++) backoff.fail()
    expect(backoff.fail()).toBe(15_000)
  })
})

describe('Outbox', () => {
  it('keeps messages in order, up to a number of bytes, and copies them', () => {
    const outbox = new Outbox(10)
    const bytes = Buffer.of(1, 2, 3)
    expect([outbox.add('漢', undefined), outbox.add(bytes, undefined), outbox.byteLength]).toEqual([
      true,
      true,
      6
    ])
    bytes.fill(9)
    expect([outbox.add('12345', undefined), outbox.add('1234', undefined), outbox.byteLength]).toEqual([
      false,
      true,
      10
    ])
    expect(outbox.take().map(({ message }) => message.payload)).toEqual([
      '漢',
      Uint8Array.of(1, 2, 3),
      '1234'
    ])
    expect([outbox.take(), outbox.byteLength]).toEqual([[], 0])
    expect(() => outbox.add(5 as unknown as string, undefined)).toThrow(WebSocketError)
  })
})

describe('a persistent connection', () => {
  it('opens again when the server closes it, is lost, or refuses; messages wait meanwhile', async () => {
    const got: string[] = []
    const server = await serve({ onmessage: (_, { payload }) => void got.push(String(payload)) })
    const chance = fakeChance()
    const told: string[] = []
    const persistent = open(
      server.url!,
      {
        onopen: (connection) => {
          told.push('open')
          connection.send('first')
        },
        onclose: (_, code) => void told.push(`close ${code}`),
        onretry: ({ failureCount, delayMs, error, details }) =>
          void told.push(`retry ${failureCount} ${delayMs} ${error?.code ?? details?.code}`)
      },
      chance
    )
    expect(persistent.send('early')).toBe('queued')
    expect([persistent.state, persistent.connection, persistent.bufferedAmount]).toEqual([
      'connecting',
      null,
      5
    ])
    await until(() => got.length === 2, 'both came')
    expect([persistent.state, persistent.send('now')]).toEqual(['open', 'sent'])
    await until(() => got.length === 3, 'it came')
    const [client] = server.clients
    void client!.close(1012)
    await until(() => persistent.state === 'waiting', 'it waits')
    expect(persistent.send('between')).toBe('queued')
    chance.fire()
    await until(() => got.length === 5, 'it is back')
    const [next] = server.clients
    next!.terminate()
    await until(() => persistent.state === 'waiting', 'it waits')
    chance.fire()
    await until(() => persistent.state === 'open', 'it is back')
    expect(got.slice(0, 5)).toEqual(['first', 'early', 'now', 'first', 'between'])
    expect(told).toEqual([
      'open',
      'close 1012',
      'retry 1 250 1012',
      'open',
      'close 1006',
      'retry 2 500 connection-lost',
      'open'
    ])
  })

  it('counts anew after a connection that was stable', async () => {
    const server = await serve()
    const chance = fakeChance()
    const counts: number[] = []
    const persistent = open(
      server.url!,
      { stableAfterMs: 1000, onretry: ({ failureCount }) => void counts.push(failureCount) },
      chance
    )
    for (const openMs of [0, 999, 1000, 0]) {
      await until(() => persistent.state === 'open' && server.clients.size === 1, 'it is open')
      chance.time += openMs
      for (const client of server.clients) client.terminate()
      await until(() => persistent.state === 'waiting', 'it waits')
      chance.fire()
    }
    expect(counts).toEqual([1, 2, 1, 2])
  })

  it('goes on while nobody listens, and comes back when somebody does', async () => {
    const first: Server = createServer().listen(0, '127.0.0.1')
    await until(() => first.listening, 'it listens')
    const { port } = first.address() as { port: number }
    await new Promise((resolve) => first.close(resolve))
    const chance = fakeChance()
    const codes: (string | undefined)[] = []
    const persistent = open(
      `ws://127.0.0.1:${port}`,
      { onretry: ({ error }) => void codes.push(error?.code) },
      chance
    )
    for (let i = 0; i < 3; i++) {
      await until(() => persistent.state === 'waiting', 'it waits')
      if (i < 2) chance.fire()
    }
    expect(codes).toEqual(Array(3).fill('connect-failed'))
    await serve({ port })
    chance.fire()
    await until(() => persistent.state === 'open', 'it is open')
  })

  it.each([400, 401, 403, 404, 410])('gives up after %i', async (status) => {
    const server = await serveRaw(
      (socket) => void socket.write(response(`${status} x`, ['Content-Length: 0']))
    )
    const given: WebSocketError[] = []
    const dropped: unknown[] = []
    const sent: (string | undefined)[] = []
    const persistent = open(server.url, {
      ongiveup: (error) => void given.push(error),
      ondropped: ({ payload }, { code }) => void dropped.push(payload, code)
    })
    persistent.send('waits', { sent: (reason) => void sent.push(reason?.code) })
    await persistent.closed()
    expect(given).toMatchObject([
      { code: 'gave-up', cause: { code: 'unexpected-status', response: { status } } }
    ])
    expect([dropped, sent]).toEqual([['waits', 'gave-up'], ['gave-up']])
    expect([persistent.state, persistent.send('late'), server.requests.length]).toEqual([
      'closed',
      'dropped',
      1
    ])
  })

  it.each([408, 425, 429, 500, 503])('tries again after %i', async (status) => {
    const server = await serveRaw((socket, request, index) => {
      if (index === 0) socket.write(response(`${status} x`, ['Content-Length: 0']))
      else accept(socket, request, index)
    })
    const chance = fakeChance()
    const persistent = open(server.url, {}, chance)
    await until(() => persistent.state === 'waiting', 'it waits')
    chance.fire()
    await until(() => persistent.state === 'open', 'it is open')
  })

  it('gives up after maxAttempts, and when shouldRetry says so or throws', async () => {
    const server = await serveRaw((socket) => void socket.end())
    const chance = fakeChance()
    const byCount = open(server.url, { maxAttempts: 3 }, chance)
    for (let i = 0; i < 2; i++) {
      await until(() => byCount.state === 'waiting', 'it waits')
      chance.fire()
    }
    await byCount.closed()
    const asked: unknown[] = []
    const shouldRetry = ({ error, details }: { error: WebSocketError | null; details: unknown }) => {
      asked.push(error?.code, details)
      return false
    }
    await open(server.url, { shouldRetry }).closed()
    const broken = () => {
      throw new Error('mine')
    }
    await open(server.url, { shouldRetry: broken, logLevel: 'silent' }).closed()
    expect([server.requests.length, asked]).toEqual([5, ['connect-failed', null]])
  })

  it('drops what does not fit into the outbox, and says so', async () => {
    const server = await serveRaw(() => {})
    const dropped: unknown[] = []
    const ondropped: PersistentOptions['ondropped'] = ({ payload }, { code }) =>
      void dropped.push(payload, code)
    const full = open(server.url, { maxOutboxBytes: 4, ondropped })
    expect(['123', '45', '6'].map((text) => full.send(text))).toEqual(['queued', 'dropped', 'queued'])
    const none = open(server.url, { outbox: 'drop', ondropped })
    expect(none.send('x')).toBe('dropped')
    expect(dropped).toEqual(['45', 'outbox-full', 'x', 'outbox-full'])
    await full.close()
    expect(dropped.slice(4)).toEqual(['123', 'not-open', '6', 'not-open'])
  })

  it('asks a function for the URL each time, which may fail', async () => {
    const server = await serveRaw((socket, request, index) => {
      if (index === 0) socket.end()
      else accept(socket, request, index)
    })
    const chance = fakeChance()
    let count = 0
    const persistent = open(
      async () => {
        if (count === 1) {
          count++
          throw new Error('no token')
        }
        return `${server.url}/?token=${count++}`
      },
      {},
      chance
    )
    for (let i = 0; i < 2; i++) {
      await until(() => persistent.state === 'waiting', 'it waits')
      chance.fire()
    }
    await until(() => persistent.state === 'open', 'it is open')
    expect(server.requests.map((request) => request.split(' ')[1])).toEqual(['/?token=0', '/?token=2'])
  })

  it('close ends an attempt, a delay, or a connection, once and for all', async () => {
    const mute = await serveRaw(() => {})
    const attempting = open(mute.url)
    await until(() => mute.requests.length === 1, 'it tries')
    await attempting.close()
    await mute.allGone(1)
    const refusing = await serveRaw((socket) => void socket.end())
    const chance = fakeChance()
    const waiting = open(refusing.url, {}, chance)
    await until(() => waiting.state === 'waiting', 'it waits')
    await waiting.close()
    expect(chance.timers).toEqual([])
    const server = await serve()
    const codes: number[] = []
    server.onclose = (_, code) => void codes.push(code)
    const connected = open(server.url!)
    await until(() => connected.state === 'open', 'it is open')
    await connected.close(3000, 'bye')
    expect([connected.state, connected.connection]).toEqual(['closed', null])
    await until(() => codes.length === 1, 'the server noticed')
    expect(codes).toEqual([3000])
    await expect(connected.close(1)).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  it('a signal ends it, too', async () => {
    const server = await serve()
    const control = new AbortController()
    const persistent = open(server.url!, { signal: control.signal })
    await until(() => persistent.state === 'open', 'it is open')
    control.abort()
    await persistent.closed()
    await until(() => server.clients.size === 0, 'the server noticed')
    await open(server.url!, { signal: AbortSignal.abort() }).closed()
    const outlives = new AbortController()
    await open(server.url!, { signal: outlives.signal }).close()
    expect(getEventListeners(outlives.signal, 'abort')).toEqual([])
  })

  it('checks its arguments at once', () => {
    const fault = (url: string, options: object) => {
      try {
        connectPersistently(url, options)
      } catch (error) {
        return `${(error as WebSocketError).code} ${(error as Error).message}`
      }
      return 'none'
    }
    expect(fault('nowhere', {})).toMatch(/^invalid-url /)
    expect(fault('ws://a', { minDelayMs: 5, maxDelayMs: 4 })).toContain(
      'minDelayMs (5) is above maxDelayMs (4)'
    )
    expect(fault('ws://a', { outbox: 'keep' })).toContain("outbox must be one of 'queue', 'drop'")
    expect(fault('ws://a', { family: 5 })).toContain('family must be 0, 4 or 6')
    expect(fault('ws://a', { onmessage: 5 })).toContain('onmessage must be a function')
    expect(fault('ws://a', { nope: 5 })).toContain('there is no option "nope"')
  })

  it('works with the real clock, and shares an agent', async () => {
    const server = await serve()
    const urls: unknown[] = []
    const persistent = connectPersistently(server.url!, {
      minDelayMs: 5,
      connect: (url, options) => {
        urls.push(url)
        return connect(url, options)
      }
    })
    cleanUp(() => persistent.close())
    await until(() => server.clients.size === 1, 'it is open')
    for (const client of server.clients) client.terminate()
    await until(() => urls.length === 2 && persistent.state === 'open', 'it is back')
  })
})
