import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseChallenges } from '../../src/auth/challenges.js'
import { Authorization } from '../../src/client/authorization.js'
import { connect } from '../../src/index.js'
import { cleanUp, guard } from '../support/harness.js'
import { acceptance, fieldOf, type RawAnswer, response, serveRaw } from '../support/raw-server.js'

guard()

const auth = { username: 'Aladdin', password: 'open sesame' }
const basic = 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='

describe('Authorization', () => {
  it('RFC 7617 §2 answers Basic, in UTF-8', () => {
    const user = new Authorization(auth)
    expect(user.header('/')).toBeNull()
    expect(user.accept(['Basic realm="WallyWorld"'])).toBe(true)
    expect(user.header('/')).toBe(basic)
    const wide = new Authorization({ username: 'test', password: '123£', preemptive: true })
    expect(wide.header('/')).toBe('Basic dGVzdDoxMjPCow==')
  })

  it('tries each scheme once, the strongest first', () => {
    const all = ['Basic realm="a"', 'Digest realm="a", nonce="n", algorithm=SHA-256, qop="auth"']
    const user = new Authorization(auth, () => 'c')
    expect(user.accept(all)).toBe(true)
    expect(user.header('/')).toMatch(/^Digest /)
    expect(user.accept(all)).toBe(false)
    const eager = new Authorization({ ...auth, preemptive: true })
    expect([eager.header('/'), eager.accept(['Basic realm="a"'])]).toEqual([basic, false])
    expect(eager.accept(all)).toBe(true)
    expect(eager.header('/')).toMatch(/^Digest /)
  })

  it.each([
    [[]],
    [['Negotiate']],
    [['Bearer realm="x"']],
    [['Digest realm="x", nonce="n", algorithm=SHA-3']],
    [['"']]
  ])('has no answer to %j', (values) => {
    const user = new Authorization(auth)
    expect([user.accept(values), user.header('/')]).toEqual([false, null])
  })

  it('RFC 7616 §3.3 answers once more if the nonce was stale, with the new one', () => {
    const user = new Authorization(auth, () => 'c')
    const challenge = (nonce: string, more = '') => [`Digest realm="a", nonce="${nonce}", qop="auth"${more}`]
    expect(user.accept(challenge('1'))).toBe(true)
    user.header('/')
    expect(user.accept(challenge('1', ', stale=true'))).toBe(false)
    expect(user.accept(challenge('2', ', stale=false'))).toBe(false)
    expect(user.accept(challenge('2', ', stale=TRUE'))).toBe(true)
    expect(user.header('/')).toContain('nonce="2"')
    expect(user.header('/')).toContain('nc=00000002')
    expect(user.accept(challenge('3', ', stale=true'))).toBe(false)
  })
})

