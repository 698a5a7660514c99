// Owns what the clients under measurement check, and the C++ echo that they talk to. Says nothing about figures.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../run-node.js'
import { cleanUp } from '../support/harness.js'
import { closePayload, encodeFrame, KEY, upgradeRequest, within } from '../support/raw-client.js'
import { acceptance, type RawAnswer, serveRaw } from '../support/raw-server.js'

const hasCompiler = ['g++', 'make'].every((tool) => spawnSync(tool, ['--version']).status === 0)

/** Opcodes of RFC 6455 §5.2. */
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10] as const

async function runClient(name: string, port: number, mode = 'echo') {
  const names = ['connections=1', 'in-flight=2', 'bytes=64', 'kind=text', 'warmup-ms=50', 'measure-ms=100']
  const child = spawn(process.execPath, [join(root, 'bench/clients', name), mode, `port=${port}`, ...names])
  cleanUp(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await within(once(child, 'close'), 'the end of the client')
  return { status: child.exitCode, stdout, stderr }
}

/** Accepts, and sends the bytes as soon as a message arrives. */
const answerWith =
  (bytes: Buffer): RawAnswer =>
  (socket, request) => {
    socket.write(acceptance(request))
    socket.once('data', () => socket.end(bytes))
  }

const text = (payload: string) => encodeFrame(TEXT, Buffer.from(payload), { isMasked: false })

describe.each(['hotsocket.mjs', 'ws.mjs'])('bench/clients/%s', (name) => {
  it.each([
    ['an echo of another length', text('short'), 'an echo has the length 5, not 64'],
    ['an echo of other bytes', text('!'.repeat(64)), 'an echo differs from what was sent'],
    ['a connection that ends', Buffer.alloc(0), 'the server closed a connection']
  ])('fails on %s', async (_what, bytes, reason) => {
    const { port } = await serveRaw(answerWith(bytes))
    const { status, stdout, stderr } = await runClient(name, port)
    expect([status, stdout, stderr.split('\n')[0]]).toEqual([1, '', `client: ${reason}`])
  })
})

async function startEcho(program: string): Promise<number> {
  const child = spawn(program)
  cleanUp(() => child.kill('SIGKILL'))
  const [line] = (await within(once(createInterface(child.stdout), 'line'), 'the port')) as [string]
  return Number(line)
}

/** Sends a request, and once it is answered pieces, each in a write of its own. Gives all that comes until the server ends the connection. */
async function converse(port: number, pieces: readonly Uint8Array[]): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  cleanUp(() => socket.destroy())
  const received: Buffer[] = []
  const ended = once(
    socket.on('data', (chunk: Buffer) => received.push(chunk)),
    'end'
  )
  socket.write(upgradeRequest())
  await within(once(socket, 'data'), 'the response')
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve))
  await within(ended, 'the end of the connection')
  return Buffer.concat(received)
}

describe.skipIf(process.platform !== 'linux' || !hasCompiler)('the C++ echo (needs Linux, g++, make)', () => {
  // A folder of its own: another test may be building, too.
  let folder: string
  let program: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotsocket-echo-'))
    program = join(folder, 'bin/echo-ceiling')
    const make = ['-C', join(root, 'bench/native'), `BUILD=${folder}`, program]
    const { status, stderr } = spawnSync('make', make, { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  it.each([1, 3, 7, 64, 65_536])('answers all frames, cut into pieces of %i bytes', async (step) => {
    const long = Buffer.alloc(step < 7 ? 700 : 70_000, 'hotsocket')
    const exchange: [number, Buffer, boolean, number][] = [
      [TEXT, Buffer.from('hello'), true, TEXT],
      [BINARY, Buffer.alloc(0), true, BINARY],
      [BINARY, Buffer.alloc(300, 'abcdefg'), false, BINARY],
      [PING, Buffer.from('?'), true, PONG],
      [CONTINUATION, long, true, CONTINUATION],
      [CLOSE, closePayload(1000), true, CLOSE]
    ]
    const sent = Buffer.concat(
      exchange.map(([opcode, payload, fin]) => encodeFrame(opcode, payload, { fin }))
    )
    const pieces = Array.from({ length: Math.ceil(sent.length / step) }, (_, index) =>
      sent.subarray(index * step, (index + 1) * step)
    )
    const port = await startEcho(program)
    const received = await converse(port, pieces)

    const head = acceptance(`Sec-WebSocket-Key: ${KEY}\r\n`)
    const frames = exchange.map(([, payload, fin, opcode]) =>
      encodeFrame(opcode, payload, { fin, isMasked: false })
    )
    expect(received.equals(Buffer.concat([Buffer.from(head), ...frames]))).toBe(true)
  })
})
