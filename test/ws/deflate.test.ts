// permessage-deflate (ws.md "perMessageDeflate", "websocket.extensions", the option compress of send).
import { once } from 'node:events'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { PerMessageDeflateOptions } from 'ws'
import { connectTo, guard, pattern } from '../support/harness.js'
import { type RawFrame, upgradeRequest } from '../support/raw-client.js'
import { acceptAll, fieldOf, serveRaw } from '../support/raw-server.js'
import { nextOf, openAtRawPeer, openClient, openPair, readFrame, serveRawPeer, serveWs } from './peers.js'
import { type Subject, subjects } from './subjects.js'

guard()

type Deflate = boolean | PerMessageDeflateOptions

/** The defaults of ws; those of hotsocket are others, see differences.test.ts. */
const KEEP = { serverNoContextTakeover: false, clientNoContextTakeover: false }
const TAIL = Buffer.of(0, 0, 0xff, 0xff)
const inflate = ({ payload }: { payload: Buffer }) =>
  inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: 2 }).toString()
const offer = (parameters = '') => [`Sec-WebSocket-Extensions: permessage-deflate${parameters}`]
const text = 'hotsocket '.repeat(200)

/** The extension that a server answers an offer with; null if none. */
async function answerOf(
  subject: Subject,
  perMessageDeflate: Deflate,
  parameters: string
): Promise<string | null> {
  const { port } = await serveWs(subject, { perMessageDeflate })
  const peer = await connectTo({ port })
  peer.write(upgradeRequest('/', offer(parameters)))
  const head = await peer.readHead()
  expect(head).toMatch(/^HTTP\/1\.1 101 /)
  return fieldOf(head, 'Sec-WebSocket-Extensions')
}

/** The extension that a client offers; null if none. */
async function offerOf(subject: Subject, perMessageDeflate?: Deflate): Promise<string | null> {
  const { url, requests } = await serveRaw(acceptAll)
  await openClient(subject, url, perMessageDeflate === undefined ? {} : { perMessageDeflate })
  return fieldOf(requests[0]!, 'Sec-WebSocket-Extensions')
}

/** The parameters of the first offer, or of the answer; others may follow, for servers that refuse the first. */
const parametersOf = (value: string | null) =>
  value === null ? null : value.replace(/, .*/, '').split('; ').slice(1)
/** Without those about window sizes, which are up to either side. */
const aboutContexts = (parameters: readonly string[] | null) =>
  parameters?.filter((parameter) => parameter.endsWith('takeover'))

describe.each(subjects)('$name: negotiation', (subject) => {
  it('a server answers nothing unless it is told to', async () => {
    expect(await answerOf(subject, false, '')).toBe(null)
  })

  it.each<[PerMessageDeflateOptions, string, string[]]>([
    [{}, '', []],
    [{ serverNoContextTakeover: true }, '', ['server_no_context_takeover']],
    [{ clientNoContextTakeover: true }, '', ['client_no_context_takeover']]
  ])('with %j a server answers "%s" with %j about contexts', async (options, parameters, answer) => {
    const answered = parametersOf(await answerOf(subject, { ...KEEP, ...options }, parameters))
    expect(aboutContexts(answered)).toEqual(answer)
  })

  it.each<[PerMessageDeflateOptions, string, string]>([
    [{}, '; server_max_window_bits=10', 'server_max_window_bits=10'],
    [{ serverMaxWindowBits: 11 }, '', 'server_max_window_bits=11'],
    [{ clientMaxWindowBits: 12 }, '; client_max_window_bits', 'client_max_window_bits=12']
  ])('with %j a server answers "%s" with %s', async (options, parameters, answer) => {
    expect(parametersOf(await answerOf(subject, { ...KEEP, ...options }, parameters))).toContain(answer)
  })

  it('a client offers it unless it is told not to', async () => {
    const offered = await offerOf(subject)
    expect(offered).toMatch(/^permessage-deflate; /)
    expect(aboutContexts(parametersOf(offered))).toEqual([])
    expect(await offerOf(subject, false)).toBe(null)
  })

  it.each<[PerMessageDeflateOptions, string]>([
    [{ serverNoContextTakeover: true }, 'server_no_context_takeover'],
    [{ clientNoContextTakeover: true }, 'client_no_context_takeover'],
    [{ serverMaxWindowBits: 10 }, 'server_max_window_bits=10'],
    [{ clientMaxWindowBits: 11 }, 'client_max_window_bits=11']
  ])('a client with %j offers %s', async (options, parameter) => {
    expect(parametersOf(await offerOf(subject, options))).toContain(parameter)
  })

  it('null is no, on both sides', async () => {
    const options = { perMessageDeflate: null } as unknown as { perMessageDeflate: false }
    const { socket, client } = await openPair(subject, { server: options, client: options })
    expect([socket.extensions, client.extensions]).toEqual(['', ''])
    const { request } = await openAtRawPeer(subject, options)
    expect(fieldOf(request, 'Sec-WebSocket-Extensions')).toBe(null)
  })

  it('both sides name it in extensions', async () => {
    const { socket, client } = await openPair(subject, { server: { perMessageDeflate: true } })
    expect([socket.extensions, client.extensions]).toEqual(['permessage-deflate', 'permessage-deflate'])
  })

  it('neither names it when the server does not want it, which is its default', async () => {
    const { socket, client } = await openPair(subject)
    expect([socket.extensions, client.extensions]).toEqual(['', ''])
  })
})

