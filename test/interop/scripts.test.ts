// The examples in TypeScript of docs/examples, as users run them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { connect, DeflateMessage, Frame, Opcode, WebSocket } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, until } from '../support/harness.js'
import { startScript } from '../support/script.js'

guard()

describe('docs/examples', () => {
  it('frames-server.ts says hello, and prints what a client says', async () => {
    const script = await startScript('frames-server')
    const { port } = new URL(await script.listening())
    const socket = await new WebSocket().connect({ host: '127.0.0.1', port: Number(port) })
    expect(Buffer.from((await socket.recv()).payload).toString()).toBe('Hello, Client!')
    socket.send(new Frame(Opcode.TEXT, 'Hello, Server!'))
    expect(await script.ended).toBe(0)
    expect(script.lines.at(-1)).toMatch(/127\.0\.0\.1 says: Hello, Server!$/)
  })

  it('frames-client.ts sends frames of all kinds, and prints what comes back', async () => {
    const server = await new WebSocket().bind({ host: '127.0.0.1' }).listen()
    cleanUp(() => server.close())
    const script = await startScript('frames-client', { PORT: `${server.port}` })
    const client = await server.accept()
    expect(client.request?.path).toBe('/my/path')
    const frames = await client.recvn(8)
    expect(
      frames.map(({ opcode, isFinal, payload }) => [opcode, isFinal, Buffer.from(payload).toString()])
    ).toEqual([
      [Opcode.TEXT, true, 'Hello, Server!'],
      [Opcode.TEXT, false, 'Hello, '],
      [Opcode.PING, true, 'still there?'],
      [Opcode.CONTINUATION, true, 'Server!'],
      [Opcode.TEXT, false, 'Hello'],
      [Opcode.CONTINUATION, false, ', Ser'],
      [Opcode.CONTINUATION, true, 'ver!'],
      [Opcode.CLOSE, true, '']
    ])
    expect(await script.ended).toBe(0)
    expect(script.lines).toEqual([`${Opcode.PONG} true still there?`, `${Opcode.CLOSE} true `.trimEnd()])
  })

  it.each(['echo-connection', 'echo-server', 'echo-deflate'])('%s.ts echoes', async (name) => {
    const script = await startScript(name)
    const { port } = new URL(await script.listening())
    const extensions = name === 'echo-deflate' ? [new DeflateMessage()] : []
    const connection = await connect(`ws://127.0.0.1:${port}`, { extensions })
    for (const message of ['grüße', 'x'.repeat(10_000)]) {
      connection.send(message)
      expect((await connection.recv()).payload).toBe(message)
    }
    expect(await connection.close(1000, 'bye')).toMatchObject({ wasClean: true })
    if (name === 'echo-deflate') return
    await until(() => script.lines.length === 3, 'it noticed')
    expect(script.lines[1]).toMatch(/^(connection opened at|client connected from) .*127\.0\.0\.1$/)
    expect(script.lines[2]).toMatch(/^(connection closed|client disconnected): 1000 bye$/)
  })

  it('json-messages.ts and own-extension.ts print what arrived', async () => {
    const scripts = [await startScript('json-messages'), await startScript('own-extension')]
    expect(await Promise.all(scripts.map(({ ended }) => ended))).toEqual([0, 0])
    expect(scripts.map(({ lines }) => lines)).toEqual([["{ got: { foo: 'Hello, World!' } }"], ['abc']])
  })

  it('frames-tls.ts goes over TLS', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hotsocket-'))
    cleanUp(() => rm(folder, { recursive: true }))
    const { key, cert } = await certificate()
    const [KEY, CERT] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    await Promise.all([writeFile(KEY, key), writeFile(CERT, cert)])
    const script = await startScript('frames-tls', { KEY, CERT })
    expect(await script.ended).toBe(0)
    expect(script.lines).toEqual(['wss: for your eyes only'])
  })
})