/** A server with Digest, which checks answers by the definition. */
function digestServer(state: { nonce: string; stale: number; algorithm: 'MD5' | 'SHA-256' }): RawAnswer {
  const hash = (text: string) =>
    createHash(state.algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex')
  const challenge = (isStale: boolean) =>
    response('401 x', [
      `WWW-Authenticate: Basic realm="r", Digest realm="r", nonce="${state.nonce}", qop="auth,auth-int", algorithm=${state.algorithm}${isStale ? ', stale=true' : ''}`,
      'Content-Length: 0'
    ])
  return (socket, request) => {
    const [sent] = parseChallenges([fieldOf(request, 'Authorization') ?? ''])
    const get = (name: string) => sent?.parameters.get(name) ?? ''
    if (sent?.scheme === 'digest' && state.stale-- > 0) {
      state.nonce += '+'
      socket.write(challenge(true))
      return
    }
    const key = hash(`${get('username')}:r:open sesame`)
    const uri = request.split(' ')[1]
    const right = hash(`${key}:${state.nonce}:${get('nc')}:${get('cnonce')}:auth:${hash(`GET:${uri}`)}`)
    if (get('response') === right && get('uri') === uri) socket.write(acceptance(request))
    else socket.write(challenge(false))
  }
}

describe('connect with credentials', () => {
  it.each(['MD5', 'SHA-256'] as const)('answers Digest %s', async (algorithm) => {
    const server = await serveRaw(digestServer({ nonce: 'n', stale: 0, algorithm }))
    const connection = await connect(`${server.url}/a?b="c"`, { auth })
    cleanUp(() => connection.terminate())
    expect(server.requests.map((one) => fieldOf(one, 'Authorization')?.slice(0, 6))).toEqual([
      undefined,
      'Digest'
    ])
    expect([...server.sockets].map(({ destroyed }) => destroyed)).toEqual([true, false])
  })

  it('answers a stale nonce once', async () => {
    const server = await serveRaw(digestServer({ nonce: 'n', stale: 1, algorithm: 'SHA-256' }))
    const connection = await connect(server.url, { auth })
    cleanUp(() => connection.terminate())
    const forEver = await serveRaw(digestServer({ nonce: 'n', stale: 100, algorithm: 'SHA-256' }))
    await expect(connect(forEver.url, { auth })).rejects.toMatchObject({ code: 'unexpected-status' })
    expect([server.requests.length, forEver.requests.length]).toEqual([3, 3])
    await forEver.allGone(3)
  })

  it('counts on over a redirect on the same server', async () => {
    const answer = digestServer({ nonce: 'n', stale: 0, algorithm: 'SHA-256' })
    const server = await serveRaw((socket, request, index) => {
      if (index === 1) socket.write(response('302 x', ['Location: /next', 'Content-Length: 0']))
      else answer(socket, request, index)
    })
    const connection = await connect(server.url, { auth, maxRedirects: 1 })
    cleanUp(() => connection.terminate())
    const sent = server.requests.map((one) => /nc=(\d+)/.exec(fieldOf(one, 'Authorization') ?? '')?.[1])
    expect(sent).toEqual([undefined, '00000001', '00000002'])
  })

  it('a wrong password is one retry, then 401', async () => {
    const server = await serveRaw(digestServer({ nonce: 'n', stale: 0, algorithm: 'SHA-256' }))
    const fault = connect(server.url, { auth: { username: 'Aladdin', password: 'wrong' } })
    await expect(fault).rejects.toMatchObject({ code: 'unexpected-status', response: { status: 401 } })
    expect(server.requests.length).toBe(2)
    await server.allGone(2)
  })

  it('takes them from the URL, which the server does not see', async () => {
    const server = await serveRaw((socket, request) => {
      const isRight = fieldOf(request, 'Authorization') === basic
      socket.write(
        isRight
          ? acceptance(request)
          : response('401 x', ['WWW-Authenticate: Basic realm="x"', 'Content-Length: 0'])
      )
    })
    const connection = await connect(server.url.replace('//', '//Aladdin:open%20sesame@'))
    cleanUp(() => connection.terminate())
    expect(server.requests.map((one) => fieldOf(one, 'Host'))).toEqual(
      Array(2).fill(`127.0.0.1:${server.port}`)
    )
    expect(server.requests.map((one) => one.split('\r\n')[0])).toEqual(Array(2).fill('GET / HTTP/1.1'))
  })

  it('sends Basic unasked only if told to', async () => {
    const server = await serveRaw((socket, request) => void socket.write(acceptance(request)))
    const one = await connect(server.url, { auth: { ...auth, preemptive: true } })
    const other = await connect(server.url, { auth })
    cleanUp(() => {
      one.terminate()
      other.terminate()
    })
    expect(server.requests.map((request) => fieldOf(request, 'Authorization'))).toEqual([basic, null])
  })

  it('leaves a header Authorization of the application as it is', async () => {
    const server = await serveRaw((socket, request) => void socket.write(acceptance(request)))
    const headers = { authorization: 'Bearer t' }
    const connection = await connect(server.url, { headers, auth: { ...auth, preemptive: true } })
    cleanUp(() => connection.terminate())
    expect(fieldOf(server.requests[0]!, 'Authorization')).toBe('Bearer t')
  })
})
