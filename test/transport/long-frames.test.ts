// Long frames, which the engine receives into the message's own memory: cut anywhere, among others' traffic, held back.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { guard, openAt, serve } from '../support/harness.js'
import { encodeFrame, type RawClient } from '../support/raw-client.js'

guard()

const hash = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex').slice(0, 16)

/** Bytes that tell where they stand, so that a piece in a wrong place shows. */
function pattern(byteLength: number, seed: number): Buffer {
  const bytes = Buffer.alloc(byteLength)
  for (let at = 0; at + 4 <= byteLength; at += 4) bytes.writeUInt32LE((at * 2654435761 + seed) >>> 0, at)
  return bytes
}

/** Writes bytes in pieces of the given lengths, in turn. */
async function writeInPieces(peer: RawClient, bytes: Buffer, lengths: readonly number[]): Promise<void> {
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const end = Math.min(at + lengths[index % lengths.length]!, bytes.length)
    if (!peer.socket.write(bytes.subarray(at, end))) await once(peer.socket, 'drain')
    if (index % 7 === 0) await new Promise(setImmediate)
    at = end
  }
}

describe('long frames', () => {
  it('arrive whole and in order, from several clients at once, however they are cut', async () => {
    const received: string[][] = []
    const server = await serve<number>({
      onhandshake: ({ query }) => ({ data: Number(query.get('index')) }),
      onmessage({ data }, message) {
        received[data] ??= []
        received[data].push(`${typeof message.payload} ${message.bytes.length} ${hash(message.bytes)}`)
      }
    })
    const sizes = [131_072, 131_073, 300_000, 1_048_576, 200, 2_500_000, 0, 5_000_000, 65_535, 70_000]
    const cuts = [[1_000_000], [65_536], [4_096, 70_001, 3], [262_144, 1], [17, 131_072]]
    const expected = cuts.map((_, index) =>
      sizes.map((size) => `object ${size} ${hash(pattern(size, index))}`)
    )
    await Promise.all(
      cuts.map(async (lengths, index) => {
        const peer = await openAt(server, { path: `/?index=${index}` })
        const frames = sizes.map((size) => encodeFrame(2, pattern(size, index)))
        await writeInPieces(peer, Buffer.concat(frames), lengths)
      })
    )
    await expect.poll(() => received, { timeout: 10_000 }).toEqual(expected)
  })

  it('arrive as fragments with pings between, and as text', async () => {
    const received: string[] = []
    const server = await serve({
      onmessage: (_, message) => void received.push(`${typeof message.payload} ${hash(message.bytes)}`)
    })
    const peer = await openAt(server)
    const bytes = pattern(900_000, 5)
    const text = Buffer.from('Grüße, 世界 🌍 '.repeat(40_000))
    const frames = [
      encodeFrame(2, bytes.subarray(0, 400_000), { fin: false }),
      encodeFrame(9, Buffer.from('amid')),
      encodeFrame(0, bytes.subarray(400_000, 400_001), { fin: false }),
      encodeFrame(0, bytes.subarray(400_001)),
      encodeFrame(1, text)
    ]
    await writeInPieces(peer, Buffer.concat(frames), [50_000, 333_333, 1])
    await expect.poll(() => received).toEqual([`object ${hash(bytes)}`, `string ${hash(text)}`])
  })

  it('wait while the client is paused amid one, and those behind it', async () => {
    const received: string[] = []
    const server = await serve({
      onmessage(client, message) {
        received.push(hash(message.bytes))
        client.pause()
        setTimeout(() => client.resume(), 5)
      }
    })
    const peer = await openAt(server)
    const payloads = [0, 1, 2, 3].map((seed) => pattern(400_000 + seed, seed))
    const writing = writeInPieces(peer, Buffer.concat(payloads.map((one) => encodeFrame(2, one))), [90_000])
    for (let round = 0; round < 20; round++) {
      for (const client of server.clients) client.pause()
      await delay(2)
      for (const client of server.clients) client.resume()
    }
    await writing
    await expect.poll(() => received).toEqual(payloads.map((one) => hash(one)))
  })

  it('fail at the first bad byte of a text, and do not harm others', async () => {
    const errors: string[] = []
    const server = await serve({
      onmessage: (client, message) => void client.send(message),
      onerror: (_, error) => void errors.push(error.code)
    })
    const [bad, good] = [await openAt(server), await openAt(server)]
    const text = Buffer.alloc(600_000, 'a')
    text[500_000] = 0xff
    bad.socket.write(encodeFrame(1, text).subarray(0, 550_000))
    expect(await bad.readClose()).toEqual({ code: 1007, reason: '' })
    good.socket.write(encodeFrame(2, pattern(700_000, 9)))
    expect(hash((await good.readMessage()).payload)).toBe(hash(pattern(700_000, 9)))
    expect(errors).toEqual(['invalid-utf8'])
  })

  it('that are dropped amid their payload leave nothing behind', async () => {
    const server = await serve()
    for (let round = 0; round < 20; round++) {
      const peer = await openAt(server)
      peer.socket.write(encodeFrame(2, pattern(900_000, round)).subarray(0, 300_000 + round * 10_000))
      await delay(3)
      if (round % 2 === 0) peer.destroy()
      else for (const client of server.clients) client.terminate()
    }
    await expect.poll(() => server.clients.size).toBe(0)
  })
})
