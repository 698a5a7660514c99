import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createDuplex } from '../../src/adapters/streams.js'
import { connect } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, openAt, serve, until } from '../support/harness.js'
import { RawClient, upgradeRequest } from '../support/raw-client.js'
import { closedPort, connectTcp, listenEcho, listenTcp } from '../support/tcp.js'
import { startProxy as start } from './cli-process.js'
import { runHere } from './output.js'

guard()

async function startProxy(...args: string[]) {
  const proxy = await start(...args)
  cleanUp(() => proxy.cli.stop('SIGKILL'))
  return proxy
}

/** A proxy in front of a TCP server of the test. */
async function startInward(...args: string[]) {
  const target = await listenTcp()
  return { target, ...(await startProxy('--target', `127.0.0.1:${target.port}`, ...args)) }
}

/** A proxy in front of a WebSocket server that echoes. */
async function startOutward(...args: string[]) {
  const server = await serve({
    protocols: ['binary', 'base64'],
    onmessage: (client, message) => void client.send(message)
  })
  return { server, ...(await startProxy('--target', `${server.url}/path`, ...args)) }
}

async function writeKeyPair() {
  const folder = await mkdtemp(join(tmpdir(), 'hotsocket-proxy-'))
  cleanUp(() => rm(folder, { recursive: true }))
  const { key, cert } = await certificate()
  const paths = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
  await writeFile(paths.key, key)
  await writeFile(paths.cert, cert)
  return paths
}

describe('the greeting', () => {
  test('tells the direction, where it listens and the target', async () => {
    const inward = await startInward()
    expect(inward.cli.stdout).toMatch(
      new RegExp(
        `^hotsocket \\S+: from WebSocket to TCP\\.\n  listening  ws://127\\.0\\.0\\.1:${inward.port}\n  target     127\\.0\\.0\\.1:${inward.target.port}\nCtrl-C stops it\\.\n$`
      )
    )
    const outward = await startProxy('--target', 'ws://user:secret@localhost:1/path')
    expect(outward.cli.stdout).toMatch(
      new RegExp(
        `^hotsocket \\S+: from TCP to WebSocket\\.\n  listening  127\\.0\\.0\\.1:${outward.port}\n  target     ws://localhost:1/path\nCtrl-C stops it\\.\n$`
      )
    )
  })

  test('warns where others can reach it', async () => {
    const { cli } = await startInward('--listen', '0.0.0.0:0')
    expect(cli.stdout).toContain('Whoever can reach this port reaches the target')
  })
})

