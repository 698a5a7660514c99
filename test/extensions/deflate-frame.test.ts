import { describe, expect, it } from 'vitest'
import { formatExtensions, parseExtensions } from '../../src/core/header-values.js'
import { DeflateFrame, type DeflateFrameOptions } from '../../src/extensions/deflate-frame.js'
import { DeflateMessage } from '../../src/extensions/deflate-message.js'
import { readSent } from '../conformance/subject.js'
import { binary, more, ping, sentClose, text } from '../conformance/vector.js'
import { hex, noise, toHex } from '../conformance/wire.js'
import { errorOf } from '../core/head-chunks.js'
import { fixedEnvironment } from '../core/support.js'
import { agree, answerTo, ENVIRONMENTS, json, Pair, serverOf } from './deflate-pair.js'

const RSV1 = 0x40
const NAME = 'deflate-frame'
const environment = fixedEnvironment()
const KEEPING = { noContextTakeover: false } as const

describe('draft-06 §4 negotiation', () => {
  it.each<[options: DeflateFrameOptions, offer: string, answer: string]>([
    [{}, NAME, `${NAME}; no_context_takeover`],
    [{}, 'x-webkit-deflate-frame', 'x-webkit-deflate-frame; no_context_takeover'],
    [{}, `${NAME}; max_window_bits=8; no_context_takeover`, `${NAME}; no_context_takeover`],
    [{ ...KEEPING, maxWindowBits: 15 }, `${NAME}; max_window_bits=9`, NAME],
    [KEEPING, NAME, `${NAME}; max_window_bits=12`],
    [{ ...KEEPING, maxContextBytes: 0 }, NAME, `${NAME}; max_window_bits=12; no_context_takeover`],
    [{}, `${NAME}, x-webkit-deflate-frame`, `${NAME}; no_context_takeover`]
  ])('with %j answers to %s', (options, offer, answer) => {
    expect(answerTo(offer, new DeflateFrame(options), environment)).toBe(answer)
  })

  it.each([
    'max_window_bits',
    'max_window_bits=7',
    'no_context_takeover=1',
    'unknown',
    'no_context_takeover; no_context_takeover'
  ])('declines %s; a client refuses it', (parameters) => {
    expect(answerTo(`${NAME}; ${parameters}, ${NAME}`, new DeflateFrame(), environment)).toBe(
      `${NAME}; no_context_takeover`
    )
    const answer = parseExtensions(`${NAME}; ${parameters}`)![0]!
    expect(new DeflateFrame().confirm(answer, environment)).toBeNull()
  })

  it('offers both names, and does not go together with permessage-deflate: the first one offered wins', () => {
    expect(formatExtensions(new DeflateFrame({ maxWindowBits: 10 }).offers())).toBe(
      `${NAME}; max_window_bits=10; no_context_takeover, x-webkit-${NAME}; max_window_bits=10; no_context_takeover`
    )
    const both = () => [new DeflateMessage(), new DeflateFrame()]
    const { server, client } = agree(environment, both(), both().toReversed())
    expect([server.map(({ name }) => name), client.map(({ name }) => name)]).toEqual([[NAME], [NAME]])
  })

  it('refuses wrong options', () => {
    const error = errorOf(() => new DeflateFrame({ maxWindowBits: 16 }))
    expect([error.code, error.message]).toEqual([
      'invalid-option',
      expect.stringContaining('DeflateFrame: maxWindowBits must be an integer from 8 to 15')
    ])
  })
})

// Made with Python's zlib, each frame as draft-06 §5.1 says: deflated by
//   c = zlib.compressobj(6, zlib.DEFLATED, -15); b = c.compress(text) + c.flush(zlib.Z_SYNC_FLUSH); b[:-4].hex()
// with one compressobj for all frames where the window is kept.
const PYTHON = {
  hello: 'f248cdc9c90700',
  helloFromWindow: 'f200110000',
  helloOnceMore: '02130000',
  abc1000: 'ecc2411100000c02a0ac6aff0eabb1071ce9a2aaaafe7e00',
  notUtf8: '3aac0100'
}

