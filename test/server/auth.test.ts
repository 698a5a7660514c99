import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  AsyncServer,
  type AsyncServerOptions,
  type AuthScheme,
  basic,
  connect,
  type DigestOptions,
  digest,
  type HandshakeRequest,
  WebSocketError
} from '../../src/index.js'
import { cleanUp, connectTo, guard, serve } from '../support/harness.js'
import { upgradeRequest } from '../support/raw-client.js'

/** What was compared in constant time: the lengths of both sides. */
const compared = vi.hoisted(() => [] as [number, number][])

vi.mock('node:crypto', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:crypto')>()
  const timingSafeEqual: typeof original.timingSafeEqual = (one, other) => {
    compared.push([one.byteLength, other.byteLength])
    return original.timingSafeEqual(one, other)
  }
  return { ...original, timingSafeEqual }
})

guard()

const PASSWORDS: Readonly<Record<string, string>> = {
  Mufasa: 'Circle of Life',
  'Jäsøn Doe': 'Secret, or not? ☃',
  __proto__x: ''
}
const BASIC = basic({ realm: 'r', credentials: PASSWORDS })
const hash = (name: string, text: string) => createHash(name).update(text).digest('hex')

/** A server that lets in by schemes, and answers those who come in with 299 and their name. */
const serveFor = (auth: AuthScheme | AuthScheme[], options: AsyncServerOptions = {}) =>
  serve({ auth, onhandshake: ({ user }) => ({ status: 299, body: `${user}` }), ...options })

interface Response {
  readonly status: number
  readonly challenges: string[]
  readonly body: string
}

/** Sends one request and reads the whole answer. */
async function ask(
  server: { readonly port: number | null },
  authorization: string | string[],
  path = '/'
): Promise<Response> {
  const client = await connectTo(server)
  client.write(
    upgradeRequest(
      path,
      [authorization].flat().map((one) => `Authorization: ${one}`)
    )
  )
  client.end()
  const [head = '', body = ''] = (await client.readRest()).toString().split('\r\n\r\n')
  const challenges = Array.from(head.matchAll(/^WWW-Authenticate: (.*)$/gm), ([, value]) => value!)
  return { status: Number(head.split(' ')[1]), challenges, body }
}

const basicOf = (text: string, encoding: BufferEncoding = 'utf8') =>
  `Basic ${Buffer.from(text, encoding).toString('base64')}`

/** The nonce that a server offers by Digest. */
async function nonceOf(server: { readonly port: number | null }): Promise<string> {
  const { challenges } = await ask(server, [])
  return /nonce="([^"]+)"/.exec(challenges.join())![1]!
}

interface Answer {
  nonce: string
  username?: string
  password?: string
  nc?: string
  uri?: string
  /** In the place of what would stand there, by name; null: nothing. */
  fields?: Record<string, string | null>
}

/** Answers a nonce by the definition of RFC 7616 §3.4.1, with SHA-256. */
function digestOf({ nonce, username = 'Mufasa', password, nc = '00000001', uri = '/', fields = {} }: Answer) {
  const key = hash('sha256', `${username}:r:${password ?? PASSWORDS[username]}`)
  const response = hash('sha256', `${key}:${nonce}:${nc}:c:auth:${hash('sha256', `GET:${uri}`)}`)
  const all: Record<string, string | null> = {
    username: `"${Buffer.from(username).toString('latin1')}"`,
    realm: '"r"',
    nonce: `"${nonce}"`,
    uri: `"${uri}"`,
    response: `"${response}"`,
    algorithm: 'SHA-256',
    qop: 'auth',
    nc,
    cnonce: '"c"',
    ...fields
  }
  const pairs = Object.entries(all).filter(([, value]) => value !== null)
  return `Digest ${pairs.map(([name, value]) => `${name}=${value}`).join(', ')}`
}

const digestFor = (options: Partial<DigestOptions> = {}) =>
  digest({ realm: 'r', password: (username) => PASSWORDS[username], ...options })

