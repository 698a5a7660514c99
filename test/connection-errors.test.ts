import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Connection, WebSocketError } from '../src/index.js'
import { tier } from '../src/kernels/index.js'
import { guard, openAt, recorder, serve, serveOne, until } from './support/harness.js'
import { closePayload, encodeFrame } from './support/raw-client.js'

guard()

describe('a handler that fails', () => {
  const triggers = ['onopen', 'onmessage', 'onping', 'onpong', 'onsent'] as const
  const ways: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new TypeError('oops')
      }
    ],
    ['rejects', () => Promise.reject(new TypeError('oops'))],
    [
      'throws no Error',
      () => {
        throw 'oops'
      }
    ]
  ]
  it.each(triggers.flatMap((name) => ways.map(([way, fail]) => [name, way, fail] as const)))(
    '%s that %s: onerror, 1011, onclose; nothing behind it is told, others notice nothing',
    async (name, _, fail) => {
      const { lines, handlers } = recorder()
      const errors: WebSocketError[] = []
      const server = await serve({
        ...handlers,
        onmessage: (client, message) => void client.send(message),
        onerror(client, error) {
          errors.push(error)
          handlers.onerror(client, error)
        },
        [name]: (client: Connection, ...rest: unknown[]) => {
          if (client.request?.path === '/other' || client.data !== undefined) {
            ;(client as { data: unknown }).data = 'other'
            if (name === 'onmessage') client.send(rest[0] as string)
            return undefined
          }
          lines.push(name)
          return fail()
        }
      })
      const other = await openAt(server, { path: '/other' })
      for (const client of server.clients) (client as { data: unknown }).data = 'other'
      other.text('before')
      const peer = await openAt(server)
      const client = () => [...server.clients].at(-1)!
      if (name === 'onsent') client().send('x')
      peer.write(Buffer.concat([encodeFrame(9, Buffer.from('')), encodeFrame(10, Buffer.from(''))]))
      peer.write(encodeFrame(1, Buffer.from('m')))
      for (let frame = await peer.readFrame(); ; frame = await peer.readFrame()) {
        if (frame.opcode !== 8) continue
        expect(frame.payload.toString('hex')).toBe(closePayload(1011).toString('hex'))
        break
      }
      peer.close(1011)
      await until(() => lines.at(-1)!.startsWith('close'), 'it is over')
      // What a promise rejects with comes a little later than what is thrown.
      expect(lines.filter((line) => line === name)).toEqual([name])
      expect(lines.slice(-2)).toEqual(['error handler-failed', 'close 1006 "" unclean local handler-failed'])
      expect([errors[0]!.closeCode, String(errors[0]!.cause)]).toEqual([1011, expect.stringMatching(/oops$/)])
      expect(errors[0]!.message).toBe('a handler of the application threw: oops (RFC 6455 §7.4.1)')
      other.text('after')
      expect([await other.readText(), await other.readText()]).toEqual(['before', 'after'])
    }
  )

  it('onclose that throws or rejects is reported, and the connection is over all the same', async () => {
    const { lines, handlers } = recorder()
    for (const [, fail] of ways) {
      const { server, peer, client } = await serveOne({ ...handlers, onclose: fail })
      peer.close(1000)
      expect((await client.closed()).wasClean).toBe(true)
      await delay(1)
      expect([lines.splice(0), server.clients.size]).toEqual([['open', 'error handler-failed'], 0])
    }
  })

  it('onerror that throws or rejects is logged', async () => {
    const logged: string[] = []
    const log = (text: string) => void logged.push(text)
    const logger = { error: log, warn: log, info: log, debug: log }
    for (const [, fail] of ways) {
      const options = { logger, logLevel: 'error', onerror: fail } as const
      const { peer, client } = await serveOne({ ...options, onmessage: fail })
      peer.text('x')
      expect(await peer.readClose()).toEqual({ code: 1011, reason: '' })
      peer.close(1011)
      await client.closed()
    }
    expect(logged).toEqual([
      'onerror failed: TypeError: oops',
      'onerror failed: TypeError: oops',
      'onerror failed: oops'
    ])
  })

  it('async handlers that reject one after the other are all reported; the connection fails once', async () => {
    const { lines, handlers } = recorder()
    const { peer, client } = await serveOne({
      ...handlers,
      async onmessage(_, message) {
        await delay(5)
        throw new Error(`${message.payload}`)
      }
    })
    for (const text of ['a', 'b', 'c']) peer.text(text)
    expect(await peer.readClose()).toEqual({ code: 1011, reason: '' })
    peer.close(1011)
    await client.closed()
    expect(lines.filter((line) => line === 'error handler-failed').length).toBe(3)
    expect(lines.filter((line) => line.startsWith('close'))).toEqual([
      'close 1006 "" unclean local handler-failed'
    ])
  })

  it('without onerror is logged with its stack', async () => {
    const logged: string[] = []
    const ignore = () => {}
    const logger = {
      error: (text: string) => void logged.push(text),
      warn: ignore,
      info: ignore,
      debug: ignore
    }
    const { peer } = await serveOne({
      logger,
      logLevel: 'error',
      onmessage() {
        throw new RangeError('oops')
      }
    })
    peer.text('x')
    await peer.readClose()
    expect(logged).toEqual([
      expect.stringMatching(
        /^client 127\.0\.0\.1: a handler of the application threw: oops \(RFC 6455 §7\.4\.1\)\nRangeError: oops\n {4}at /
      )
    ])
  })
})

