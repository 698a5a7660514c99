// Owns the vectors of RFC 6455 §5.1 (masking), §5.2 (headers, lengths) and §5.6, §5.7 (data frames, the RFC's examples).
import {
  binary,
  close,
  closedByPeer,
  fails,
  LOST,
  more,
  ping,
  pong,
  sentPong,
  text,
  type Vector
} from '../conformance/vector.js'
import { hex, noise, toHex, utf8 } from '../conformance/wire.js'

const open = (
  events: Vector['events'],
  sends: Vector['sends'] = []
): Pick<Vector, 'events' | 'sends' | 'end'> => ({
  events,
  sends,
  end: LOST
})

const masking: Vector[] = [
  {
    name: '§5.1 a server closes with 1002 on an unmasked data frame',
    roles: ['server'],
    steps: [text('Hello', { masking: 'wrong' })],
    ...fails('unmasked-frame', 1002)
  },
  {
    name: '§5.1 a server closes with 1002 on an unmasked control frame',
    roles: ['server'],
    steps: [text('Hello'), ping(utf8('p'), { masking: 'wrong' })],
    ...fails('unmasked-frame', 1002, { events: [['text', 'Hello']] })
  },
  {
    name: '§5.1 a server closes with 1002 on an unmasked empty frame',
    roles: ['server'],
    steps: [text('', { masking: 'wrong' })],
    ...fails('unmasked-frame', 1002)
  },
  {
    name: '§5.1 a client closes with 1002 on a masked data frame',
    roles: ['client'],
    steps: [binary(noise(5), { masking: 'wrong' })],
    ...fails('masked-frame', 1002)
  },
  {
    name: '§5.1 a client closes with 1002 on a masked control frame',
    roles: ['client'],
    steps: [ping(utf8('p'), { masking: 'wrong' })],
    ...fails('masked-frame', 1002)
  },
  {
    name: '§5.3 a masking key of zero leaves the payload as it is',
    roles: ['server'],
    steps: [{ raw: hex('8183 00000000 616263') }],
    ...open([['text', 'abc']])
  },
  {
    name: '§5.3 a masking key of ones inverts the payload',
    roles: ['server'],
    steps: [{ raw: hex('8285 ffffffff fefdfcfbfa') }],
    ...open([['binary', '0102030405']])
  }
]

const reservedBits = [0x40, 0x20, 0x10, 0x70]

const headers: Vector[] = [
  ...reservedBits.flatMap((rsv): Vector[] => [
    {
      name: `§5.2 rejects reserved bits 0x${rsv.toString(16)} on a text frame`,
      steps: [text('x', { rsv })],
      ...fails('reserved-bits', 1002)
    },
    {
      name: `§5.2 rejects reserved bits 0x${rsv.toString(16)} on a binary frame, after what came before it`,
      steps: [text('before'), binary(noise(3), { rsv }), text('after')],
      ...fails('reserved-bits', 1002, { events: [['text', 'before']] })
    },
    {
      name: `§5.2 rejects reserved bits 0x${rsv.toString(16)} on a continuation frame`,
      steps: [text('x', { fin: false }), more('y', { rsv })],
      ...fails('reserved-bits', 1002)
    },
    {
      name: `§5.2 rejects reserved bits 0x${rsv.toString(16)} on a ping`,
      steps: [ping(utf8('x'), { rsv })],
      ...fails('reserved-bits', 1002)
    },
    {
      name: `§5.2 rejects reserved bits 0x${rsv.toString(16)} on a close frame`,
      steps: [{ ...close(1000), rsv }],
      ...fails('reserved-bits', 1002)
    }
  ]),
  ...[3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf].flatMap((opcode): Vector[] => [
    {
      name: `§5.2 rejects the reserved opcode 0x${opcode.toString(16)}`,
      steps: [text('before'), { opcode, payload: utf8('x') }],
      ...fails('reserved-opcode', 1002, { events: [['text', 'before']] })
    },
    {
      name: `§5.2 rejects the reserved opcode 0x${opcode.toString(16)} inside a fragmented message`,
      steps: [text('a', { fin: false }), { opcode, payload: utf8('x') }],
      ...fails('reserved-opcode', 1002)
    }
  ])
]

