import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { guard, recorder, serveOne, until } from './support/harness.js'
import { encodeFrame, within } from './support/raw-client.js'

guard()

/** Answers every ping, as a living peer does; returns how many came. */
function answerPings(peer: Awaited<ReturnType<typeof serveOne>>['peer']): () => number {
  let count = 0
  const loop = async () => {
    for (;;) {
      const { opcode, payload } = await peer.readFrame()
      if (opcode === 9) count++
      if (opcode === 9) peer.send(10, payload)
    }
  }
  loop().catch(() => {
    // The connection ended with the test.
  })
  return () => count
}

describe('keepalive', () => {
  it('§5.5.2 pings at every interval, and a peer that answers stays', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({ ...handlers, pingIntervalMs: 30, pongTimeoutMs: 20 })
    const pings = answerPings(peer)
    await delay(400)
    expect(client.readyState).toBe(1)
    expect(pings()).toBeGreaterThanOrEqual(8)
    expect(pings()).toBeLessThanOrEqual(14)
    expect(new Set(lines)).toEqual(new Set(['open', 'pong  timed']))
  })

  it.each([
    ['longer than the timeout', 60, 30],
    ['shorter than the timeout', 20, 70]
  ])('drops a half-open peer, with an interval %s', async (_, pingIntervalMs, pongTimeoutMs) => {
    const { lines, handlers } = recorder()
    const { server, client } = await serveOne({ ...handlers, pingIntervalMs, pongTimeoutMs })
    const began = performance.now()
    const details = await within(client.closed(), 'the end', 2000)
    const elapsedMs = performance.now() - began
    expect([elapsedMs > 70, elapsedMs < 600]).toEqual([true, true])
    expect(details).toMatchObject({ code: 1006, wasClean: false, initiator: 'local' })
    expect(lines).toEqual(['open', 'close 1006 "" unclean local pong-timeout'])
    expect(server.clients.size).toBe(0)
  })

  it('drops a peer that stopped reading and sends nothing', async () => {
    const { peer, client } = await serveOne({ pingIntervalMs: 40, pongTimeoutMs: 40 })
    peer.pause()
    client.send(Buffer.alloc(30_000_000))
    const details = await within(client.closed(), 'the end', 2000)
    expect(details.cause?.code).toBe('pong-timeout')
  })

  it('leaves alone a peer that sends and answers no ping: it is there', async () => {
    const { peer, client } = await serveOne({ pingIntervalMs: 30, pongTimeoutMs: 30 })
    for (let i = 0; i < 30; i++) {
      peer.text('busy')
      await delay(10)
    }
    expect(client.readyState).toBe(1)
  })

  it('leaves alone a peer that reads one long message slowly', async () => {
    const { peer, client } = await serveOne({ pingIntervalMs: 50, pongTimeoutMs: 150 })
    peer.pause()
    const byteLength = 60_000_000
    client.send(Buffer.alloc(byteLength))
    let received = 0
    peer.socket.on('data', (bytes: Buffer) => {
      received += bytes.length
      peer.pause()
    })
    const reading = setInterval(() => peer.resume(), 1)
    await until(() => received >= byteLength || client.readyState !== 1, 'all is read', 15_000)
    clearInterval(reading)
    expect([client.readyState, received >= byteLength]).toEqual([1, true])
  })

  it('leaves alone a peer whose answers the application does not read, and asks anew after resume', async () => {
    const { peer, client } = await serveOne({ pingIntervalMs: 20, pongTimeoutMs: 20 })
    client.pause()
    await delay(150)
    expect(client.readyState).toBe(1)
    const pings = answerPings(peer)
    client.resume()
    await delay(100)
    expect([client.readyState, pings() > 3]).toEqual([1, true])
  })

  it('after resume drops a peer that was lost meanwhile', async () => {
    const { client } = await serveOne({ pingIntervalMs: 20, pongTimeoutMs: 20 })
    client.pause()
    await delay(100)
    client.resume()
    const details = await within(client.closed(), 'the end', 2000)
    expect(details.cause?.code).toBe('pong-timeout')
  })

  it('sends none with pingIntervalMs 0, and drops nobody with pongTimeoutMs 0', async () => {
    const silent = await serveOne({ pingIntervalMs: 0, pongTimeoutMs: 10 })
    const patient = await serveOne({ pingIntervalMs: 10, pongTimeoutMs: 0 })
    await delay(120)
    expect([silent.client.readyState, silent.peer.unread.length]).toEqual([1, 0])
    expect([patient.client.readyState, patient.peer.unread.length > 10]).toEqual([1, true])
  })

  it('§5.5.1 sends no ping behind a close frame, and leaves the rest to closeTimeoutMs', async () => {
    const { peer, client } = await serveOne({ pingIntervalMs: 15, pongTimeoutMs: 30, closeTimeoutMs: 200 })
    await delay(20)
    const closing = client.close()
    const details = await closing
    expect(details.cause?.code).toBe('close-timeout')
    const frames = peer.unread
    expect(frames.subarray(-4).toString('hex')).toBe('880203e8')
  })

  it('is no burden on a busy connection: its pings go between messages', async () => {
    const { peer, client } = await serveOne({ pingIntervalMs: 10, pongTimeoutMs: 50 })
    const pings = answerPings(peer)
    const end = performance.now() + 200
    while (performance.now() < end) {
      peer.write(Buffer.concat(Array.from({ length: 50 }, () => encodeFrame(1, Buffer.from('x')))))
      client.send('x'.repeat(1000))
      await new Promise(setImmediate)
    }
    expect([client.readyState, pings() > 4]).toEqual([1, true])
  })
})

describe('a peer that is not read because it reads slowly', () => {
  it('is alive while it takes what waits, for its pong cannot be seen', async () => {
    const { peer, client } = await serveOne({ pingIntervalMs: 0 })
    peer.pause()
    client.expirePing()
    client.send(Buffer.alloc(30_000_000))
    await delay(20)
    const before = client.bufferedAmount
    expect(before).toBeGreaterThan(64 * 1024)
    peer.resume()
    await until(() => client.bufferedAmount < before, 'it has taken some')
    client.expirePong()
    expect(client.readyState).toBe(1)
  })
})
