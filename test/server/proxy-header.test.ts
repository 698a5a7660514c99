import { describe, expect, it } from 'vitest'
import { type ProxyHeader, ProxyHeaderReader } from '../../src/server/proxy-header.js'
import { addition, block, SIGNATURE } from '../support/proxy-headers.js'

/** Reads bytes in chunks of a size, each in memory that is overwritten afterwards. */
function read(bytes: Buffer, chunkBytes: number): ProxyHeader | null {
  const reader = new ProxyHeaderReader()
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = Buffer.from(bytes.subarray(at, at + chunkBytes))
    const header = reader.push(chunk)
    if (header !== null) {
      const rest = Buffer.concat([header.rest, bytes.subarray(at + chunkBytes)])
      return { client: header.client, rest }
    }
    chunk.fill(0xee)
  }
  return null
}

const REST = Buffer.from('GET / HTTP/1.1\r\n')
const client = (address: string | null, port: number | null, isSecure = false) => ({
  address,
  port,
  isSecure
})

const GOOD: [string, Buffer | string, unknown][] = [
  ['TCP4', 'PROXY TCP4 1.2.3.4 5.6.7.8 4711 80\r\n', client('1.2.3.4', 4711)],
  ['TCP6', 'PROXY TCP6 2001:db8::1 ::1 65535 0\r\n', client('2001:db8::1', 65_535)],
  [
    'the longest TCP6',
    `PROXY TCP6 ${Array(8).fill('ffff').join(':')} ${Array(8).fill('ffff').join(':')} 65535 65535\r\n`,
    client(Array(8).fill('ffff').join(':'), 65_535)
  ],
  ['UNKNOWN', 'PROXY UNKNOWN\r\n', null],
  ['UNKNOWN with anything', 'PROXY UNKNOWN ffff::1 \0 x y z\r\n', null],
  ['UNKNOWN of 107 bytes', `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`, null],
  ['v2 TCP4', block(0x21, 0x11, [1, 2, 3, 4, 5, 6, 7, 8, 0x12, 0x67, 0, 80]), client('1.2.3.4', 4711)],
  [
    'v2 TCP6',
    block(0x21, 0x21, [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, ...Array(16).fill(9), 0x12, 0x67, 0, 80]),
    client('2001:db8::1', 4711)
  ],
  [
    'v2 mapped IPv4',
    block(0x21, 0x21, [...Array(10).fill(0), 255, 255, 1, 2, 3, 4, ...Array(16).fill(9), 0, 7, 0, 80]),
    client('::ffff:1.2.3.4', 7)
  ],
  ['v2 unix', block(0x21, 0x31, Array(216).fill(65)), client(null, null)],
  ['v2 LOCAL', block(0x20, 0x00, []), null],
  ['v2 LOCAL with whatever', block(0x20, 0xff, [1, 2, 3]), null],
  ['v2 UNSPEC', block(0x21, 0x00, [1, 2, 3]), null],
  [
    'v2 with additions',
    block(0x21, 0x11, [
      ...Array(12).fill(1),
      ...addition(1, 'h2'),
      ...addition(4, ''),
      ...addition(0xee, 'x')
    ]),
    client('1.1.1.1', 257)
  ],
  [
    'v2 over TLS',
    block(0x21, 0x11, [...Array(12).fill(1), ...addition(0x20, '\x01\0\0\0\0')]),
    client('1.1.1.1', 257, true)
  ],
  [
    'v2 not over TLS',
    block(0x21, 0x11, [...Array(12).fill(1), ...addition(0x20, '\x06\0\0\0\0')]),
    client('1.1.1.1', 257)
  ],
  [
    'v2 of the greatest length',
    block(0x21, 0x11, [...Array(12).fill(1), ...addition(4, 'x'.repeat(4096 - 16 - 12 - 3))]),
    client('1.1.1.1', 257)
  ]
]

