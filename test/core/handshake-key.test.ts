import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { acceptKey, isKey, makeKey } from '../../src/core/handshake-key.js'
import { errorOf } from './head-chunks.js'

const sha1 = (text: string) => createHash('sha1').update(text).digest('base64')

it('§4.2.2 answers the key of the example', () => {
  expect(acceptKey('dGhlIHNhbXBsZSBub25jZQ==', sha1)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

it('§4.1 makes a key of 16 bytes', () => {
  expect(makeKey(Uint8Array.from({ length: 16 }, (_, i) => i + 1))).toBe('AQIDBAUGBwgJCgsMDQ4PEA==')
  expect(makeKey(new Uint8Array(16).fill(0xff))).toBe('/////////////////////w==')
})

it('§4.1 makes no key of any other length', () => {
  for (const length of [0, 15, 17]) {
    const error = errorOf(() => makeKey(new Uint8Array(length)))
    expect([error.code, error.message]).toEqual([
      'invalid-argument',
      `an argument is not valid: a key has 16 bytes, not ${length}`
    ])
  }
})

it('§4.2.1 takes exactly the keys that are 16 bytes in canonical base64', () => {
  for (let length = 0; length <= 40; length++) {
    expect(isKey(Buffer.alloc(length, 0xa5).toString('base64'))).toBe(length === 16)
  }
  for (const digit of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
    expect(isKey(`AAAAAAAAAAAAAAAAAAAAA${digit}==`)).toBe('AQgw'.includes(digit))
  }
})

it('§4.2.1 refuses a key with anything around or inside', () => {
  const broken = [
    ' dGhlIHNhbXBsZSBub25jZQ==',
    'dGhlIHNhbXBsZSBub25jZQ==\n',
    'dGhlIHNhbXBsZSBub25jZQ',
    'dGhlIHNhbXBsZSBub25jZQ=',
    'dGhlIHNhbXBsZSBub25j-_==',
    'dGhlIHNhbXBsZ\n1bm9uY2U==',
    '='.repeat(24)
  ]
  expect(broken.filter(isKey)).toEqual([])
})
