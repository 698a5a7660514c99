import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatExtensions, parseExtensions } from '../../src/core/header-values.js'
import type { DeflateMessageOptions } from '../../src/extensions/deflate-message.js'
import { DeflateMessage } from '../../src/extensions/deflate-message.js'
import { CHUNK_SIZES, readSent, receiveInChunks } from '../conformance/subject.js'
import { binary, more, ping, sentClose, text } from '../conformance/vector.js'
import { encode, type FrameSpec, hex, join, noise, toHex, utf8 } from '../conformance/wire.js'
import { errorOf } from '../core/head-chunks.js'
import { fixedEnvironment } from '../core/support.js'
import { agree, answerTo, deferring, ENVIRONMENTS, json, Pair, serverOf } from './deflate-pair.js'

const RSV1 = 0x40
const environment = fixedEnvironment()
const NAME = 'permessage-deflate'
const NO_TAKEOVER = 'server_no_context_takeover; client_no_context_takeover'
const KEEPING = { serverNoContextTakeover: false, clientNoContextTakeover: false } as const

/** Deflates as a peer would, without the tail. */
function deflate(bytes: Uint8Array, options = {}): Uint8Array {
  const whole = deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, ...options })
  return new Uint8Array(whole.subarray(0, whole.length - 4))
}

function inflate(bytes: Uint8Array, options = {}): Uint8Array {
  return inflateRawSync(join([bytes, hex('0000ffff')]), { finishFlush: constants.Z_SYNC_FLUSH, ...options })
}