describe('from WebSocket to TCP', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s closes with 1001 (§7.4.1) and FIN, exit code 0',
    async (signal) => {
      const { target, port, cli } = await startInward('--log-level', 'info')
      const peer = await openAt({ port })
      const tcp = await target.accept()
      peer.binary(Buffer.from('abc'))
      expect(await tcp.readText(3)).toBe('abc')
      void tcp.ended.then(() => tcp.socket.end())
      cli.child.kill(signal)
      expect(await peer.readClose()).toEqual({ code: 1001, reason: '' })
      peer.close(1001)
      expect(await cli.ended()).toBe(0)
      expect(await tcp.closed).toBe('fin')
      expect(cli.stdout).toMatch(
        /\nStopping: closing 1 connection\. Ctrl-C again ends at once\.\nStopped\.\n$/
      )
      expect(cli.stderr).toMatch(
        /^hotsocket info: listening at .+\nhotsocket info: client 127\.0\.0\.1 port \d+: connected\nhotsocket info: client 127\.0\.0\.1 port \d+: closed by us with 1001; 3 bytes from WebSocket, 0 to it\n$/
      )
    }
  )

  test('--path, --origin and --max-connections decide who may connect', async () => {
    const args = ['--path', '/tcp', '--origin', 'https://a.example', '--max-connections', '1']
    const { port } = await startInward(...args)
    const statusOf = async (path: string, ...headers: string[]) => {
      const client = await RawClient.connect(port)
      cleanUp(() => client.destroy())
      client.write(upgradeRequest(path, headers))
      return (await client.readHead()).slice(9, 12)
    }
    expect(await statusOf('/')).toBe('404')
    expect(await statusOf('/tcp', 'Origin: https://b.example')).toBe('403')
    expect(await statusOf('/tcp', 'Origin: https://a.example')).toBe('101')
    expect(await statusOf('/tcp')).toBe('503')
  })

  test('on 127.0.0.1 a request for the host of somebody else gets 403', async () => {
    const { port } = await startInward()
    const client = await RawClient.connect(port)
    cleanUp(() => client.destroy())
    client.write(upgradeRequest().replace('Host: 127.0.0.1', 'Host: evil.example'))
    expect(await client.readHead()).toMatch(/^HTTP\/1\.1 403 /)
  })

  test.each([[['--tls']], [[]]])('serves wss: with %j or --cert and --key', async (flags) => {
    const paths = await writeKeyPair()
    const { port } = await listenEcho()
    const keyPair = flags.length > 0 ? [] : ['--cert', paths.cert, '--key', paths.key]
    const { address } = await startProxy('--target', `127.0.0.1:${port}`, ...flags, ...keyPair)
    expect(address).toMatch(/^wss:/)
    const client = new WebSocket(address, 'binary', { rejectUnauthorized: false })
    cleanUp(() => client.terminate())
    await once(client, 'open')
    client.send('abc', { binary: true })
    expect(String((await once(client, 'message'))[0])).toBe('abc')
  })

  test('--idle-timeout closes what carries nothing', async () => {
    const { port } = await startInward('--idle-timeout', '0.05')
    const peer = await openAt({ port })
    expect(await peer.readClose()).toEqual({ code: 1001, reason: 'idle for too long' })
  })

  test('--protocol base64 is spoken unasked, too', async () => {
    const { port } = await listenEcho()
    const proxy = await startProxy('--target', `127.0.0.1:${port}`, '--protocol', 'base64')
    const peer = await openAt(proxy)
    peer.text('AAEC')
    expect(await peer.readText()).toBe('AAEC')
  })

  test('goes on when targets and clients fail', async () => {
    const { target, port, cli } = await startInward()
    for (let i = 0; i < 3; i++) {
      const peer = await openAt({ port })
      const tcp = await target.accept()
      if (i === 1) peer.reset()
      else {
        if (i === 0) tcp.socket.resetAndDestroy()
        else peer.text('not binary')
        peer.close((await peer.readClose()).code)
      }
      await tcp.closed
    }
    const stream = createDuplex(await connect(`ws://127.0.0.1:${port}`))
    const tcp = await target.accept()
    tcp.socket.end('fine')
    expect(String(Buffer.concat(await stream.toArray()))).toBe('fine')
    await until(() => cli.stderr.match(/^hotsocket warn: client .+$/gm)?.length === 3, 'all is logged')
  })
})

