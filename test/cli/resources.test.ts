import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { BroadcastServer } from '../../src/cli/broadcast-server.js'
import { loadPage } from '../../src/cli/page.js'
import { createRequestListener } from '../../src/cli/resources.js'
import { METRICS } from '../../src/index.js'

const COMMON_HEADERS = {
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
}

let server: BroadcastServer
let base: string
beforeEach(async () => {
  server = new BroadcastServer({ host: '127.0.0.1', port: 0 })
  server.http.on('request', createRequestListener(server, await loadPage()))
  await server.listen()
  base = `http://127.0.0.1:${server.port}`
})
afterEach(() => server.close())

describe('GET /', () => {
  test('is the page, which may run its own style and script and nothing else', async () => {
    const response = await fetch(base)
    const html = await response.text()
    const style = /<style>([\s\S]*?)<\/style>/.exec(html)![1]!
    const script = /<script type="module">([\s\S]*?)<\/script>/.exec(html)![1]!
    expect(response.status).toBe(200)
    expect(headersOf(response)).toEqual({
      ...COMMON_HEADERS,
      'content-type': 'text/html; charset=utf-8',
      'content-length': String(Buffer.byteLength(html)),
      'content-security-policy': `default-src 'none'; style-src 'sha256-${sha256(style)}'; script-src 'sha256-${sha256(script)}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
    })
  })

  test('needs nothing from anywhere else', async () => {
    const html = await (await fetch(base)).text()
    expect(html.match(/(?:src|href)="(?!data:)[^"]*"|url\(|@import|https?:\/\//g)).toBeNull()
  })

  test('takes a query', async () => {
    expect((await fetch(`${base}/?a=b`)).status).toBe(200)
  })
})

describe('GET /status', () => {
  test('tells the figures and who is connected', async () => {
    const before = Date.now()
    const client = new WebSocket(base.replace('http', 'ws'))
    await once(client, 'open')
    client.send('one')
    await once(client, 'message')
    const response = await fetch(`${base}/status`)
    const status = (await response.json()) as { users: [{ id: string; sinceMs: number }] }
    client.terminate()
    expect(headersOf(response)).toMatchObject({ ...COMMON_HEADERS, 'content-type': 'application/json' })
    expect(status).toEqual({
      tier: server.tier,
      isEcho: false,
      clientCount: 1,
      messageCount: 1,
      messagesPerSecond: expect.any(Number),
      queuedBytes: 0,
      maxMessageBytes: 64 * 1024 * 1024,
      users: [
        { id: expect.stringMatching(/^[\da-f-]{36}$/), address: '127.0.0.1', sinceMs: expect.any(Number) }
      ],
      atMs: expect.any(Number),
      figures: [
        figure('hotsocket_clients', 'gauge', { '': 1 }),
        figure('hotsocket_messages_total', 'counter', { in: 1, out: 1 }),
        figure('hotsocket_bytes_total', 'counter', { in: 9, out: 134 }),
        figure('hotsocket_queue_bytes', 'gauge', { '': 0 }),
        figure('hotsocket_round_trip_seconds', 'histogram', { sum: 0, count: 0 })
      ]
    })
    expect(status.users[0].sinceMs).toBeGreaterThanOrEqual(before)
  })
})

/** A figure with these values; its words stand in `METRICS`. */
function figure(name: string, kind: string, values: Record<string, number>) {
  const { title, unit, help } = METRICS.find((metric) => metric.name === name)!
  return {
    name,
    title,
    unit,
    help,
    kind,
    values: Object.entries(values).map(([label, value]) => ({ label, value }))
  }
}

describe('other requests', () => {
  test.each(['/', '/status'])('HEAD %s has the headers of GET and no body', async (path) => {
    const [head, get] = await Promise.all([fetch(base + path, { method: 'HEAD' }), fetch(base + path)])
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(headersOf(head)).toEqual(headersOf(get))
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s / is 405', async (method) => {
    const response = await fetch(base, { method, body: method === 'POST' ? 'x'.repeat(100_000) : null })
    expect([response.status, await response.text()]).toEqual([
      405,
      'Only GET and HEAD are served at this path.\n'
    ])
    expect(response.headers.get('allow')).toBe('GET, HEAD')
  })

  test.each(['/x', '/status/', '/page.html', '//', '/%2e%2e/package.json', '/favicon.ico'])(
    '%s is 404',
    async (path) => {
      const response = await fetch(base + path)
      expect([response.status, await response.text()]).toEqual([404, 'There is nothing at this path.\n'])
      expect(headersOf(response)).toMatchObject({
        ...COMMON_HEADERS,
        'content-type': 'text/plain; charset=utf-8'
      })
    }
  )
})

describe('requests to a name that is not ours, as after DNS rebinding', () => {
  test.each(['/', '/status', '/x'])('%s is 421, and tells nothing', async (path) => {
    const [status, body] = await getAs('evil.example', path)
    expect([status, body]).toEqual([421, 'This server is for this machine only, under names of its own.\n'])
  })

  test('names of this machine pass', async () => {
    const names = ['localhost', 'LOCALHOST', '127.0.0.1', '[::1]']
    expect(await Promise.all(names.map(async (name) => (await getAs(name, '/status'))[0]))).toEqual(
      names.map(() => 200)
    )
  })

  test('a handshake is 403, although its origin is that of the host', async () => {
    const host = `evil.example:${server.port}`
    const client = new WebSocket(base.replace('http', 'ws'), {
      headers: { Host: host },
      origin: `http://${host}`
    })
    const [error] = await once(client, 'error')
    expect(String(error)).toBe('Error: Unexpected server response: 403')
  })
})

/** Requests a path under another name; returns status and body. */
async function getAs(name: string, path: string): Promise<[number | undefined, string]> {
  const headers = { Host: `${name}:${server.port}` }
  const [response] = await once(get({ host: '127.0.0.1', port: server.port!, path, headers }), 'response')
  let body = ''
  for await (const chunk of response) body += chunk
  return [response.statusCode, body]
}

/** All headers but those of the connection and the time. */
function headersOf(response: Response): Record<string, string> {
  const { date, connection, 'keep-alive': keepAlive, ...rest } = Object.fromEntries(response.headers)
  return rest
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