describe('Basic', () => {
  it('RFC 7617 §2 asks with 401, realm and charset', async () => {
    const server = await serveFor(basic({ realm: 'say "friend"', credentials: {} }))
    expect(await ask(server, [])).toEqual({
      status: 401,
      challenges: ['Basic realm="say \\"friend\\"", charset="UTF-8"'],
      body: '401 Unauthorized\n'
    })
  })

  it.each<[string, number, string?]>([
    ['Mufasa:Circle of Life', 299, 'Mufasa'],
    ['Jäsøn Doe:Secret, or not? ☃', 299, 'Jäsøn Doe'],
    ['__proto__x:', 299, '__proto__x'],
    ['Mufasa:circle of life', 401],
    ['Mufasa:', 401],
    ['Scar:Circle of Life', 401],
    ['__proto__:', 401],
    ['toString:', 401],
    [':', 401],
    ['', 401],
    ['Mufasa', 401],
    ['Mufasa:Circle of Life\0', 401],
    ['\ufeffMufasa:Circle of Life', 401]
  ])('§2 %j gets %i', async (text, status, user) => {
    const server = await serveFor(BASIC)
    const response = await ask(server, basicOf(text))
    expect(response.status).toBe(status)
    if (user !== undefined) expect(response.body).toBe(user)
  })

  it.each([
    ['credentials that are no UTF-8', basicOf('J\xe4s\xf8n Doe:x', 'latin1')],
    ['wrong base64: no padding', 'Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZlCg'],
    ['wrong base64: a foreign character', 'Basic TXVm~XNhOkNpcmNsZSBvZiBMaWZl'],
    ['wrong base64: too much padding', `${basicOf('Mufasa:Circle of Life')}=`],
    ['parameters instead', 'Basic username=Mufasa, password=x'],
    ['nothing behind the scheme', 'Basic'],
    ['another scheme', 'Bearer abc'],
    ['a broken field', '"'],
    ['ten thousand parameters', `Digest ${Array.from({ length: 10_000 }, (_, i) => `p${i}=1`).join()}`]
  ])('refuses %s, before verify is asked', async (_, authorization) => {
    const verify = vi.fn(() => true)
    const server = await serveFor(basic({ realm: 'r', verify }), { maxHeadBytes: 1 << 20 })
    expect((await ask(server, authorization)).status).toBe(401)
    expect(verify).not.toHaveBeenCalled()
  })

  it('refuses two Authorization fields, even if both are right', async () => {
    const server = await serveFor(BASIC)
    const right = basicOf('Mufasa:Circle of Life')
    expect((await ask(server, right)).status).toBe(299)
    expect((await ask(server, [right, right])).status).toBe(401)
  })

  it.each([
    ['at once', <Value>(value: Value) => value],
    ['later', async <Value>(value: Value) => value]
  ])('asks verify, with name, password and request: %s', async (_, settle) => {
    const asked: unknown[] = []
    const verify = (username: string, password: string, request: HandshakeRequest) => {
      asked.push([username, password, request.path])
      return settle(password === 'a:b')
    }
    const server = await serveFor(basic({ realm: 'r', verify }))
    expect(await ask(server, basicOf('x:a:b'), '/p')).toMatchObject({ status: 299, body: 'x' })
    expect((await ask(server, basicOf('x:b'), '/p')).status).toBe(401)
    expect(asked).toEqual([
      ['x', 'a:b', '/p'],
      ['x', 'b', '/p']
    ])
  })

  it.each<[string, () => unknown]>([
    ['throws', () => fail('sesame')],
    ['rejects', async () => fail('sesame')],
    ['returns text', () => 'yes'],
    ['returns 1', () => 1],
    ['returns nothing', () => undefined],
    ['resolves with an object', async () => ({ ok: false })]
  ])('lets nobody in if verify %s: 500, and the password is not logged', async (_, verify) => {
    const lines: string[] = []
    const log = (line: string) => void lines.push(line)
    const logger = { error: log, warn: log, info: log, debug: log }
    const onhandshake = vi.fn()
    const auth = basic({ realm: 'r', verify: verify as () => boolean })
    const server = await serveFor(auth, { logger, logLevel: 'debug', onhandshake })
    expect((await ask(server, basicOf('Mufasa:hunter2'))).status).toBe(500)
    expect(lines.join('\n')).toContain('auth failed, the client gets 500')
    expect(lines.join('\n')).not.toMatch(/hunter2|TXVmYXNh/)
    expect(onhandshake).not.toHaveBeenCalled()
  })

  it('compares in constant time, whether the user is there or not', async () => {
    const server = await serveFor(BASIC)
    for (const text of ['Mufasa:Circle of Life', 'Mufasa:x', 'Scar:Circle of Life', 'Scar:']) {
      compared.length = 0
      await ask(server, basicOf(text))
      expect(compared).toEqual([[32, 32]])
    }
  })
})

