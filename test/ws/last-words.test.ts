// What a program sends right before it exits, or terminates the connection, which ws gives to the kernel at once.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import * as ws from 'ws'
import * as ours from '../../src/ws/index.js'
import { root } from '../run-node.js'
import { cleanUp, guard } from '../support/harness.js'

guard()

/** Starts a server of the package ws; resolves with its URL, and what the first client said until its end. */
async function serve(): Promise<{ url: string; said: Promise<unknown[]> }> {
  const server = new ws.WebSocketServer({ port: 0, host: '127.0.0.1' })
  cleanUp(() => server.close())
  await once(server, 'listening')
  const said = once(server, 'connection').then(async ([client]) => {
    const texts: unknown[] = []
    client.on('message', (data: Buffer) => texts.push(data.toString()))
    const [code] = (await once(client, 'close')) as [number]
    return [...texts, code]
  })
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, said }
}

describe.each(['ws', 'hotsocket/ws'])('%s, in a process that does not wait', (specifier) => {
  it('ends by itself when its socket is unref', async () => {
    const { url, said } = await serve()
    const source = `
      import { WebSocket } from '${specifier}'
      const socket = new WebSocket('${url}')
      socket.on('open', () => { socket._socket.ref().unref().unref() })`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      cwd: root,
      stdio: 'inherit'
    })
    const [[status], heard] = await Promise.all([once(child, 'close'), said])
    expect([status, heard]).toEqual([0, [1006]])
  })
})

describe.each(['ws', 'hotsocket/ws'])('%s, in a process that exits at once', (specifier) => {
  it.each([
    ["socket.send('last words'); socket.close(4001)", ['last words', 4001]],
    ["socket.send('x'.repeat(100)); socket.send('last words')", ['x'.repeat(100), 'last words', 1006]]
  ])('%s', async (last, expected) => {
    const { url, said } = await serve()
    const source = `
      import { WebSocket } from '${specifier}'
      const socket = new WebSocket('${url}')
      socket.on('open', () => { ${last}; process.exit(7) })`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      cwd: root,
      stdio: 'inherit'
    })
    const [[status], heard] = await Promise.all([once(child, 'close'), said])
    expect([status, heard]).toEqual([7, expected])
  })
})

describe.each([
  { name: 'ws', Class: ws.WebSocket },
  { name: 'hotsocket/ws', Class: ours.WebSocket as unknown as typeof ws.WebSocket }
])('$name: terminate', ({ Class }) => {
  it('comes after what was sent before, and no message after it', async () => {
    const { url, said } = await serve()
    const socket = new Class(url)
    await once(socket, 'open')
    socket.send('last words')
    socket.terminate()
    expect(socket.readyState).toBe(2)
    const [code] = (await once(socket, 'close')) as [number]
    expect([code, await said]).toEqual([1006, ['last words', 1006]])
  })
})
