import { describe, expect, it } from 'vitest'
import type { ExtensionSession, NegotiatedExtension } from '../../src/core/extension.js'
import { BinaryMessage, ExtensionMessage, TextMessage } from '../../src/core/message.js'
import { PreparedMessage, prepare } from '../../src/core/prepared.js'
import type { SendChoices } from '../../src/core/sender.js'
import { DeflateMessage } from '../../src/extensions/deflate-message.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { readSent } from '../conformance/subject.js'
import { join, toHex, utf8 } from '../conformance/wire.js'
import { agree, deferring, ENVIRONMENTS, json, Pair } from '../extensions/deflate-pair.js'
import { fixedEnvironment } from './support.js'

/** An extension that counts what it encodes, and puts its mark behind it. */
function marker(shareKey?: string) {
  const calls: string[] = []
  const session: ExtensionSession = {
    ...(shareKey !== undefined && { shareKey }),
    encodeMessage(message) {
      calls.push(Buffer.from(message.payload).toString())
      return { ...message, payload: join([message.payload, utf8('!')]), isShared: false }
    }
  }
  const extension: NegotiatedExtension = { name: 'x-mark', rsv: 0, opcodes: [3], session }
  return { extension, calls }
}

function subjects(count: number, extensions: () => readonly NegotiatedExtension[]) {
  return Array.from(
    { length: count },
    () => new CoreSubject(fixedEnvironment(), 'server', {}, [...extensions()])
  )
}

/** What each has sent, as hexadecimal of all its bytes. */
const sentBy = (all: readonly CoreSubject[]) => all.map((subject) => toHex(subject.takeBytes()))

describe('prepare', () => {
  it('makes a message of whatever can be sent, and leaves a prepared one as it is', () => {
    const text = prepare('text', { compress: true })
    expect([text.opcode, text.payload, text.bytes, text.compress]).toEqual([1, 'text', utf8('text'), true])
    expect(prepare(text)).toBe(text)
    expect(prepare(text, { compress: true })).toBe(text)
    const other = prepare(text, { compress: false })
    expect([other.compress, other.payload]).toEqual([false, 'text'])
    expect(prepare(new TextMessage('t')).payload).toBe('t')
    const extended = prepare(new ExtensionMessage(3, utf8('x')))
    expect([extended.opcode, extended.payload]).toEqual([3, utf8('x')])
    expect(text).toBeInstanceOf(PreparedMessage)
    expect(() => prepare(7 as unknown as string)).toThrow(/a message is a string, a Uint8Array or a Message/)
  })

  it.each([
    ['bytes', (bytes: Uint8Array) => bytes],
    ['a binary message', (bytes: Uint8Array) => new BinaryMessage(bytes)],
    ['a message of an extension', (bytes: Uint8Array) => new ExtensionMessage(2, bytes)]
  ])('copies %s: the caller may change, or transfer, them before it is sent', (_, wrap) => {
    for (const length of [5, 20_000]) {
      const bytes = new Uint8Array(length).fill(1)
      const message = prepare(wrap(bytes))
      bytes.fill(2)
      structuredClone(bytes, { transfer: [bytes.buffer] })
      const [subject] = subjects(1, () => [])
      expect(subject!.protocol.send(message)).toBe(true)
      expect(message.bytes).toEqual(new Uint8Array(length).fill(1))
      const [frame] = readSent(subject!.takeBytes(), 'server')
      expect(frame).toEqual(['82', '01'.repeat(length)])
    }
  })
})

