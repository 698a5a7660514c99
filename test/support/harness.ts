// Owns what tests of servers share: servers and clients that end with their test, a record of what handlers were told,
// and the guard that nothing becomes an unhandled error.
import { createServer, type Server as HttpServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { AsyncServer, type AsyncServerOptions, type Connection } from '../../src/index.js'
import { RawClient, type RawOptions } from './raw-client.js'

const opened: (() => Promise<unknown> | unknown)[] = []
const unhandled: unknown[] = []

const recordUnhandled = (error: unknown) => {
  unhandled.push(error)
}

/** Sets up a test file: everything ends with its test, and nothing may become an unhandled error. */
export function guard(): void {
  beforeAll(() => {
    process.on('unhandledRejection', recordUnhandled).on('uncaughtException', recordUnhandled)
    process.on('warning', recordUnhandled)
  })
  afterEach(async () => {
    for (const end of opened.splice(0).reverse()) await end()
    await delay(1)
    expect(unhandled.splice(0)).toEqual([])
  })
  afterAll(() => {
    process.off('unhandledRejection', recordUnhandled).off('uncaughtException', recordUnhandled)
    process.off('warning', recordUnhandled)
  })
}

/** Ends something with the test. */
export function cleanUp(end: () => Promise<unknown> | unknown): void {
  opened.push(end)
}

/** Starts a server on a free port of 127.0.0.1; it logs nothing unless `logLevel` says so. */
export async function serve<T = undefined>(options: AsyncServerOptions<T> = {}): Promise<AsyncServer<T>> {
  return start(new AsyncServer<T>({ host: '127.0.0.1', logLevel: 'silent', ...options }))
}

/** Starts a server that was made elsewhere. */
export async function start<T>(server: AsyncServer<T>): Promise<AsyncServer<T>> {
  await server.listen()
  cleanUp(async () => {
    for (const client of server.clients) client.terminate()
    await server.close()
  })
  return server
}

/** Starts an HTTP server of the application: it answers every request with its method and path. */
export async function listenHttp(http: HttpServer = createServer()) {
  http.on('request', ({ method, url }, response: ServerResponse) => response.end(`${method} ${url}`))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  cleanUp(() => {
    http.close()
    http.closeAllConnections()
  })
  return Object.assign(http, { port: (http.address() as AddressInfo).port })
}

/** Opens a raw client at a server. */
export async function openAt(
  server: { readonly port: number | null },
  options: RawOptions = {}
): Promise<RawClient> {
  const client = await RawClient.open(server.port!, options)
  cleanUp(() => client.destroy())
  return client
}

/** Connects a raw client to a server without a handshake. */
export async function connectTo(
  server: { readonly port: number | null },
  options: RawOptions = {}
): Promise<RawClient> {
  const client = await RawClient.connect(server.port!, options)
  cleanUp(() => client.destroy())
  return client
}

/** A server with one connection: both ends of it. */
export async function serveOne(options: AsyncServerOptions = {}) {
  const server = await serve(options)
  const peer = await openAt(server)
  await until(() => server.clients.size === 1, 'the connection is open')
  const [client] = server.clients
  return { server, peer, client: client! }
}

/** The same, with handlers that record; the connection is paused by each message. */
export async function serveOnePausing() {
  const { lines, handlers } = recorder()
  const both = await serveOne({
    ...handlers,
    onmessage(client, message) {
      lines.push(`${message.payload}`)
      client.pause()
    }
  })
  return { lines, ...both }
}

/** Says goodbye for a client as a good one does, and waits until the server has recorded so many lines. */
export async function leave(client: RawClient, lines: readonly string[], lineCount: number): Promise<void> {
  client.close(1000)
  expect(await client.readClose()).toEqual({ code: 1000, reason: '' })
  client.end()
  await until(() => lines.length === lineCount, 'it is over')
}

/** Bytes of printable ASCII that show when a piece of them is missing, doubled or out of place. */
export function pattern(byteLength: number, seed = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: byteLength }, (_, i) => 33 + ((i * 7 + (i >> 8) + seed) % 90)))
}

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string, ms = 8000): Promise<void> {
  const end = performance.now() + ms
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms until ${what}`)
    await delay(2)
  }
}

/** Records the events of a server as lines: handlers to be given to it, with others on top. */
export function recorder<T = undefined>() {
  const lines: string[] = []
  const handlers = {
    onopen: () => void lines.push('open'),
    onmessage: (_: Connection<T>, { payload }: { payload: string | Uint8Array }) =>
      void lines.push(
        `message ${typeof payload === 'string' ? payload : Buffer.from(payload).toString('hex')}`
      ),
    onping: (_: Connection<T>, payload: Uint8Array) =>
      void lines.push(`ping ${Buffer.from(payload).toString('latin1')}`),
    onpong: (_: Connection<T>, payload: Uint8Array, roundTripMs: number | null) =>
      void lines.push(
        `pong ${Buffer.from(payload).toString('latin1')} ${roundTripMs === null ? 'null' : 'timed'}`
      ),
    onerror: (_: Connection<T>, error: { code: string }) => void lines.push(`error ${error.code}`),
    onclose: (
      _: Connection<T>,
      code: number,
      reason: string,
      details: { wasClean: boolean; initiator: string; cause: { code: string } | null }
    ) =>
      void lines.push(
        `close ${code} "${reason}" ${details.wasClean ? 'clean' : 'unclean'} ${details.initiator} ${details.cause?.code ?? 'null'}`
      )
  }
  return { lines, handlers }
}

/** Collects garbage, so that memory can be compared. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

/** A promise, and what resolves it. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}