describe.each(ENVIRONMENTS)('with $title', ({ environment: env }) => {
  const serve = (options: DeflateFrameOptions = {}, offer = NAME, limits = {}) =>
    serverOf(new DeflateFrame(options), offer, env, limits)

  it("draft-06 §5.2 inflates what Python's zlib has deflated, frame by frame", () => {
    const { subject, receive } = serve()
    receive(
      text(hex(PYTHON.hello), { rsv: RSV1 }),
      text(hex(PYTHON.hello), { rsv: RSV1, fin: false }),
      ping(hex('')),
      more(hex('2c20'), { fin: false }),
      more(hex(PYTHON.hello), { rsv: RSV1 }),
      text(hex(PYTHON.abc1000), { rsv: RSV1 })
    )
    expect(subject.events).toEqual([
      ['text', 'Hello'],
      ['ping', ''],
      ['text', 'Hello, Hello'],
      ['text', 'abc'.repeat(1000)]
    ])
  })

  it('draft-06 §5.2 keeps the window between frames if that was agreed on', () => {
    const { subject, receive } = serve(KEEPING)
    receive(
      text(hex(PYTHON.hello), { rsv: RSV1, fin: false }),
      more(hex(PYTHON.helloFromWindow), { rsv: RSV1 }),
      text(hex(PYTHON.helloOnceMore), { rsv: RSV1 })
    )
    expect(subject.events).toEqual([
      ['text', 'HelloHello'],
      ['text', 'Hello']
    ])
    const without = serve()
    without.receive(
      text(hex(PYTHON.hello), { rsv: RSV1, fin: false }),
      more(hex(PYTHON.helloFromWindow), { rsv: RSV1 })
    )
    expect(without.subject.events).toEqual([['error', 'extension-failed'], ['finish']])
  })

  it('draft-06 §5.1 deflates each frame by itself, marked by RSV1', () => {
    const { subject } = serve()
    subject.protocol.send(json(1000), { fragmentSize: 400 })
    const frames = readSent(subject.takeBytes(), 'server')
    expect(frames.map(([first]) => first)).toEqual(['41', '40', '80'])
    const back = serve()
    back.receive(
      ...frames.map(([first, payload], i) => ({
        opcode: i === 0 ? 1 : 0,
        fin: i === 2,
        rsv: Number.parseInt(first, 16) & RSV1,
        payload: hex(payload)
      }))
    )
    expect(back.subject.events).toEqual([['text', json(1000)]])
  })

  it.each<[what: string, payload: string, code: string, closeCode: number]>([
    ['a corrupt frame', '07', 'extension-failed', 1002],
    ['a truncated frame', 'f248cd', 'extension-failed', 1002],
    ['no UTF-8', PYTHON.notUtf8, 'invalid-utf8', 1007]
  ])('refuses %s', (_, payload, code, closeCode) => {
    const { subject, receive } = serve()
    receive(text(hex(payload), { rsv: RSV1 }), text('after'))
    expect(subject.events).toEqual([['error', code], ['finish']])
    expect(readSent(subject.takeBytes(), 'server')).toEqual([sentClose(closeCode)])
  })

  it('§10.4 frames count together against maxMessageBytes', () => {
    const { subject, receive } = serve({}, NAME, { maxMessageBytes: 12 })
    const hello = hex(PYTHON.hello)
    receive(binary(hello, { rsv: RSV1, fin: false }), more(hello, { rsv: RSV1 }))
    receive(
      binary(hello, { rsv: RSV1, fin: false }),
      more(hello, { rsv: RSV1, fin: false }),
      more(hello, { rsv: RSV1 })
    )
    expect(subject.events).toEqual([
      ['binary', '48656c6c6f48656c6c6f'],
      ['error', 'message-too-big'],
      ['finish']
    ])
  })

  it.each<[server: DeflateFrameOptions, client: DeflateFrameOptions]>([
    [{}, {}],
    [KEEPING, KEEPING],
    [KEEPING, {}],
    [{ maxWindowBits: 8 }, { ...KEEPING, maxWindowBits: 9 }]
  ])('carries everything both ways between %j and %j', (server, client) => {
    const agreement = agree(env, [new DeflateFrame(server)], [new DeflateFrame(client)])
    const pair = new Pair(env, agreement, { maxFragments: 1_000_000 })
    for (const fragmentSize of [null, 300, 5000]) {
      for (const one of [
        '',
        'ä€😀'.repeat(99),
        json(1024),
        json(70_000),
        noise(5000),
        new Uint8Array(100_000)
      ]) {
        for (const { protocol } of [pair.server, pair.client]) protocol.send(one, { fragmentSize })
        pair.exchange()
        const expected = typeof one === 'string' ? ['text', one] : ['binary', toHex(one)]
        for (const { events } of [pair.server, pair.client]) expect(events.splice(0)).toEqual([expected])
      }
    }
  })
})