function fail(message: string): never {
  throw new Error(message)
}

describe('Digest', () => {
  it('RFC 7616 §3.3 asks with a nonce that is another each time', async () => {
    const server = await serveFor(digestFor())
    const { status, challenges } = await ask(server, [])
    expect(status).toBe(401)
    expect(challenges[0]).toMatch(
      /^Digest realm="r", qop="auth", algorithm=SHA-256, nonce="[\w-]{48}", charset=UTF-8$/
    )
    expect(await nonceOf(server)).not.toBe(await nonceOf(server))
  })

  it.each([
    ['a name', {}],
    ['a name in UTF-8', { username: 'Jäsøn Doe' }],
    [
      'username*',
      {
        username: 'Jäsøn Doe',
        fields: { username: null, 'username*': "UTF-8''J%C3%A4s%C3%B8n%20Doe" }
      }
    ],
    ['a query', { uri: '/a?b=%22c%22&d' }],
    ['parameters in quotes that need none', { fields: { qop: '"auth"', algorithm: '"sha-256"' } }]
  ])('§3.4 takes a right answer: %s', async (_, answer: Partial<Answer>) => {
    const server = await serveFor(digestFor())
    const authorization = digestOf({ nonce: await nonceOf(server), ...answer })
    const response = await ask(server, authorization, answer.uri ?? '/')
    expect([response.status, response.body]).toEqual([299, answer.username ?? 'Mufasa'])
  })

  it.each<[string, Partial<Answer>]>([
    ['another password', { password: 'x' }],
    ['somebody unknown', { username: 'Scar', password: 'x' }],
    ['somebody unknown with the password "undefined"', { username: 'Scar' }],
    ['the answer to another path', { uri: '/other' }],
    ['another realm', { fields: { realm: '"s"' } }],
    ['another algorithm', { fields: { algorithm: 'MD5' } }],
    ['no algorithm, which is MD5', { fields: { algorithm: null } }],
    ['a session of it', { fields: { algorithm: 'SHA-256-sess' } }],
    ['no qop, as RFC 2069', { fields: { qop: null, nc: null, cnonce: null } }],
    ['qop=auth-int', { fields: { qop: 'auth-int' } }],
    ['no nc', { fields: { nc: null } }],
    ['nc of seven digits', { nc: '0000001' }],
    ['nc that is no number', { nc: '0000000g' }],
    ['nc of zero', { nc: '00000000' }],
    ['no cnonce', { fields: { cnonce: null } }],
    ['an empty response', { fields: { response: '""' } }],
    ['no response', { fields: { response: null } }],
    ['no name', { fields: { username: null } }],
    ['two names', { fields: { 'username*': "UTF-8''Mufasa" } }],
    ['a hashed name', { fields: { userhash: 'true' } }],
    ['a name that is no UTF-8', { fields: { username: '"\xff"' } }],
    ['a name in another charset', { fields: { username: null, 'username*': "latin1''Mufasa" } }],
    ['a broken username*', { fields: { username: null, 'username*': "UTF-8''%4" } }],
    ['a line break in username*', { fields: { username: null, 'username*': "UTF-8''Mufasa%0d%0a" } }]
  ])('§3.4 refuses %s, not as stale', async (_, answer) => {
    const server = await serveFor(digestFor())
    const response = await ask(server, digestOf({ nonce: await nonceOf(server), ...answer }))
    expect(response.status).toBe(401)
    expect(response.challenges[0]).not.toContain('stale')
  })

  it('§3.4, §5.7 a replay is refused, and a count that goes back; counts that go up are taken', async () => {
    const server = await serveFor(digestFor())
    const nonce = await nonceOf(server)
    const statuses: number[] = []
    for (const nc of ['00000001', '00000001', '0000000a', '00000009', '0000000A', '0000000b']) {
      const { status, challenges } = await ask(server, digestOf({ nonce, nc }))
      statuses.push(status)
      if (status === 401) expect(challenges[0]).toMatch(/, stale=true$/)
    }
    expect(statuses).toEqual([299, 401, 299, 401, 401, 299])
  })

  it('a wrong answer does not use up a count', async () => {
    const server = await serveFor(digestFor())
    const nonce = await nonceOf(server)
    expect((await ask(server, digestOf({ nonce, nc: 'ffffffff', password: 'x' }))).status).toBe(401)
    expect((await ask(server, digestOf({ nonce }))).status).toBe(299)
  })

  it('an answer that comes twice while the password is looked up is taken once', async () => {
    const asked: ((password: string) => void)[] = []
    const password = () => new Promise<string>((resolve) => void asked.push(resolve))
    const server = await serveFor(digestFor({ password }))
    const nonce = await nonceOf(server)
    const both = [ask(server, digestOf({ nonce })), ask(server, digestOf({ nonce }))]
    await vi.waitUntil(() => asked.length === 2)
    for (const resolve of asked) resolve('Circle of Life')
    const statuses = (await Promise.all(both)).map(({ status }) => status)
    expect(statuses.sort()).toEqual([299, 401])
  })

  it.each([
    ['forged', (nonce: string) => `${nonce[0] === 'A' ? 'B' : 'A'}${nonce.slice(1)}`],
    ['made up', () => 'x'.repeat(48)],
    ['empty', () => '']
  ])('a nonce that is %s is stale, and costs no lookup', async (_, forge) => {
    const password = vi.fn(() => 'Circle of Life')
    const server = await serveFor(digestFor({ password }))
    const { status, challenges } = await ask(server, digestOf({ nonce: forge(await nonceOf(server)) }))
    expect([status, challenges[0]]).toEqual([401, expect.stringContaining(', stale=true')])
    expect(password).not.toHaveBeenCalled()
  })

  it('§3.3 a nonce that has expired is stale, and the next one is taken', async () => {
    const server = await serveFor(digestFor({ nonceLifetimeMs: 60_000 }))
    const nonce = await nonceOf(server)
    const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_001)
    cleanUp(() => now.mockRestore())
    const { status, challenges } = await ask(server, digestOf({ nonce }))
    expect([status, challenges[0]]).toEqual([401, expect.stringContaining(', stale=true')])
    expect((await ask(server, digestOf({ nonce: await nonceOf(server) }))).status).toBe(299)
  })

  it('copies nonceKey, also out of a Buffer: it may be wiped', async () => {
    const nonceKey = Buffer.alloc(32, 7)
    const server = await serveFor(digestFor({ nonceKey }))
    nonceKey.fill(0)
    const forger = digestFor({ nonceKey: new Uint8Array(32) })
    const [, nonce = ''] = /nonce="([^"]+)"/.exec(forger.challenge(false)) ?? []
    expect((await ask(server, digestOf({ nonce }))).status).toBe(401)
  })

  it('takes nonces of others with the same nonceKey, and of nobody else', async () => {
    const nonceKey = new Uint8Array(32).fill(7)
    const [one, other, third] = [
      await serveFor(digestFor({ nonceKey })),
      await serveFor(digestFor({ nonceKey })),
      await serveFor(digestFor())
    ]
    const nonce = await nonceOf(one)
    expect((await ask(other, digestOf({ nonce }))).status).toBe(299)
    expect((await ask(third, digestOf({ nonce }))).status).toBe(401)
  })

  it('keeps hashes instead of passwords', async () => {
    const stored = hash('sha256', 'Mufasa:r:Circle of Life').toUpperCase()
    const lookup = async (username: string) => (username === 'Mufasa' ? stored : null)
    const server = await serveFor(digest({ realm: 'r', hash: lookup }))
    const nonce = await nonceOf(server)
    expect((await ask(server, digestOf({ nonce }))).status).toBe(299)
    expect((await ask(server, digestOf({ nonce, nc: '00000002', password: 'x' }))).status).toBe(401)
    const unknown = digestOf({ nonce, nc: '00000003', username: 'Scar', password: 'x' })
    expect((await ask(server, unknown)).status).toBe(401)
  })

  it.each<[string, object]>([
    ['password throws', { password: () => fail('no database') }],
    ['password rejects', { password: async () => fail('no database') }],
    ['password returns true', { password: () => true }],
    ['hash returns a password', { password: undefined, hash: () => 'Circle of Life' }],
    ['hash returns one of MD5', { password: undefined, hash: () => hash('md5', 'Mufasa:r:Circle of Life') }]
  ])('lets nobody in if %s: 500, and the secret is not logged', async (_, options) => {
    const lines: string[] = []
    const log = (line: string) => void lines.push(line)
    const logger = { error: log, warn: log, info: log, debug: log }
    const server = await serveFor(digestFor(options), { logger, logLevel: 'debug' })
    expect((await ask(server, digestOf({ nonce: await nonceOf(server) }))).status).toBe(500)
    expect(lines.join('\n')).toContain('auth failed')
    expect(lines.join('\n')).not.toMatch(/Circle|[\da-f]{32}/)
  })

  it('compares responses in constant time, and makes the same hashes for somebody unknown', async () => {
    const server = await serveFor(digestFor())
    for (const answer of [{}, { password: 'x' }, { username: 'Scar', password: 'x' }]) {
      const authorization = digestOf({ nonce: await nonceOf(server), ...answer })
      compared.length = 0
      await ask(server, authorization)
      // The response, and the signature of the nonce: before, and again if it is taken.
      const expected = [
        [16, 16],
        [32, 32],
        ...('username' in answer || 'password' in answer ? [] : [[16, 16]])
      ]
      expect(compared).toEqual(expected)
    }
  })
})