describe.runIf(tier === 'engine')('bytes that are transferred right after they were sent', () => {
  it('end their own connection, and are reported as unsent', async () => {
    const { lines, handlers } = recorder()
    const { server, peer, client } = await serveOne({
      ...handlers,
      onunsent: (_, { opcode }, { code }) => void lines.push(`unsent ${opcode} ${code}`)
    })
    const other = await openAt(server)
    await until(() => server.clients.size === 2, 'both are open')
    const bytes = new Uint8Array(20_000)
    client.send(bytes)
    for (const each of server.clients) each.send('behind')
    structuredClone(bytes, { transfer: [bytes.buffer] })
    expect(await other.readText()).toBe('behind')
    await peer.closed
    await until(() => server.clients.size === 1, 'it is over')
    expect(lines.slice(2)).toEqual([
      'unsent 2 transport-error',
      'unsent 1 transport-error',
      'close 1006 "" unclean remote transport-error'
    ])
  })
})

describe('a handler that transfers the memory of a payload', () => {
  it('harms its own connection at most, where other messages stand in that memory', async () => {
    const { lines, handlers } = recorder()
    const { server, peer } = await serveOne({
      ...handlers,
      onmessage(client, { payload }) {
        if (typeof payload === 'string') return void client.send(payload)
        structuredClone(payload, { transfer: [payload.buffer as ArrayBuffer] })
      }
    })
    const other = await openAt(server)
    const frames = [encodeFrame(2, Buffer.alloc(20_000)), encodeFrame(1, Buffer.from('behind'))]
    peer.write(Buffer.concat(frames))
    const { opcode, payload } = await peer.readFrame()
    // The engine gives each payload memory of its own; a stream's chunk has both messages.
    const isShared = opcode === 8
    expect(payload.toString('latin1')).toBe(isShared ? '\x03\xf3' : 'behind')
    if (isShared) peer.close(1011)
    else peer.close(1000)
    await peer.closed
    await until(() => server.clients.size === 1, 'it is over')
    const end = isShared
      ? ['error payload-transferred', 'close 1006 "" unclean local payload-transferred']
      : ['close 1000 "" clean remote null']
    expect([isShared, lines]).toEqual([server.tier !== 'engine', ['open', 'open', ...end]])
    other.text('still here')
    expect(await other.readText()).toBe('still here')
  })
})

