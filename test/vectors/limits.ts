// Owns the vectors of RFC 6455 §10.4: limits, which fire on a header, before the payload.
import { binary, fails, LOST, more, ping, sentPong, text, type Vector } from '../conformance/vector.js'
import { noise, toHex, utf8 } from '../conformance/wire.js'

const NOT_FINAL = { fin: false }
const fragments = (count: number): Vector['steps'] => [
  text('a', NOT_FINAL),
  ...Array.from({ length: count - 2 }, () => more('a', NOT_FINAL)),
  more('a')
]

/** §10.4. */
export const LIMITS: readonly Vector[] = [
  {
    name: '§10.4 a message of maxMessageBytes passes',
    limits: { maxMessageBytes: 300 },
    steps: [binary(noise(300))],
    events: [['binary', toHex(noise(300))]],
    sends: [],
    end: LOST
  },
  {
    name: '§10.4 a message over maxMessageBytes fails with 1009',
    limits: { maxMessageBytes: 300 },
    steps: [binary(noise(301))],
    ...fails('message-too-big', 1009)
  },
  {
    name: '§10.4 maxMessageBytes fires on the header, before any payload',
    limits: { maxMessageBytes: 300 },
    steps: [binary(noise(0), { announced: 301n })],
    ...fails('message-too-big', 1009)
  },
  {
    name: '§10.4 maxMessageBytes counts all fragments: at the limit they pass',
    limits: { maxMessageBytes: 300 },
    steps: [
      text('a'.repeat(200), NOT_FINAL),
      more('a'.repeat(99), NOT_FINAL),
      ping(utf8('x')),
      more('a'),
      text('b')
    ],
    events: [
      ['ping', '78'],
      ['text', 'a'.repeat(300)],
      ['text', 'b']
    ],
    sends: [sentPong(utf8('x'))],
    end: LOST
  },
  {
    name: '§10.4 maxMessageBytes fires on the header of the fragment that would pass it',
    limits: { maxMessageBytes: 300 },
    steps: [text('a'.repeat(200), NOT_FINAL), more('', { announced: 101n })],
    ...fails('message-too-big', 1009)
  },
  {
    name: '§10.4 a frame of maxFrameBytes passes; messages may be longer',
    limits: { maxFrameBytes: 100 },
    steps: [text('a'.repeat(100), NOT_FINAL), more('a'.repeat(100))],
    events: [['text', 'a'.repeat(200)]],
    sends: [],
    end: LOST
  },
  {
    name: '§10.4 maxFrameBytes fires on the header, before any payload',
    limits: { maxFrameBytes: 100 },
    steps: [text('a'.repeat(100), NOT_FINAL), more('', { announced: 101n })],
    ...fails('frame-too-big', 1009)
  },
  {
    name: '§10.4 a limit of 0 bytes lets only empty messages through',
    limits: { maxMessageBytes: 0 },
    steps: [text(''), binary(noise(1))],
    ...fails('message-too-big', 1009, { events: [['text', '']] })
  },
  {
    name: '§10.4 a message of maxFragments frames passes, again and again',
    limits: { maxFragments: 5 },
    steps: [...fragments(5), ...fragments(5)],
    events: [
      ['text', 'aaaaa'],
      ['text', 'aaaaa']
    ],
    sends: [],
    end: LOST
  },
  {
    name: '§10.4 a message of more frames than maxFragments fails with 1008',
    limits: { maxFragments: 5 },
    steps: fragments(6),
    ...fails('too-many-fragments', 1008)
  },
  {
    name: '§10.4 control frames are not counted as fragments, and need no room in a message',
    limits: { maxFragments: 2, maxMessageBytes: 2, maxFrameBytes: 1 },
    steps: [text('a', NOT_FINAL), ping(utf8('ping')), ping(utf8('ping')), more('b')],
    events: [
      ['ping', '70696e67'],
      ['ping', '70696e67'],
      ['text', 'ab']
    ],
    sends: [sentPong(utf8('ping')), sentPong(utf8('ping'))],
    end: LOST
  }
]