const lengths: Vector[] = [
  ...[0, 1, 2, 124, 125, 126, 127, 128, 65535, 65536].flatMap((byteLength): Vector[] => [
    {
      name: `§5.2 receives a binary message of ${byteLength} bytes`,
      steps: [binary(noise(byteLength))],
      ...open([['binary', toHex(noise(byteLength))]])
    },
    {
      name: `§5.2 receives a text message of ${byteLength} bytes`,
      steps: [text('*'.repeat(byteLength))],
      ...open([['text', '*'.repeat(byteLength)]])
    }
  ]),
  ...[0, 1, 125].map(
    (byteLength): Vector => ({
      name: `§5.2 rejects ${byteLength} bytes announced in 16 bits`,
      steps: [binary(noise(byteLength), { lengthBits: 16 })],
      ...fails('length-not-minimal', 1002)
    })
  ),
  ...[0, 125, 126, 65535].map(
    (byteLength): Vector => ({
      name: `§5.2 rejects ${byteLength} bytes announced in 64 bits`,
      steps: [binary(noise(byteLength), { lengthBits: 64 })],
      ...fails('length-not-minimal', 1002)
    })
  ),
  ...[1n << 63n, (1n << 63n) + 5n, (1n << 64n) - 1n].map(
    (announced): Vector => ({
      name: `§5.2 rejects the length ${announced}: its highest bit is set`,
      steps: [binary(noise(5), { announced })],
      ...fails('length-overflow', 1002)
    })
  ),
  ...[(1n << 53n) + 1n, (1n << 63n) - 1n, 1n << 32n, (1n << 32n) + 5n, 1n << 31n].map(
    (announced): Vector => ({
      name: `§5.2 §10.4 refuses a frame of ${announced} bytes as too big, without overflow`,
      steps: [binary(noise(5), { announced })],
      ...fails('frame-too-big', 1009)
    })
  ),
  {
    name: '§5.2 an announced payload that never comes is no message',
    steps: [binary(noise(5), { announced: 6n })],
    ...open([])
  },
  { name: '§5.2 half a header is no message', steps: [{ raw: hex('82') }], ...open([]) }
]

const examples: Vector[] = [
  {
    name: '§5.7 a single-frame unmasked text message',
    roles: ['client'],
    steps: [{ raw: hex('81 05 48 65 6c 6c 6f') }],
    ...open([['text', 'Hello']])
  },
  {
    name: '§5.7 a single-frame masked text message',
    roles: ['server'],
    steps: [{ raw: hex('81 85 37 fa 21 3d 7f 9f 4d 51 58') }],
    ...open([['text', 'Hello']])
  },
  {
    name: '§5.7 a fragmented unmasked text message',
    roles: ['client'],
    steps: [{ raw: hex('01 03 48 65 6c') }, { raw: hex('80 02 6c 6f') }],
    ...open([['text', 'Hello']])
  },
  {
    name: '§5.7 an unmasked ping request',
    roles: ['client'],
    steps: [{ raw: hex('89 05 48 65 6c 6c 6f') }],
    ...open([['ping', '48656c6c6f']], [['8a', '48656c6c6f']])
  },
  {
    name: '§5.7 a masked pong response',
    roles: ['server'],
    steps: [{ raw: hex('8a 85 37 fa 21 3d 7f 9f 4d 51 58') }],
    ...open([['pong', '48656c6c6f', 'unsolicited']])
  },
  {
    name: '§5.7 256 bytes of binary data in a single unmasked frame',
    roles: ['client'],
    steps: [{ raw: hex('82 7e 01 00') }, { raw: noise(256) }],
    ...open([['binary', toHex(noise(256))]])
  },
  {
    name: '§5.7 64 KiB of binary data in a single unmasked frame',
    roles: ['client'],
    steps: [{ raw: hex('82 7f 00 00 00 00 00 01 00 00') }, { raw: noise(65536) }],
    ...open([['binary', toHex(noise(65536))]])
  }
]

const dataFrames: Vector[] = [
  {
    name: '§5.6 a text message is UTF-8, whatever its length; a byte order mark is part of it',
    steps: [text('\ufeffä€😀'), text(''), text('é'.repeat(2000))],
    ...open([
      ['text', '\ufeffä€😀'],
      ['text', ''],
      ['text', 'é'.repeat(2000)]
    ])
  },
  {
    name: '§5.6 a binary message may be any bytes, even what is no UTF-8',
    steps: [binary(hex('ff fe c0 80 ed a0 80'))],
    ...open([['binary', 'fffec080eda080']])
  },
  {
    name: '§5.6 messages of both kinds, pings and pongs keep their order up to the close frame',
    steps: [
      text('1'),
      binary(hex('02')),
      ping(hex('03')),
      text('4', { fin: false }),
      pong(hex('05')),
      more('6'),
      close(1000, 'bye')
    ],
    events: [
      ['text', '1'],
      ['binary', '02'],
      ['ping', '03'],
      ['pong', '05', 'unsolicited'],
      ['text', '46'],
      ['finish']
    ],
    sends: [sentPong(hex('03')), ...closedByPeer(1000).sends],
    end: closedByPeer(1000, 'bye').end
  }
]

/** §5.1, §5.2, §5.3, §5.6, §5.7. */
export const FRAMING: readonly Vector[] = [...masking, ...headers, ...lengths, ...dataFrames, ...examples]