describe('a prepared message', () => {
  it.each([0, 1, 125, 126, 8192, 8193, 65_535, 65_536, 200_000])(
    'of %d bytes is sent as any other is',
    (length) => {
      const payload = 'x'.repeat(length)
      const [plain, ...others] = subjects(4, () => [])
      plain!.protocol.send(payload)
      const message = prepare(payload)
      for (const { protocol } of others) expect(protocol.send(message)).toBe(true)
      const [expected, ...sent] = sentBy([plain!, ...others])
      expect(sent).toEqual([expected, expected, expected])
    }
  )

  it('is encoded once for sessions of one shareKey, and by each that has none', () => {
    for (const [key, count] of [
      ['mark', 1],
      [undefined, 3]
    ] as const) {
      const { extension, calls } = marker(key)
      const all = subjects(3, () => [extension])
      const message = prepare('hello')
      for (const { protocol } of all) protocol.send(message)
      expect(calls).toEqual(Array(count).fill('hello'))
      const [first, ...rest] = sentBy(all)
      expect(first).toBe(`8106${toHex(utf8('hello!'))}`)
      expect(rest).toEqual([first, first])
    }
  })

  it('is not shared between different keys, or with those that have no extension', () => {
    const [one, other] = [marker('one'), marker('other')]
    const message = prepare('hello')
    const lists = [[one.extension], [other.extension], [], [one.extension, other.extension], [one.extension]]
    const all = lists.map((list) => subjects(1, () => list)[0]!)
    for (const { protocol } of all) protocol.send(message)
    expect(sentBy(all).map((hex) => Buffer.from(hex.slice(4), 'hex').toString())).toEqual([
      'hello!',
      'hello!',
      'hello',
      'hello!!',
      'hello!'
    ])
    expect([one.calls.length, other.calls.length]).toEqual([2, 2])
  })

  it('of a client is masked by each with a key of its own', () => {
    const message = prepare('hi')
    const all = [1, 2].map(
      (maskingKey) =>
        new CoreSubject({ ...fixedEnvironment(), maskingKey: () => maskingKey }, 'client', {}, [])
    )
    for (const { protocol } of all) protocol.send(message)
    expect(sentBy(all)).toEqual(['818201000000' + '6969', '818202000000' + '6a69'])
  })

  it.each<[string, SendChoices]>([
    ['in fragments', { fragmentSize: 3 }],
    ['in one frame that is asked for', { fragmentSize: null }],
    ['masked', { mask: true }],
    ['not masked', { mask: false }],
    ['masked, in fragments', { mask: true, fragmentSize: 2 }]
  ])('is sent %s as any other is, to each', (_, choices) => {
    const [plain, ...others] = subjects(3, () => [])
    plain!.protocol.send('hello', choices)
    const message = prepare('hello')
    // Also after it was encoded in the usual way.
    const [usual] = subjects(1, () => [])
    usual!.protocol.send(message)
    for (const { protocol } of others) protocol.send(message, choices)
    const [expected, ...sent] = sentBy([plain!, ...others])
    expect(sent).toEqual([expected, expected])
  })

  it('goes behind a message that is sent piece by piece', () => {
    const { environment, runNext } = deferring(fixedEnvironment())
    const subject = new CoreSubject(environment, 'server')
    const message = prepare('second')
    // Others have encoded it already.
    subjects(1, () => [])[0]!.protocol.send(message)
    const stream = subject.protocol.beginMessage(1, { handleTurn: () => {} })!
    expect(subject.protocol.send(message)).toBe(true)
    stream.beginFrame(5, true)
    stream.writePiece(utf8('first'))
    while (runNext());
    expect(readSent(subject.takeBytes(), 'server')).toEqual([
      ['81', toHex(utf8('first'))],
      ['81', toHex(utf8('second'))]
    ])
  })

  it('that is encoded in slices is encoded once, by the first', () => {
    let [messageCount, sliceCount] = [0, 0]
    const extension: NegotiatedExtension = {
      name: 'x-slow',
      rsv: 0,
      opcodes: [],
      session: {
        shareKey: 'slow',
        encodeMessage(message) {
          messageCount++
          return { next: () => (++sliceCount < 4 ? null : { ...message, payload: utf8('done') }) }
        }
      }
    }
    const { environment, runNext } = deferring(fixedEnvironment())
    const all = [1, 2, 3].map(() => new CoreSubject(environment, 'server', {}, [extension]))
    const message = prepare('hello')
    for (const { protocol } of all) expect(protocol.send(message)).toBe(true)
    expect(all.map(({ protocol }) => protocol.deferredMessages.messageCount)).toEqual([1, 1, 1])
    while (runNext());
    expect([sentBy(all), messageCount, sliceCount]).toEqual([
      Array(3).fill(`8104${toHex(utf8('done'))}`),
      1,
      4
    ])
    expect(all.map(({ protocol }) => protocol.deferredMessages.messageCount)).toEqual([0, 0, 0])
  })

  it('with the opcode of an extension needs that extension', () => {
    const message = prepare(new ExtensionMessage(3, utf8('x')))
    const [without] = subjects(1, () => [])
    const [withIt] = subjects(1, () => [marker('m').extension])
    expect(() => without!.protocol.send(message)).toThrow(/no extension has the opcode 3/)
    expect(without!.protocol.knowsOpcode(3)).toBe(false)
    expect([withIt!.protocol.knowsOpcode(3), withIt!.protocol.send(message)]).toEqual([true, true])
    expect(sentBy([withIt!])).toEqual(['83027821'])
  })

  it('whose hook throws fails that connection; others try for themselves', () => {
    let isBroken = true
    const broken: NegotiatedExtension = {
      name: 'x-broken',
      rsv: 0,
      opcodes: [],
      session: {
        shareKey: 'b',
        encodeMessage() {
          if (isBroken) throw new Error('no')
          return null
        }
      }
    }
    const [first, second] = subjects(2, () => [broken])
    const message = prepare('hi')
    expect(first!.protocol.send(message)).toBe(false)
    expect(first!.events).toEqual([['error', 'extension-failed'], ['finish']])
    isBroken = false
    expect(second!.protocol.send(message)).toBe(true)
    expect(sentBy([second!])).toEqual(['81026869'])
  })
})

