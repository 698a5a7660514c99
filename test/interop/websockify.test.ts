// Debian's websockify and Python clients against createDuplex and `hotsocket proxy`, with real TCP services behind them.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { beforeEach, describe, expect, it } from 'vitest'
import { createDuplex } from '../../src/adapters/streams.js'
import { connect } from '../../src/index.js'
import { type CliProcess, startProxy as start } from '../cli/cli-process.js'
import { cleanUp, guard, pattern } from '../support/harness.js'
import { within } from '../support/raw-client.js'
import { closedPort, connectTcp, listenEcho, listenTcp } from '../support/tcp.js'
import { need, runClient, startRedis, startWebsockify } from './websockify-process.js'

guard()

const MIB = 1024 * 1024

/** Starts `hotsocket proxy`, which ends with the test. */
async function startProxy(...args: string[]): Promise<{ cli: CliProcess; address: string; port: number }> {
  const proxy = await start(...args)
  cleanUp(() => proxy.cli.stop('SIGKILL'))
  return proxy
}

/** Sets and gets 1 MiB, with a PING before and a wrong command behind. */
async function useRedis(port: number): Promise<void> {
  const tcp = await connectTcp(port)
  const value = pattern(MIB)
  tcp.write('PING\r\n')
  expect(await tcp.readText(7)).toBe('+PONG\r\n')
  tcp.write(`*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$${MIB}\r\n`)
  tcp.write(value)
  tcp.write('\r\n')
  expect(await tcp.readText(5)).toBe('+OK\r\n')
  tcp.write('GET key\r\nNONSENSE\r\n')
  expect(await tcp.readText(10)).toBe(`$${MIB}\r\n`)
  expect((await tcp.read(MIB + 2)).equals(Buffer.concat([value, Buffer.from('\r\n')]))).toBe(true)
  expect(await tcp.readText(28)).toBe("-ERR unknown command 'NONSEN")
  tcp.socket.end()
  expect(await within(tcp.closed, 'the end')).toBe('fin')
}

describe("Debian's websockify as server", () => {
  beforeEach((context) => need(context, 'websockify'))

  it.each([['binary'], []])('carries 1 MiB there and back with createDuplex (%s)', async (...protocols) => {
    const { port } = await listenEcho()
    const connection = await connect(await startWebsockify(port), { protocols })
    expect(connection.protocol).toBe(protocols[0] ?? null)
    const stream = createDuplex(connection)
    const sent = pattern(MIB)
    stream.write(sent)
    const received: Buffer[] = []
    let byteCount = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received.push(chunk)
      byteCount += chunk.length
      if (byteCount === MIB) stream.end()
    }
    expect(Buffer.concat(received).equals(sent)).toBe(true)
    expect(await connection.closed()).toMatchObject({ code: 1000, wasClean: true })
  })

  it('tells the end of the target as an end, and a target that is not there as an error', async () => {
    const target = await listenTcp((socket) => socket.end('goodbye'))
    const stream = createDuplex(await connect(await startWebsockify(target.port)))
    expect(String(Buffer.concat(await stream.toArray()))).toBe('goodbye')
    const failing = createDuplex(await connect(await startWebsockify(await closedPort())))
    const [error] = await within(once(failing, 'error'), 'an error')
    expect(error).toMatchObject({
      code: 'closed-by-peer',
      message: expect.stringContaining('1011 "Failed to connect to downstream server"')
    })
  })

  it('TCP -> hotsocket proxy -> websockify -> redis-server', async (context) => {
    need(context, 'redis')
    const url = await startWebsockify(await startRedis())
    const { port } = await startProxy('--target', url)
    await useRedis(port)
    await useRedis(port)
  })

  it('TCP -> hotsocket proxy -> websockify -> an HTTP server', async () => {
    const http = createServer((_, response) => response.end(pattern(MIB)))
    await once(http.listen(0, '127.0.0.1'), 'listening')
    cleanUp(() => {
      http.close()
      http.closeAllConnections()
    })
    const { port } = await startProxy(
      '--target',
      await startWebsockify((http.address() as { port: number }).port)
    )
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(Buffer.from(await response.arrayBuffer()).equals(pattern(MIB))).toBe(true)
  })
})

describe('hotsocket proxy as server', () => {
  beforeEach((context) => need(context, 'websockify'))

  it.each([
    ['websockify', []],
    ['websockify', ['binary']],
    ['websockets', []],
    ['websockets', ['binary']],
    ['websockets', ['base64']],
    ['websockets', ['base64', 'binary']]
  ] as const)('carries 1 MiB there and back with %s %j', async (library, protocols) => {
    const { port } = await listenEcho()
    const { address } = await startProxy('--target', `127.0.0.1:${port}`)
    const outcome = await runClient(library, address, protocols, pattern(MIB))
    const [code, reason] = library === 'websockify' ? [1000, 'Locally initiated close'] : [1000, '']
    expect(outcome).toEqual({ protocol: protocols[0] ?? null, same: true, code, reason })
  })

  it('websockets hears why there is no target', async () => {
    const { address, cli } = await startProxy('--target', `127.0.0.1:${await closedPort()}`)
    const reason = 'the target cannot be reached: ECONNREFUSED'
    const outcome = await runClient('websockets', address, ['binary'], new Uint8Array())
    expect(outcome).toEqual({ protocol: 'binary', same: true, code: 1014, reason })
    expect(await cli.stop()).toBe(0)
    expect(cli.stderr).toMatch(/^hotsocket warn: client 127\.0\.0\.1 port \d+: connect ECONNREFUSED /)
  })

  it('TCP -> hotsocket proxy -> hotsocket proxy -> redis-server', async (context) => {
    need(context, 'redis')
    for (const protocol of ['binary', 'base64']) {
      const inner = await startProxy('--target', `localhost:${await startRedis()}`)
      const outer = await startProxy('--target', inner.address, '--protocol', protocol)
      await useRedis(outer.port)
      expect([await outer.cli.stop(), outer.cli.stderr]).toEqual([0, ''])
      expect([await inner.cli.stop(), inner.cli.stderr]).toEqual([0, ''])
    }
  })
})
