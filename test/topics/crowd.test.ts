// A thousand clients of which a hundred stop reading: the others must not notice, and memory stays bounded.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AsyncServerOptions, Connection } from '../../src/index.js'
import { cleanUp, guard, serve, until } from '../support/harness.js'
import { upgradeRequest } from '../support/raw-client.js'

guard()

const CLIENT_COUNT = 1000
const MUTE_COUNT = 100
const READER_COUNT = CLIENT_COUNT - MUTE_COUNT
const PAYLOAD = Buffer.alloc(16 * 1024, 'x')
const FRAME_BYTES = PAYLOAD.length + 4
const MIB = 1024 * 1024
const ROUND_COUNT = 60

/** Opens a WebSocket, and counts the bytes that come after the handshake. */
async function open(path: string, count: (byteLength: number) => void): Promise<Socket> {
  const socket = connect({ path })
  cleanUp(() => socket.destroy())
  socket.write(upgradeRequest())
  const [head] = (await once(socket, 'data')) as [Buffer]
  const text = head.toString('latin1')
  expect([text.slice(0, 13), text.slice(-4)]).toEqual(['HTTP/1.1 101 ', '\r\n\r\n'])
  socket.on('data', ({ length }) => count(length)).on('error', () => {})
  return socket
}

/** A server on a unix socket, where the kernel holds little of what is not read; and the crowd. */
async function serveCrowd(options: AsyncServerOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'hotsocket-crowd-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'socket')
  const causes = new Map<Connection, string | null>()
  const server = await serve({
    socketPath,
    backlog: CLIENT_COUNT,
    pingIntervalMs: 0,
    onclose: (client, _code, _reason, { cause }) => void causes.set(client, cause?.code ?? null),
    ...options
  })
  let receivedBytes = 0
  const count = (byteLength: number) => {
    receivedBytes += byteLength
  }
  const sockets: Socket[] = []
  while (sockets.length < CLIENT_COUNT)
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => open(socketPath, count)))))
  await until(() => server.clients.size === CLIENT_COUNT, 'all are open')
  const heldBytes = () => [...server.clients].reduce((sum, client) => sum + client.heldBytes, 0)
  /** Publishes once and waits until so many have got it. Returns how long that took in ms, and what is held then. */
  const round = async (readerCount: number) => {
    const end = receivedBytes + readerCount * FRAME_BYTES
    const start = performance.now()
    server.broadcast(PAYLOAD)
    while (receivedBytes < end) await new Promise(setImmediate)
    expect(receivedBytes).toBe(end)
    return { ms: performance.now() - start, heldBytes: heldBytes() }
  }
  return { server, sockets, causes, round }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

describe('a hundred of a thousand clients that stop reading', () => {
  it.each<[string, AsyncServerOptions, string | null, number]>([
    ["with overflow: 'latest'", { overflow: 'latest' }, null, MUTE_COUNT * (64 * 1024 + 4 * FRAME_BYTES)],
    [
      "with overflow: 'close'",
      { overflow: 'close' },
      'close-timeout',
      MUTE_COUNT * (64 * 1024 + 4 * FRAME_BYTES)
    ],
    // What comes between two looks may be more than the limit.
    ['with maxBufferedBytes', { maxBufferedBytes: 8 * MIB }, 'buffer-limit', (8 + 24) * MIB]
  ])(
    'do not disturb the others, and cost bounded memory, %s',
    { timeout: 60_000 },
    async (_, options, cause, mostBytes) => {
      const { server, sockets, causes, round } = await serveCrowd(options)
      const before: number[] = []
      for (let i = 0; i < 8; i++) before.push((await round(CLIENT_COUNT)).ms)
      for (const socket of sockets.slice(0, MUTE_COUNT)) socket.pause()
      const after: number[] = []
      let most = 0
      const rounds = async (count: number) => {
        for (let i = 0; i < count; i++) {
          const { ms, heldBytes } = await round(READER_COUNT)
          after.push(ms)
          most = Math.max(most, heldBytes)
        }
      }
      await rounds(ROUND_COUNT)
      // Those whose close frame waits behind what they do not read end in 2 s.
      for (let i = 0; options.overflow === 'close' && server.clients.size > READER_COUNT && i < 1000; i++)
        await rounds(1)
      // The kernel holds some 200 KiB for each; without a bound it would be 75 MiB in all by now.
      expect(most).toBeGreaterThan(MUTE_COUNT * 1024)
      expect(most).toBeLessThan(mostBytes)
      expect(new Set(causes.values())).toEqual(new Set(cause === null ? [] : [cause]))
      expect(server.clients.size).toBeLessThanOrEqual(
        cause === null ? CLIENT_COUNT : CLIENT_COUNT - MUTE_COUNT / 4
      )
      expect(server.clients.size).toBeGreaterThanOrEqual(cause === null ? CLIENT_COUNT : READER_COUNT)
      // Their turn-around is what it was: of nine tenths of the clients, and on a machine that has other things to do.
      expect(median(after)).toBeLessThan(2 * median(before) + 5)
    }
  )
})
