// Owns the vectors of RFC 6455 §8.1: text that is UTF-8 and text that is not.
// Bad sequences are sorted by the rule of RFC 3629 §4 that they break.
import { fails, LOST, more, ping, sentPong, text, type Vector } from '../conformance/vector.js'
import { hex, join, utf8 } from '../conformance/wire.js'

/** A sequence that is no UTF-8, and the index of the first byte that no valid text can have there. */
export interface BadText {
  readonly what: string
  readonly bytes: Uint8Array
  /** Equal to the length where the text is only cut short. */
  readonly badAt: number
}

const bad = (what: string, badAt: number, digits: string): BadText => ({ what, badAt, bytes: hex(digits) })

/** Texts that fail, each at a known byte. */
export const BAD_TEXTS: readonly BadText[] = [
  bad('a lone first continuation byte', 0, '80'),
  bad('a lone last continuation byte', 0, 'bf'),
  bad('a continuation byte after ASCII', 3, '61626380'),
  bad('a continuation byte too many', 2, 'c3a4a4'),
  bad('four continuation bytes', 0, '80818283'),
  bad('the byte c0, which begins nothing', 0, 'c080'),
  bad('the byte c1, which begins nothing', 0, 'c1bf'),
  bad('a slash in two bytes', 0, 'c0af'),
  bad('a slash in three bytes', 1, 'e080af'),
  bad('a slash in four bytes', 1, 'f08080af'),
  bad('the highest overlong form of three bytes', 1, 'e09fbf'),
  bad('the highest overlong form of four bytes', 1, 'f08fbfbf'),
  bad('the lowest high surrogate', 1, 'eda080'),
  bad('the highest high surrogate', 1, 'edafbf'),
  bad('the lowest low surrogate', 1, 'edb080'),
  bad('the highest low surrogate', 1, 'edbfbf'),
  bad('a pair of surrogates, as in CESU-8', 1, 'eda0bdedb880'),
  bad('the first code point above U+10FFFF', 1, 'f4908080'),
  bad('a sequence beginning with f5', 0, 'f5808080'),
  bad('a sequence beginning with f7', 0, 'f7bfbfbf'),
  bad('five bytes', 0, 'f888808080'),
  bad('six bytes', 0, 'fc8480808080'),
  bad('the byte fe', 0, 'fe'),
  bad('the byte ff', 0, 'ff'),
  bad('two bytes of which the second is ASCII', 1, 'c361'),
  bad('three bytes of which the second is ASCII', 1, 'e261ac'),
  bad('three bytes of which the third is ASCII', 2, 'e28261'),
  bad('four bytes of which the fourth begins anew', 3, 'f09f98c3a4'),
  bad('a first byte where a continuation is due', 1, 'c3c3a4'),
  bad('a bad byte after a long valid text', 83, `${'c3a4'.repeat(41)}41ff`),
  bad('a bad byte after a long ASCII text', 100, `${'41'.repeat(100)}ff`),
  bad('two bytes cut short', 1, 'c3'),
  bad('three bytes cut short after one', 1, 'e2'),
  bad('three bytes cut short after two', 2, 'e282'),
  bad('four bytes cut short after three', 3, 'f09f98'),
  bad('ASCII and two bytes cut short', 3, '4142c3')
]

const BOUNDARIES = '\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\ufffe\uffff\u{10000}\u{1f600}\u{10ffff}'
const NOT_FINAL = { fin: false }

/** §8.1. */
export const TEXT: readonly Vector[] = [
  {
    name: '§8.1 accepts the first and last code point of every length, and noncharacters',
    steps: [text(BOUNDARIES)],
    events: [['text', BOUNDARIES]],
    sends: [],
    end: LOST
  },
  {
    name: '§8.1 a code point may be split over frames at any byte, control frames in between',
    steps: [
      text('', NOT_FINAL),
      ...Array.from(utf8(BOUNDARIES), (byte) => [
        more(Uint8Array.of(byte), NOT_FINAL),
        ping(Uint8Array.of(byte))
      ]).flat(),
      more('')
    ],
    events: [
      ...Array.from(utf8(BOUNDARIES), (byte) => ['ping', byte.toString(16).padStart(2, '0')] as const),
      ['text', BOUNDARIES]
    ],
    sends: Array.from(utf8(BOUNDARIES), (byte) => sentPong(Uint8Array.of(byte))),
    end: LOST
  },
  ...BAD_TEXTS.map(
    ({ what, bytes }): Vector => ({
      name: `§8.1 rejects ${what} with 1007`,
      steps: [text(bytes), text('after')],
      ...fails('invalid-utf8', 1007)
    })
  ),
  ...BAD_TEXTS.map(
    ({ what, bytes }): Vector => ({
      name: `§8.1 rejects ${what}, spread over frames of one byte`,
      steps: [
        text('ok'),
        text('', NOT_FINAL),
        ...Array.from(bytes, (byte) => more(Uint8Array.of(byte), NOT_FINAL)),
        more('')
      ],
      ...fails('invalid-utf8', 1007, { events: [['text', 'ok']] })
    })
  ),
  ...BAD_TEXTS.filter(({ bytes, badAt }) => badAt < bytes.length).map(
    ({ what, bytes }): Vector => ({
      name: `§8.1 rejects ${what} before the frame is whole`,
      steps: [text(bytes, { announced: 60_000n })],
      ...fails('invalid-utf8', 1007)
    })
  ),
  {
    name: '§8.1 the state of one message does not leak into the next',
    steps: [text(hex('e2'), NOT_FINAL), more(hex('82ac')), text('ok'), text(join([utf8('x'), hex('82')]))],
    ...fails('invalid-utf8', 1007, {
      events: [
        ['text', '€'],
        ['text', 'ok']
      ]
    })
  }
]
