// Owns the vectors of RFC 6455 §5.5 (control frames), §5.5.2 (ping) and §5.5.3 (pong).
import {
  close,
  closedByPeer,
  fails,
  LOST,
  ping,
  pong,
  sentPong,
  text,
  type Vector
} from '../conformance/vector.js'
import { hex, noise, toHex, utf8 } from '../conformance/wire.js'

const CONTROL = [
  ['close', 8],
  ['ping', 9],
  ['pong', 10]
] as const

const rules: Vector[] = CONTROL.flatMap(([name, opcode]): Vector[] => [
  {
    name: `§5.5 rejects a fragmented ${name}`,
    steps: [{ opcode, payload: hex('03e8'), fin: false }],
    ...fails('fragmented-control', 1002)
  },
  {
    name: `§5.5 rejects a fragmented ${name} inside a fragmented message`,
    steps: [text('a', { fin: false }), { opcode, payload: hex(''), fin: false }],
    ...fails('fragmented-control', 1002)
  },
  {
    name: `§5.5 rejects a ${name} of 126 bytes`,
    steps: [{ opcode, payload: noise(126) }],
    ...fails('control-too-long', 1002)
  },
  {
    name: `§5.5 rejects a ${name} of 65536 bytes`,
    steps: [{ opcode, payload: noise(65536) }],
    ...fails('control-too-long', 1002)
  },
  {
    name: `§5.5 rejects a ${name} whose short length is written in 16 bits`,
    steps: [{ opcode, payload: hex('03e8'), lengthBits: 16 }],
    ...fails('control-too-long', 1002)
  },
  {
    name: `§5.5 rejects a ${name} that announces 2^64 - 1 bytes`,
    steps: [{ opcode, payload: hex('03e8'), announced: (1n << 64n) - 1n }],
    ...fails('control-too-long', 1002)
  }
])

/** §5.5, §5.5.2, §5.5.3. */
export const CONTROL_FRAMES: readonly Vector[] = [
  ...rules,
  ...[0, 1, 124, 125].map(
    (byteLength): Vector => ({
      name: `§5.5.2 §5.5.3 answers a ping of ${byteLength} bytes with a pong of the same payload`,
      steps: [ping(noise(byteLength))],
      events: [['ping', toHex(noise(byteLength))]],
      sends: [sentPong(noise(byteLength))],
      end: LOST
    })
  ),
  {
    name: '§5.5.2 answers ten pings, in order',
    steps: Array.from({ length: 10 }, (_, i) => ping(Uint8Array.of(i))),
    events: Array.from({ length: 10 }, (_, i) => ['ping', toHex(Uint8Array.of(i))] as const),
    sends: Array.from({ length: 10 }, (_, i) => sentPong(Uint8Array.of(i))),
    end: LOST
  },
  {
    name: '§5.5.2 a ping that came before a close frame is answered before the close frame is',
    steps: [ping(utf8('x')), close(1000), ping(utf8('y'))],
    events: [['ping', '78'], ['finish']],
    sends: [sentPong(utf8('x')), ...closedByPeer(1000).sends],
    end: closedByPeer(1000).end
  },
  {
    name: '§5.5.2 a ping is answered after our close frame too, for as long as none has come',
    steps: [{ close: [1000] }, ping(utf8('x')), close(1000)],
    events: [['ping', '78'], ['finish']],
    sends: [['88', '03e8'], sentPong(utf8('x'))],
    end: { ...closedByPeer(1000).end, initiator: 'local' }
  },
  {
    name: '§5.5.3 an unsolicited pong is told and not answered',
    steps: [pong(), pong(noise(125)), text('x')],
    events: [
      ['pong', '', 'unsolicited'],
      ['pong', toHex(noise(125)), 'unsolicited'],
      ['text', 'x']
    ],
    sends: [],
    end: LOST
  },
  {
    name: "§5.5.3 a pong with our ping's payload is its answer; a second one is unsolicited",
    steps: [{ ping: utf8('a') }, pong(utf8('b')), pong(utf8('a')), pong(utf8('a'))],
    events: [
      ['pong', '62', 'unsolicited'],
      ['pong', '61', 'answer'],
      ['pong', '61', 'unsolicited']
    ],
    sends: [['89', '61']],
    end: LOST
  },
  {
    name: '§5.5.3 one pong answers the pings before its own, too',
    steps: [
      { ping: utf8('1') },
      { ping: utf8('2') },
      { ping: utf8('3') },
      pong(utf8('2')),
      pong(utf8('1')),
      pong(utf8('3'))
    ],
    events: [
      ['pong', '32', 'answer'],
      ['pong', '31', 'unsolicited'],
      ['pong', '33', 'answer']
    ],
    sends: [
      ['89', '31'],
      ['89', '32'],
      ['89', '33']
    ],
    end: LOST
  }
]
