import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runCommand } from '../../src/cli/commands.js'
import { CONNECT_HELP } from '../../src/cli/connect-options.js'
import { type AsyncServerOptions, DeflateMessage } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, pattern, serve, until } from '../support/harness.js'
import { fieldOf, serveRaw } from '../support/raw-server.js'
import { runHere, runWith } from './output.js'

guard()

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const serveEcho = (options: AsyncServerOptions = {}) =>
  serve({ onmessage: (client, message) => void client.send(message), ...options })

/** A terminal with a person before it, and what it shows. */
function terminal(...args: string[]) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  const stdout = Object.assign(new PassThrough(), { isTTY: true })
  let shown = ''
  stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
  })
  const ended = runCommand(['connect', ...args], { stdin, stdout, stderr: stdout })
  cleanUp(() => stdin.destroy())
  return {
    ended,
    shown: () => shown,
    isReading: () => stdin.readableFlowing === true && !stdin.readableEnded,
    type: (line: string) => stdin.write(`${line}\n`),
    end: () => stdin.end(),
    async sees(text: string) {
      await until(() => shown.includes(text), `it shows ${text}`)
    }
  }
}

describe('hotsocket connect in a pipe', () => {
  it('sends each line, writes each text as a line, and ends with 0', async () => {
    const server = await serveEcho()
    const outcome = await runWith('one\nzwei é\nlast', 'connect', server.url!)
    expect(outcome).toEqual({ exitCode: 0, stdout: 'one\nzwei é\nlast\n', stderr: '' })
  })

  it('takes host:port alone for ws:', async () => {
    const server = await serveEcho()
    expect(await runWith('x\n', 'connect', `127.0.0.1:${server.port}`)).toMatchObject({
      exitCode: 0,
      stdout: 'x\n'
    })
  })

  it('with --binary carries bytes as they are', async () => {
    const server = await serveEcho()
    const bytes = pattern(300_000)
    const outcome = await runWith(
      PassThrough.from([bytes.subarray(0, 100), bytes.subarray(100)]) as PassThrough,
      'connect',
      '-b',
      server.url!
    )
    expect(outcome.stdout === bytes.toString('latin1')).toBe(true)
  })

  it('writes binary messages as hexadecimal otherwise', async () => {
    const server = await serve({ onmessage: (client) => void client.send(Uint8Array.of(0, 255, 16)) })
    expect(await runWith('x', 'connect', server.url!)).toMatchObject({ stdout: '00ff10\n' })
  })

  it('-x sends without reading input, and --wait waits for the answer', async () => {
    const server = await serve({
      onmessage: (client, { payload }) => void setTimeout(() => client.send(`late ${payload}`), 50)
    })
    const endless = new PassThrough()
    const outcome = await runWith(endless, 'connect', server.url!, '-x', 'a', '-x', 'b', '-w', '0.5')
    expect(outcome).toEqual({ exitCode: 0, stdout: 'late a\nlate b\n', stderr: '' })
  })

  it('passes on what was asked for', async () => {
    const closes: unknown[] = []
    const server = await serve({
      protocols: ['b'],
      trustedOrigins: '*',
      onhandshake: ({ headers }) =>
        void closes.push(
          headers.get('x-a'),
          headers.get('origin'),
          headers.get('sec-websocket-extensions')?.split(';')[0]
        ),
      onclose: ({ protocol }, code, reason) => void closes.push(protocol, code, reason),
      extensions: [new DeflateMessage()]
    })
    const options = [
      '-H',
      'X-A: 1:2',
      '-s',
      'a',
      '--protocol',
      'b',
      '-o',
      'https://o.example',
      '--compress',
      '--close-code',
      '4000',
      '--close-reason',
      'why'
    ]
    expect(await runWith('', 'connect', server.url!, ...options)).toMatchObject({ exitCode: 0, stderr: '' })
    await until(() => closes.length === 6, 'the server noticed')
    expect(closes).toEqual(['1:2', 'https://o.example', 'permessage-deflate', 'b', 4000, 'why'])
  })

  it('--auth answers a server that asks', async () => {
    const server = await serve({
      onhandshake: ({ headers }) =>
        headers.get('authorization') === `Basic ${btoa('u:p:q')}`
          ? undefined
          : { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="x"' } }
    })
    expect(await runWith('', 'connect', server.url!, '--auth', 'u:p:q')).toMatchObject({ exitCode: 0 })
    expect(await runWith('', 'connect', server.url!, '--auth', 'u:wrong')).toMatchObject({ exitCode: 1 })
  })

  it('verifies a server, unless --insecure; --ca trusts one', async () => {
    const pair = await certificate()
    const server = await serveEcho({ tls: pair })
    const url = `wss://localhost:${server.port}`
    const refused = await runWith('x', 'connect', url)
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain('DEPTH_ZERO_SELF_SIGNED_CERT')
    expect(await runWith('x', 'connect', url, '-k')).toMatchObject({ exitCode: 0, stdout: 'x\n' })
    const folder = await mkdtemp(join(tmpdir(), 'hotsocket-'))
    await writeFile(join(folder, 'ca.pem'), pair.cert)
    expect(await runWith('x', 'connect', url, '--ca', join(folder, 'ca.pem'))).toMatchObject({
      exitCode: 0,
      stdout: 'x\n'
    })
    await rm(folder, { recursive: true })
    const { exitCode, stderr } = await runWith('x', 'connect', url, '--ca', join(folder, 'ca.pem'))
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('--ca') as unknown])
  })

  it.each([
    [1000, 0],
    [1001, 0],
    [1011, 1],
    [4000, 1]
  ])('tells that the server closed with %i, and ends with %i', async (code, exitCode) => {
    const server = await serve({ onopen: (client) => void client.close(code, 'so') })
    const outcome = await runWith(new PassThrough(), 'connect', server.url!)
    expect(outcome).toEqual({
      exitCode,
      stdout: '',
      stderr: `hotsocket: connect: closed by the server: ${code} "so"\n`
    })
  })

  it('ends with 1 if the connection is lost', async () => {
    const server = await serve({ onopen: (client) => void setTimeout(() => client.terminate(), 100) })
    const { exitCode, stderr } = await runWith(new PassThrough(), 'connect', server.url!)
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/^hotsocket: connect: lost: the transport ended/) as unknown
    ])
  })

  it('ends with 1 and one line if it cannot connect; a refusal shows its body', async () => {
    const gone = await runHere('connect', 'ws://127.0.0.1:1')
    expect(gone.exitCode).toBe(1)
    expect(gone.stderr).toBe(
      'hotsocket: connect: the server cannot be reached: ws://127.0.0.1:1: nothing listens there (ECONNREFUSED)\n'
    )
    const server = await serveRaw(
      (socket) => void socket.end('HTTP/1.1 403 No\r\nContent-Length: 8\r\n\r\n\x1b[31mbad')
    )
    const refused = await runHere('connect', server.url)
    expect(refused.stderr).toBe(
      'hotsocket: connect: the server did not answer with status 101: 403 No (RFC 6455 §4.1)\n?[31mbad\n'
    )
  })

  it('--show-pings tells of them, --ping sends them', async () => {
    const server = await serve({ onopen: (client) => void client.sendPing('hey') })
    const { stderr } = await runWith('', 'connect', server.url!, '-P', '--ping', '0.02', '-w', '0.2')
    expect(stderr).toContain('hotsocket: connect: ping hey\n')
    expect(stderr).toMatch(/hotsocket: connect: pong \(\d+\.\d ms\)\n/)
  })

  it.each([
    [[], 'it needs a URL'],
    [['a', 'b'], 'there is no use for the argument "b"'],
    [['a', '--nope'], 'there is no option --nope'],
    [['a', '-H', 'x'], '--header must be \'NAME: VALUE\', not "x"'],
    [['a', '--auth', 'x'], '--auth must be USER:PASSWORD'],
    [['a', '--ping', 'x'], '--ping must be seconds from 0 to 999999, not "x"'],
    [['a', '--close-code', '1001'], '--close-code must be 1000 or 3000-4999, not "1001"'],
    [['a', '--close-reason', 'x'.repeat(124)], '--close-reason has at most 123 bytes, not 124'],
    [['a', '--max-redirects', '101'], '--max-redirects must be a number from 0 to 100, not "101"'],
    [['a', '--key', 'x'], '--cert and --key go together'],
    [['a', '--binary=1'], '--binary takes no value, not even "1"'],
    [['a', '-H'], '-H needs a value']
  ])('%j ends with 2 and one line', async (args, detail) => {
    const stderr = `hotsocket: connect: ${detail}; hotsocket connect --help tells the options\n`
    expect(await runHere('connect', ...args)).toEqual({ exitCode: 2, stdout: '', stderr })
  })

  it.each([
    [['ftp://a/'], 'the scheme is none of'],
    [['ws://a/#b'], 'it has a fragment'],
    [['a', '-s', 'x y'], 'protocols must be a list'],
    [['a', '-H', 'Host: x'], 'belongs to the handshake']
  ])('%j is refused by the client, in one line', async (args, detail) => {
    const { exitCode, stderr } = await runHere('connect', ...args)
    expect([exitCode, stderr.split('\n').length]).toEqual([1, 2])
    expect(stderr).toContain(detail)
  })

  it('--help shows every option, in lines of at most 104 characters', async () => {
    expect(await runHere('connect', '--help')).toEqual({ exitCode: 0, stdout: CONNECT_HELP, stderr: '' })
    expect(CONNECT_HELP.split('\n').filter((line) => line.length > 104)).toEqual([])
  })

  it('as a process: a pipe from another program, and to one', async () => {
    const server = await serveEcho()
    const child = spawn(process.execPath, [MAIN, 'connect', server.url!])
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stdin.write('one\n')
    await until(() => output === 'one\n', 'the echo')
    child.stdin.end('two\n')
    const [exitCode] = await once(child, 'close')
    expect([exitCode, output]).toEqual([0, 'one\ntwo\n'])
  })

  it('as a process: SIGINT closes, and a server that closes ends it though its input goes on', async () => {
    const codes: number[] = []
    const server = await serve({
      onopen: (client) => void client.send('hi'),
      onclose: (_, code) => void codes.push(code)
    })
    for (const end of ['signal', 'server']) {
      const child = spawn(process.execPath, [MAIN, 'connect', server.url!])
      await once(child.stdout, 'data')
      if (end === 'signal') child.kill('SIGINT')
      else for (const client of server.clients) void client.close()
      expect((await once(child, 'close'))[0]).toBe(0)
    }
    expect(codes).toEqual([1000, 1000])
  })
})