describe('RFC 7692 §7.1 the server', () => {
  it.each<[options: DeflateMessageOptions, offer: string, answer: string]>([
    [{}, NAME, `${NAME}; ${NO_TAKEOVER}`],
    [{}, `${NAME}; client_max_window_bits`, `${NAME}; ${NO_TAKEOVER}`],
    [{}, `${NAME}; server_max_window_bits=10`, `${NAME}; ${NO_TAKEOVER}; server_max_window_bits=10`],
    [{}, `${NAME}; server_max_window_bits=8`, `${NAME}; ${NO_TAKEOVER}; server_max_window_bits=8`],
    [{}, `${NAME}; server_max_window_bits="12"`, `${NAME}; ${NO_TAKEOVER}; server_max_window_bits=12`],
    [{}, `${NAME}; server_max_window_bits=15`, `${NAME}; ${NO_TAKEOVER}; server_max_window_bits=15`],
    [{}, `${NAME}; client_max_window_bits=9`, `${NAME}; ${NO_TAKEOVER}; client_max_window_bits=9`],
    [{ serverMaxWindowBits: 11 }, NAME, `${NAME}; ${NO_TAKEOVER}; server_max_window_bits=11`],
    [
      { serverMaxWindowBits: 11 },
      `${NAME}; server_max_window_bits=10`,
      `${NAME}; ${NO_TAKEOVER}; server_max_window_bits=10`
    ],
    [{ clientMaxWindowBits: 9 }, NAME, `${NAME}; ${NO_TAKEOVER}`],
    [
      { clientMaxWindowBits: 9 },
      `${NAME}; client_max_window_bits`,
      `${NAME}; ${NO_TAKEOVER}; client_max_window_bits=9`
    ],
    [
      KEEPING,
      `${NAME}; client_max_window_bits`,
      `${NAME}; server_max_window_bits=12; client_max_window_bits=12`
    ],
    [
      { ...KEEPING, serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
      `${NAME}; client_max_window_bits; server_no_context_takeover`,
      `${NAME}; server_no_context_takeover`
    ],
    [
      { ...KEEPING, serverMaxWindowBits: 15 },
      `${NAME}; client_no_context_takeover`,
      `${NAME}; client_no_context_takeover`
    ]
  ])('with %j answers to %s', (options, offer, answer) => {
    expect(answerTo(offer, new DeflateMessage(options), environment)).toBe(answer)
  })

  it.each([
    'unknown',
    'server_no_context_takeover=1',
    'client_no_context_takeover=15',
    'server_max_window_bits',
    'server_max_window_bits=7',
    'server_max_window_bits=16',
    'server_max_window_bits=08',
    'server_max_window_bits=1e1',
    'server_max_window_bits=999999999999999999999',
    'server_max_window_bits=x',
    'client_max_window_bits=7',
    'client_max_window_bits=16',
    'server_no_context_takeover; server_no_context_takeover',
    'server_max_window_bits=10; server_max_window_bits=10',
    'client_max_window_bits; client_max_window_bits=10',
    '__proto__',
    'constructor'
  ])('declines %s and takes the fallback', (parameters) => {
    expect(answerTo(`${NAME}; ${parameters}`, new DeflateMessage(), environment)).toBe('')
    const fallback = `${NAME}; ${parameters}, x-webkit, ${NAME}; server_max_window_bits=9, ${NAME}`
    expect(answerTo(fallback, new DeflateMessage(), environment)).toBe(
      `${NAME}; ${NO_TAKEOVER}; server_max_window_bits=9`
    )
  })

  it('answers every header without an exception, with what it may answer', () => {
    const name = fc.constantFrom(
      'server_max_window_bits',
      'client_max_window_bits',
      'server_no_context_takeover',
      'client_no_context_takeover',
      'other'
    )
    const value = fc.option(
      fc.oneof(fc.integer({ min: 6, max: 17 }).map(String), fc.string({ minLength: 1 }))
    )
    const offer = fc.record({
      name: fc.constantFrom(NAME, 'x'),
      parameters: fc.array(fc.record({ name, value }), { maxLength: 5 })
    })
    const options = fc.record({
      serverNoContextTakeover: fc.boolean(),
      clientNoContextTakeover: fc.boolean(),
      serverMaxWindowBits: fc.integer({ min: 8, max: 15 }),
      clientMaxWindowBits: fc.integer({ min: 8, max: 15 })
    })
    fc.assert(
      fc.property(fc.array(offer, { maxLength: 4 }), options, (offers, own) => {
        const server = new DeflateMessage(own)
        for (const one of offers) {
          const accepted = one.name === NAME ? server.accept(one, environment) : null
          if (accepted === null) continue
          const asked = new Map<string, string | null>(
            one.parameters.map((parameter) => [parameter.name, parameter.value])
          )
          const answered = new Map(accepted.parameters.map((parameter) => [parameter.name, parameter.value]))
          expect(asked.size).toBe(one.parameters.length)
          if (asked.has('server_no_context_takeover'))
            expect(answered.has('server_no_context_takeover')).toBe(true)
          if (answered.has('client_max_window_bits')) expect(asked.has('client_max_window_bits')).toBe(true)
          for (const bits of ['server_max_window_bits', 'client_max_window_bits']) {
            const most = Number(asked.get(bits) ?? 15)
            if (answered.has(bits)) expect(Number(answered.get(bits))).toBeLessThanOrEqual(most)
          }
          // What it answers is what a client with the same options takes, if it asked for no less.
          expect(formatExtensions([{ name: NAME, parameters: accepted.parameters }])).not.toBeNull()
          accepted.session.close?.()
        }
        expect(server.contextBytes).toBe(0)
      })
    )
  })
})

describe('RFC 7692 §7.1 the client', () => {
  it.each<[options: DeflateMessageOptions, offer: string]>([
    [{}, `${NAME}; ${NO_TAKEOVER}; client_max_window_bits`],
    [{ clientMaxWindowBits: 10 }, `${NAME}; ${NO_TAKEOVER}; client_max_window_bits=10`],
    [
      { ...KEEPING, serverMaxWindowBits: 10 },
      `${NAME}; server_max_window_bits=10; client_max_window_bits=12, ${NAME}; client_max_window_bits=12`
    ]
  ])('with %j offers %s', (options, offer) => {
    expect(formatExtensions(new DeflateMessage(options).offers())).toBe(offer)
  })

  const confirm = (answer: string, options: DeflateMessageOptions = {}) =>
    new DeflateMessage(options).confirm(parseExtensions(answer)![0]!, environment)

  it.each<[answer: string, options: DeflateMessageOptions]>([
    [NAME, {}],
    [`${NAME}; client_no_context_takeover`, {}],
    [`${NAME}; ${NO_TAKEOVER}; client_max_window_bits`, {}],
    [`${NAME}; ${NO_TAKEOVER}; client_max_window_bits=7`, {}],
    [`${NAME}; ${NO_TAKEOVER}; client_max_window_bits=11`, { clientMaxWindowBits: 10 }],
    [`${NAME}; ${NO_TAKEOVER}; server_max_window_bits`, {}],
    [`${NAME}; ${NO_TAKEOVER}; server_max_window_bits=16`, {}],
    [`${NAME}; ${NO_TAKEOVER}; server_no_context_takeover`, {}],
    [`${NAME}; ${NO_TAKEOVER}; unknown`, {}],
    [`${NAME}; ${NO_TAKEOVER}=1`, {}]
  ])('refuses the answer %s to %j', (answer, options) => {
    expect(confirm(answer, options)).toBeNull()
  })

  it('takes what keeps to its offer', () => {
    expect(confirm(`${NAME}; server_no_context_takeover; server_max_window_bits=8`)).not.toBeNull()
    expect(
      confirm(`${NAME}; ${NO_TAKEOVER}; client_max_window_bits=9`, { clientMaxWindowBits: 10 })
    ).not.toBeNull()
    expect(confirm(NAME, KEEPING)).not.toBeNull()
  })
})

describe('options', () => {
  it.each([
    [{ level: 10 }, 'level must be an integer from 0 to 9'],
    [{ memLevel: 0 }, 'memLevel must be an integer from 1 to 9'],
    [{ thresholdBytes: -1 }, 'thresholdBytes must be an integer'],
    [{ compress: true }, 'compress must be a function'],
    [{ serverMaxWindowBits: 7 }, 'serverMaxWindowBits must be an integer from 8 to 15'],
    [{ clientNoContextTakeover: 1 }, 'clientNoContextTakeover must be true or false'],
    [{ treshold: 1 }, 'has no option "treshold"']
  ])('%j are refused', (options, message) => {
    const error = errorOf(() => new DeflateMessage(options as DeflateMessageOptions))
    expect(error.code).toBe('invalid-option')
    expect(error.message).toContain(message)
  })
})

describe.each(ENVIRONMENTS)('with $title', ({ environment: env }) => {
  const serve = (options: DeflateMessageOptions = {}, limits = {}, offer = NAME) =>
    serverOf(new DeflateMessage(options), offer, env, limits)

  /** The frames that a server of these options sends: first byte and payload. */
  function sentBy(
    options: DeflateMessageOptions,
    send: (protocol: ReturnType<typeof serve>['subject']['protocol']) => void,
    offer = NAME
  ) {
    const { subject } = serve(options, {}, offer)
    send(subject.protocol)
    return readSent(subject.takeBytes(), 'server').map(
      ([first, payload]) => [Number.parseInt(first, 16), hex(payload)] as const
    )
  }

  it.each([
    ['§7.2.3.1 one block', 'f248cdc9c90700'],
    ['§7.2.3.3 a block without compression', '000500faff48656c6c6f00'],
    ['§7.2.3.4 a final block', 'f348cdc9c9070000'],
    ['§7.2.3.5 two blocks', 'f24805000000ffffcac9c90700']
  ])('RFC 7692 %s', (_, digits) => {
    const { subject, receive } = serve()
    receive(text(hex(digits), { rsv: RSV1 }))
    receive(
      text(hex(digits).subarray(0, 3), { rsv: RSV1, fin: false }),
      ping(hex('')),
      more(hex(digits).subarray(3))
    )
    expect(subject.events).toEqual([
      ['text', 'Hello'],
      ['ping', ''],
      ['text', 'Hello']
    ])
  })

  it('RFC 7692 §7.2.3.2 the second message from the window; §7.2.3.6 an empty message', () => {
    const { subject, receive } = serve({ clientNoContextTakeover: false })
    receive(
      text(hex('f248cdc9c90700'), { rsv: RSV1 }),
      text(hex('f200110000'), { rsv: RSV1 }),
      text(hex('00'), { rsv: RSV1 })
    )
    expect(subject.events).toEqual([
      ['text', 'Hello'],
      ['text', 'Hello'],
      ['text', '']
    ])
  })

  it('without takeover a message that reaches back into the one before fails', () => {
    const { subject, receive } = serve()
    receive(text(hex('f248cdc9c90700'), { rsv: RSV1 }), text(hex('f200110000'), { rsv: RSV1 }))
    expect(subject.events).toEqual([['text', 'Hello'], ['error', 'extension-failed'], ['finish']])
    expect(readSent(subject.takeBytes(), 'server')).toEqual([sentClose(1002)])
  })

  it('a failed context is not used again', () => {
    const extension = new DeflateMessage()
    const bad = serverOf(extension, NAME, env)
    bad.receive(text(hex('07'), { rsv: RSV1 }))
    expect(bad.subject.events[0]).toEqual(['error', 'extension-failed'])
    const good = serverOf(extension, NAME, env)
    good.receive(text(hex('f248cdc9c90700'), { rsv: RSV1 }))
    expect(good.subject.events).toEqual([['text', 'Hello']])
  })

  it.each<[what: string, frames: FrameSpec[], code: string, closeCode: number]>([
    [
      'a truncated stream',
      [text(deflate(utf8(json(300))).subarray(0, 40), { rsv: RSV1 })],
      'extension-failed',
      1002
    ],
    ['a corrupt stream', [text(hex('ffffffff'), { rsv: RSV1 })], 'extension-failed', 1002],
    ['no bytes at all', [text(hex(''), { rsv: RSV1 })], 'extension-failed', 1002],
    ['bytes behind a final block', [text(hex('f348cdc9c90700 ff'), { rsv: RSV1 })], 'extension-failed', 1002],
    [
      'RSV1 on a continuation',
      [text(hex('f248'), { rsv: RSV1, fin: false }), more(hex('cdc9c90700'), { rsv: RSV1 })],
      'reserved-bits',
      1002
    ],
    ['RSV1 on a ping', [ping(hex(''), { rsv: RSV1 })], 'reserved-bits', 1002],
    ['RSV2', [text(hex('00'), { rsv: 0x20 })], 'reserved-bits', 1002],
    [
      'text that is no UTF-8 after inflating',
      [text(deflate(hex('c3 28')), { rsv: RSV1 })],
      'invalid-utf8',
      1007
    ],
    [
      'a surrogate after inflating',
      [text(deflate(join([utf8('x'.repeat(3000)), hex('eda080')])), { rsv: RSV1 })],
      'invalid-utf8',
      1007
    ]
  ])('refuses %s', (_, frames, code, closeCode) => {
    const bytes = join(frames.map((frame) => encode(frame, 'server')))
    for (const size of CHUNK_SIZES) {
      const { subject } = serve()
      void receiveInChunks(subject, bytes, size)
      expect(subject.events).toEqual([['error', code], ['finish']])
      expect(readSent(subject.takeBytes(), 'server')).toEqual([sentClose(closeCode)])
    }
  })

  it('takes a final block in the middle, with or without bytes behind it', () => {
    const { subject, receive } = serve()
    const hello = hex('f348cdc9c90700')
    for (const rest of ['', '00', '000000ffff00', 'f248cdc9c90700'])
      receive(text(join([hello, hex(rest)]), { rsv: RSV1 }))
    expect(subject.events).toEqual(['Hello', 'Hello', 'Hello', 'HelloHello'].map((one) => ['text', one]))
  })

  it('takes several blocks in several frames, and messages that are not compressed between them', () => {
    const { subject, receive } = serve()
    const payload = utf8(json(5000))
    const blocks = [payload.subarray(0, 2000), payload.subarray(2000)].map((part) =>
      join([deflate(part), hex('0000ffff')])
    )
    const encoded = join([...blocks, hex('00')])
    receive(binary(encoded, { rsv: RSV1 }), text('plain'))
    receive(
      text(encoded.subarray(0, 10), { rsv: RSV1, fin: false }),
      more(encoded.subarray(10, 11), { fin: false }),
      more(hex(''), { fin: false }),
      more(encoded.subarray(11))
    )
    expect(subject.events).toEqual([
      ['binary', toHex(payload)],
      ['text', 'plain'],
      ['text', json(5000)]
    ])
  })

  it('§10.4 an inflate bomb stops at maxMessageBytes with 1009 and allocates no more', () => {
    const bomb = deflate(new Uint8Array(256 * 1024 * 1024), { level: 9 })
    const before = process.memoryUsage().rss
    const { environment: mine, runNext } = deferring(env)
    const limits = { maxMessageBytes: 1024 * 1024 }
    const { subject, receive } = serverOf(new DeflateMessage(), NAME, mine, limits)
    receive(binary(bomb, { rsv: RSV1 }))
    while (runNext());
    expect(process.memoryUsage().rss - before).toBeLessThan(16 * 1024 * 1024)
    expect(subject.events).toEqual([['error', 'message-too-big'], ['finish']])
    expect(readSent(subject.takeBytes(), 'server')).toEqual([sentClose(1009)])
  })

  it('§10.4 a message of exactly maxMessageBytes passes, one byte more does not', () => {
    for (const [byteLength, isRefused] of [
      [5000, false],
      [5001, true]
    ] as const) {
      const { subject, receive } = serve({}, { maxMessageBytes: 5000 })
      receive(text(deflate(utf8(json(byteLength))), { rsv: RSV1 }))
      expect(subject.events[0]![0]).toBe(isRefused ? 'error' : 'text')
    }
  })

  it.each([8, 9, 10, 11, 12, 13, 14, 15])('a window of %i bits is never left, kept or not', (bits) => {
    const payload = join([
      utf8(json(3000)),
      noise(40_000).map((byte, i) => byte ^ (i >> 8)),
      utf8(json(3000)),
      new Uint8Array(300)
    ])
    for (const options of [{}, { serverNoContextTakeover: false }, { level: 9, memLevel: 9 }]) {
      const frames = sentBy(
        { ...options, serverMaxWindowBits: 15 },
        (protocol) => {
          protocol.send(payload, { compress: true })
          protocol.send(payload.subarray(0, 1000), { compress: true })
        },
        `${NAME}; server_max_window_bits=${bits}`
      )
      // Output in steps of 64 bytes leaves zlib only the window to look back into.
      const strict = { windowBits: Math.max(bits, 9), chunkSize: 64 }
      expect(frames.map(([first]) => first)).toEqual([0xc2, 0xc2])
      expect(toHex(inflate(frames[0]![1], strict)) === toHex(payload)).toBe(true)
    }
    if (bits > 8) return
    // A window of 256 bytes: our own inflater has it.
    const [[, deflated]] = sentBy({ serverMaxWindowBits: 8 }, (protocol) =>
      protocol.send(payload, { compress: true })
    ) as [readonly [number, Uint8Array]]
    const inflater = env.kernels.createInflater(8)
    const parts: Uint8Array[] = []
    for (let at = 0; at < deflated.length; at += 50)
      parts.push(inflater.inflate(deflated.subarray(at, at + 50), false, 1e6)!)
    parts.push(inflater.inflate(hex('0000ffff'), true, 1e6)!)
    expect(toHex(join(parts)) === toHex(payload)).toBe(true)
  })

  it('compresses from thresholdBytes on, as `compress` says, or as `send` was told', () => {
    const compressed = (options: DeflateMessageOptions, message: string | Uint8Array, flag?: boolean) =>
      sentBy(options, (protocol) => protocol.send(message, { compress: flag })).map(
        ([first]) => (first & RSV1) !== 0
      )[0]
    expect(compressed({}, 'a'.repeat(255))).toBe(false)
    expect(compressed({}, 'a'.repeat(256))).toBe(true)
    expect(compressed({ thresholdBytes: 10 }, 'a'.repeat(10))).toBe(true)
    expect(compressed({}, 'a'.repeat(20), true)).toBe(true)
    expect(compressed({}, 'a'.repeat(1000), false)).toBe(false)
    const textOnly: DeflateMessageOptions = { compress: ({ opcode }) => opcode === 1 }
    expect(compressed(textOnly, 'a'.repeat(1000))).toBe(true)
    expect(compressed(textOnly, new Uint8Array(1000))).toBe(false)
    expect(compressed(textOnly, new Uint8Array(1000), true)).toBe(true)
  })

  it('sends a message as it is that would get longer, unless the window is kept', () => {
    const message = new Uint8Array(deflateRawSync(utf8(json(20_000)), { level: 9 }))
    expect(sentBy({}, (protocol) => protocol.send(message))[0]![0]).toBe(0x82)
    expect(sentBy({ serverNoContextTakeover: false }, (protocol) => protocol.send(message))[0]![0]).toBe(0xc2)
  })

  it('§7.2.1 sets RSV1 on the first fragment only', () => {
    const frames = sentBy({}, (protocol) => protocol.send(json(3000), { fragmentSize: 100 }))
    expect(frames.map(([first]) => first)).toEqual([0x41, ...Array(frames.length - 2).fill(0), 0x80])
    expect(Buffer.from(inflate(join(frames.map(([, payload]) => payload)))).toString()).toBe(json(3000))
  })

  it.each<[server: DeflateMessageOptions, client: DeflateMessageOptions]>([
    [{}, {}],
    [KEEPING, KEEPING],
    [KEEPING, { ...KEEPING, serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
    [{ serverNoContextTakeover: false }, { ...KEEPING, level: 1 }],
    [{ level: 0 }, { level: 9, memLevel: 1 }],
    [{ serverMaxWindowBits: 8, clientMaxWindowBits: 8 }, {}]
  ])('carries everything both ways between %j and %j', (server, client) => {
    const agreement = agree(env, [new DeflateMessage(server)], [new DeflateMessage(client)])
    const pair = new Pair(env, agreement, { maxFragments: 1_000_000 })
    const sendables = [
      '',
      'a',
      'ä€😀'.repeat(99),
      json(300),
      json(1024),
      json(70_000),
      noise(5),
      noise(5000),
      new Uint8Array(100_000)
    ]
    for (const fragmentSize of [null, 7, 5000]) {
      for (const one of sendables) {
        for (const flag of [undefined, true]) {
          pair.server.protocol.send(one, { fragmentSize, compress: flag })
          pair.client.protocol.send(one, { fragmentSize, compress: flag })
          pair.exchange()
          const expected = typeof one === 'string' ? ['text', one] : ['binary', toHex(one)]
          for (const { events } of [pair.server, pair.client]) expect(events.splice(0)).toEqual([expected])
        }
      }
    }
  })

  it('§7.1.1 a kept window makes the second of two like messages short', () => {
    const pair = new Pair(env, agree(env, [new DeflateMessage(KEEPING)], [new DeflateMessage(KEEPING)]))
    const lengths = [1, 2].map(() => {
      pair.server.protocol.send(json(2000))
      pair.client.protocol.send(json(2000))
      return pair.exchange()
    })
    expect(lengths[1]!.fromServer).toBeLessThan(lengths[0]!.fromServer / 5)
    expect(lengths[1]!.fromClient).toBeLessThan(lengths[0]!.fromClient / 5)
  })

  it('payloads that were handed out keep their bytes', () => {
    const { subject, receive } = serve()
    const payloads: Uint8Array[] = []
    subject.handleMessage = ({ payload }) => payloads.push(payload as Uint8Array)
    for (const size of [10, 1000, 20_000])
      receive(binary(deflate(new Uint8Array(size).fill(size & 0xff)), { rsv: RSV1 }))
    receive(binary(deflate(new Uint8Array(20_000).fill(1)), { rsv: RSV1 }))
    for (const [index, size] of [10, 1000, 20_000].entries())
      expect(toHex(payloads[index]!) === toHex(new Uint8Array(size).fill(size & 0xff))).toBe(true)
  })
})

describe('memory', () => {
  const ANSWER = `${NAME}; server_max_window_bits=12; client_max_window_bits=12`

  it('is set aside for kept windows, given back at the end, and bounded by maxContextBytes', () => {
    const extension = new DeflateMessage({ ...KEEPING, maxContextBytes: 300_000 })
    const open = () => answerTo(`${NAME}; client_max_window_bits`, extension, environment)
    expect(open()).toBe(ANSWER)
    expect(extension.contextBytes).toBeGreaterThan(100_000)
    expect(extension.contextBytes).toBeLessThan(150_000)
    expect(open()).toBe(ANSWER)
    const full = extension.contextBytes
    expect(open()).toBe(`${NAME}; ${NO_TAKEOVER}; server_max_window_bits=12; client_max_window_bits=12`)
    expect(extension.contextBytes).toBe(full)
    expect(full).toBeLessThanOrEqual(300_000)
  })

  it('is given back when a connection ends, and there is none where no window is kept', () => {
    const extension = new DeflateMessage({ ...KEEPING, maxContextBytes: 200_000 })
    for (let i = 0; i < 3; i++) {
      const { subject } = serverOf(extension, NAME, environment)
      expect(extension.contextBytes).toBeGreaterThan(100_000)
      subject.protocol.end()
      expect(extension.contextBytes).toBe(0)
    }
    const other = new DeflateMessage()
    serverOf(other, NAME, environment)
    expect(other.contextBytes).toBe(0)
  })
})
