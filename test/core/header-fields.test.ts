import { expect, it } from 'vitest'
import { HeaderFields } from '../../src/core/header-fields.js'

it('RFC 9110 §5.1 finds names in any case', () => {
  const headers = new HeaderFields(['hOST', 'a'])
  expect([headers.get('Host'), headers.has('HOST'), headers.getAll('host')]).toEqual(['a', true, ['a']])
})

it('RFC 9110 §5.3 joins repeated fields in order', () => {
  const headers = new HeaderFields(['A', '1', 'B', '2', 'a', '3'])
  expect([headers.get('a'), headers.getAll('a')]).toEqual(['1, 3', ['1', '3']])
})

it('RFC 6265 §5.4 joins repeated cookies by semicolon', () => {
  expect(new HeaderFields(['Cookie', 'a=1', 'cookie', 'b=2']).get('Cookie')).toBe('a=1; b=2')
})

it('holds nothing that was not received', () => {
  const headers = new HeaderFields([])
  for (const name of ['__proto__', 'constructor', 'hasOwnProperty', 'toString']) {
    expect([headers.get(name), headers.has(name), headers.getAll(name)]).toEqual([null, false, []])
  }
})

it('takes __proto__ and constructor as names like any other', () => {
  const headers = new HeaderFields(['__proto__', 'x', 'constructor', 'y'])
  expect([...headers]).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y']
  ])
  expect(({} as Record<string, unknown>).x).toBe(undefined)
})

it('iterates over lower-case names and joined values, and keeps the raw ones', () => {
  const headers = new HeaderFields(['B', '1', 'A', '2', 'b', '3'])
  expect([...headers]).toEqual([
    ['b', '1, 3'],
    ['a', '2']
  ])
  expect(headers.raw).toEqual(['B', '1', 'A', '2', 'b', '3'])
})

it('makes the same without the fields of a name, values that look like it left alone', () => {
  const fields = new HeaderFields(['A', 'b', 'B', 'c', 'b', 'B', 'C', 'b'])
  expect(fields.without('b').raw).toEqual(['A', 'b', 'C', 'b'])
  expect([...fields.without('x')]).toEqual([...fields])
})
