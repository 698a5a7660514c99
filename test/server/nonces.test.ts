import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Nonces } from '../../src/server/nonces.js'

const LIFETIME_MS = 1000
const NOW = 1_700_000_000_000
const make = (maxCounted?: number, key = randomBytes(32)) => new Nonces(key, LIFETIME_MS, maxCounted)

describe('a nonce', () => {
  it('is one of its own each time, in 48 characters that need no quoting', () => {
    const nonces = make()
    const made = Array.from({ length: 1000 }, () => nonces.make(NOW))
    expect(new Set(made).size).toBe(1000)
    for (const nonce of made) expect(nonce).toMatch(/^[\w-]{48}$/)
    expect(nonces.countedNonces).toBe(0)
  })

  it('RFC 7616 §3.4 counts up only: a replayed count is refused, and one that goes back', () => {
    const nonces = make()
    const nonce = nonces.make(NOW)
    const states = [1, 1, 3, 2, 3, 4, 0xffffffff, 4].map((count) => nonces.use(nonce, count, NOW))
    expect(states).toEqual([
      'fresh',
      'replayed',
      'fresh',
      'replayed',
      'replayed',
      'fresh',
      'fresh',
      'replayed'
    ])
  })

  it('is not used up by looking', () => {
    const nonces = make()
    const nonce = nonces.make(NOW)
    expect([nonces.look(nonce, 1, NOW), nonces.look(nonce, 1, NOW), nonces.countedNonces]).toEqual([
      'fresh',
      'fresh',
      0
    ])
  })

  it('expires, to the millisecond; and is none of the future', () => {
    const nonces = make()
    const nonce = nonces.make(NOW)
    expect(nonces.look(nonce, 1, NOW + LIFETIME_MS)).toBe('fresh')
    expect(nonces.look(nonce, 1, NOW + LIFETIME_MS + 1)).toBe('expired')
    expect(nonces.look(nonce, 1, NOW - LIFETIME_MS - 1)).toBe('expired')
    expect(nonces.use(nonce, 1, NOW + LIFETIME_MS + 1)).toBe('expired')
  })

  it('cannot be forged: no bit of it may be another', () => {
    const nonces = make()
    const nonce = nonces.make(NOW)
    const bytes = Buffer.from(nonce, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const forged = Buffer.from(bytes)
      forged[bit >> 3]! ^= 1 << (bit & 7)
      expect(nonces.look(forged.toString('base64url'), 1, NOW)).toBe('foreign')
    }
  })

  it('is written in one way only, so that it cannot be counted under another name', () => {
    const nonces = make()
    const nonce = nonces.make(NOW)
    for (const other of [
      '',
      `${nonce}=`,
      ` ${nonce}`,
      nonce.slice(1),
      `${nonce}A`,
      nonce.replace(/.$/, '+')
    ]) {
      expect(nonces.look(other, 1, NOW)).toBe('foreign')
    }
  })

  it('is good for all who have the key, and for nobody else', () => {
    const key = randomBytes(32)
    const nonce = make(10, key).make(NOW)
    expect(make(10, key).use(nonce, 1, NOW)).toBe('fresh')
    expect(make(10).use(nonce, 1, NOW)).toBe('foreign')
  })
})

describe('the memory of counts', () => {
  it('is bounded; what it forgets is refused, and so is every unused nonce of that age', () => {
    const nonces = make(3)
    const old = nonces.make(NOW)
    const used = Array.from({ length: 5 }, (_, i) => nonces.make(NOW + i))
    for (const nonce of used) expect(nonces.use(nonce, 1, NOW + 10)).toBe('fresh')
    expect(nonces.countedNonces).toBe(3)
    expect(used.map((nonce) => nonces.look(nonce, 2, NOW + 10))).toEqual([
      'expired',
      'expired',
      'fresh',
      'fresh',
      'fresh'
    ])
    expect(nonces.use(used[0]!, 1, NOW + 10)).toBe('expired')
    expect(nonces.look(old, 1, NOW + 10)).toBe('expired')
    expect(nonces.look(nonces.make(NOW + 2), 1, NOW + 10)).toBe('fresh')
  })

  it('drops what has expired', () => {
    const nonces = make()
    for (let i = 0; i < 100; i++) nonces.use(nonces.make(NOW), 1, NOW)
    expect(nonces.countedNonces).toBe(100)
    const later = NOW + LIFETIME_MS + 1
    expect(nonces.use(nonces.make(later), 1, later)).toBe('fresh')
    expect(nonces.countedNonces).toBe(1)
  })

  it('takes no nonce twice if the clock jumps forward and back, and goes on to take new ones', () => {
    const nonces = make()
    const nonce = nonces.make(NOW)
    expect(nonces.use(nonce, 1, NOW)).toBe('fresh')
    const later = NOW + 100 * LIFETIME_MS
    expect([nonces.use(nonces.make(later), 1, later), nonces.countedNonces]).toEqual(['fresh', 1])
    expect(nonces.use(nonce, 1, NOW)).toBe('expired')
    const next = nonces.make(NOW)
    expect([nonces.use(next, 1, NOW), nonces.use(next, 1, NOW)]).toEqual(['fresh', 'replayed'])
  })

  it('is not locked for the time that the clock was set back, after it has forgotten', () => {
    const nonces = make(3)
    for (let i = 0; i < 5; i++) nonces.use(nonces.make(NOW + i), 1, NOW + i)
    const earlier = NOW - 100 * LIFETIME_MS
    for (let i = 0; i < 10; i++) {
      const nonce = nonces.make(earlier)
      expect([nonces.use(nonce, 1, earlier), nonces.use(nonce, 1, earlier)]).toEqual(['fresh', 'replayed'])
    }
    expect(nonces.countedNonces).toBeLessThanOrEqual(3)
  })

  it('takes no nonce twice, in whatever order many are made and used', () => {
    const nonces = make(20)
    const waiting: string[] = []
    const taken = new Set<string>()
    const all: string[] = []
    for (let now = NOW; now < NOW + 3000; now++) {
      const nonce = nonces.make(now)
      waiting.push(nonce)
      all.push(nonce)
      const [picked] = waiting.splice((now * 7919) % waiting.length, 1)
      for (const one of [picked!, all[(now * 104_729) % all.length]!]) {
        if (nonces.use(one, 1, now) !== 'fresh') continue
        expect(taken.has(one)).toBe(false)
        taken.add(one)
      }
      expect(nonces.countedNonces).toBeLessThanOrEqual(20)
    }
    expect(taken.size).toBeGreaterThan(100)
  })
})
