// Properties of two Protocols back to back, and of one that is given anything at all.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Environment } from '../../src/core/environment.js'
import type { Role } from '../../src/core/terms.js'
import { CoreSubject } from './core-subject.js'
import { IMPLEMENTATIONS } from './kernels.js'
import type { Transcript } from './subject.js'
import type { Event } from './vector.js'
import { encode, type FrameSpec, join, noise, toHex } from './wire.js'

const SEED = 6455
const ROLES = ['client', 'server'] as const
const PAUSES = ['pause', 'pause-inside', 'resume'] as const

/** Text of any UTF-16 units, astral characters and lone surrogates among them. */
const anyText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0x41, 0xd83d, 0xde00, 0xe4, 0x20ac)), {
    maxLength: 40
  })
  .map((units) => String.fromCharCode(...units))
const byteLength = fc.oneof(
  { arbitrary: fc.integer({ min: 0, max: 300 }), weight: 10 },
  { arbitrary: fc.constantFrom(125, 126, 4096, 16_384, 16_385, 65_535, 65_536, 100_000), weight: 1 }
)
const anyPayload = fc.oneof(
  anyText,
  byteLength.map(noise),
  byteLength.map((length) => 'ä'.repeat(length)),
  fc.uint8Array({ maxLength: 50 })
)
const role = fc.constantFrom(...ROLES)
const fragmentSize = fc.option(
  fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 11, max: 70_000 }))
)
const chunkSizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 })), {
  minLength: 1,
  maxLength: 10
})

/** One thing that happens in a conversation. */
const action = fc.oneof(
  {
    arbitrary: fc.record({ kind: fc.constant('send' as const), role, payload: anyPayload, fragmentSize }),
    weight: 4
  },
  { arbitrary: fc.record({ kind: fc.constant('ping' as const), role }), weight: 1 },
  /** 'pause-inside': at the message that comes next, in its handler. */
  { arbitrary: fc.record({ kind: fc.constantFrom(...PAUSES), role }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('deliver' as const), role, chunkSizes }), weight: 4 }
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** A subject that can be told to pause at its next message. */
class Party extends CoreSubject {
  pausesInside = false

  override handleMessage(message: Parameters<CoreSubject['handleMessage']>[0]): void {
    super.handleMessage(message)
    if (!this.pausesInside) return
    this.pausesInside = false
    this.protocol.pause()
  }
}

/** Gives bytes in chunks whose sizes go round. */
function giveChunks(subject: CoreSubject, bytes: Uint8Array, sizes: readonly number[]): void {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const end = Math.min(at + sizes[i % sizes.length]!, bytes.length)
    subject.receive(bytes.slice(at, end))
    at = end
  }
}

/** What a peer must be told of a payload that was sent. */
function told(payload: string | Uint8Array): Event {
  if (typeof payload !== 'string') return ['binary', toHex(payload)]
  return ['text', new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(payload))]
}

function converse(environment: Environment, actions: readonly Action[]): void {
  const limits = { maxFragments: 1_000_000, maxUnansweredPings: 1000 }
  const parties = {
    client: new Party(environment, 'client', limits),
    server: new Party(environment, 'server', limits)
  }
  const other = { client: 'server', server: 'client' } as const
  const expected: Record<Role, Event[]> = { client: [], server: [] }
  const pings: Record<Role, string[]> = { client: [], server: [] }
  const deliver = (to: Role, sizes: readonly number[]) =>
    giveChunks(parties[to], parties[other[to]].takeBytes(), sizes)
  for (const [index, step] of actions.entries()) {
    const { protocol } = parties[step.role]
    if (step.kind === 'send') {
      expect(protocol.send(step.payload, { fragmentSize: step.fragmentSize })).toBe(true)
      expected[other[step.role]].push(told(step.payload))
    } else if (step.kind === 'ping') {
      const payload = Uint8Array.of(index >> 8, index & 0xff)
      expect(protocol.sendPing(payload)).toBe(true)
      expected[other[step.role]].push(['ping', toHex(payload)])
      pings[step.role].push(toHex(payload))
    } else if (step.kind === 'deliver') deliver(step.role, step.chunkSizes)
    else if (step.kind === 'pause-inside') parties[step.role].pausesInside = true
    else protocol[step.kind]()
  }
  // Twice: pings are answered by what the first round brings.
  for (const to of [...ROLES, ...ROLES, ...ROLES]) {
    parties[to].pausesInside = false
    parties[to].protocol.resume()
    deliver(to, [1000])
  }
  for (const one of ROLES) {
    const { events } = parties[one]
    expect(events.filter(([kind]) => kind !== 'pong')).toEqual(expected[one])
    expect(events.filter(([kind]) => kind === 'pong')).toEqual(
      pings[one].map((hex) => ['pong', hex, 'answer'])
    )
    expect(parties[one].protocol.isHolding).toBe(false)
  }
}

