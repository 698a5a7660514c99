// Handlers of one connection, and pings that are waited for.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { connect } from '../src/index.js'
import { cleanUp, guard, openAt, recorder, serve, serveOne, until } from './support/harness.js'
import { pair } from './support/pair.js'

guard()

describe('handlers of a connection of its own', () => {
  it('set in onopen replace those of the server, for this connection only', async () => {
    const { lines, handlers } = recorder()
    const own: string[] = []
    let count = 0
    const server = await serve({
      ...handlers,
      onopen(client) {
        if (count++ > 0) return
        client.onmessage = ({ payload }) => own.push(`message ${payload}`)
        client.onping = (payload) => own.push(`ping ${Buffer.from(payload)}`)
        client.onpong = (payload, roundTripMs) =>
          own.push(`pong ${Buffer.from(payload)} ${typeof roundTripMs}`)
        client.onsent = ({ payload }) => own.push(`sent ${payload}`)
        client.onunsent = ({ payload }, { code }) => own.push(`unsent ${payload} ${code}`)
        client.onerror = ({ code }) => own.push(`error ${code}`)
        client.onclose = (code, reason, { wasClean }) => own.push(`close ${code} ${reason} ${wasClean}`)
      }
    })
    const [first, second] = [await openAt(server), await openAt(server)]
    const [client] = server.clients
    client!.send('x')
    client!.sendPing('p')
    first.text('a')
    first.send(9, 'b')
    first.send(10, 'p')
    await until(() => own.length === 4, 'all came')
    second.text('other')
    await until(() => lines.length === 1, 'the other one came')
    first.send(3)
    first.end()
    await until(() => own.length === 6, 'it is over')
    expect(own).toEqual([
      'sent x',
      'message a',
      'ping b',
      'pong p number',
      'error reserved-opcode',
      expect.stringMatching(/^close 1006/)
    ])
    expect(lines).toEqual(['message other'])
  })

  it('that throw end their own connection', async () => {
    const { lines, handlers } = recorder()
    const { peer } = await serveOne({
      ...handlers,
      onopen(client) {
        client.onmessage = async () => {
          throw new Error('mine')
        }
      }
    })
    peer.text('a')
    expect(await peer.readClose()).toMatchObject({ code: 1011 })
    expect(lines).toEqual(['error handler-failed'])
  })

  it('of a client, set when connect has resolved', async () => {
    const server = await serve({ onmessage: (client, message) => void client.send(message) })
    const client = await connect(`ws://127.0.0.1:${server.port}`, { logLevel: 'silent' })
    cleanUp(() => client.terminate())
    const got: unknown[] = []
    client.onmessage = ({ payload }) => got.push(payload)
    client.onclose = (code) => got.push(code)
    client.send('a')
    await until(() => got.length === 1, 'the echo came')
    await client.close(1000)
    expect(got).toEqual(['a', 1000])
  })
})

describe('ping', () => {
  it('resolves with the round-trip time, beside onpong', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne(handlers)
    const times = [client.ping(), client.ping('named')]
    const [first, second] = [await peer.readFrame(), await peer.readFrame()]
    expect([first.payload.length, `${second.payload}`]).toEqual([8, 'named'])
    await delay(20)
    peer.send(10, first.payload)
    expect(await times[0]).toBeGreaterThan(15)
    peer.send(10, 'named')
    expect(await times[1]).toBeGreaterThan(15)
    expect(lines.filter((line) => line.startsWith('pong'))).toHaveLength(2)
    expect(lines.at(-1)).toBe('pong named timed')
  })

  it('§5.5.3 is answered by the pong of a later ping, whoever sent that', async () => {
    const { peer, client } = await serveOne()
    const early = client.ping('early')
    client.sendPing('later')
    client.sendPing('last')
    peer.send(10, 'nothing of ours')
    peer.send(10, 'last')
    expect(await early).toBeGreaterThanOrEqual(0)
    let isAnswered = false
    void client.ping('next').then(() => {
      isAnswered = true
    })
    peer.send(10, 'early')
    peer.text('x')
    await delay(20)
    expect(isAnswered).toBe(false)
    peer.send(10, 'next')
    await until(() => isAnswered, 'it is answered')
  })

  it('rejects: not open, too long, the end', async () => {
    const { peer, client } = await serveOne()
    await expect(client.ping('x'.repeat(126))).rejects.toMatchObject({ code: 'invalid-argument' })
    const pending = client.ping()
    const cause = expect(pending).rejects.toMatchObject({ code: 'connection-lost' })
    client.terminate()
    await cause
    await expect(client.ping()).rejects.toMatchObject({ code: 'not-open' })
    peer.destroy()
    const other = await serveOne()
    const waiting = expect(other.client.ping()).rejects.toMatchObject({ code: 'not-open' })
    await other.peer.readFrame()
    other.peer.close(1000)
    other.peer.end()
    await waiting
  })
})

describe('keepalive', () => {
  it('does not drop a silent peer because our ping waits amid a frame', async () => {
    const { client, atServer } = await pair({ pingIntervalMs: 0 }, { pingIntervalMs: 20, pongTimeoutMs: 20 })
    const writer = client.beginMessage()
    const frame = writer.frame(4, true)
    await frame('ab')
    await delay(150)
    expect(client.readyState).toBe(1)
    await frame('cd')
    expect(await writer.end()).toBe('sent')
    // From here on pongs are there again, and missed if they are not.
    await delay(60)
    expect(client.readyState).toBe(1)
    atServer.pause()
    expect(await client.closed()).toMatchObject({ cause: { code: 'pong-timeout' } })
  })
})
