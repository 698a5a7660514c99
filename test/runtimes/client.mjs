// Owns what each runtime's client is asked to do: `connect` from dist/ to servers in the same process, over TCP, TLS and a unix
// socket, with refusals and failures; end by itself. Prints one JSON object. Parameters: the paths of a key and a certificate.
// Plain JavaScript and node: modules only, so that Node.js, Bun and Deno run it as it is.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AsyncServer, connect, DeflateMessage } from '../../dist/index.js'

const [keyPath, certPath] = process.argv.slice(2)
const cert = readFileSync(certPath)
const MEBIBYTE = 1024 * 1024
const ADA = `Basic ${Buffer.from('ada:secret').toString('base64')}`
const ASK_FOR_BASIC = { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="all"' } }

/** Starts a server that echoes, at /private for Ada; refuses /denied, redirects /moved, and closes /bye with 4001. */
async function serve(options) {
  const server = new AsyncServer({
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
    protocols: ['echo'],
    extensions: [new DeflateMessage()],
    onhandshake: ({ path, headers }) => {
      if (path === '/denied') return { status: 401, headers: { 'X-Why': 'token' }, body: 'no' }
      if (path === '/moved') return { status: 307, headers: { Location: '/echo' } }
      if (path === '/private' && headers.get('authorization') !== ADA) return ASK_FOR_BASIC
      return { data: path }
    },
    onopen: (client) => {
      if (client.data === '/bye') client.close(4001, 'bye')
    },
    onmessage: (client, message) => client.send(message),
    ...options
  })
  await server.listen()
  return server
}

/** Sends messages of all kinds and compares the echoes; closes. */
async function exchange(url, options = {}) {
  const received = []
  let sentCount = 0
  let wake = () => {}
  const pong = Promise.withResolvers?.() ?? withResolvers()
  const connection = await connect(url, {
    protocols: ['echo'],
    onmessage: (_connection, message) => {
      received.push(message.payload)
      wake()
    },
    onsent: () => sentCount++,
    onpong: (_connection, payload) => pong.resolve(Buffer.from(payload).toString()),
    ...options
  })
  const messages = ['Hello', 'Grüße '.repeat(1000), Buffer.alloc(0), Buffer.alloc(MEBIBYTE, 'x')]
  for (const message of messages) connection.send(message)
  connection.send(messages[3], { fragmentSize: 10_000 })
  connection.sendPing('ping')
  while (received.length < 5) await new Promise((resolve) => (wake = resolve))
  const isRight = [...messages, messages[3]].every((message, index) =>
    typeof message === 'string' ? received[index] === message : message.equals(received[index])
  )
  const answered = await pong.promise
  const { protocol } = connection
  const { code, wasClean, initiator } = await connection.close(4000, 'done')
  return { isRight, protocol, answered, sentCount, code, wasClean, initiator }
}

/** Node.js 20 has no Promise.withResolvers. */
function withResolvers() {
  const deferred = {}
  deferred.promise = new Promise((resolve) => {
    deferred.resolve = resolve
  })
  return deferred
}

/** What `connect` rejects with. */
async function fail(url, options = {}) {
  try {
    await connect(url, options)
    return 'open'
  } catch (error) {
    const { code, response } = error
    return response === null
      ? code
      : {
          code,
          status: response.status,
          why: response.headers.get('x-why'),
          body: Buffer.from(response.body).toString()
        }
  }
}

/** RFC 6455 §7.1.1: the server closes. */
function hearBye(url) {
  return new Promise((resolve, reject) => {
    connect(url, {
      onclose: (_connection, code, reason, { wasClean, initiator }) =>
        resolve({ code, reason, wasClean, initiator })
    }).catch(reject)
  })
}

/** A server that accepts and says nothing. */
async function failToWait() {
  const sockets = []
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const code = await fail(`ws://127.0.0.1:${silent.address().port}/`, { handshakeTimeoutMs: 100 })
  for (const socket of sockets) socket.destroy()
  silent.close()
  return code
}

const server = await serve()
const secure = await serve({ tls: { key: readFileSync(keyPath), cert } })
const folder = mkdtempSync(join(tmpdir(), 'hotsocket-'))
const socketPath = join(folder, 'socket')
const local = await serve({ host: undefined, port: undefined, socketPath })
const { url } = server
const secureUrl = `wss://localhost:${secure.port}/echo`

const report = {
  tier: server.tier,
  plain: await exchange(new URL('/echo', url).href),
  deflated: await exchange(new URL('/echo', url).href, { extensions: [new DeflateMessage()] }),
  secure: await exchange(secureUrl, { family: 4, tls: { ca: cert } }),
  unix: await exchange(`ws+unix://${socketPath}:/echo`),
  redirected: await exchange(new URL('/moved', url).href, { maxRedirects: 1 }),
  known: await exchange(new URL('/private', url).href, { auth: { username: 'ada', password: 'secret' } }),
  bye: await hearBye(new URL('/bye', url).href),
  denied: await fail(new URL('/denied', url).href),
  unverified: await fail(secureUrl, { family: 4 }),
  silent: await failToWait()
}
await Promise.all([server.close(), secure.close(), local.close()])
rmSync(folder, { recursive: true })
report.gone = await fail(url)
console.log(JSON.stringify(report))
