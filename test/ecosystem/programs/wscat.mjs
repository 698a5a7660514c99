// Owns wscat's job, as a command: it listens, connects, executes, pings, and is refused.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { inbox, listen, report, whose } from './support.mjs'

const path = fileURLToPath(new URL('../node_modules/wscat/bin/wscat', import.meta.url))

/** Starts wscat. Its lines come one by one; end() waits for its end. */
function wscat(...parameters) {
  const child = spawn(process.execPath, [path, ...parameters], { stdio: 'pipe' })
  const lines = inbox()
  const errors = inbox()
  // Where there is no terminal, it prints its prompt, too.
  createInterface(child.stdout).on('line', (line) => lines.push(line.replace(/^(> )+/, '')))
  createInterface(child.stderr).on('line', errors.push)
  const closed = once(child, 'close')
  return {
    say: (line) => child.stdin.write(`${line}\n`),
    next: lines.next,
    error: errors.next,
    leave: () => child.stdin.end(),
    end: async () => (await closed)[0]
  }
}

const http = createServer()
const server = new WebSocketServer({
  server: http,
  verifyClient: ({ req }) => req.headers.authorization === `Basic ${btoa('ada:secret')}`
})
const closes = inbox()
const connections = inbox()
server.on('connection', (socket, { headers }) => {
  connections.push([headers['x-name'], headers.origin, socket.protocol])
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.on('ping', (data) => socket.send(`ping ${data}`))
  socket.on('close', (code, reason) => closes.push([code, reason.toString()]))
})
const port = await listen(http)
const target = ['--connect', `127.0.0.1:${port}`]
const login = ['--auth', 'ada:secret']
const result = { ws: whose('wscat') }

const executing = wscat(
  ...target,
  ...login,
  '-x',
  'grüße',
  '-x',
  'second',
  '-w',
  '0.3',
  '-H',
  'X-Name: Ada',
  '-o',
  'http://a.test',
  '-s',
  'chat'
)
result.request = await connections.next()
result.executed = [await executing.next(), await executing.next(), await closes.next(), await executing.end()]

const typing = wscat(...target, ...login, '--slash', '--show-ping-pong')
await connections.next()
typing.say('typed')
result.typed = [await typing.next()]
typing.say('/ping x')
const answers = [await typing.next(), await typing.next()]
result.typed.push(...answers.sort())
typing.say('/close 4001 bye now')
result.typed.push(await closes.next(), await typing.end())

// It closes and exits at once when its input ends.
const leaving = wscat(...target, ...login)
await connections.next()
leaving.leave()
result.left = [(await closes.next())[0], await leaving.end()]

const refused = wscat(...target)
result.refused = [await refused.error(), await refused.end()]
server.close()
http.close()

// A free port: it prints none, so one is found by listening and closing.
const probe = createServer()
const free = String(await listen(probe))
probe.close()
const listening = wscat('--listen', free)
async function dial() {
  const heard = listening.next().then(() => true)
  for (;;) {
    const client = wscat('--connect', `127.0.0.1:${free}`, '-x', 'from client', '-w', '-1')
    const isThere = await Promise.race([heard, client.end().then(() => false)])
    if (isThere) return client
  }
}
const client = await dial()
listening.say('from server')
result.listened = [await client.next()]
listening.leave()
result.listened.push(await listening.end(), await client.end())
report(result)
