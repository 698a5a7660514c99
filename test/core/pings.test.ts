import { expect, it } from 'vitest'
import { SentPings } from '../../src/core/pings.js'
import { hex, utf8 } from '../conformance/wire.js'

it('§5.5.3 tells the round-trip time, once', () => {
  const pings = new SentPings(5)
  pings.add(utf8('a'), 100)
  expect(pings.answer(utf8('b'), 110)).toBeNull()
  expect(pings.answer(utf8('a'), 130)).toBe(30)
  expect(pings.answer(utf8('a'), 131)).toBeNull()
})

it('§5.5.3 a pong answers the pings before its own, too', () => {
  const pings = new SentPings(5)
  for (const [i, letter] of ['a', 'b', 'c'].entries()) pings.add(utf8(letter), i)
  expect(pings.answer(utf8('b'), 11)).toBe(10)
  expect(pings.answer(utf8('a'), 11)).toBeNull()
  expect(pings.answer(utf8('c'), 11)).toBe(9)
})

it('of equal payloads the newest is answered', () => {
  const pings = new SentPings(5)
  pings.add(hex(''), 1)
  pings.add(hex(''), 5)
  expect(pings.answer(hex(''), 6)).toBe(1)
  expect(pings.answer(hex(''), 6)).toBeNull()
})

it('§10.4 forgets the oldest beyond its count', () => {
  const pings = new SentPings(2)
  for (const letter of ['a', 'b', 'c']) pings.add(utf8(letter), 0)
  expect(pings.answer(utf8('a'), 1)).toBeNull()
  expect(pings.answer(utf8('b'), 1)).toBe(1)
  expect(pings.answer(utf8('c'), 1)).toBe(1)
})
