// Owns the vectors of RFC 6455 §5.4.
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

const NOT_FINAL = { fin: false }

/** §5.4. */
export const FRAGMENTATION: readonly Vector[] = [
  {
    name: '§5.4 joins a text message of three frames',
    steps: [text('frag', NOT_FINAL), more('ment', NOT_FINAL), more('ed')],
    events: [['text', 'fragmented']],
    sends: [],
    end: LOST
  },
  {
    name: '§5.4 joins a binary message of frames of all lengths',
    steps: [
      binary(noise(70_000), NOT_FINAL),
      { ...binary(noise(0), NOT_FINAL), opcode: 0 },
      { ...binary(noise(300), NOT_FINAL), opcode: 0 },
      { ...binary(noise(1)), opcode: 0 }
    ],
    events: [['binary', toHex(noise(70_000)) + toHex(noise(300)) + toHex(noise(1))]],
    sends: [],
    end: LOST
  },
  {
    name: '§5.4 joins frames of one byte',
    steps: [text('', NOT_FINAL), ...Array.from('one by one', (letter) => more(letter, NOT_FINAL)), more('')],
    events: [['text', 'one by one']],
    sends: [],
    end: LOST
  },
  {
    name: '§5.4 a message may be made of empty frames',
    steps: [text('', NOT_FINAL), more('', NOT_FINAL), more(''), binary(noise(0), NOT_FINAL), more('')],
    events: [
      ['text', ''],
      ['binary', '']
    ],
    sends: [],
    end: LOST
  },
  {
    name: '§5.4 empty fragments around a payload change nothing',
    steps: [text('', NOT_FINAL), more('x', NOT_FINAL), more('')],
    events: [['text', 'x']],
    sends: [],
    end: LOST
  },
  {
    name: '§5.4 control frames may come between fragments, and are handled at once',
    steps: [
      text('a', NOT_FINAL),
      ping(utf8('1')),
      more('b', NOT_FINAL),
      pong(utf8('2')),
      ping(),
      more('c'),
      text('d')
    ],
    events: [
      ['ping', '31'],
      ['pong', '32', 'unsolicited'],
      ['ping', ''],
      ['text', 'abc'],
      ['text', 'd']
    ],
    sends: [sentPong(utf8('1')), sentPong(hex(''))],
    end: LOST
  },
  {
    name: '§5.4 a close frame may come between fragments; the unfinished message is dropped',
    steps: [text('a', NOT_FINAL), close(1001), more('b')],
    ...closedByPeer(1001)
  },
  {
    name: '§5.4 rejects a final continuation frame where no message has begun',
    steps: [more('x')],
    ...fails('unexpected-continuation', 1002)
  },
  {
    name: '§5.4 rejects a non-final continuation frame where no message has begun',
    steps: [more('x', NOT_FINAL), more('y')],
    ...fails('unexpected-continuation', 1002)
  },
  {
    name: '§5.4 rejects a continuation frame after a whole message',
    steps: [text('a', NOT_FINAL), more('b'), more('c')],
    ...fails('unexpected-continuation', 1002, { events: [['text', 'ab']] })
  },
  {
    name: '§5.4 rejects a text frame inside a fragmented message',
    steps: [text('a', NOT_FINAL), text('b')],
    ...fails('interleaved-message', 1002)
  },
  {
    name: '§5.4 rejects a binary frame inside a fragmented text message',
    steps: [text('a', NOT_FINAL), more('b', NOT_FINAL), binary(noise(2))],
    ...fails('interleaved-message', 1002)
  },
  {
    name: '§5.4 rejects the begin of a second fragmented message inside the first',
    steps: [binary(noise(2), NOT_FINAL), binary(noise(2), NOT_FINAL)],
    ...fails('interleaved-message', 1002)
  },
  {
    name: '§5.4 forgets an unfinished message when the transport ends',
    steps: [text('a', NOT_FINAL), more('b', NOT_FINAL)],
    events: [],
    sends: [],
    end: LOST
  }
]
