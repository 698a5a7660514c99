import { describe, expect, it } from 'vitest'
import { HandlerSet } from '../src/connection-handlers.js'
import { DEFAULT_LIMITS } from '../src/core/limits.js'
import type { Role } from '../src/core/terms.js'
import { Endpoint, type EndpointOptions } from '../src/endpoint.js'
import type { Connection } from '../src/index.js'
import { createLogger } from '../src/log.js'
import { duplexPair } from './support/duplex-pair.js'
import { guard, pattern, recorder, until } from './support/harness.js'

guard()

const OPENED = { data: undefined, protocol: null, extensions: [], request: null, head: new Uint8Array(0) }

function makeEndpoint(role: Role, options: Partial<EndpointOptions<undefined>> = {}) {
  const { lines, handlers } = recorder()
  const owner = new HandlerSet<undefined>(handlers, createLogger('silent'), 'peer')
  const endpoint = new Endpoint<undefined>({
    role,
    owner,
    isHandled: (name) => owner.isHandled(name),
    logger: createLogger('silent'),
    limits: DEFAULT_LIMITS,
    lowWatermarkBytes: 64 * 1024,
    highWatermarkBytes: 1024 * 1024,
    autoFragmentBytes: 0,
    onslow: 'pause',
    closeTimeoutMs: 1000,
    pingIntervalMs: 0,
    pongTimeoutMs: 0,
    keepRequest: false,
    ...options
  })
  return { endpoint, lines }
}

/** A server's and a client's endpoint, back to back over streams in memory. */
function backToBack(clientOptions: Partial<EndpointOptions<undefined>> = {}) {
  const [server, client] = [makeEndpoint('server'), makeEndpoint('client', clientOptions)]
  const connect = (): [Connection, Connection] => {
    const [left, right] = duplexPair()
    return [server.endpoint.adopt(left, OPENED), client.endpoint.adopt(right, OPENED)]
  }
  return { server, client, connect }
}

describe('Endpoint', () => {
  it('makes connections over any Duplex, in both roles', async () => {
    const { server, client, connect } = backToBack()
    const [onServer, onClient] = connect()
    expect([onServer.remoteAddress, onServer.remotePort]).toEqual([null, null])
    onServer.send('from the server')
    onClient.send('from the client')
    onClient.send(Uint8Array.of(1, 2, 3))
    onServer.sendPing('p')
    await until(() => server.lines.length === 4 && client.lines.length === 3, 'all arrived')
    const details = await onServer.close(4000, 'done')
    expect(details).toEqual({ code: 4000, reason: '', wasClean: true, initiator: 'local', cause: null })
    await onClient.closed()
    expect(server.lines).toEqual([
      'open',
      'message from the client',
      'message 010203',
      'pong p timed',
      'close 4000 "" clean local null'
    ])
    expect(client.lines).toEqual([
      'open',
      'message from the server',
      'ping p',
      'close 4000 "done" clean remote null'
    ])
  })

  it('keeps the open connections, in the order in which they opened', async () => {
    const { server, client, connect } = backToBack()
    const pairs = [connect(), connect(), connect()]
    expect([...server.endpoint.connections]).toEqual(pairs.map(([onServer]) => onServer))
    await pairs[1]![0].close()
    await pairs[1]![1].closed()
    expect([...server.endpoint.connections]).toEqual([pairs[0]![0], pairs[2]![0]])
    const ends = await server.endpoint.closeAll()
    expect(ends.map(({ code, wasClean }) => [code, wasClean])).toEqual([
      [1001, true],
      [1001, true]
    ])
    await until(() => client.endpoint.connections.size === 0, 'the clients noticed')
    expect(server.endpoint.connections.size).toBe(0)
  })

  it('carries megabytes both ways under back-pressure', async () => {
    // One side must go on reading: two that both stop wait for each other for ever.
    const { server, client, connect } = backToBack({ onslow: 'continue' })
    const [onServer, onClient] = connect()
    const payload = pattern(300_000)
    for (let i = 0; i < 20; i++) {
      onServer.send(payload)
      onClient.send(payload)
    }
    await until(() => server.lines.length === 21 && client.lines.length === 21, 'all arrived')
    const expected = `message ${payload.toString('hex')}`
    for (const { lines } of [server, client])
      expect(lines.slice(1).every((one) => one === expected)).toBe(true)
    expect([onServer.bufferedAmount, onClient.bufferedAmount]).toEqual([0, 0])
  })

  it.each(['server', 'client'] as const)(
    '§7.1.1 ends the transport in time if the %s closes',
    async (who) => {
      const { server, client, connect } = backToBack()
      const pair = connect()
      const began = performance.now()
      const details = await Promise.all([
        pair[who === 'server' ? 0 : 1].close(4000),
        pair[0].closed(),
        pair[1].closed()
      ])
      expect(details.map(({ code, wasClean }) => [code, wasClean])).toEqual(Array(3).fill([4000, true]))
      expect(performance.now() - began).toBeLessThan(500)
      expect([server.endpoint.connections.size, client.endpoint.connections.size]).toEqual([0, 0])
    }
  )

  it('§7.1.1 a client that fails the connection does not wait for the server', async () => {
    const { connect, client } = backToBack({ limits: { ...DEFAULT_LIMITS, maxMessageBytes: 10 } })
    const [onServer, onClient] = connect()
    onServer.send('far too long')
    await Promise.all([onServer.closed(), onClient.closed()])
    expect(client.lines).toEqual([
      'open',
      'error message-too-big',
      'close 1006 "" unclean local message-too-big'
    ])
  })
})
