// The listeners that are known from browsers (ws.md "websocket.addEventListener(type, listener[, options])", "websocket.onmessage").
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { CloseEvent, ErrorEvent, Event, MessageEvent } from 'ws'
import { guard, until } from '../support/harness.js'
import { makeClient, openAtRawPeer, openPair, serveRawPeer, serveWs, untidy } from './peers.js'
import { subjects } from './subjects.js'

guard()

describe.each(subjects)('$name: on* properties', (subject) => {
  it('call what is set, with an event', async () => {
    const { server, url } = await serveWs(subject)
    server.on('connection', (socket) => {
      socket.send('text')
      socket.send(Buffer.from('binary'))
      socket.on('message', () => socket.close(4000, 'over'))
    })
    const client = makeClient(subject, url)
    const seen: unknown[] = []
    client.onopen = (event: Event) => seen.push(event.type, event.target === client)
    client.onmessage = (event: MessageEvent) => seen.push(event.type, event.target === client, event.data)
    const closed = new Promise<CloseEvent>((resolve) => {
      client.onclose = resolve
    })
    await until(() => seen.length === 8, 'the messages came')
    expect(seen).toEqual(['open', true, 'message', true, 'text', 'message', true, Buffer.from('binary')])
    client.send('')
    const { type, target, code, reason, wasClean } = await closed
    expect([type, target === client, code, reason, wasClean]).toEqual(['close', true, 4000, 'over', true])
  })

  it('tell an error and that the end was not clean', async () => {
    const { socket, peer } = await serveRawPeer(subject)
    const failed = new Promise<ErrorEvent>((resolve) => {
      socket.onerror = resolve
    })
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve
    })
    peer.send(3)
    const { type, target, error, message } = await failed
    expect([type, target === socket, error.code, message]).toEqual([
      ...['error', true, 'WS_ERR_INVALID_OPCODE', 'Invalid WebSocket frame: invalid opcode 3']
    ])
    await peer.readFrame()
    peer.end()
    const { code, reason, wasClean } = await closed
    expect([code, reason, wasClean]).toEqual([1006, '', false])
  })

  it('give back what was set, and null for what was not a function', async () => {
    const { client } = await openPair(subject)
    const listener = () => {}
    for (const name of ['onopen', 'onmessage', 'onclose', 'onerror'] as const) {
      expect(client[name]).toBe(null)
      client[name] = listener
      expect([client[name], client.listenerCount(name.slice(2))]).toEqual([listener, 1])
      Object.assign(client, { [name]: 'foo' })
      expect([client[name], client.listenerCount(name.slice(2))]).toEqual([null, 0])
    }
  })

  it('replace the earlier function, and leave other listeners', async () => {
    const { client, socket } = await openPair(subject)
    const seen: string[] = []
    client.on('message', () => seen.push('on'))
    client.onmessage = () => seen.push('first')
    client.onmessage = () => seen.push('second')
    client.addEventListener('message', () => seen.push('added'))
    socket.send('')
    await until(() => seen.length === 3, 'all were called')
    expect(seen).toEqual(['on', 'second', 'added'])
    client.onmessage = null
    expect(client.listenerCount('message')).toBe(2)
  })

  it('are called with the socket as this', async () => {
    const { client, socket } = await openPair(subject)
    const self = new Promise((resolve) => {
      client.onmessage = function (this: unknown) {
        resolve(this)
      }
    })
    socket.send('')
    expect(await self).toBe(client)
  })
})

describe.each(subjects)('$name: addEventListener', (subject) => {
  it('takes functions and objects, each once only', async () => {
    const { client, socket } = await openPair(subject)
    const seen: unknown[] = []
    const listener = ({ data }: MessageEvent) => seen.push(`function ${data}`)
    const object = {
      handleEvent({ data }: MessageEvent) {
        seen.push(`object ${data}`, this === object)
      }
    }
    for (let i = 0; i < 2; i++) {
      client.addEventListener('message', listener)
      client.addEventListener('message', object)
    }
    socket.send('a')
    await until(() => seen.length === 3, 'both were called')
    expect(seen).toEqual(['function a', 'object a', true])
    client.removeEventListener('message', listener)
    client.removeEventListener('message', object)
    expect(client.listenerCount('message')).toBe(0)
  })

  it('with once removes the listener before it is called', async () => {
    const { client, socket } = await openPair(subject)
    const seen: number[] = []
    client.addEventListener('message', () => seen.push(client.listenerCount('message')), { once: true })
    socket.send('a')
    socket.send('b')
    socket.close()
    await once(client, 'close')
    expect(seen).toEqual([0])
  })

  it('does nothing for other types', async () => {
    const { client } = await openPair(subject)
    const add = client.addEventListener.bind(client) as unknown as (
      type: string,
      listener: () => void
    ) => void
    for (const type of ['ping', 'pong', 'foo', 'upgrade']) {
      add(type, () => {})
      expect(client.listenerCount(type)).toBe(0)
    }
  })

  it('removeEventListener leaves listeners of on() and of on* properties', async () => {
    const { client } = await openPair(subject)
    const listener = () => {}
    client.on('message', listener)
    client.onmessage = listener
    client.removeEventListener('message', listener)
    expect([client.listenerCount('message'), client.onmessage]).toEqual([2, listener])
  })

  it('an error event carries the error of a failed handshake', async () => {
    const client = makeClient(subject, 'ws://127.0.0.1:1')
    const { error, message } = await new Promise<ErrorEvent>((resolve) =>
      client.addEventListener('error', resolve)
    )
    expect([error instanceof Error, error.code, message]).toEqual([true, 'ECONNREFUSED', error.message])
  })

  it('a message event has the data of the binaryType', async () => {
    const { socket, peer } = await openAtRawPeer(subject)
    const seen: unknown[] = []
    socket.addEventListener('message', ({ data }) => seen.push(data))
    for (const type of ['nodebuffer', 'arraybuffer', 'fragments']) {
      untidy(socket).binaryType = type
      const message = once(socket, 'message')
      peer.write(Buffer.of(0x82, 1, 97))
      await message
    }
    peer.write(Buffer.of(0x81, 1, 97))
    await until(() => seen.length === 4, 'all came')
    expect([seen[0], Buffer.from(seen[1] as ArrayBuffer), seen[2], seen[3]]).toEqual([
      Buffer.from('a'),
      Buffer.from('a'),
      [Buffer.from('a')],
      'a'
    ])
  })
})

describe.each(subjects)('$name: listeners of Node.js', (subject) => {
  it('an error without a listener is thrown, as by every emitter', async () => {
    const { socket } = await openPair(subject)
    expect(() => socket.emit('error', new Error('nobody listens'))).toThrow('nobody listens')
  })

  it('work with once, off, prependListener and async iteration helpers', async () => {
    const { socket, client } = await openPair(subject)
    const seen: string[] = []
    const never = () => seen.push('never')
    client.on('message', never).off('message', never)
    client.once('message', () => seen.push('once'))
    client.prependListener('message', () => seen.push('first'))
    socket.send('a')
    socket.send('b')
    await until(() => seen.length === 3, 'all were called')
    expect(seen).toEqual(['first', 'once', 'first'])
  })

  it('messages that nobody listens to are lost', async () => {
    const { socket, client } = await openPair(subject)
    socket.send('lost')
    client.ping()
    await once(socket, 'ping')
    await new Promise((resolve) => client.once('pong', resolve).ping())
    const seen: string[] = []
    client.on('message', (data) => seen.push(`${data}`))
    socket.send('heard')
    await until(() => seen.length > 0, 'one came')
    expect(seen).toEqual(['heard'])
  })
})
