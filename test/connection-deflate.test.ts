// Reports and pressure of connections whose long messages are compressed in slices.
import { describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { type Connection, DeflateMessage } from '../src/index.js'
import { json } from './extensions/deflate-pair.js'
import { cleanUp, guard, serve, until } from './support/harness.js'

guard()

const LONG = json(3_000_000)

async function open(handlers: object, onclient: (client: Connection) => void) {
  const lines: string[] = []
  const describeMessage = (message: { bytes: Uint8Array }) => String(message.bytes.length)
  const server = await serve({
    extensions: [new DeflateMessage()],
    onopen: onclient,
    onsent: (_, message) => void lines.push(`sent ${describeMessage(message)}`),
    onunsent: (_, message, { code }) => void lines.push(`unsent ${describeMessage(message)} ${code}`),
    onclose: (_, code, _reason, { wasClean }) => void lines.push(`close ${code} ${wasClean}`),
    ...handlers
  })
  const client = new WebSocket(server.url!)
  cleanUp(() => client.terminate())
  const received: string[] = []
  client.on('message', (data) => void received.push(String(data)))
  client.on('error', () => {})
  return { server, client, received, lines }
}

describe('long messages', () => {
  it('are reported as sent once, in order, with those behind them; the close frame waits', async () => {
    const statuses: string[] = []
    const amounts: number[] = []
    const callbacks: string[] = []
    const { received, lines } = await open({}, (client) => {
      for (const [index, text] of ['first', LONG, 'third', LONG.slice(0, 500_000), 'fifth'].entries())
        statuses.push(client.send(text, { sent: (reason) => void callbacks.push(`${index} ${reason}`) }))
      amounts.push(client.bufferedAmount, client.queuedMessages)
      void client.close(1000)
    })
    await until(() => lines.length === 6, 'all was reported')
    expect(statuses).toEqual(['sent', 'queued', 'queued', 'queued', 'queued'])
    expect(amounts[0]).toBeGreaterThan(3_500_000)
    expect(amounts[1]).toBe(5)
    expect(received.map(({ length }) => length)).toEqual([5, 3_000_000, 5, 500_000, 5])
    expect(lines).toEqual(['sent 5', 'sent 3000000', 'sent 5', 'sent 500000', 'sent 5', 'close 1000 true'])
    expect(callbacks).toEqual(['0 null', '1 null', '2 null', '3 null', '4 null'])
  })

  it('go before the answer to the close frame of the peer', async () => {
    const { client, received, lines } = await open(
      { onmessage: (connection: Connection) => void connection.send(LONG) },
      () => {}
    )
    client.on('open', () => {
      client.send('go')
      client.close(1000)
    })
    await until(() => lines.length === 2 && received.length === 1, 'all was reported')
    expect([received[0]?.length === LONG.length, lines]).toEqual([true, ['sent 3000000', 'close 1000 true']])
  })

  it('are reported as unsent when the connection is dropped', async () => {
    const { lines } = await open({}, (client) => {
      client.send(LONG)
      client.send('behind')
      setImmediate(() => client.terminate())
    })
    await until(() => lines.length === 3, 'all was reported')
    expect(lines).toEqual(['unsent 3000000 connection-lost', 'unsent 6 connection-lost', 'close 1006 false'])
  })

  it('drained waits for them; a client that echoes them gets all', async () => {
    let drainedAt = -1
    const { received } = await open({}, async (client) => {
      client.send(LONG)
      await client.drained()
      drainedAt = client.bufferedAmount
      client.send('after')
    })
    await until(() => received.length === 2, 'both arrived')
    expect(received.map(({ length }) => length)).toEqual([3_000_000, 5])
    expect(drainedAt).toBeLessThanOrEqual(64 * 1024)
  })
})
