import { describe, expect, it } from 'vitest'
import {
  type ClosingEvent,
  type ClosingState,
  canSendCloseCode,
  encodeClose,
  nextClosingState,
  readClose
} from '../../src/core/closing.js'
import { hex, toHex } from '../conformance/wire.js'

it('§7.4 exactly the defined, registered and private codes can be sent', () => {
  const sendable = Array.from({ length: 65536 }, (_, code) => code).filter(canSendCloseCode)
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
  expect(sendable).toEqual([...range(1000, 1003), ...range(1007, 1014), ...range(3000, 4999)])
  for (const code of [-1, 1000.5, Number.NaN, 66536, '1000' as unknown as number, null as unknown as number])
    expect(canSendCloseCode(code)).toBe(false)
})

describe('readClose', () => {
  it('§5.5.1 reads a payload or names the rule it breaks', () => {
    expect(readClose(hex(''))).toEqual({ code: 1005, reason: '' })
    expect(readClose(hex('0fa0efbbbf61'))).toEqual({ code: 4000, reason: '\ufeffa' })
    expect(readClose(hex('03'))).toBe('close-payload')
    expect(readClose(hex('03ee'))).toBe('close-code')
    expect(readClose(hex('03e8f0'))).toBe('close-reason')
  })
})

describe('encodeClose', () => {
  it('§5.5.1 encodes what readClose reads', () => {
    expect(toHex(encodeClose())).toBe('')
    expect(toHex(encodeClose(1000))).toBe('03e8')
    expect(toHex(encodeClose(1001, '€'))).toBe('03e9e282ac')
    expect(encodeClose(1000, 'a'.repeat(123))).toHaveLength(125)
  })

  it('§5.5.1 refuses a reason that is too long, has no code, or is no string', () => {
    expect(() => encodeClose(1000, 'a'.repeat(124))).toThrow('at most 123 bytes of UTF-8, not 124')
    expect(() => encodeClose(1000, '€'.repeat(42))).toThrow('at most 123 bytes of UTF-8, not 126')
    expect(() => encodeClose(undefined, 'x')).toThrow('a close reason needs a code; pass 1000')
    for (const reason of [new Uint8Array(8), 5, null, {}])
      expect(() => encodeClose(1000, reason as string)).toThrow('a close reason is a string, not ')
  })

  it('§7.4 refuses codes that must not be sent', () => {
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, '1000', null])
      expect(() => encodeClose(code as number)).toThrow(`not ${code}`)
  })
})

it('§7.1 the states are a table; what is not in it is a fault of this library', () => {
  const states: ClosingState[] = ['open', 'close-sent', 'close-received', 'finished', 'failed', 'ended']
  const events: ClosingEvent[] = ['send-close', 'receive-close', 'fail', 'end']
  const next = (state: ClosingState, event: ClosingEvent) => {
    try {
      return nextClosingState(state, event)
    } catch (error) {
      expect((error as Error).message).toBe(`impossible closing event "${event}" in state "${state}"`)
      return null
    }
  }
  expect(states.map((state) => events.map((event) => next(state, event)))).toEqual([
    ['close-sent', 'close-received', 'failed', 'ended'],
    [null, 'finished', 'failed', 'ended'],
    ['finished', null, 'failed', 'ended'],
    [null, null, null, 'ended'],
    [null, null, null, 'ended'],
    [null, null, null, null]
  ])
})