describe('auth', () => {
  it('offers several schemes, the first first, and takes each', async () => {
    const md5 = digestFor({ algorithm: 'MD5' })
    const server = await serveFor([digestFor(), md5, BASIC])
    const { challenges } = await ask(server, [])
    expect(challenges.map((one) => one.replace(/"[\w-]{48}"/, 'N'))).toEqual([
      'Digest realm="r", qop="auth", algorithm=SHA-256, nonce=N, charset=UTF-8',
      'Digest realm="r", qop="auth", algorithm=MD5, nonce=N, charset=UTF-8',
      'Basic realm="r", charset="UTF-8"'
    ])
    expect((await ask(server, basicOf('Mufasa:Circle of Life'))).status).toBe(299)
    expect((await ask(server, digestOf({ nonce: await nonceOf(server) }))).status).toBe(299)
    const stale = await ask(server, digestOf({ nonce: 'x' }))
    expect(stale.challenges.map((one) => one.endsWith('stale=true'))).toEqual([true, false, false])
  })

  it.each<[string, unknown, number]>([
    ['a name', { user: 'Ada' }, 299],
    ['a promise of a name', Promise.resolve({ user: 'Ada' }), 299],
    // biome-ignore lint/suspicious/noThenProperty: a promise of another library.
    ['a thenable', { then: (resolve: (verdict: unknown) => void) => resolve({ user: 'Ada' }) }, 299],
    // biome-ignore lint/suspicious/noThenProperty: the same.
    ['a thenable of nobody', { then: (resolve: (verdict: unknown) => void) => resolve({ user: null }) }, 401],
    ['nobody', { user: null, reason: 'x' }, 401],
    ['nothing', undefined, 500],
    ['an empty object', {}, 500],
    ['a promise of an empty object', Promise.resolve({}), 500],
    ['no name', { user: undefined }, 500],
    ['true', { user: true }, 500],
    ['a bare true', true, 500]
  ])('a scheme of the application that returns %s', async (_, verdict, status) => {
    const scheme = { challenge: () => 'X', takes: () => true, authenticate: () => verdict } as AuthScheme
    const server = await serveFor(scheme)
    expect((await ask(server, 'X y')).status).toBe(status)
  })

  it.each(['at once', 'later'])('what it has verified is not in the request any more: %s', async (when) => {
    const verify = () => (when === 'later' ? Promise.resolve(true) : true)
    const seen: unknown[] = []
    const server = await serve({
      auth: basic({ realm: 'r', verify }),
      keepRequest: true,
      onhandshake: ({ headers, user }) => void seen.push(user, headers.get('authorization'))
    })
    const auth = { username: 'a', password: 'hunter2' }
    const connection = await connect(server.url!, { auth, headers: { 'X-Other': 'y' } })
    const [client] = server.clients
    const { headers } = client!.request!
    expect(seen).toEqual(['a', null])
    expect([headers.has('authorization'), headers.get('x-other')]).toEqual([false, 'y'])
    expect(headers.raw.join()).not.toMatch(/Basic|authorization/i)
    await connection.close()
  })

  it('comes behind the policies, and before onhandshake', async () => {
    const verify = vi.fn(() => false)
    const onhandshake = vi.fn()
    const server = await serveFor(basic({ realm: 'r', verify }), { locations: ['/a'], onhandshake })
    expect((await ask(server, basicOf('a:b'), '/b')).status).toBe(404)
    expect(verify).not.toHaveBeenCalled()
    expect((await ask(server, basicOf('a:b'), '/a')).status).toBe(401)
    expect(verify).toHaveBeenCalledOnce()
    expect(onhandshake).not.toHaveBeenCalled()
  })

  it('without it nobody is known, whatever a request says', async () => {
    const server = await serveFor([])
    expect(await ask(server, basicOf('Mufasa:Circle of Life'))).toMatchObject({ status: 299, body: 'null' })
  })

  it('waits no longer than handshakeTimeoutMs', async () => {
    const verify = () => new Promise<boolean>(() => {})
    const server = await serveFor(basic({ realm: 'r', verify }), { handshakeTimeoutMs: 20 })
    expect((await ask(server, basicOf('a:b'))).status).toBe(503)
  })

  it('a scheme that answers when its client is gone harms nobody', async () => {
    const waiting: ((isRight: boolean) => void)[] = []
    const verify = () => new Promise<boolean>((resolve) => void waiting.push(resolve))
    const onhandshake = vi.fn()
    const server = await serveFor(basic({ realm: 'r', verify }), { onhandshake })
    const client = await connectTo(server)
    client.write(upgradeRequest('/', [`Authorization: ${basicOf('a:b')}`]))
    await vi.waitUntil(() => waiting.length === 1)
    await server.close()
    waiting[0]!(true)
    await client.closed
    expect(onhandshake).not.toHaveBeenCalled()
  })

  it.each<[string, () => AuthScheme, string]>([
    ['no realm', () => basic({ credentials: {} } as never), 'basic needs a realm'],
    ['neither verify nor credentials', () => basic({ realm: 'r' }), 'basic needs verify or credentials'],
    ['both', () => basic({ realm: 'r', verify: () => true, credentials: {} }), 'and not both'],
    [
      'CRLF in the realm',
      () => basic({ realm: 'r\r\nX: y', credentials: {} }),
      'realm must be printable ASCII'
    ],
    ['an empty realm', () => digestFor({ realm: '' }), 'realm must be printable ASCII'],
    ['CRLF in the realm of Digest', () => digestFor({ realm: 'a\nb' }), 'realm must be printable ASCII'],
    ['a colon in a name', () => basic({ realm: 'r', credentials: { 'a:b': 'c' } }), 'names have no colon'],
    ['no lookup', () => digest({ realm: 'r' }), 'digest needs password or hash'],
    ['both lookups', () => digestFor({ hash: () => null }), 'and not both'],
    ['SHA-1', () => digestFor({ algorithm: 'SHA-1' as never }), "algorithm must be one of 'SHA-512-256', "],
    ['a short key', () => digestFor({ nonceKey: new Uint8Array(31) }), 'nonceKey must be 32 bytes or more'],
    ['no lifetime', () => digestFor({ nonceLifetimeMs: 0 }), 'nonceLifetimeMs must be an integer from 1'],
    ['a wrong name', () => basic({ relam: 'r' } as never), 'there is no option "relam"'],
    ['no options', () => digest(undefined as never), 'digest takes an object']
  ])('%s is an error that says so', (_, make, expected) => {
    expect(make).toThrow(WebSocketError)
    expect(make).toThrow(expected)
  })

  it.each<[string, () => unknown, string]>([
    ['verify', () => basic({ realm: 'r', verify: 'hunter2' as never }), 'verify must be a function'],
    ['password', () => digest({ realm: 'r', password: 'hunter2' as never }), 'password must be a function'],
    ['hash', () => digest({ realm: 'r', hash: 'hunter2' as never }), 'hash must be a function'],
    ['nonceKey', () => digestFor({ nonceKey: 'hunter2' as never }), 'nonceKey must be 32 bytes'],
    ['credentials', () => basic({ realm: 'r', credentials: 'hunter2' as never }), 'credentials must be']
  ])('a secret given as %s does not stand in the error', (_, make, expected) => {
    expect(make).toThrow(expected)
    expect(make).not.toThrow('hunter2')
  })

  it('a scheme needs all of its three functions', () => {
    const half = { authenticate: () => ({ user: 'a' }) }
    expect(() => new AsyncServer({ auth: half as never })).toThrow('auth must be what basic or digest return')
  })

  it('verify, as password, is called on its options', async () => {
    const options = {
      realm: 'r',
      allowed: 'a',
      verify(username: string) {
        return username === this.allowed
      }
    }
    const { allowed, ...rest } = options
    const server = await serveFor(basic(Object.assign(Object.create({ allowed }), rest) as typeof options))
    expect((await ask(server, basicOf('a:b'))).status).toBe(299)
  })

  it('an option that is no scheme does not stand in the error: it may be a password', () => {
    const make = () => new AsyncServer({ auth: { username: 'a', password: 'hunter2' } as never })
    expect(make).toThrow('auth must be what basic or digest return')
    expect(make).not.toThrow('hunter2')
  })
})

