// Owns the options of `hotsocket serve`: their names, defaults, help, and the check of each. Must not open anything.
import { LOG_LEVELS, type LogLevel } from '../index.js'
import { parseArguments, refuse } from './arguments.js'
import type { KeyPairOptions } from './certificate.js'

/** Options of `hotsocket serve`, checked. */
export interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly tls: KeyPairOptions['tls']
  /** Whether messages go back to their sender only. */
  readonly isEcho: boolean
  readonly logLevel: LogLevel
}

/** What the arguments ask for. */
export type ServeRequest = 'help' | 'version' | ServeOptions

const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_PORT = 9999

/** What `hotsocket serve --help` shows. */
export const SERVE_HELP = `Usage: hotsocket serve [OPTIONS]

Runs a WebSocket server that sends every message to all who are connected. A browser that opens
the same address gets a page which shows who is connected and what is said, and can send.

Options:
  -p, --port PORT        port to listen at; 0 takes any free one (default ${DEFAULT_PORT})
      --host HOST        address or name to listen at (default ${DEFAULT_HOST}: this machine only;
                         0.0.0.0 or :: for all addresses)
      --tls              serve https: and wss:, with a self-signed certificate made on the fly
      --key FILE         with --tls: your private key, in PEM
      --cert FILE        with --tls: your certificate, in PEM, with its chain if it has one
      --echo             send each message back to its sender only
      --log-level LEVEL  silent, error, warn, info or debug (default warn)
  -h, --help             show this help
  -v, --version          show the version

Ctrl-C stops it: every client is sent what is queued for it and a close frame (1001).
`

const OPTIONS = {
  port: { type: 'string', short: 'p' },
  host: { type: 'string' },
  tls: { type: 'boolean' },
  key: { type: 'string' },
  cert: { type: 'string' },
  echo: { type: 'boolean' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' }
} as const

/** What `parseArguments` leaves. */
interface Values {
  readonly port?: string
  readonly host?: string
  readonly tls?: boolean
  readonly key?: string
  readonly cert?: string
  readonly echo?: boolean
  readonly 'log-level'?: string
  readonly help?: boolean
  readonly version?: boolean
}

/** Reads the arguments behind `serve`. Throws CommandError with ExitCode.USAGE, naming the value that is wrong. */
export function parseServeOptions(args: readonly string[]): ServeRequest {
  const { values } = parseArguments<Values>('serve', args, OPTIONS)
  if (values.help) return 'help'
  if (values.version) return 'version'
  return {
    host: readHost(values.host),
    port: readPort(values.port),
    tls: readTls(values),
    isEcho: values.echo ?? false,
    logLevel: readLogLevel(values['log-level'])
  }
}

function readHost(text = DEFAULT_HOST): string {
  return text === '' ? fail('--host needs an address or a name, not an empty text') : text
}

function readPort(text = String(DEFAULT_PORT)): number {
  const isPort = /^\d{1,5}$/.test(text) && Number(text) <= 65_535
  return isPort ? Number(text) : fail(`--port must be a number from 0 to 65535, not "${text}"`)
}

function readTls({ tls, key, cert }: Values): ServeOptions['tls'] {
  if (key === undefined && cert === undefined) return tls ? 'self-signed' : null
  if (key === undefined) return fail(`--cert ${cert} needs its private key: add --key FILE`)
  if (cert === undefined) return fail(`--key ${key} needs its certificate: add --cert FILE`)
  if (!tls) return fail('--key and --cert are for TLS: add --tls')
  return { keyPath: key, certPath: cert }
}

function readLogLevel(text = 'warn'): LogLevel {
  if (!LOG_LEVELS.includes(text as LogLevel))
    fail(`--log-level must be one of ${LOG_LEVELS.join(', ')}, not "${text}"`)
  return text as LogLevel
}

function fail(detail: string): never {
  return refuse('serve', detail)
}
