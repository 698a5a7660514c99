// How a connection ends (ws.md "websocket.close([code[, reason]])", "terminate()", "Event: 'close'", "closeTimeout").
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { guard, until } from '../support/harness.js'
import { closePayload, encodeFrame } from '../support/raw-client.js'
import { nextOf, openAtRawPeer, openPair, readFrame, record, serveRawPeer, untidy } from './peers.js'
import { subjects } from './subjects.js'

guard()

const codes = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

describe.each(subjects)('$name: close', (subject) => {
  it.each([
    [[], '', 'close 1005 ""'],
    [[1000], '\x03\xe8', 'close 1000 ""'],
    [[1001, 'why'], '\x03\xe9why', 'close 1001 "why"'],
    [[4999, Buffer.from([0x68, 0xc3, 0xa9])], '\x13\x87h\xc3\xa9', 'close 4999 "h\xc3\xa9"'],
    [[1000, new Uint8Array([97])], '\x03\xe8a', 'close 1000 "a"'],
    [[1000, ''], '\x03\xe8', 'close 1000 ""'],
    [[1000, undefined], '\x03\xe8', 'close 1000 ""']
  ])('(%j) sends the frame %j and ends with both sides told', async (parameters, payload, line) => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    untidy(socket).close(...parameters)
    expect([socket.readyState, lines]).toEqual([2, []])
    const frame = await peer.readFrame()
    expect([frame.opcode, frame.payload.toString('latin1')]).toEqual([8, payload])
    peer.send(8, frame.payload)
    await until(() => lines.length === 1, 'it is closed')
    expect([lines, socket.readyState]).toEqual([[line], 3])
    expect(await peer.closed).toBe('fin')
  })

  it('tells both sides what was sent; a reason is a Buffer', async () => {
    const { socket, client } = await openPair(subject)
    const both = Promise.all([nextOf(socket, 'close'), nextOf(client, 'close')])
    client.close(4000, 'Grüße')
    const told = [4000, Buffer.from('Grüße')]
    expect(await both).toEqual([told, told])
  })

  it('is answered by itself with the same code, and the state is CLOSING meanwhile', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const lines = record(socket)
    peer.write(encodeFrame(8, closePayload(4321, 'bye'), { isMasked: false }))
    const frame = await readFrame(peer)
    expect([frame.opcode, frame.key !== null, frame.payload]).toEqual([8, true, closePayload(4321, 'bye')])
    await until(() => socket.readyState === 2, 'it is closing')
    expect(lines).toEqual([])
    peer.socket.end()
    await until(() => lines.length === 1, 'it is closed')
    expect(lines).toEqual(['close 4321 "bye"'])
  })

  it('without a code is answered without one', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const closed = nextOf(socket, 'close')
    peer.close()
    expect(await peer.readClose()).toEqual({ code: 1005, reason: '' })
    peer.end()
    expect(await closed).toEqual([1005, Buffer.of()])
  })

  it('gives messages that come before the answer', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    socket.close(1000)
    await peer.readFrame()
    peer.text('late')
    peer.send(10, 'p')
    peer.close(1001, 'now')
    await until(() => lines.length === 3, 'it is closed')
    expect(lines).toEqual(['text late', 'pong p', 'close 1001 "now"'])
    expect(await peer.readRest()).toEqual(Buffer.of())
  })

  it('ignores what comes after a close frame', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    peer.write(
      Buffer.concat([
        encodeFrame(8, closePayload(1000)),
        encodeFrame(1, Buffer.from('a')),
        Buffer.of(0xff, 0xff)
      ])
    )
    await peer.readFrame()
    peer.end()
    await until(() => lines.length > 0, 'it is closed')
    expect(lines).toEqual(['close 1000 ""'])
  })

  it('twice is the same as once; after the end it does nothing', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    socket.close(1000)
    socket.close(1001)
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
    peer.close(1000)
    await once(socket, 'close')
    socket.close(1002)
    socket.terminate()
    expect(socket.readyState).toBe(3)
  })

  it('waits until all that was sent before it is written', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    peer.pause()
    for (let i = 0; i < 8; i++) socket.send(Buffer.alloc(1 << 20, i))
    socket.close(1000)
    peer.resume()
    for (let i = 0; i < 8; i++)
      expect((await peer.readFrame()).payload.equals(Buffer.alloc(1 << 20, i))).toBe(true)
    expect(await peer.readClose()).toEqual({ code: 1000, reason: '' })
  })

  it.each([...['1000', true, null, 1.5, 0, 999, 1004, 1005, 1006, 2999, 5000, -1], ...codes(1015, 1018)])(
    'refuses the code %j',
    async (code) => {
      const { socket } = await serveRawPeer(subject)
      expect(() => untidy(socket).close(code)).toThrow(
        new TypeError('First argument must be a valid error code number')
      )
      expect(socket.readyState).toBe(1)
    }
  )

  it('takes every code that an application may send', async () => {
    for (const code of [...codes(1000, 1003), ...codes(1007, 1014), 3000, 4999]) {
      const { socket, peer } = await serveRawPeer(subject)
      socket.close(code)
      expect((await peer.readClose()).code).toBe(code)
      peer.close(code)
      await once(socket, 'close')
    }
  })

  it('refuses a reason of more than 123 bytes, or of another type', async () => {
    const { socket } = await serveRawPeer(subject)
    const error = new RangeError('The message must not be greater than 123 bytes')
    expect(() => socket.close(1000, 'é'.repeat(62))).toThrow(error)
    expect(() => socket.close(1000, Buffer.alloc(124))).toThrow(error)
    expect(() => untidy(socket).close(1000, [1])).toThrow(TypeError)
    expect(socket.readyState).toBe(1)
  })

  it('ends without an answer after closeTimeout', async () => {
    const { socket, peer } = await serveRawPeer(subject, { closeTimeout: 50 })
    const lines = record(socket)
    socket.close(1000)
    await peer.readFrame()
    await until(() => lines.length === 1, 'it is closed')
    expect(lines).toEqual(['close 1006 ""'])
    await peer.closed
    const client = await openAtRawPeer(subject, { closeTimeout: 50 })
    client.socket.close(1000)
    expect(await nextOf(client.socket, 'close')).toEqual([1006, Buffer.of()])
  })

  it('on a client is over when the server has answered and ended the connection', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const lines = record(socket)
    socket.close(1000)
    await readFrame(peer)
    peer.socket.end(encodeFrame(8, closePayload(1000), { isMasked: false }))
    await until(() => lines.length === 1, 'it is closed')
    expect(lines).toEqual(['close 1000 ""'])
  })
})