/** Frames that mostly keep to the rules. */
const anyFrame: fc.Arbitrary<FrameSpec> = fc.record(
  {
    opcode: fc.oneof(
      { arbitrary: fc.constantFrom(0, 1, 2, 9, 10), weight: 20 },
      { arbitrary: fc.constant(8), weight: 2 },
      { arbitrary: fc.integer({ min: 0, max: 15 }), weight: 1 }
    ),
    payload: fc.oneof(
      anyText.map((text) => new TextEncoder().encode(text)),
      fc.uint8Array({ maxLength: 200 }),
      fc.constant(new Uint8Array(0))
    ),
    fin: fc.boolean(),
    rsv: fc.oneof(
      { arbitrary: fc.constant(0), weight: 30 },
      { arbitrary: fc.constantFrom(0x40, 0x20, 0x10), weight: 1 }
    ),
    masking: fc.oneof(
      { arbitrary: fc.constant('right' as const), weight: 30 },
      { arbitrary: fc.constant('wrong' as const), weight: 1 }
    )
  },
  { requiredKeys: ['opcode', 'payload'] }
)
/** A stream of frames, of which some bytes are changed. */
const anyStream = fc
  .record({
    role,
    frames: fc.array(anyFrame, { maxLength: 12 }),
    flips: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 2 }),
    junk: fc.uint8Array({ maxLength: 30 })
  })
  .map(({ role, frames, flips, junk }) => {
    const bytes = join([...frames.map((frame) => encode(frame, role)), junk])
    if (bytes.length > 0) for (const [at, mask] of flips) bytes[at % bytes.length]! ^= mask
    return { role, bytes }
  })

/** Small limits, so that random streams reach them. */
const SMALL_LIMITS = { maxMessageBytes: 400, maxFrameBytes: 150, maxFragments: 6, maxUnansweredPings: 3 }

/** A client whose masking keys are the same in every run. */
function countingKeys(environment: Environment): Environment {
  let key = 1
  return { ...environment, maskingKey: () => key++ }
}

function transcribe(
  environment: Environment,
  role: Role,
  bytes: Uint8Array,
  sizes: readonly number[]
): Transcript {
  const subject = new CoreSubject(countingKeys(environment), role, SMALL_LIMITS)
  giveChunks(subject, bytes, sizes)
  return subject.finish()
}

for (const { title, environment } of IMPLEMENTATIONS) {
  describe.skipIf(environment === null)(title, () => {
    it('whatever two peers send, in whatever frames and chunks, with whatever pauses, arrives whole, in order, once', () => {
      fc.assert(
        fc.property(fc.array(action, { maxLength: 40 }), (actions) => converse(environment!, actions)),
        { seed: SEED, numRuns: 300 }
      )
    })

    it('random bytes never throw, and what comes of them does not depend on the chunks', () => {
      fc.assert(
        fc.property(role, fc.uint8Array({ maxLength: 300 }), chunkSizes, (role, bytes, sizes) => {
          const whole = transcribe(environment!, role, bytes, [1000])
          expect(transcribe(environment!, role, bytes, sizes)).toEqual(whole)
        }),
        { seed: SEED, numRuns: 1000 }
      )
    })

    it('damaged streams of frames never throw, and what comes of them does not depend on chunks or kernels', () => {
      fc.assert(
        fc.property(anyStream, chunkSizes, ({ role, bytes }, sizes) => {
          const whole = transcribe(IMPLEMENTATIONS[0]!.environment!, role, bytes, [100_000])
          expect(transcribe(environment!, role, bytes, [1])).toEqual(whole)
          expect(transcribe(environment!, role, bytes, sizes)).toEqual(whole)
        }),
        { seed: SEED, numRuns: 1000 }
      )
    })

    it('pauses at any message change nothing but the time', () => {
      fc.assert(
        fc.property(
          anyStream,
          chunkSizes,
          fc.array(fc.boolean(), { minLength: 1 }),
          ({ role, bytes }, sizes, pauses) => {
            const whole = transcribe(environment!, role, bytes, [100_000])
            const subject = new Party(countingKeys(environment!), role, SMALL_LIMITS)
            let step = 0
            for (let at = 0, i = 0; at < bytes.length; i++) {
              const end = Math.min(at + sizes[i % sizes.length]!, bytes.length)
              subject.pausesInside = pauses[step++ % pauses.length]!
              subject.receive(bytes.slice(at, end))
              if (pauses[step++ % pauses.length]!) subject.protocol.resume()
              at = end
            }
            subject.pausesInside = false
            subject.protocol.resume()
            expect(subject.finish()).toEqual(whole)
          }
        ),
        { seed: SEED, numRuns: 500 }
      )
    })
  })
}
