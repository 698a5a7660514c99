// The names that the package exports, and the values that belong to its classes (ws.md "Ready state constants").
import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/harness.js'
import { openPair, serveWs } from './peers.js'
import { subjects } from './subjects.js'

guard()

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const

describe.each(subjects)('$name: exports', (subject) => {
  const { WebSocket, WebSocketServer, createWebSocketStream, Sender, Receiver } = subject

  it('has the same things under all their names', () => {
    expect(subject.default).toBe(WebSocket)
    const names = WebSocket as unknown as Record<string, unknown>
    expect(names.WebSocket).toBe(WebSocket)
    expect(names.Server).toBe(WebSocketServer)
    expect(names.WebSocketServer).toBe(WebSocketServer)
    expect(names.createWebSocketStream).toBe(createWebSocketStream)
    expect(names.Sender).toBe(Sender)
    expect(names.Receiver).toBe(Receiver)
  })

  it('gives the class WebSocket to require', () => {
    const required = subject.required as typeof WebSocket & { Server: unknown; WebSocket: unknown }
    expect(required).toBe(WebSocket)
    expect([required.WebSocket, required.Server]).toEqual([WebSocket, WebSocketServer])
  })

  it('names its classes as they are exported', () => {
    expect([WebSocket.name, WebSocketServer.name]).toEqual(['WebSocket', 'WebSocketServer'])
  })

  it('has the ready states on the class, its prototype and each socket; none of them can be changed', async () => {
    const { client } = await openPair(subject)
    for (const [value, name] of STATES.entries()) {
      expect([WebSocket[name], WebSocket.prototype[name], client[name]]).toEqual([value, value, value])
      expect(() => Object.assign(WebSocket, { [name]: 9 })).toThrow(TypeError)
    }
  })

  it('lists the attributes of the browser interface when the prototype is walked', () => {
    const names: string[] = []
    for (const name in WebSocket.prototype) names.push(name)
    expect(names).toEqual(
      expect.arrayContaining([
        ...['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED', 'binaryType', 'bufferedAmount', 'extensions'],
        ...['isPaused', 'protocol', 'readyState', 'url', 'onopen', 'onerror', 'onclose', 'onmessage']
      ])
    )
  })

  it('makes event emitters', async () => {
    const { server } = await serveWs(subject)
    const { client, socket } = await openPair(subject)
    for (const object of [server, client, socket]) expect(object).toBeInstanceOf(EventEmitter)
    expect([client, socket].every((object) => object instanceof WebSocket)).toBe(true)
    expect(server).toBeInstanceOf(WebSocketServer)
  })

  it('begins with these values', async () => {
    const { client, socket } = await openPair(subject)
    for (const object of [client, socket]) {
      const { readyState, bufferedAmount, extensions, protocol, binaryType, isPaused } = object
      expect([readyState, bufferedAmount, extensions, protocol, binaryType, isPaused]).toEqual([
        ...[1, 0, '', '', 'nodebuffer', false]
      ])
      expect([object.onopen, object.onmessage, object.onerror, object.onclose]).toEqual([
        null,
        null,
        null,
        null
      ])
    }
    expect(client.url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/$/)
    expect(socket.url).toBe(undefined)
  })
})
