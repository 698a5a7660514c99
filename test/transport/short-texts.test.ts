// Short texts, which come as strings with the rows that name them: more than one call carries, held back, beside others.
import { describe, expect, it } from 'vitest'
import { guard, openAt, serve, until } from '../support/harness.js'
import { encodeFrame } from '../support/raw-client.js'

guard()

/** What is text, and what only looks like it. */
const SHAPES: readonly ((index: number) => { opcode: number; payload: Buffer })[] = [
  (index) => ({ opcode: 1, payload: Buffer.from(`${index}`) }),
  (index) => ({ opcode: 1, payload: Buffer.from(`${index}`.padEnd(512, 'x')) }),
  (index) => ({ opcode: 1, payload: Buffer.from(`${index}`.padEnd(513, 'y')) }),
  (index) => ({ opcode: 1, payload: Buffer.from(`${index} é 語 😀`) }),
  (index) => ({ opcode: 2, payload: Buffer.from(`${index}`) }),
  () => ({ opcode: 1, payload: Buffer.alloc(0) })
]

function traffic(count: number): { bytes: Buffer; expected: string[] } {
  const frames: Buffer[] = []
  const expected: string[] = []
  for (let index = 0; index < count; index++) {
    const { opcode, payload } = SHAPES[index % 97 < 80 ? 0 : index % SHAPES.length]!(index)
    frames.push(encodeFrame(opcode, payload))
    expected.push(`${opcode === 1 ? 'string' : 'object'} ${payload}`)
  }
  return { bytes: Buffer.concat(frames), expected }
}

const show = (payload: string | Uint8Array) => `${typeof payload} ${Buffer.from(payload as string)}`

describe('short texts', () => {
  it('arrive in order among other messages, many in one batch', async () => {
    const received: string[][] = [[], [], []]
    const server = await serve<number>({
      onhandshake: ({ query }) => ({ data: Number(query.get('index')) }),
      onmessage: ({ data }, { payload }) => void received[data]!.push(show(payload))
    })
    const { bytes, expected } = traffic(5000)
    const peers = await Promise.all(received.map((_, index) => openAt(server, { path: `/?index=${index}` })))
    for (const peer of peers) peer.write(bytes)
    await until(() => received.every((lines) => lines.length === expected.length), 'all arrived')
    for (const lines of received) expect(lines).toEqual(expected)
  })

  it('are held back by a pause', async () => {
    const received: string[] = []
    const server = await serve({
      onmessage(client, { payload }) {
        received.push(show(payload))
        if (received.length % 100 !== 0) return
        client.pause()
        setTimeout(() => client.resume(), 1)
      }
    })
    const { bytes, expected } = traffic(2000)
    const peer = await openAt(server)
    peer.write(bytes)
    await until(() => received.length === expected.length, 'all arrived')
    expect(received).toEqual(expected)
  })

  it('of a closed client are not handed to the next', async () => {
    const received: string[] = []
    const server = await serve({
      onmessage(client, { payload }) {
        received.push(String(payload))
        for (const other of server.clients) if (other !== client) other.terminate()
      }
    })
    const [first, second] = await Promise.all([openAt(server), openAt(server)])
    first.write(Buffer.concat(Array.from({ length: 500 }, (_, i) => encodeFrame(1, Buffer.from(`a${i}`)))))
    second.write(Buffer.concat(Array.from({ length: 500 }, (_, i) => encodeFrame(1, Buffer.from(`b${i}`)))))
    await until(() => received.length >= 500 && server.clients.size === 1, 'one of them is left')
    const letter = received.at(-1)![0]
    expect(received.filter((text) => text[0] === letter)).toEqual(
      Array.from({ length: 500 }, (_, i) => `${letter}${i}`)
    )
  })

  it('break the rules as all others do', async () => {
    const lines: string[] = []
    const server = await serve({
      maxMessageBytes: 10,
      onmessage: (_, { payload }) => void lines.push(String(payload)),
      onerror: (_, error) => void lines.push(error.code)
    })
    const cases: [Buffer, string][] = [
      [encodeFrame(1, Buffer.from('x'.repeat(11))), 'frame-too-big'],
      [encodeFrame(1, Buffer.from('unmasked'), { isMasked: false }), 'unmasked-frame'],
      [
        Buffer.concat([encodeFrame(1, Buffer.from('a'), { fin: false }), encodeFrame(1, Buffer.from('b'))]),
        'interleaved-message'
      ]
    ]
    for (const [bytes, code] of cases) {
      const peer = await openAt(server)
      peer.write(bytes)
      await until(() => lines.length > 0, code)
      expect(lines.splice(0)).toEqual([code])
    }
  })
})
