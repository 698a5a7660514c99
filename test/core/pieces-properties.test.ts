// Messages told piece by piece are those that are told whole.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CoreSubject } from '../conformance/core-subject.js'
import { IMPLEMENTATIONS } from '../conformance/kernels.js'
import { ping } from '../conformance/vector.js'
import { encode, type FrameSpec, join, toHex, utf8 } from '../conformance/wire.js'
import { PiecesSubject } from './pieces-subject.js'

const bytesOf = (...frames: FrameSpec[]) => join(frames.map((frame) => encode(frame, 'server')))

const frames = fc.array(
  fc.record({
    kind: fc.constantFrom('text', 'binary'),
    parts: fc.array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.constant('')), {
      minLength: 1,
      maxLength: 5
    }),
    pings: fc.boolean(),
    cut: fc.integer({ min: 0, max: 3 })
  }),
  { maxLength: 6 }
)

for (const { title, environment } of IMPLEMENTATIONS) {
  it.skipIf(environment === null)(
    `pieces joined are the whole messages, for random frames and cuts (${title})`,
    () => {
      const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 })
      fc.assert(
        fc.property(frames, sizes, (messages, chunkSizes) => {
          const specs = messages.flatMap(({ kind, parts, pings, cut }) => {
            const whole = utf8(parts.join(''))
            // Cut at other places than between the parts, inside characters too.
            const ends = [...parts.keys()].map((i) =>
              i === parts.length - 1
                ? whole.length
                : Math.max(0, Math.floor((whole.length * (i + 1)) / parts.length) - cut)
            )
            return ends.flatMap((end, i) => {
              const spec = {
                opcode: i > 0 ? 0 : kind === 'text' ? 1 : 2,
                payload: whole.slice(i === 0 ? 0 : ends[i - 1]!, end),
                fin: i === ends.length - 1
              }
              return pings ? [spec, ping(utf8(`${i}`))] : [spec]
            })
          })
          const bytes = bytesOf(...specs)
          const whole = new CoreSubject(environment!, 'server')
          whole.receive(bytes.slice())
          const inPieces = new PiecesSubject(environment!)
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = chunkSizes[i % chunkSizes.length]!
            inPieces.receive(bytes.slice(at, at + size))
            at += size
          }
          expect(messagesOf(inPieces.lines)).toEqual(messagesOfEvents(whole))
          expect(inPieces.lines.filter((line) => line.startsWith('frame ') && line !== 'frame end')).toEqual(
            specs
              .filter(({ opcode }) => opcode <= 2)
              .map(({ payload, fin }) => `frame ${payload.length}${fin === false ? '' : ' final'}`)
          )
          expect(inPieces.takeBytes()).toEqual(whole.takeBytes())
        }),
        { seed: 6455, numRuns: 300 }
      )
    }
  )
}

/** Opcode and payload of each message, and pings where they were told. */
function messagesOf(lines: readonly string[]): string[] {
  const found: string[] = []
  const pings: string[] = []
  let payload = ''
  for (const line of lines) {
    if (line.startsWith('begin ')) payload = `${line.slice(6)} `
    else if (line.startsWith('data ')) payload += line.slice(5)
    else if (line.startsWith('ping ')) pings.push(line)
    else if (line === 'end') found.push(payload)
  }
  return [...found, ...pings]
}

function messagesOfEvents({ events }: CoreSubject): string[] {
  const found = events.flatMap(([kind, payload]) => {
    if (kind === 'text') return [`1 ${toHex(utf8(payload))}`]
    return kind === 'binary' ? [`2 ${payload}`] : []
  })
  return [...found, ...events.flatMap(([kind, payload]) => (kind === 'ping' ? [`ping ${payload}`] : []))]
}