const BAD: [string, Buffer | string][] = [
  ['HTTP', 'GET / HTTP/1.1\r\n\r\n'],
  ['another case', 'proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n'],
  ['TLS', Buffer.from([0x16, 3, 1, 2, 0])],
  ['one zero', Buffer.from([0])],
  ['no protocol', 'PROXY \r\n'],
  ['no space', 'PROXY\r\n'],
  ['UDP4', 'PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n'],
  ['TCP4 with IPv6', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
  ['TCP6 with IPv4', 'PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n'],
  ['a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'],
  ['a leading zero in an address', 'PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n'],
  ['a leading zero in a port', 'PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n'],
  ['a port of 65536', 'PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n'],
  ['a negative port', 'PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n'],
  ['no port', 'PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n'],
  ['one more', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n'],
  ['two spaces', 'PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n'],
  ['a space at the end', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n'],
  ['a tab', 'PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n'],
  ['a line end in it', 'PROXY TCP4 1.2.3.4\n5.6.7.8 1 2\r\n'],
  ['108 bytes', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
  ['a line without end', `PROXY UNKNOWN ${'x'.repeat(200)}`],
  ['a line that ends in LF', `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n${'x'.repeat(100)}`],
  ['half a signature', Buffer.concat([SIGNATURE.subarray(0, 11), Buffer.from('X')])],
  ['version 1 in the block', block(0x11, 0x11, Array(12).fill(1))],
  ['version 3', block(0x31, 0x11, Array(12).fill(1))],
  ['command 2', block(0x22, 0x11, Array(12).fill(1))],
  ['UDP', block(0x21, 0x12, Array(12).fill(1))],
  ['family 4', block(0x21, 0x41, Array(12).fill(1))],
  ['addresses cut off', block(0x21, 0x11, Array(11).fill(1))],
  ['IPv6 addresses cut off', block(0x21, 0x21, Array(35).fill(1))],
  ['unix paths cut off', block(0x21, 0x31, Array(215).fill(1))],
  ['an addition cut off', block(0x21, 0x11, [...Array(12).fill(1), 1, 0, 2, 65])],
  ['an addition without its length', block(0x21, 0x11, [...Array(12).fill(1), 1, 0])],
  ['more than 4096 bytes', block(0x21, 0x11, Array(4096 - 15).fill(0))],
  ['the greatest length there is', block(0x20, 0x00, Array(65_535).fill(0))]
]

describe('the PROXY protocol', () => {
  it.each(GOOD)('reads %s, however it is cut', (_, header, expected) => {
    const bytes = Buffer.concat([Buffer.from(header as string, 'latin1'), REST])
    for (const chunkBytes of [1, 2, 3, 5, 11, 12, 13, 15, 16, 17, 28, 106, 107, 108, 5000]) {
      expect(read(bytes, chunkBytes)).toEqual({ client: expected, rest: REST })
    }
  })

  it.each(BAD)('refuses %s, however it is cut', (_, header) => {
    const bytes = Buffer.from(header as string, 'latin1')
    for (const chunkBytes of [1, 2, 7, 16, 107, 108, 70_000]) {
      expect(() => read(bytes, chunkBytes)).toThrow(
        expect.objectContaining({ code: 'malformed-proxy-header', closeCode: null })
      )
    }
  })

  it('refuses at the first byte that cannot be right, and a length as soon as it is told', () => {
    const reader = new ProxyHeaderReader()
    expect(reader.push(Buffer.from('PRO'))).toBeNull()
    expect(() => reader.push(Buffer.from('F'))).toThrow('it does not begin with one')
    const long = block(0x21, 0x11, Array(5000).fill(0)).subarray(0, 16)
    expect(() => new ProxyHeaderReader().push(long)).toThrow('5016 bytes, more than 4096')
  })

  it('waits for a header that is not whole', () => {
    for (const [, header] of GOOD) {
      const bytes = Buffer.from(header as string, 'latin1')
      for (let cut = 0; cut < bytes.length; cut += Math.ceil(bytes.length / 50)) {
        expect(new ProxyHeaderReader().push(bytes.subarray(0, cut))).toBeNull()
      }
    }
  })
})
