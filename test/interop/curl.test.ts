// curl as the client of an AsyncServer, over http: and https:. Debian's knows no ws:, so it asks for the upgrade by headers and
// carries frames as bytes; what it shows of refusals is what people see who look for a fault.
import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it, type TestContext } from 'vitest'
import type { AsyncServer, AsyncServerOptions } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, recorder, serve, until } from '../support/harness.js'
import { closePayload, encodeFrame, within } from '../support/raw-client.js'

guard()

const CURL = process.env.CURL_PATH ?? 'curl'
const isThere = spawnSync(CURL, ['--version']).status === 0

/** Skips a test where curl is missing, saying why; on CI it fails. */
function needCurl({ skip }: TestContext): void {
  if (isThere) return
  const reason = `there is no ${CURL}: apt-get install curl, or set CURL_PATH`
  if (process.env.CI === 'true') throw new Error(reason)
  skip(reason)
}

const COMMON = ['--http1.1', '--silent', '--show-error', '--no-progress-meter', '--include', '--insecure']

/** The parameters for request headers; one that is '' is left out. */
function asParameters(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => (value === '' ? [] : ['-H', `${name}: ${value}`]))
}

const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='
}

const httpUrl = (server: AsyncServer, path = '/') => new URL(path, server.url!.replace(/^ws/, 'http')).href

/** A request that is refused, and what curl shows. */
interface Refused {
  readonly what: string
  readonly headers?: Readonly<Record<string, string>>
  readonly path?: string
  readonly status: number
  /** A line of the head. */
  readonly field?: string
  readonly body: string
}

/** A connection of curl's: what it shows so far, and a way to send bytes. */
class CurlClient {
  readonly ended: Promise<unknown>
  readonly #child: ChildProcessWithoutNullStreams
  #shown = ''

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    // A request with a body of unknown length and no word about it: curl sends what comes from stdin as it is.
    const asPut = ['--no-buffer', '-X', 'GET', '-T', '.', '-H', 'Transfer-Encoding:', '-H', 'Expect:']
    this.#child = spawn(CURL, [...COMMON, ...asPut, ...asParameters(headers), url])
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#shown += text
    })
    this.ended = once(this.#child, 'close').then(([status]) => status)
    cleanUp(async () => {
      this.#child.kill()
      await this.ended
    })
  }

  write(bytes: Uint8Array): void {
    this.#child.stdin.write(bytes)
  }

  /** Writes the last bytes; curl ends when the server has ended its side, too. */
  end(bytes: Uint8Array): void {
    this.#child.stdin.end(bytes)
  }

  /** Waits for bytes that curl shows, and takes them. */
  async read(byteLength: number): Promise<string> {
    await until(() => this.#shown.length >= byteLength, `curl shows ${byteLength} bytes`)
    const taken = this.#shown.slice(0, byteLength)
    this.#shown = this.#shown.slice(byteLength)
    return taken
  }

  async readHead(): Promise<string> {
    await until(() => this.#shown.includes('\r\n\r\n'), 'curl shows a head')
    return this.read(this.#shown.indexOf('\r\n\r\n') + 4)
  }
}

describe('curl', () => {
  beforeEach(needCurl)

  it.each(['http', 'https'])('§4.1 opens a connection over %s: and exchanges frames', async (scheme) => {
    const { lines, handlers } = recorder()
    const server = await serve({
      ...handlers,
      ...(scheme === 'https' ? { tls: await certificate() } : {}),
      protocols: ['chat'],
      onopen: (client) => void client.send('welcome'),
      onmessage: (client, message) => void client.send(message)
    })
    const key = randomBytes(16).toString('base64')
    const headers = { ...HANDSHAKE, 'Sec-WebSocket-Key': key, 'Sec-WebSocket-Protocol': 'chat' }
    const client = new CurlClient(httpUrl(server), headers)
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    expect(await client.readHead()).toBe(
      [
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Accept: ${accept}`,
        'Sec-WebSocket-Protocol: chat',
        '\r\n'
      ].join('\r\n')
    )
    expect(await client.read(9)).toBe('\x81\x07welcome')
    client.write(encodeFrame(1, Buffer.from('Hello')))
    expect(await client.read(7)).toBe('\x81\x05Hello')
    const payload = randomBytes(65_536)
    client.write(encodeFrame(2, payload))
    expect(await client.read(10)).toBe('\x82\x7f\0\0\0\0\0\x01\0\0')
    expect(await client.read(65_536)).toBe(payload.toString('latin1'))
    client.write(encodeFrame(9, Buffer.from('ping')))
    expect(await client.read(6)).toBe('\x8a\x04ping')
    client.end(encodeFrame(8, closePayload(1000)))
    expect(await client.read(4)).toBe('\x88\x02\x03\xe8')
    expect(await within(client.ended, 'curl to end')).toBe(0)
    expect(lines).toEqual(['ping ping', 'close 1000 "" clean remote null'])
  })

  it.each<Refused>([
    {
      what: 'no handshake at all',
      headers: { Connection: '', Upgrade: '' },
      status: 426,
      field: 'Upgrade: websocket',
      body: 'This server speaks WebSocket only.\n'
    },
    {
      what: 'another version',
      headers: { 'Sec-WebSocket-Version': '8' },
      status: 426,
      field: 'Sec-WebSocket-Version: 13',
      body: 'the client asks for a version of the protocol other than 13: 8 (RFC 6455 §4.4)\n'
    },
    {
      what: 'a key of 3 bytes',
      headers: { 'Sec-WebSocket-Key': 'AAAA' },
      status: 400,
      body: 'the handshake request is malformed: Sec-WebSocket-Key is missing or not 16 bytes in base64 (RFC 6455 §4.2.1)\n'
    },
    {
      what: 'a page of another host',
      headers: { Origin: 'https://evil.example' },
      status: 403,
      body: '403 Forbidden\n'
    },
    {
      what: 'a path that is not served',
      path: '/elsewhere',
      status: 404,
      body: 'nothing is served at the path of the request: /elsewhere (RFC 6455 §4.2.2)\n'
    },
    {
      what: 'what onhandshake denies',
      headers: { Cookie: 'none' },
      status: 401,
      field: 'X-Why: cookie',
      body: 'no'
    }
  ])('is refused for $what, and shows why', async (expected) => {
    const { headers, path = '/chat', status, field = 'Connection: close' } = expected
    const onhandshake: AsyncServerOptions['onhandshake'] = (request) =>
      request.headers.get('cookie') === null
        ? undefined
        : { status: 401, headers: { 'X-Why': 'cookie' }, body: 'no' }
    const server = await serve({ locations: ['/chat'], onhandshake })
    const { stdout } = await promisify(execFile)(CURL, [
      ...COMMON,
      ...asParameters({ ...HANDSHAKE, ...headers }),
      httpUrl(server, path)
    ])
    const [head, body] = stdout.split('\r\n\r\n') as [string, string]
    const [statusLine, ...fields] = head.split('\r\n')
    expect(statusLine).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`))
    expect(fields).toContain(`Content-Length: ${Buffer.byteLength(body)}`)
    expect(fields).toContain(field)
    expect(body).toBe(expected.body)
  })

  it('--http2 gets a page, not a refusal', async () => {
    const server = await serve()
    server.http.on('request', (request, response) => response.end(`page for ${request.httpVersion}`))
    const { stdout } = await promisify(execFile)(CURL, ['--http2', '--silent', httpUrl(server)])
    expect(stdout).toBe('page for 1.1')
  })
})
