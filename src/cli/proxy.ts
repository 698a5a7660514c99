// Owns the command `hotsocket proxy`: from its arguments to a running proxy, and to its end. Must not know how bytes are carried.
import { WebSocketError } from '../index.js'
import { loadKeyPair, readPem } from './certificate.js'
import { type Command, CommandError, type CommandStreams, ExitCode } from './command.js'
import { createCommandLog } from './command-log.js'
import type { Gateway } from './gateway.js'
import { InwardGateway } from './gateway-inward.js'
import { OutwardGateway } from './gateway-outward.js'
import { isLoopback } from './host-check.js'
import { PROXY_HELP, type ProxyOptions, parseProxyOptions } from './proxy-options.js'
import { readVersion } from './version.js'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Carries bytes until the process gets SIGINT or SIGTERM. */
export const proxy: Command = async (args, streams) => {
  const request = parseProxyOptions(args)
  if (request === 'help') streams.stdout.write(PROXY_HELP)
  else if (request === 'version') streams.stdout.write(`${await readVersion()}\n`)
  else await run(request, streams)
  return ExitCode.OK
}

async function run(options: ProxyOptions, streams: CommandStreams): Promise<void> {
  const gateway = await open(options, streams)
  await gateway.listen()
  const stopped = nextSignal()
  streams.stdout.write(await greet(gateway, options))
  await stopped
  const count = gateway.connectionCount
  const connections = `${count} ${count === 1 ? 'connection' : 'connections'}`
  streams.stdout.write(`\nStopping: closing ${connections}. Ctrl-C again ends at once.\n`)
  await gateway.close()
  streams.stdout.write('Stopped.\n')
}

async function open(options: ProxyOptions, { stderr }: CommandStreams): Promise<Gateway> {
  const log = createCommandLog(options.logLevel, stderr)
  try {
    if (options.direction === 'inward') {
      const { tls, listen } = options
      return new InwardGateway(options, await loadKeyPair('proxy', { tls, host: listen.host }), log)
    }
    const { caPath } = options
    return new OutwardGateway(options, caPath === null ? null : await readPem('proxy', '--ca', caPath), log)
  } catch (error) {
    if (!(error instanceof WebSocketError)) throw error
    throw new CommandError(ExitCode.USAGE, `proxy: ${error.message}`, error)
  }
}

/** Resolves at the first signal; a second one finds no listener, and ends the process at once. */
function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    const onsignal = () => {
      for (const signal of SIGNALS) process.off(signal, onsignal)
      resolve()
    }
    for (const signal of SIGNALS) process.on(signal, onsignal)
  })
}

async function greet(gateway: Gateway, options: ProxyOptions): Promise<string> {
  const direction = options.direction === 'inward' ? 'from WebSocket to TCP' : 'from TCP to WebSocket'
  const lines = [
    `hotsocket ${await readVersion()}: ${direction}.`,
    `  listening  ${gateway.address}`,
    `  target     ${gateway.target}`
  ]
  if (!isLoopback(options.listen.host)) {
    lines.push(
      'Whoever can reach this port reaches the target; without a host --listen limits it to this machine.'
    )
  }
  lines.push('Ctrl-C stops it.', '')
  return lines.join('\n')
}