describe.each(subjects)('$name: compressed messages', (subject) => {
  const open = (perMessageDeflate: Deflate = { threshold: 0 }, parameters?: string) =>
    serveRawPeer(subject, { perMessageDeflate }, offer(parameters))
  const next = async (peer: { readFrame(): Promise<RawFrame> }) => {
    const frame = await peer.readFrame()
    return frame.rsv === 0x40 ? `compressed ${inflate(frame)}` : `plain ${frame.payload}`
  }

  it('go out compressed, and come in', async () => {
    const { socket, peer } = await open({ threshold: 0, serverNoContextTakeover: true })
    socket.send(text)
    const frame = await peer.readFrame()
    expect([frame.rsv, frame.opcode, inflate(frame), frame.payload.length < 100]).toEqual([
      0x40,
      1,
      text,
      true
    ])
    const message = once(socket, 'message')
    const compressed = deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4)
    peer.send(1, compressed, { rsv: 0x40 })
    expect(`${(await message)[0]}`).toBe(text)
  })

  it('share their context if that was agreed', async () => {
    const { socket, peer } = await open({ ...KEEP, threshold: 0 })
    const message = pattern(500).toString()
    socket.send(message)
    socket.send(message)
    const [first, second] = [await peer.readFrame(), await peer.readFrame()]
    expect(second.payload.length).toBeLessThan(first.payload.length / 2)
  })

  it('come in as fragments', async () => {
    const { socket, peer } = await open()
    const message = once(socket, 'message')
    const compressed = deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4)
    peer.send(2, compressed.subarray(0, 7), { rsv: 0x40, fin: false })
    peer.send(0, compressed.subarray(7))
    expect(await message).toEqual([Buffer.from(text), true])
  })

  it('go out plain below the threshold without context takeover', async () => {
    const { socket, peer } = await open({ serverNoContextTakeover: true })
    socket.send('x'.repeat(1023))
    socket.send('x'.repeat(1024))
    expect(await next(peer)).toBe(`plain ${'x'.repeat(1023)}`)
    expect(await next(peer)).toBe(`compressed ${'x'.repeat(1024)}`)
  })

  it('go out plain with compress: false', async () => {
    const { socket, peer } = await open({ threshold: 5, serverNoContextTakeover: true })
    socket.send('plain text', { compress: false })
    expect(await next(peer)).toBe('plain plain text')
  })

  it('keep their order among plain ones, pings and the close frame', async () => {
    const { socket, peer } = await open({ threshold: 100, serverNoContextTakeover: true })
    socket.send(text)
    socket.send('small')
    socket.ping('ping')
    socket.send(text, { compress: false })
    socket.close(1000)
    expect([await next(peer), await next(peer), await next(peer), await next(peer)]).toEqual([
      `compressed ${text}`,
      'plain small',
      'plain ping',
      `plain ${text}`
    ])
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
  })

  it('call back when they are written', async () => {
    const { socket, peer } = await open()
    const lines: string[] = []
    await new Promise<void>((resolve) => {
      socket.send(text, () => lines.push('first'))
      socket.send('second', () => {
        lines.push('second')
        resolve()
      })
    })
    expect(lines).toEqual(['first', 'second'])
    expect((await peer.readFrame()).rsv).toBe(0x40)
  })

  it('go out compressed from a client', async () => {
    const { socket, peer } = await openAtRawPeer(subject, { perMessageDeflate: { threshold: 0 } }, [
      'Sec-WebSocket-Extensions: permessage-deflate'
    ])
    expect(socket.extensions).toBe('permessage-deflate')
    socket.send(text)
    const frame = await readFrame(peer)
    expect([frame.rsv, inflate(frame)]).toEqual([0x40, text])
  })

  it.each<[PerMessageDeflateOptions]>([
    [{}],
    [{ serverNoContextTakeover: true, clientNoContextTakeover: true }],
    [{ serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
    [{ zlibDeflateOptions: { level: 9, memLevel: 9 }, zlibInflateOptions: { chunkSize: 1024 } }],
    [{ concurrencyLimit: 1 }]
  ])('go to and fro with %j', async (options) => {
    const { socket, client } = await openPair(subject, {
      server: { perMessageDeflate: { threshold: 0, ...options } },
      client: { perMessageDeflate: { threshold: 0, ...options } }
    })
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    for (let i = 0; i < 5; i++) {
      const sent = pattern(1 + i * 20_000, i)
      const echoed = once(client, 'message')
      client.send(sent)
      expect(sent.equals((await echoed)[0])).toBe(true)
    }
  })

  it('that cannot be inflated are an error, and the end', async () => {
    const { socket, peer } = await open()
    const failed = nextOf<[Error]>(socket, 'error')
    peer.send(2, Buffer.from([7, 7, 7, 7]), { rsv: 0x40 })
    expect((await failed)[0]).toBeInstanceOf(Error)
    expect([1002, 1007]).toContain((await peer.readClose()).code)
  })
})