describe('a peer that breaks a rule', () => {
  const masked = (first: number, length: number, ...rest: number[]) =>
    Buffer.from([first, 0x80 | length, ...rest, 0, 0, 0, 0])
  it.each<[string, Buffer, number, string]>([
    ['§5.1 no mask', encodeFrame(1, Buffer.from('x'), { isMasked: false }), 1002, 'unmasked-frame'],
    ['§5.2 RSV1', encodeFrame(1, Buffer.from('x'), { rsv: 0x40 }), 1002, 'reserved-bits'],
    ['§5.2 RSV2', encodeFrame(1, Buffer.from('x'), { rsv: 0x20 }), 1002, 'reserved-bits'],
    ['§5.2 RSV3', encodeFrame(9, Buffer.from('x'), { rsv: 0x10 }), 1002, 'reserved-bits'],
    ['§5.2 opcode 3', encodeFrame(3, Buffer.from('x')), 1002, 'reserved-opcode'],
    ['§5.2 opcode 11', encodeFrame(11, Buffer.from('x')), 1002, 'reserved-opcode'],
    ['§5.2 a length not minimal', masked(0x82, 126, 0, 5), 1002, 'length-not-minimal'],
    ['§5.2 a length of 2^63', masked(0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0), 1002, 'length-overflow'],
    [
      '§10.4 a length of 2^63-1',
      masked(0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255),
      1009,
      'frame-too-big'
    ],
    ['§5.4 a continuation of nothing', encodeFrame(0, Buffer.from('x')), 1002, 'unexpected-continuation'],
    [
      '§5.4 a message inside a message',
      Buffer.concat([encodeFrame(1, Buffer.from('x'), { fin: false }), encodeFrame(1, Buffer.from('y'))]),
      1002,
      'interleaved-message'
    ],
    ['§5.5 a fragmented ping', encodeFrame(9, Buffer.from('x'), { fin: false }), 1002, 'fragmented-control'],
    ['§5.5 a ping of 126 bytes', encodeFrame(9, Buffer.alloc(126)), 1002, 'control-too-long'],
    ['§5.5.1 a close of one byte', encodeFrame(8, Buffer.from('x')), 1002, 'close-payload'],
    ['§7.4 close code 1005', encodeFrame(8, closePayload(1005)), 1002, 'close-code'],
    ['§5.5.1 a bad reason', encodeFrame(8, Buffer.from([3, 232, 0xff])), 1007, 'close-reason'],
    ['§8.1 text that is not UTF-8', encodeFrame(1, Buffer.from([0xc3, 0x28])), 1007, 'invalid-utf8'],
    ['§10.4 a message too big', encodeFrame(2, Buffer.alloc(1001)), 1009, 'message-too-big'],
    [
      '§10.4 too many fragments',
      Buffer.concat([1, 0, 0, 0, 0].map((opcode) => encodeFrame(opcode, Buffer.from('x'), { fin: false }))),
      1008,
      'too-many-fragments'
    ]
  ])(
    '%s: the right code, a typed error, what was queued first; others notice nothing',
    async (_, bytes, code, name) => {
      const { lines, handlers } = recorder()
      const limits = { maxMessageBytes: 1000, maxFrameBytes: 2000, maxFragments: 4 }
      const { server, peer } = await serveOne({
        ...handlers,
        ...limits,
        onmessage: (client, message) => void client.send(message)
      })
      const other = await openAt(server)
      const good = encodeFrame(1, Buffer.from('good'))
      peer.write(Buffer.concat([good, bytes, encodeFrame(1, Buffer.from('ignored'))]))
      expect(await peer.readText()).toBe('good')
      expect(await peer.readClose()).toEqual({ code, reason: '' })
      peer.close(code)
      await peer.closed
      expect(peer.unread.length).toBe(0)
      await until(() => lines.length === 4, 'it is over')
      expect(lines).toEqual(['open', 'open', `error ${name}`, `close 1006 "" unclean local ${name}`])
      other.text('still here')
      expect(await other.readText()).toBe('still here')
    }
  )

  it('by default is logged at level info', async () => {
    const logged: string[] = []
    const ignore = () => {}
    const logger = {
      error: ignore,
      warn: ignore,
      info: (text: string) => void logged.push(text),
      debug: ignore
    }
    const { peer } = await serveOne({ logger, logLevel: 'info' })
    peer.send(3)
    await peer.readClose()
    expect(logged.at(-1)).toBe(
      'client 127.0.0.1: a frame has a reserved opcode: frame header 0x83 0x80 (RFC 6455 §5.2)'
    )
  })
})