it('RFC 6750 §3 tokens are a matter of onhandshake, which says who it is', async () => {
  const server = await serve({
    onhandshake(request) {
      const [, token] = /^bearer (\S+)$/i.exec(request.headers.get('authorization') ?? '') ?? []
      if (token !== 'right') return { status: 401, headers: { 'WWW-Authenticate': 'Bearer realm="r"' } }
      request.user = 'Ada'
      return { headers: { 'X-User': request.user } }
    }
  })
  expect(await ask(server, 'Bearer wrong')).toMatchObject({ status: 401, challenges: ['Bearer realm="r"'] })
  let answered: string | null = null
  const connection = await connect(server.url!, {
    headers: { Authorization: 'Bearer right' },
    onhandshake: ({ headers }) => {
      answered = headers.get('x-user')
    }
  })
  expect(answered).toBe('Ada')
  await connection.close()
})

describe('clients', () => {
  const schemes: [string, () => AuthScheme | AuthScheme[]][] = [
    ['Basic', () => BASIC],
    ['Digest SHA-256', () => digestFor()],
    ['Digest SHA-512-256', () => digestFor({ algorithm: 'SHA-512-256' })],
    ['Digest MD5', () => digestFor({ algorithm: 'MD5' })],
    ['all', () => [digestFor(), digestFor({ algorithm: 'MD5' }), BASIC]]
  ]

  it.each(schemes)('ours logs in by %s, and does not with a wrong password', async (_, makeAuth) => {
    const users: (string | null)[] = []
    const onhandshake = ({ user }: HandshakeRequest) => void users.push(user)
    const server = await serve({ auth: makeAuth(), onhandshake })
    for (const [username, password] of Object.entries(PASSWORDS)) {
      const connection = await connect(`${server.url!}/a?b=c`, { auth: { username, password } })
      await connection.close()
    }
    expect(users).toEqual(Object.keys(PASSWORDS))
    const wrong = connect(server.url!, { auth: { username: 'Mufasa', password: 'x' } })
    await expect(wrong).rejects.toMatchObject({ code: 'unexpected-status', response: { status: 401 } })
    await expect(connect(server.url!)).rejects.toMatchObject({ response: { status: 401 } })
    expect(users.length).toBe(3)
  })

  it('ours logs in although its first nonce has expired', async () => {
    const scheme = digestFor()
    const { takes } = scheme
    let answerCount = 0
    const forgetful: AuthScheme = {
      challenge: (isStale) => scheme.challenge(isStale),
      takes: (credentials) => takes.call(scheme, credentials),
      authenticate: (credentials, request) =>
        answerCount++ === 0
          ? { user: null, reason: 'expired', isStale: true }
          : scheme.authenticate(credentials, request)
    }
    const server = await serve({ auth: forgetful })
    const auth = { username: 'Mufasa', password: 'Circle of Life' }
    const connection = await connect(server.url!, { auth })
    expect(answerCount).toBe(2)
    await connection.close()
  })
})