describe('from TCP to WebSocket', () => {
  test.each([[[]], [['--protocol', 'base64']]])('carries bytes and ends (%j)', async (args) => {
    const { server, port, cli } = await startOutward(...args)
    const tcp = await connectTcp(port)
    tcp.write('early')
    expect(await tcp.readText(5)).toBe('early')
    const [client] = server.clients
    expect(client!.protocol).toBe(args[1] ?? 'binary')
    tcp.socket.end()
    expect(await tcp.closed).toBe('fin')
    expect(await cli.stop()).toBe(0)
    expect(cli.stderr).toBe('')
  })

  test('SIGINT closes with 1001 and FIN', async () => {
    const { port, cli, server } = await startOutward()
    const tcp = await connectTcp(port)
    tcp.write('x')
    await tcp.read(1)
    const [client] = server.clients
    void tcp.ended.then(() => tcp.socket.end())
    expect(await cli.stop()).toBe(0)
    expect(await tcp.closed).toBe('fin')
    expect((await client!.closed()).code).toBe(1001)
  })

  test('a server that is not there, or refuses: RST, and the reason in the log', async () => {
    const gone = await startProxy('--target', `ws://127.0.0.1:${await closedPort()}`)
    const first = await connectTcp(gone.port)
    expect(await first.closed).toBe('ECONNRESET')
    await until(() => gone.cli.stderr.endsWith('\n'), 'it is logged')
    expect(gone.cli.stderr).toMatch(
      /^hotsocket warn: client 127\.0\.0\.1 port \d+: the server cannot be reached.*ECONNREFUSED.*\n$/
    )
    const server = await serve({ onhandshake: () => ({ status: 401 }) })
    const refused = await startProxy('--target', server.url!)
    const second = await connectTcp(refused.port)
    expect(await second.closed).toBe('ECONNRESET')
    await until(() => refused.cli.stderr.endsWith('\n'), 'it is logged')
    expect(refused.cli.stderr).toContain('the server did not answer with status 101')
  })

  test('a WebSocket that fails resets the socket', async () => {
    const { server, port } = await startOutward()
    const tcp = await connectTcp(port)
    tcp.write('x')
    await tcp.read(1)
    for (const client of server.clients) void client.close(1011, 'no')
    expect(await tcp.closed).toBe('ECONNRESET')
  })

  test('verifies wss: with --ca, and not with --insecure', async () => {
    const { cert } = await writeKeyPair()
    const server = await serve({
      tls: await certificate(),
      onmessage: (client, message) => void client.send(message)
    })
    const url = server.url!.replace('127.0.0.1', 'localhost')
    for (const args of [['--ca', cert], ['--insecure'], []]) {
      const { port } = await startProxy('--target', url, ...args)
      const tcp = await connectTcp(port)
      tcp.write('abc')
      if (args.length > 0) expect(await tcp.readText(3)).toBe('abc')
      else expect(await tcp.closed).toBe('ECONNRESET')
    }
  })

  test('--max-connections refuses more', async () => {
    const { port, cli } = await startOutward('--max-connections', '1')
    const first = await connectTcp(port)
    first.write('x')
    await first.read(1)
    const second = await connectTcp(port)
    await second.ended
    await until(() => cli.stderr !== '', 'it is logged')
    expect(cli.stderr).toBe('hotsocket warn: a connection was refused: there are --max-connections already\n')
  })
})

describe('failures are told in one line', () => {
  test('a port in use', async () => {
    const { port } = await listenEcho()
    for (const target of ['localhost:1', 'ws://localhost:1']) {
      const { exitCode, stderr } = await runHere('proxy', '--listen', String(port), '--target', target)
      expect([exitCode, stderr]).toEqual([
        1,
        `hotsocket: proxy: the server cannot listen at 127.0.0.1:${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}; choose another with --listen (port 0 takes any free one)\n`
      ])
    }
  })

  test('files that are not there', async () => {
    const inward = await runHere(
      'proxy',
      '-l',
      '0',
      '-t',
      'a:1',
      '--cert',
      '/nowhere/c',
      '--key',
      '/nowhere/k'
    )
    expect(inward).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'hotsocket: proxy: --key /nowhere/k cannot be read: there is no such file\n'
    })
    const outward = await runHere('proxy', '-l', '0', '-t', 'wss://a', '--ca', '/nowhere/ca')
    expect(outward.stderr).toBe('hotsocket: proxy: --ca /nowhere/ca cannot be read: there is no such file\n')
  })

  test('an origin that is none', async () => {
    const { exitCode, stderr } = await runHere('proxy', '-l', '0', '-t', 'a:1', '-o', 'a.example')
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^hotsocket: proxy: an option is not valid: .*a\.example.*\n$/)
  })

  test('--help and --version', async () => {
    expect((await runHere('proxy', '--help')).stdout).toMatch(/^Usage: hotsocket proxy /)
    expect((await runHere('proxy', '-v')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