describe('hotsocket connect in a terminal', () => {
  it('shows what comes between what is typed, and how it ended', async () => {
    const server = await serveEcho({ protocols: ['chat'] })
    const { ended, type, sees, shown, end, isReading } = terminal(server.url!, '-s', 'chat', '--no-color')
    await sees('Connected to')
    type('hello')
    await sees('< hello')
    type('//slash')
    await sees('< /slash')
    type('/nope')
    await sees('there is no /nope')
    type('/help')
    await sees('/ping [TEXT]')
    end()
    expect(await ended).toBe(0)
    expect(isReading()).toBe(false)
    expect(shown()).toContain(`Connected to ${server.url!}, subprotocol chat.`)
    expect(shown()).toContain('closed: 1000')
  })

  it('/close closes with a code, /ping pings', async () => {
    const told: unknown[] = []
    const server = await serve({
      onping: (_, payload) => void told.push(Buffer.from(payload).toString()),
      onclose: (_, code, reason) => void told.push(code, reason)
    })
    const { ended, type, sees, isReading } = terminal(server.url!, '-P')
    await sees('Connected to')
    type('/ping hey')
    await sees('pong hey (')
    type('/close 1005')
    await sees('close code must be')
    type('/close 4001 so long')
    expect(await ended).toBe(0)
    // Otherwise the process would not end.
    expect(isReading()).toBe(false)
    await until(() => told.length === 3, 'the server noticed')
    expect(told).toEqual(['hey', 4001, 'so long'])
  })

  it('obeys no control characters that a server sends; bytes are shown as hexadecimal', async () => {
    const server = await serve({
      onopen: (client) => {
        client.send('\x1b]0;title\x07\x9b31m\rx')
        client.send(new Uint8Array(100).fill(0xab))
      }
    })
    const { ended, sees, shown, end } = terminal(server.url!)
    await sees('(100 bytes)')
    end()
    await ended
    expect(shown()).toContain('< \\x1b]0;title\\x07\\x9b31m\\x0dx')
    expect(shown()).toContain(`(100 bytes) ${'ab '.repeat(64)}...`)
    expect(shown()).toContain('\x1b[36m< ')
  })

  it('shows no password of the URL', async () => {
    const server = await serve()
    const { ended, sees, shown, end } = terminal(server.url!.replace('//', '//user:secret@'))
    await sees('Connected to')
    end()
    await ended
    expect(shown()).not.toContain('secret')
  })

  it('§10.2 sends no Origin unasked', async () => {
    const server = await serveRaw((socket) => void socket.end('HTTP/1.1 403 No\r\n\r\n'))
    await runHere('connect', server.url)
    expect(fieldOf(server.requests[0]!, 'Origin')).toBeNull()
  })
})
