// Replays attacks that were published against other libraries, as far as frames are their means.
import { describe, expect, it } from 'vitest'
import { WebSocketError } from '../../src/core/errors.js'
import { CoreSubject } from './core-subject.js'
import { IMPLEMENTATIONS } from './kernels.js'
import { heldBytes } from './memory.js'
import { readSent } from './subject.js'
import { binary, close, more, ping, pong, sentClose, sentPong, text } from './vector.js'
import { encode, hex, join, noise } from './wire.js'

const NOT_FINAL = { fin: false }
const MIB = 1024 * 1024

/** A chunk that a peer sends again and again: `count` times the same frame. */
function repeated(frame: Uint8Array, count: number): Uint8Array {
  const chunk = new Uint8Array(frame.length * count)
  for (let i = 0; i < count; i++) chunk.set(frame, i * frame.length)
  return chunk
}

for (const { title, environment } of IMPLEMENTATIONS) {
  describe.skipIf(environment === null)(title, () => {
    const make = (limits = {}) => new CoreSubject(environment!, 'server', limits)
    const sent = (subject: CoreSubject) => readSent(subject.takeBytes(), 'server')

    it('CVE-2016-10518: a ping with a number sends nothing, least of all memory that is not initialised', () => {
      const subject = make()
      expect(() => subject.ping(1000 as unknown as Uint8Array)).toThrow(WebSocketError)
      expect(sent(subject)).toEqual([])
    })

    it('CVE-2026-45736: a close reason that is a typed array sends nothing', () => {
      const subject = make()
      for (const reason of [new Uint8Array(100), new Float64Array(100), new ArrayBuffer(100)])
        expect(() => subject.close(1000, reason as unknown as string)).toThrow(WebSocketError)
      expect([sent(subject), subject.protocol.state]).toEqual([[], 'open'])
    })

    it('CVE-2016-10542: without any option, 64 MiB and a byte are refused on the header', () => {
      const subject = make()
      subject.receive(encode(binary(noise(0), { announced: BigInt(64 * MIB + 1) }), 'server'))
      expect(subject.events).toEqual([['error', 'frame-too-big'], ['finish']])
      expect(sent(subject)).toEqual([sentClose(1009)])
    })

    it('CVE-2026-1528: 64-bit lengths neither overflow nor make the process reserve memory', () => {
      const before = heldBytes()
      for (const announced of [
        1n << 32n,
        (1n << 32n) + 1n,
        1n << 53n,
        (1n << 63n) - 1n,
        1n << 63n,
        (1n << 64n) - 1n
      ]) {
        const subject = make()
        subject.receive(encode(binary(noise(1), { announced }), 'server'))
        expect(subject.events.map(([kind]) => kind)).toEqual(['error', 'finish'])
      }
      expect(heldBytes() - before).toBeLessThan(MIB)
    })

    it('an announced 64 MiB that never come reserve no memory', () => {
      const before = heldBytes()
      const subject = make()
      subject.receive(encode(binary(noise(1), { announced: BigInt(64 * MIB) }), 'server'))
      expect(subject.events).toEqual([])
      expect(heldBytes() - before).toBeLessThan(MIB)
    })

    for (const [what, payload] of [
      ['empty', hex('')],
      ['tiny', hex('61')]
    ] as const) {
      it(`CVE-2026-48779: 131 000 ${what} fragments without an end are refused, with bounded memory and time`, () => {
        const subject = make()
        const before = heldBytes()
        const started = performance.now()
        subject.receive(encode(text(payload, NOT_FINAL), 'server'))
        const fragment = encode(more(payload, NOT_FINAL), 'server')
        for (let i = 0; i < 131; i++) subject.receive(repeated(fragment, 1000))
        expect(subject.events).toEqual([['error', 'too-many-fragments'], ['finish']])
        expect(sent(subject)).toEqual([sentClose(1008)])
        expect(performance.now() - started).toBeLessThan(2000)
        expect(heldBytes() - before).toBeLessThan(4 * MIB)
      })
    }

    it('CVE-2026-62389: fragments that come a byte at a time are counted all the same', () => {
      const subject = make({ maxFragments: 100 })
      subject.receive(encode(binary(noise(1), NOT_FINAL), 'server'))
      const fragment = encode(more(noise(1), NOT_FINAL), 'server')
      for (let i = 0; i < 100; i++) for (const byte of fragment) subject.receive(Uint8Array.of(byte))
      expect(subject.events).toEqual([['error', 'too-many-fragments'], ['finish']])
    })

    it('4 MiB in frames of 64 bytes are a message, whole', () => {
      const subject = make()
      const payload = noise(64)
      subject.receive(encode(binary(payload, NOT_FINAL), 'server'))
      const fragment = encode(more(payload, NOT_FINAL), 'server')
      for (let i = 0; i < 65_534; i += 2) subject.receive(repeated(fragment, 2))
      subject.receive(encode(more(payload), 'server'))
      expect(subject.events).toHaveLength(1)
      const [kind, content] = subject.events[0]! as [string, string]
      expect([kind, content.length]).toEqual(['binary', 2 * 4 * MIB])
      expect(content === Buffer.from(payload).toString('hex').repeat(65_536)).toBe(true)
    })

    it('tiny pieces of large chunks do not pin the chunks', () => {
      const subject = make()
      const before = heldBytes()
      subject.receive(encode(binary(noise(10), NOT_FINAL), 'server'))
      const fragment = encode(more(noise(1), NOT_FINAL), 'server')
      for (let i = 0; i < 1000; i++) {
        // 64 KiB of memory each, of which the frame is a few bytes; as pools of sockets hand them out.
        const pool = new Uint8Array(64 * 1024)
        pool.set(fragment)
        subject.receive(pool.subarray(0, fragment.length))
      }
      expect(heldBytes() - before).toBeLessThan(MIB)
      subject.receive(encode(more(noise(1)), 'server'))
      expect(subject.events).toHaveLength(1)
    })

    it('CVE-2022-21676: a frame with RSV2 or RSV3 is an error of its connection alone, told nobody or not', () => {
      for (const rsv of [0x20, 0x10]) {
        const subject = make()
        subject.receive(join([encode(text('x', { rsv }), 'server'), encode(text('y'), 'server')]))
        expect(subject.events).toEqual([['error', 'reserved-bits'], ['finish']])
        expect(sent(subject)).toEqual([sentClose(1002)])
      }
    })

    it('a ping flood into an output that nobody drains stays bounded; the newest ping is answered when it is', () => {
      const subject = make()
      const flood = repeated(encode(ping(noise(125)), 'server'), 1000)
      for (let i = 0; i < 100; i++) subject.receive(flood.slice())
      expect(subject.output.pendingBytes).toBe(64 * 127)
      subject.receive(encode(ping(hex('01')), 'server'))
      subject.takeBytes()
      subject.protocol.drained()
      expect(sent(subject)).toEqual([sentPong(hex('01'))])
    })

    it('a pong flood is told and costs nothing', () => {
      const subject = make()
      for (let i = 0; i < 100; i++) subject.ping(Uint8Array.of(i))
      const before = subject.output.pendingBytes
      subject.receive(repeated(encode(pong(noise(125)), 'server'), 10_000))
      expect([subject.events.length, subject.output.pendingBytes]).toEqual([10_000, before])
    })

    it('a close flood is answered once', () => {
      const subject = make()
      for (let i = 0; i < 10; i++) subject.receive(repeated(encode(close(1000), 'server'), 1000))
      expect([sent(subject), subject.events]).toEqual([[sentClose(1000)], [['finish']]])
    })

    it('a connection that failed never sends again (uWebSockets #1338)', () => {
      const subject = make({ maxMessageBytes: 10 })
      subject.receive(encode(text('a'.repeat(11)), 'server'))
      expect(subject.protocol.send('b')).toBe(false)
      subject.receive(join([encode(text('c'), 'server'), encode(ping(), 'server')]))
      subject.protocol.drained()
      expect(sent(subject)).toEqual([sentClose(1009)])
    })
  })
}
