// Owns the command `hotsocket serve`: from its arguments to a running broadcast server, and to its end.
// Must not know how messages travel or how the page is made.

import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { CloseCode, type ServerOptions, WebSocketError } from '../index.js'
import { BroadcastServer } from './broadcast-server.js'
import { loadKeyPair } from './certificate.js'
import { type Command, CommandError, type CommandStreams, ExitCode } from './command.js'
import { isLoopback } from './host-check.js'
import { loadPage } from './page.js'
import { createRequestListener } from './resources.js'
import { parseServeOptions, SERVE_HELP, type ServeOptions } from './serve-options.js'
import { readVersion } from './version.js'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** What SIGTERM does: who reads slowly gets what is queued before the process ends. Service managers give it some ten seconds or more. */
const DRAIN = { deadlineMs: 9000, jitterMs: 0, code: CloseCode.GOING_AWAY }

/** Serves until the process gets SIGINT or SIGTERM. */
export const serve: Command = async (args, streams) => {
  const request = parseServeOptions(args)
  if (request === 'help') streams.stdout.write(SERVE_HELP)
  else if (request === 'version') streams.stdout.write(`${await readVersion()}\n`)
  else await run(request, streams)
  return ExitCode.OK
}

async function run(options: ServeOptions, streams: CommandStreams): Promise<void> {
  const { host, port, isEcho, logLevel } = options
  const tls = await loadKeyPair('serve', options)
  const serverOptions: ServerOptions = { host, port, logLevel, ...(tls === null ? {} : { tls }) }
  const server = new BroadcastServer({ ...serverOptions, isEcho })
  server.http.on('request', createRequestListener(server, await loadPage()))
  await listen(server)
  streams.stdout.write(await greet(server, options, tls === null ? null : tls.cert))
  const running = server.run({ drain: DRAIN })
  // Behind the server's own listeners, which `run` adds a moment later: once this is read, a second signal finds none.
  const announce = () => streams.stdout.write(describeStop(server.clients.size))
  await setImmediate()
  for (const signal of SIGNALS) process.once(signal, announce)
  await running
  for (const signal of SIGNALS) process.off(signal, announce)
  streams.stdout.write('Stopped.\n')
}

function describeStop(clientCount: number): string {
  const connections = `${clientCount} ${clientCount === 1 ? 'connection' : 'connections'}`
  return `\nStopping: closing ${connections}. Ctrl-C again ends at once.\n`
}

async function listen(server: BroadcastServer): Promise<void> {
  try {
    await server.listen()
  } catch (error) {
    if (!(error instanceof WebSocketError && error.code === 'listen-failed')) throw error
    const { code } = error.cause as NodeJS.ErrnoException
    const advice = code === 'EADDRINUSE' ? '; choose another with --port (0 takes any free one)' : ''
    throw new CommandError(ExitCode.FAILURE, `serve: ${error.message}${advice}`, error)
  }
}

async function greet(server: BroadcastServer, options: ServeOptions, cert: string | null): Promise<string> {
  const url = addressOf(server, options)
  const rule = options.isEcho ? 'each message goes back to its sender' : 'each message goes to all clients'
  const lines = [
    `hotsocket ${await readVersion()}: ${rule}.`,
    `  page       http${url}/`,
    `  WebSocket  ws${url}/`,
    `  tier       ${server.tier}`
  ]
  if (cert !== null) {
    const kind = options.tls === 'self-signed' ? ' (self-signed: browsers will ask)' : ''
    lines.push(`  SHA-256    ${new X509Certificate(cert).fingerprint256}${kind}`)
  }
  if (!isLoopback(options.host)) {
    lines.push('Whoever can reach this port can read and send; --host 127.0.0.1 limits it to this machine.')
  }
  lines.push('Ctrl-C stops it.', '')
  return lines.join('\n')
}

/** What follows 'http' and 'ws' in the URLs that are shown; "all addresses" is none that one can open. */
function addressOf(server: BroadcastServer, { host, tls }: ServeOptions): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `${tls === null ? '' : 's'}://${isIP(name) === 6 ? `[${name}]` : name}:${server.port}`
}
