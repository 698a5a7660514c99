// Known answers: RFC 7616 §3.9, RFC 2069's form without qop, and for -sess what the definition gives.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseChallenges } from '../../src/auth/challenges.js'
import { DigestSession, strongestDigest } from '../../src/client/digest.js'

const mufasa = { username: 'Mufasa', password: 'Circle of Life' }
const challengeOf = (...values: string[]) => strongestDigest(parseChallenges(values))
const hash = (name: string, text: string) => createHash(name).update(text).digest('hex')

function answer(
  challenge: string,
  credentials = mufasa,
  cnonce = 'c',
  uri = '/',
  method = 'GET'
): Map<string, string> {
  const session = new DigestSession(challengeOf(challenge)!, credentials, () => cnonce)
  return fieldsOf(session.authorize(method, uri))
}

function fieldsOf(header: string): Map<string, string> {
  const [{ scheme, parameters }] = parseChallenges([header]) as [ReturnType<typeof parseChallenges>[0]]
  expect(scheme).toBe('digest')
  return new Map(parameters)
}

describe('RFC 7616 §3.9.1', () => {
  const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v'
  const opaque = 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS'
  const challenge = (algorithm: string) =>
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="${nonce}", opaque="${opaque}"`
  const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ'

  it.each([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1']
  ])('answers with %s', (algorithm, expected) => {
    expect(Object.fromEntries(answer(challenge(algorithm), mufasa, cnonce, '/dir/index.html'))).toEqual({
      username: 'Mufasa',
      realm: 'http-auth@example.org',
      nonce,
      uri: '/dir/index.html',
      response: expected,
      algorithm,
      opaque,
      qop: 'auth',
      nc: '00000001',
      cnonce
    })
  })

  it('takes the strongest algorithm of several', () => {
    const values = [challenge('MD5'), challenge('SHA-256'), 'Basic realm="x"']
    expect(challengeOf(...values)!.parameters.get('algorithm')).toBe('SHA-256')
    expect(challengeOf(values.join(', '))!.parameters.get('algorithm')).toBe('SHA-256')
    expect(challengeOf(...values, challenge('SHA-512-256'))!.parameters.get('algorithm')).toBe('SHA-512-256')
  })

  it('§3.4 counts the answers to one nonce, each with a fresh cnonce', () => {
    let made = 0
    const session = new DigestSession(challengeOf(challenge('SHA-256'))!, mufasa, () => `n${made++}`)
    const answers = [1, 2, 3].map(() => fieldsOf(session.authorize('GET', '/')))
    expect(answers.map((fields) => fields.get('nc'))).toEqual(['00000001', '00000002', '00000003'])
    expect(new Set(answers.map((fields) => fields.get('cnonce'))).size).toBe(3)
    expect(new Set(answers.map((fields) => fields.get('response'))).size).toBe(3)
  })
})

describe('RFC 7616 §3.4', () => {
  it.each([
    ['MD5-sess', 'md5'],
    ['SHA-256-sess', 'sha256'],
    ['sha-512-256-SESS', 'sha512-256']
  ])('makes the key of %s of the nonces, too; one cnonce for all of a session', (algorithm, name) => {
    let made = 0
    const challenge = challengeOf(`Digest realm="r", nonce="n", qop="auth", algorithm=${algorithm}`)!
    const session = new DigestSession(challenge, mufasa, () => `c${made++}`)
    const key = hash(name, `${hash(name, 'Mufasa:r:Circle of Life')}:n:c0`)
    for (const nc of ['00000001', '00000002']) {
      const fields = fieldsOf(session.authorize('GET', '/x'))
      expect(fields.get('response')).toBe(hash(name, `${key}:n:${nc}:c0:auth:${hash(name, 'GET:/x')}`))
      expect(fields.get('cnonce')).toBe('c0')
    }
  })

  it('hashes the name if the server can deal with that (§3.4.4, §3.9.2)', () => {
    const user = { username: 'Jäsøn Doe', password: 'Secret, or not?' }
    const realm = 'api@example.org'
    const fields = answer(
      `Digest realm="${realm}", qop="auth", algorithm=SHA-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="o", charset=UTF-8, userhash=true`,
      user,
      'NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm',
      '/doe.json'
    )
    expect(fields.get('username')).toBe(hash('sha256', `${user.username}:${realm}`))
    expect([fields.get('userhash'), fields.has('username*')]).toEqual(['true', false])
  })

  it('§3.4 writes a name beyond ASCII as username*', () => {
    const fields = answer('Digest realm="r", nonce="n", qop=auth', { username: 'Jäs(ø)n', password: 'x' })
    expect([fields.get('username*'), fields.has('username')]).toEqual(["UTF-8''J%C3%A4s%28%C3%B8%29n", false])
  })

  it('answers without qop as RFC 2069 does', () => {
    const fields = answer('Digest realm="r", nonce="n"', mufasa, 'c', '/x')
    const expected = hash('md5', `${hash('md5', 'Mufasa:r:Circle of Life')}:n:${hash('md5', 'GET:/x')}`)
    expect(Object.fromEntries(fields)).toEqual({
      username: 'Mufasa',
      realm: 'r',
      nonce: 'n',
      uri: '/x',
      response: expected
    })
  })

  it('quotes what has quotes, and hashes what stands between them', () => {
    const fields = answer('Digest realm="a\\"b\\\\", nonce="n\\"", qop="auth", opaque="\\\\"')
    expect([fields.get('realm'), fields.get('nonce'), fields.get('opaque')]).toEqual(['a"b\\', 'n"', '\\'])
    const key = hash('md5', 'Mufasa:a"b\\:Circle of Life')
    expect(fields.get('response')).toBe(hash('md5', `${key}:n":00000001:c:auth:${hash('md5', 'GET:/')}`))
  })

  it.each([
    ['Digest realm="r"'],
    ['Digest nonce="n"'],
    ['Digest realm="r", nonce="n", algorithm=SHA-1024'],
    ['Digest realm="r", nonce="n", qop="auth-int"'],
    ['Digest realm="r", nonce="n", algorithm=__proto__'],
    ['Basic realm="r", nonce="n"']
  ])('cannot answer %s', (challenge) => {
    expect(challengeOf(challenge)).toBeNull()
  })
})