describe('curl', () => {
  beforeEach(({ skip }) => {
    if (spawnSync('curl', ['--version']).status === 0) return
    const reason = 'curl is not there: apt-get install curl'
    if (process.env.CI === 'true') throw new Error(reason)
    skip(reason)
  })

  it.each([
    ['--basic', () => BASIC],
    ['--digest', () => digestFor({ algorithm: 'MD5' })],
    ['--digest', () => digestFor()],
    ['--anyauth', () => [digestFor(), digestFor({ algorithm: 'MD5' }), BASIC]]
  ] as const)('logs in by %s (%#)', async (option, makeAuth) => {
    const server = await serveFor([makeAuth()].flat())
    const headers = upgradeRequest().split('\r\n').slice(2, 6)
    const curl = (user: string) =>
      promisify(execFile)('curl', [
        ...['--silent', '--http1.1', '--max-time', '10', '--write-out', ' %{http_code}', option],
        ...['--user', user, ...headers.flatMap((line) => ['--header', line])],
        `http://127.0.0.1:${server.port}/a?b=c`
      ])
    expect((await curl('Mufasa:Circle of Life')).stdout).toBe('Mufasa 299')
    expect((await curl('Jäsøn Doe:Secret, or not? ☃')).stdout).toBe('Jäsøn Doe 299')
    expect((await curl('Mufasa:x')).stdout).toMatch(/ 401$/)
  })
})
