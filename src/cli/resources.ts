// Owns what the server's port answers to HTTP requests: the page, the status, and no for everything else.
// Must not know how the page is made, nor how figures are counted.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BroadcastServer, BroadcastStatus, User } from './broadcast-server.js'
import { type Figure, figuresOf } from './figures.js'
import type { Page } from './page.js'

/** What `GET /status` answers, as JSON. */
export interface StatusResource extends BroadcastStatus {
  /** The first 200 of those who are connected. */
  readonly users: readonly User[]
  /** When the figures were taken, in ms of Unix time. */
  readonly atMs: number
  readonly figures: readonly Figure[]
}

interface Content {
  readonly type: string
  readonly body: string | Buffer
  readonly headers?: Record<string, string>
}

const USER_LIMIT = 200

/** Of every response: what it is, is as declared; it is for this page only; it is never kept. */
const COMMON_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin'
}

/** Makes the listener for 'request' events: `/` is the page, `/status` the figures, both for GET and HEAD only. */
export function createRequestListener(server: BroadcastServer, page: Page) {
  const resources: ReadonlyMap<string, () => Content> = new Map([
    ['/', () => describePage(page)],
    ['/status', () => describeStatus(server)]
  ])
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (!server.isOwnHost(request.headers.host)) {
      return answer(
        response,
        421,
        plainText('This server is for this machine only, under names of its own.\n')
      )
    }
    const path = request.url?.split('?', 1)[0] ?? ''
    const resource = resources.get(path)
    if (resource === undefined) return answer(response, 404, plainText('There is nothing at this path.\n'))
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const headers = { Allow: 'GET, HEAD' }
      return answer(response, 405, plainText('Only GET and HEAD are served at this path.\n', headers))
    }
    answer(response, 200, resource())
  }
}

function describePage({ html, securityPolicy }: Page): Content {
  const headers = { 'Content-Security-Policy': securityPolicy }
  return { type: 'text/html; charset=utf-8', body: html, headers }
}

function describeStatus(server: BroadcastServer): Content {
  const metrics = server.metrics()
  const { atMs } = metrics
  const users = server.users(USER_LIMIT)
  const status: StatusResource = { ...server.status, users, atMs, figures: figuresOf(metrics) }
  return { type: 'application/json', body: JSON.stringify(status) }
}

function plainText(body: string, headers: Record<string, string> = {}): Content {
  return { type: 'text/plain; charset=utf-8', body, headers }
}

/** Writes a response; for HEAD Node.js leaves the body out and keeps its length. */
function answer(response: ServerResponse, status: number, { type, body, headers }: Content): void {
  const contentLength = Buffer.byteLength(body)
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': contentLength,
    ...COMMON_HEADERS,
    ...headers
  })
  response.end(body)
}