describe.each(subjects)('$name: terminate', (subject) => {
  it('ends right away on both sides, without a close frame', async () => {
    const { socket, client } = await openPair(subject)
    const both = Promise.all([nextOf(socket, 'close'), nextOf(client, 'close')])
    socket.terminate()
    expect(socket.readyState).toBe(2)
    const told = [1006, Buffer.of()]
    expect(await both).toEqual([told, told])
  })

  it('ends while it is closing', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    socket.close(1000)
    await peer.readFrame()
    socket.terminate()
    await until(() => lines.length === 1, 'it is closed')
    expect(lines).toEqual(['close 1006 ""'])
  })
})

describe.each(subjects)('$name: a connection that is lost', (subject) => {
  it('by an end without a close frame is 1006', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    peer.end()
    await until(() => lines.length === 1, 'it is closed')
    expect(lines).toEqual(['close 1006 ""'])
    expect(await peer.closed).toBe('fin')
  })

  it('by a reset is 1006', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    peer.reset()
    await until(() => lines.at(-1) === 'close 1006 ""', 'it is closed')
    expect(lines).toEqual(['close 1006 ""'])
  })

  it('within a frame is 1006, and nothing of it is told', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const lines = record(socket)
    peer.write(encodeFrame(1, Buffer.from('a message')).subarray(0, 9))
    peer.end()
    await until(() => lines.length === 1, 'it is closed')
    expect(lines).toEqual(['close 1006 ""'])
  })
})
