import { describe, expect, it } from 'vitest'
import { connect } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard } from '../support/harness.js'
import {
  acceptance,
  fieldOf,
  type RawAnswer,
  type RawServer,
  response,
  serveRaw
} from '../support/raw-server.js'

guard()

const secrets = { headers: { Authorization: 'Bearer x', Cookie: 'a=b', 'X-Plain': 'y' } }

/** Redirects the first request, and accepts what follows. */
const redirect =
  (location: string | (() => string), status = 302): RawAnswer =>
  (socket, request, index) => {
    const to = typeof location === 'string' ? location : location()
    socket.write(
      index === 0
        ? response(`${status} x`, [`Location: ${to}`, 'Content-Length: 5'], 'moved')
        : acceptance(request)
    )
  }

const accept: RawAnswer = (socket, request) => void socket.write(acceptance(request))

function targets({ requests }: RawServer): string[] {
  return requests.map((request) => request.split(' ')[1]!)
}

describe('maxRedirects', () => {
  it.each([301, 302, 303, 307, 308])(
    'follows %i with a new key, on the same server with all headers',
    async (status) => {
      const server = await serveRaw(redirect('../b?c#d', status))
      const connection = await connect(`${server.url}/x/a`, { maxRedirects: 1, ...secrets })
      cleanUp(() => connection.terminate())
      expect(targets(server)).toEqual(['/x/a', '/b?c'])
      const [first, second] = server.requests as [string, string]
      expect(fieldOf(second, 'Authorization')).toBe('Bearer x')
      expect(fieldOf(second, 'Cookie')).toBe('a=b')
      expect(fieldOf(first, 'Sec-WebSocket-Key')).not.toBe(fieldOf(second, 'Sec-WebSocket-Key'))
      expect([...server.sockets].map(({ destroyed }) => destroyed)).toEqual([true, false])
    }
  )

  it('sends no credentials to another server, whatever redirects lead back', async () => {
    const other = await serveRaw(
      (socket) => void socket.write(response('302 x', [`Location: ${server.url}/back`]))
    )
    const server = await serveRaw(redirect(() => `${other.url}/there`))
    const connection = await connect(server.url.replace('ws://', 'ws://user:pass@'), {
      maxRedirects: 2,
      origin: 'https://example.com',
      ...secrets
    })
    cleanUp(() => connection.terminate())
    expect(targets(server)).toEqual(['/', '/back'])
    for (const request of [other.requests[0]!, server.requests[1]!]) {
      expect([fieldOf(request, 'Authorization'), fieldOf(request, 'Cookie')]).toEqual([null, null])
      expect([fieldOf(request, 'X-Plain'), fieldOf(request, 'Origin')]).toEqual(['y', 'https://example.com'])
    }
    expect(fieldOf(other.requests[0]!, 'Host')).toBe(`127.0.0.1:${other.port}`)
  })

  it('answers no other server that asks for the password', async () => {
    const other = await serveRaw(
      (socket) => void socket.write(response('401 x', ['WWW-Authenticate: Basic realm="x"']))
    )
    const server = await serveRaw(redirect(() => other.url))
    const auth = { username: 'u', password: 'p' }
    const fault = connect(server.url, { maxRedirects: 1, auth, maxBodyBytes: 0 })
    await expect(fault).rejects.toMatchObject({ code: 'unexpected-status', response: { status: 401 } })
    expect(other.requests.map((one) => fieldOf(one, 'Authorization'))).toEqual([null])
    await other.allGone(1)
  })

  it('ends endless redirects', async () => {
    const server = await serveRaw(
      (socket, _, index) => void socket.write(response('302 x', [`Location: /${index}`]))
    )
    const fault = connect(server.url, { maxRedirects: 5 })
    await expect(fault).rejects.toMatchObject({ code: 'too-many-redirects', response: { status: 302 } })
    expect(server.requests.length).toBe(6)
    await server.allGone(6)
  })

  it('all redirects share one time limit', async () => {
    const server = await serveRaw(
      (socket) => void setTimeout(() => socket.write(response('302 x', ['Location: /'])), 40)
    )
    const fault = connect(server.url, { maxRedirects: 100, handshakeTimeoutMs: 150 })
    await expect(fault).rejects.toMatchObject({ code: 'handshake-timeout' })
    expect(server.requests.length).toBeLessThan(6)
    await server.allGone(server.requests.length)
  })

  it.each([
    ['ws+unix:///run/docker.sock:/', 'unsafe-redirect'],
    ['file:///etc/passwd', 'unsafe-redirect'],
    ['ws://[', 'malformed-response']
  ])('does not follow %s', async (location, code) => {
    const server = await serveRaw(redirect(location))
    await expect(connect(server.url, { maxRedirects: 1 })).rejects.toMatchObject({ code })
    await server.allGone(1)
  })

  it('a redirect without Location is malformed', async () => {
    const server = await serveRaw((socket) => void socket.write(response('302 x')))
    await expect(connect(server.url, { maxRedirects: 1 })).rejects.toMatchObject({
      code: 'malformed-response'
    })
  })

  it('goes from ws: to wss:, and never back', async () => {
    const pair = await certificate()
    const plain = await serveRaw(accept)
    const secure = await serveRaw(
      (socket, request, index) => {
        if (index === 0) socket.write(acceptance(request))
        else socket.write(response('302 x', [`Location: ${plain.url}`]))
      },
      { tls: pair }
    )
    const first = await serveRaw(
      (socket) => void socket.write(response('307 x', [`Location: ${secure.url}`]))
    )
    const options = { maxRedirects: 3, tls: { ca: pair.cert } }
    const connection = await connect(first.url, options)
    cleanUp(() => connection.terminate())
    await expect(connect(first.url, options)).rejects.toMatchObject({ code: 'unsafe-redirect' })
    expect(plain.requests).toEqual([])
  })
})