describe.each(ENVIRONMENTS)('a prepared message, compressed, on $title', ({ environment }) => {
  const text = json(2000)
  const pairOf = (server: DeflateMessage, client: DeflateMessage, env = environment) =>
    new Pair(env, agree(env, [server], [client]))
  const texts = ({ client, server }: Pair) => {
    client.receive(server.takeBytes())
    return client.events.splice(0)
  }

  it('is the same for all that keep no context, and each its own for those that do', () => {
    for (const [noContextTakeover, isSame] of [
      [true, true],
      [false, false]
    ] as const) {
      const server = new DeflateMessage({
        serverNoContextTakeover: noContextTakeover,
        maxContextBytes: 1e9
      })
      const client = new DeflateMessage({ serverNoContextTakeover: noContextTakeover })
      const pairs = [pairOf(server, client), pairOf(server, client)]
      // Another context, where one is kept.
      pairs[0]!.server.protocol.send(text)
      texts(pairs[0]!)
      const message = prepare(text)
      const bytes = pairs.map(({ server, client }) => {
        expect(server.protocol.send(message)).toBe(true)
        const sent = server.takeBytes()
        client.receive(sent)
        return toHex(sent)
      })
      expect(bytes[0] === bytes[1]).toBe(isSame)
      for (const { client } of pairs) expect(client.events).toEqual([['text', text]])
    }
  })

  it('is compressed or not as it was prepared, and as send is told', () => {
    const server = new DeflateMessage({ thresholdBytes: 0 })
    const pair = () => pairOf(server, new DeflateMessage())
    const firstByte = (message: PreparedMessage, choices?: SendChoices) => {
      const one = pair()
      one.server.protocol.send(message, choices)
      const sent = one.server.takeBytes()
      one.client.receive(sent)
      expect(one.client.events).toEqual([['text', text]])
      return toHex(sent.subarray(0, 1))
    }
    const [never, always] = [prepare(text, { compress: false }), prepare(text, { compress: true })]
    expect([firstByte(never), firstByte(always), firstByte(prepare(text))]).toEqual(['81', 'c1', 'c1'])
    expect([firstByte(never, { compress: true }), firstByte(always, { compress: false })]).toEqual([
      'c1',
      '81'
    ])
    // As a connection with autoFragmentBytes sends it.
    const choices = { fragmentSize: 50, compress: undefined, mask: undefined }
    expect([firstByte(never, choices), firstByte(always, choices)]).toEqual(['01', '41'])
  })

  it('if it is long is compressed in slices, once, while others of the class wait; all get it, in order', () => {
    const long = json(500_000)
    const { environment: slow, runNext } = deferring(environment)
    const server = new DeflateMessage()
    const pairs = [1, 2, 3].map(() => pairOf(server, new DeflateMessage(), slow))
    const message = prepare(long)
    for (const { server } of pairs) {
      server.protocol.send(message)
      server.protocol.send('behind')
    }
    expect(pairs.map(({ server }) => server.takeBytes().length)).toEqual([0, 0, 0])
    while (runNext());
    const bytes = pairs.map(({ server }) => server.takeBytes())
    expect(toHex(bytes[1]!)).toBe(toHex(bytes[0]!))
    expect(toHex(bytes[2]!)).toBe(toHex(bytes[0]!))
    expect(bytes[0]!.length).toBeLessThan(long.length / 3)
    pairs.forEach(({ client }, index) => {
      client.receive(bytes[index]!)
    })
    while (runNext());
    for (const { client } of pairs) {
      expect(client.events).toEqual([
        ['text', long],
        ['text', 'behind']
      ])
    }
  })

  it('is begun anew by another if the connection that compresses it ends', () => {
    const long = json(500_000)
    const { environment: slow, runNext } = deferring(environment)
    const server = new DeflateMessage()
    const pairs = [1, 2, 3].map(() => pairOf(server, new DeflateMessage(), slow))
    const message = prepare(long)
    for (const { server } of pairs) server.protocol.send(message)
    runNext()
    pairs[0]!.server.protocol.end()
    while (runNext());
    for (const { server, client } of pairs.slice(1)) {
      client.receive(server.takeBytes())
      while (runNext());
      expect(client.events).toEqual([['text', long]])
    }
    expect(pairs[0]!.server.takeBytes().length).toBe(0)
  })
})
