// What handlers are given stays theirs: payloads that are kept are compared long after their bytes' memory was used anew.
import { expect, it } from 'vitest'
import type { Message } from '../../src/index.js'
import { collectGarbage, guard, pattern, serveOne, until } from '../support/harness.js'
import { encodeFrame } from '../support/raw-client.js'

guard()

const BATCH_COUNT = 1000
const BATCH_SIZE = 10
const MAX_BYTES = 100 * 1024
const BYTES = pattern(2 * MAX_BYTES)
const UNIT = 'Grüße, 漢字 😀. '
const TEXT = UNIT.repeat(MAX_BYTES / 16)

/** Lengths from 1 byte to 100 KiB: each power of two as often as any other. */
function lengthOf(index: number): number {
  const exponent = ((index * 2654435761) >>> 0) / 2 ** 32
  return Math.ceil(MAX_BYTES ** exponent)
}

/** The payload of one message: text of one byte per character, text of more, or bytes. */
function payloadOf(index: number): string | Uint8Array {
  const length = lengthOf(index)
  const start = (index * 7919) % MAX_BYTES
  if (index % 3 === 0) return BYTES.toString('latin1', start, start + length)
  // Whole units, so that no code point is cut.
  if (index % 3 === 1) return `${index} ${TEXT.slice(0, Math.floor(length / 32) * UNIT.length)}`
  return BYTES.subarray(start, start + length)
}

function encode(payload: string | Uint8Array): Buffer {
  return typeof payload === 'string' ? encodeFrame(1, Buffer.from(payload)) : encodeFrame(2, payload)
}

function isSame(got: string | Uint8Array, expected: string | Uint8Array): boolean {
  if (typeof got === 'string' || typeof expected === 'string') return got === expected
  return Buffer.compare(got, expected) === 0
}

it(`${BATCH_COUNT * BATCH_SIZE} kept payloads are what they were, whatever is collected in between`, async () => {
  const messages: Message[] = []
  const early: (string | Uint8Array)[] = []
  const { peer } = await serveOne({
    onmessage(_, message) {
      // Half of them are read at once, the others when all is over.
      if (messages.length % 2 === 0) early.push(message.payload)
      messages.push(message)
    }
  })
  for (let batch = 0; batch < BATCH_COUNT; batch++) {
    const first = batch * BATCH_SIZE
    const frames = Array.from({ length: BATCH_SIZE }, (_, index) => encode(payloadOf(first + index)))
    peer.write(Buffer.concat(frames))
    await until(() => messages.length === first + BATCH_SIZE, 'the batch arrived')
    if (batch % 50 === 49) collectGarbage()
  }
  const wrong = messages.flatMap(({ payload }, index) => {
    const expected = payloadOf(index)
    const wasRight = index % 2 === 1 || isSame(early[index / 2]!, expected)
    return wasRight && isSame(payload, expected) ? [] : [index]
  })
  expect([messages.length, wrong]).toEqual([BATCH_COUNT * BATCH_SIZE, []])
}, 30_000)
