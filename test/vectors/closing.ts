// Owns the vectors of RFC 6455 §5.5.1 (close frames), §7.1 (closing) and §7.4 (close codes).
import {
  binary,
  close,
  closedByPeer,
  fails,
  LOST,
  more,
  ping,
  sentClose,
  text,
  type Vector
} from '../conformance/vector.js'
import { hex, noise, utf8 } from '../conformance/wire.js'

const GOOD_CODES = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999
]
const BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]

/** §5.5.1, §7.1, §7.4. */
export const CLOSING: readonly Vector[] = [
  {
    name: '§5.5.1 answers an empty close frame with an empty one; the code is 1005',
    steps: [close()],
    ...closedByPeer()
  },
  ...GOOD_CODES.map(
    (code): Vector => ({
      name: `§5.5.1 §7.4 accepts the close code ${code} and echoes it`,
      steps: [close(code, 'why')],
      ...closedByPeer(code, 'why')
    })
  ),
  ...BAD_CODES.map(
    (code): Vector => ({
      name: `§7.4 rejects the close code ${code}`,
      steps: [close(code, 'why')],
      ...fails('close-code', 1002)
    })
  ),
  {
    name: '§5.5.1 rejects a close frame of one byte',
    steps: [{ opcode: 8, payload: hex('03') }],
    ...fails('close-payload', 1002)
  },
  {
    name: '§5.5.1 accepts a reason of 123 bytes of UTF-8',
    steps: [close(1000, `${'€'.repeat(40)}abc`)],
    ...closedByPeer(1000, `${'€'.repeat(40)}abc`)
  },
  {
    name: '§7.1.6 a byte order mark is part of the reason',
    steps: [close(1000, '\ufeffx')],
    ...closedByPeer(1000, '\ufeffx')
  },
  ...(
    [
      ['an invalid byte', 'ff'],
      ['an overlong form', 'c080'],
      ['a surrogate', 'eda080'],
      ['a code point that is cut short', 'e282']
    ] as const
  ).map(
    ([what, bytes]): Vector => ({
      name: `§5.5.1 §8.1 rejects a reason with ${what}, with 1007`,
      steps: [close(1000, hex(bytes))],
      ...fails('close-reason', 1007)
    })
  ),
  {
    name: "§5.5.1 ignores whatever follows the peer's close frame, even what breaks rules",
    steps: [text('a'), close(1000), text('b'), ping(utf8('x')), close(1001), { raw: hex('ffffffffff') }],
    events: [['text', 'a'], ['finish']],
    sends: closedByPeer(1000).sends,
    end: closedByPeer(1000).end
  },
  {
    name: '§7.1.2 §7.1.4 our close frame is answered: the end is clean, with the code and the reason of the peer',
    steps: [{ close: [1001, 'going'] }, close(1001, 'bye')],
    events: [['finish']],
    sends: [sentClose(1001, 'going')],
    end: { code: 1001, reason: 'bye', wasClean: true, initiator: 'local', cause: null }
  },
  {
    name: '§7.1.5 our close frame is answered by an empty one: the code is 1005',
    steps: [{ close: [1000] }, close()],
    events: [['finish']],
    sends: [sentClose(1000)],
    end: { code: 1005, reason: '', wasClean: true, initiator: 'local', cause: null }
  },
  {
    name: '§5.5.1 a close frame without a code has no payload',
    steps: [{ close: [] }, close(1000)],
    events: [['finish']],
    sends: [sentClose()],
    end: { code: 1000, reason: '', wasClean: true, initiator: 'local', cause: null }
  },
  {
    name: "§5.5.1 messages still arrive after our close frame, until the peer's comes",
    steps: [
      { close: [1000] },
      text('a'),
      binary(noise(3)),
      text('b', { fin: false }),
      more('c'),
      close(1000),
      text('d')
    ],
    events: [['text', 'a'], ['binary', 'ff8205'], ['text', 'bc'], ['finish']],
    sends: [sentClose(1000)],
    end: { code: 1000, reason: '', wasClean: true, initiator: 'local', cause: null }
  },
  {
    name: '§5.5.1 a second close by the application sends nothing',
    steps: [{ close: [1000] }, { close: [1001] }, close(1000)],
    events: [['finish']],
    sends: [sentClose(1000)],
    end: { code: 1000, reason: '', wasClean: true, initiator: 'local', cause: null }
  },
  {
    name: "§5.5.1 a close by the application after the peer's sends nothing",
    steps: [close(1001), { close: [1000] }],
    ...closedByPeer(1001)
  },
  {
    name: '§7.1.5 a transport that ends without a close frame gives 1006',
    steps: [text('a')],
    events: [['text', 'a']],
    sends: [],
    end: LOST
  },
  {
    name: '§7.1.5 a transport that ends before our close frame is answered gives 1006',
    steps: [{ close: [1000] }],
    events: [],
    sends: [sentClose(1000)],
    end: { ...LOST, initiator: 'local' }
  },
  {
    name: '§7.1.7 after our close frame a violation ends the wait; no second close frame is sent',
    steps: [{ close: [1000] }, more('x'), close(1000)],
    events: [['error', 'unexpected-continuation'], ['finish']],
    sends: [sentClose(1000)],
    end: { code: 1006, reason: '', wasClean: false, initiator: 'local', cause: 'unexpected-continuation' }
  },
  {
    name: '§7.1.7 after our close frame a bad close frame ends the wait',
    steps: [{ close: [1000] }, close(1005)],
    events: [['error', 'close-code'], ['finish']],
    sends: [sentClose(1000)],
    end: { code: 1006, reason: '', wasClean: false, initiator: 'local', cause: 'close-code' }
  },
  {
    name: '§7.1.7 nothing that follows a violation counts: no message, no pong, no second error',
    steps: [more('x'), text('a'), ping(utf8('x')), more('y'), close(1000)],
    ...fails('unexpected-continuation', 1002)
  }
]
