// The class PerMessageDeflate: what it offers and agrees to, and messages through it, by ws and by its stand-in, and from one to the
// other (RFC 7692).
import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/harness.js'
import { original, type Subject, subjects } from './subjects.js'

guard()

type Parameters = Record<string, string | number | true>

interface Deflate {
  readonly params: Parameters | null
  offer(): Parameters
  accept(configurations: Record<string, unknown[]>[]): Parameters
  cleanup(): void
  compress(data: Buffer, fin: boolean, callback: (error: Error | null, result?: Buffer) => void): void
  decompress(data: Buffer, fin: boolean, callback: (error: Error | null, result?: Buffer) => void): void
}
type DeflateClass = { new (options?: object): Deflate; readonly extensionName: string }

const classOf = (subject: Subject) =>
  (subject as unknown as { PerMessageDeflate: DeflateClass }).PerMessageDeflate

function run(one: Deflate, method: 'compress' | 'decompress', data: Buffer, fin = true): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    one[method](data, fin, (error, result) => (error ? reject(error) : resolve(Buffer.from(result!))))
  })
}

/** Made anew each time: `ws` changes what it is given. */
const noWindows = () => [{ client_no_context_takeover: [true], server_no_context_takeover: [true] }]
const noise = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * i * 31 + (i >> 3) * 7) & 255))
const messages = [Buffer.alloc(0), Buffer.from('a'), Buffer.from('abc'.repeat(1000)), noise]

describe.each(subjects)('$name: PerMessageDeflate', (subject) => {
  const PerMessageDeflate = classOf(subject)

  it('offers what a client can do with', () => {
    expect(PerMessageDeflate.extensionName).toBe('permessage-deflate')
    const forgetful = { serverNoContextTakeover: true, clientNoContextTakeover: true }
    expect(new PerMessageDeflate(forgetful).offer()).toEqual({
      server_no_context_takeover: true,
      client_no_context_takeover: true,
      client_max_window_bits: true
    })
    const options = { serverNoContextTakeover: true, clientMaxWindowBits: 10, serverMaxWindowBits: 11 }
    expect(new PerMessageDeflate(options).offer()).toEqual({
      server_no_context_takeover: true,
      server_max_window_bits: 11,
      client_max_window_bits: 10
    })
  })

  it('agrees to an offer, or throws', () => {
    const server = new PerMessageDeflate({ isServer: true })
    expect(server.params).toBeNull()
    const agreed = { client_no_context_takeover: true, server_no_context_takeover: true }
    expect(server.accept(noWindows())).toEqual(agreed)
    expect(server.params).toEqual(agreed)
    server.cleanup()
    expect(() => new PerMessageDeflate({ isServer: true }).accept([])).toThrow(
      'None of the extension offers can be accepted'
    )
  })

  it.each(subjects)('messages that it compresses are read by $name', async (other) => {
    const [server, client] = [
      new PerMessageDeflate({ isServer: true, threshold: 0 }),
      new (classOf(other))({ threshold: 0 })
    ]
    server.accept(noWindows())
    client.accept(noWindows())
    for (const message of messages) {
      const coded = await run(server, 'compress', message)
      expect((await run(client, 'decompress', coded)).equals(message)).toBe(true)
    }
    server.cleanup()
    client.cleanup()
  })

  it('what decompresses to more than maxPayload, or to nothing, is an error', async () => {
    const server = new PerMessageDeflate({ isServer: true, maxPayload: 100 })
    server.accept(noWindows())
    const long = deflateRawSync(Buffer.alloc(1000))
    await expect(run(server, 'decompress', long)).rejects.toThrow()
    await expect(run(server, 'decompress', Buffer.of(7, 7, 7, 7))).rejects.toThrow()
    server.cleanup()
  })
})

it.runIf(subjects.some((subject) => subject !== original))('takes no part of a message', async () => {
  const one = new (classOf(subjects.find((subject) => subject !== original)!))({ isServer: true })
  await expect(run(one, 'compress', noise)).rejects.toThrow('Nothing was accepted')
  one.accept(noWindows())
  await expect(run(one, 'compress', noise, false)).rejects.toThrow('whole')
  one.cleanup()
})
