// Owns the options of `hotsocket proxy`: their names, defaults, help, and the check of each. Must not open anything.
import type { WebsockifyProtocol } from '../adapters/streams.js'
import { LOG_LEVELS, type LogLevel } from '../index.js'
import { parseArguments, refuse, type ValuesOf } from './arguments.js'
import type { KeyPairOptions } from './certificate.js'

/** An address to listen at, or to connect to. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Options of `hotsocket proxy` that both directions have, checked. */
interface SharedOptions {
  readonly listen: HostPort
  /** Null: what the two sides agree on. */
  readonly protocol: WebsockifyProtocol | null
  readonly maxConnections: number
  /** Most time to reach the target; 0: no limit. */
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly pingIntervalMs: number
  readonly logLevel: LogLevel
}

/** From WebSocket to TCP. */
export interface InwardOptions extends SharedOptions {
  readonly direction: 'inward'
  readonly target: HostPort
  readonly paths: readonly string[]
  /** Empty: pages of the proxy's own host. */
  readonly origins: readonly string[]
  readonly tls: KeyPairOptions['tls']
}

/** From TCP to WebSocket. */
export interface OutwardOptions extends SharedOptions {
  readonly direction: 'outward'
  readonly target: string
  readonly origin: string | null
  readonly isInsecure: boolean
  readonly caPath: string | null
}

/** Options of `hotsocket proxy`, checked as far as server and client do not themselves. */
export type ProxyOptions = InwardOptions | OutwardOptions

/** What the arguments ask for. */
export type ProxyRequest = 'help' | 'version' | ProxyOptions

const DEFAULT_HOST = '127.0.0.1'

/** What `hotsocket proxy --help` shows. */
export const PROXY_HELP = `Usage: hotsocket proxy --listen [HOST:]PORT --target HOST:PORT [OPTIONS]
       hotsocket proxy --listen [HOST:]PORT --target URL [OPTIONS]

Carries bytes between WebSocket and TCP, as websockify does. With HOST:PORT as target it is a WebSocket
server: each connection gets a TCP connection to the target, e.g. for noVNC in a browser. With a
URL (ws:, wss:, ws+unix:) it goes the other way: each TCP connection gets one to that WebSocket server.

Options:
  -l, --listen [HOST:]PORT  where to listen; port 0 takes any free one (default host ${DEFAULT_HOST}: this
                            machine only; 0.0.0.0 or [::] for all addresses)
  -t, --target TARGET       where to connect to, for each connection
      --protocol NAME       carry the bytes as binary messages (binary) or as text in base64 (base64);
                            default: as the client asks, or binary
      --path PATH           serve this path only; several times for several (default: all)
  -o, --origin ORIGIN       pages that may connect; several times for several, '*' for all (default:
                            those of the proxy's own host). With a URL: the Origin to send
      --tls                 serve wss:, with a self-signed certificate made on the fly
      --cert FILE           serve wss: with this certificate, in PEM, with its chain if it has one
      --key FILE            its private key, in PEM
  -k, --insecure            with wss: as target: do not verify its certificate
      --ca FILE             with wss: as target: trust the certificates in this file only, in PEM
      --max-connections N   most connections at a time; more are refused (default: no limit)
      --timeout SECONDS     most time to reach the target; 0: no limit (default 10)
      --idle-timeout SECONDS  close what has carried no byte for so long; 0: never (default 0)
      --ping SECONDS        time between pings; 0 sends none (default 30)
      --log-level LEVEL     silent, error, warn, info (each connection) or debug (default warn)
  -h, --help                show this help
  -v, --version             show the version

A target that cannot be reached closes the WebSocket with 1014, one that fails later with 1011; a WebSocket
that is lost resets the TCP connection. Ctrl-C stops it.
`

const OPTIONS = {
  listen: { type: 'string', short: 'l' },
  target: { type: 'string', short: 't' },
  protocol: { type: 'string' },
  path: { type: 'string', multiple: true },
  origin: { type: 'string', short: 'o', multiple: true },
  tls: { type: 'boolean' },
  cert: { type: 'string' },
  key: { type: 'string' },
  insecure: { type: 'boolean', short: 'k' },
  ca: { type: 'string' },
  'max-connections': { type: 'string' },
  timeout: { type: 'string' },
  'idle-timeout': { type: 'string' },
  ping: { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' }
} as const

/** What `parseArguments` leaves. */
type Values = ValuesOf<typeof OPTIONS>

/** Options of a server, and of a client: those of the other direction are refused. */
const INWARD_ONLY = ['path', 'tls', 'cert', 'key'] as const satisfies (keyof Values)[]
const OUTWARD_ONLY = ['insecure', 'ca'] as const satisfies (keyof Values)[]

/** Reads the arguments behind `proxy`. Throws CommandError with ExitCode.USAGE, naming the value that is wrong. */
export function parseProxyOptions(args: readonly string[]): ProxyRequest {
  const { values } = parseArguments<Values>('proxy', args, OPTIONS)
  if (values.help) return 'help'
  if (values.version) return 'version'
  const { listen, target } = values
  if (listen === undefined) return fail('it needs a port to listen at: add --listen [HOST:]PORT')
  if (target === undefined)
    return fail('it needs a target: add --target HOST:PORT or --target ws://HOST:PORT/PATH')
  const shared = readShared(listen, values)
  return isUrl(target) ? readOutward(target, shared, values) : readInward(target, shared, values)
}

function readShared(listen: string, values: Values): SharedOptions {
  return {
    listen: readListen(listen),
    protocol: readProtocol(values.protocol),
    maxConnections: readCount('--max-connections', values['max-connections']),
    timeoutMs: readSeconds('--timeout', values.timeout ?? '10'),
    idleTimeoutMs: readSeconds('--idle-timeout', values['idle-timeout'] ?? '0'),
    pingIntervalMs: readSeconds('--ping', values.ping ?? '30'),
    logLevel: readLogLevel(values['log-level'])
  }
}

function readInward(target: string, shared: SharedOptions, values: Values): InwardOptions {
  refuseOthers(OUTWARD_ONLY, values, 'is for a target that is a URL')
  const address = readHostPort(target)
  if (address === null || address.port === 0) {
    return fail(`--target must be HOST:PORT, or a URL that begins with ws: or wss:, not "${target}"`)
  }
  const paths = values.path ?? []
  for (const path of paths) if (!path.startsWith('/')) fail(`--path must begin with "/", not be "${path}"`)
  return {
    ...shared,
    direction: 'inward',
    target: address,
    paths,
    origins: values.origin ?? [],
    tls: readTls(values)
  }
}

function readOutward(target: string, shared: SharedOptions, values: Values): OutwardOptions {
  refuseOthers(INWARD_ONLY, values, 'is for a proxy that serves WebSocket: the target is a URL')
  checkUrl(target)
  const [origin = null, another] = values.origin ?? []
  if (another !== undefined) fail('--origin is sent to a target that is a URL: give one only')
  const { insecure: isInsecure = false, ca: caPath = null } = values
  return { ...shared, direction: 'outward', target, origin, isInsecure, caPath }
}

function refuseOthers(names: readonly (keyof Values)[], values: Values, why: string): void {
  for (const name of names) if (values[name] !== undefined) fail(`--${name} ${why}`)
}

function isUrl(text: string): boolean {
  return /^(?:[a-z][a-z\d+.-]*:\/\/|wss?\+unix:)/i.test(text)
}

function checkUrl(text: string): void {
  const scheme = URL.canParse(text) ? new URL(text).protocol : ''
  if (!/^wss?(?:\+unix)?:$/.test(scheme)) {
    fail(`--target must be HOST:PORT, or a URL that begins with ws: or wss:, not "${text}"`)
  }
}

function readListen(text: string): HostPort {
  const address = /^\d+$/.test(text) ? readHostPort(`${DEFAULT_HOST}:${text}`) : readHostPort(text)
  const example = `such as 6080, 0.0.0.0:6080 or [::]:6080`
  return address ?? fail(`--listen must be a port from 0 to 65535, or HOST:PORT, ${example}, not "${text}"`)
}

/** Reads 'host:port' and '[::1]:port'. Null: it is neither. */
function readHostPort(text: string): HostPort | null {
  const [, bracketed, plain, digits] = /^(?:\[([\da-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  return host === undefined || port > 65_535 ? null : { host, port }
}

function readProtocol(text: string | undefined): WebsockifyProtocol | null {
  if (text === undefined) return null
  return text === 'binary' || text === 'base64'
    ? text
    : fail(`--protocol must be binary or base64, not "${text}"`)
}

function readTls({ tls, key, cert }: Values): InwardOptions['tls'] {
  if (key === undefined && cert === undefined) return tls ? 'self-signed' : null
  if (key === undefined) return fail(`--cert ${cert} needs its private key: add --key FILE`)
  if (cert === undefined) return fail(`--key ${key} needs its certificate: add --cert FILE`)
  return { keyPath: key, certPath: cert }
}

function readCount(name: string, text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : fail(`${name} must be a number above 0, not "${text}"`)
}

function readSeconds(name: string, text: string): number {
  const isTime = /^\d{1,6}(?:\.\d{1,3})?$/.test(text)
  return isTime
    ? Math.round(Number(text) * 1000)
    : fail(`${name} must be seconds from 0 to 999999, not "${text}"`)
}

function readLogLevel(text = 'warn'): LogLevel {
  if (!LOG_LEVELS.includes(text as LogLevel))
    fail(`--log-level must be one of ${LOG_LEVELS.join(', ')}, not "${text}"`)
  return text as LogLevel
}

function fail(detail: string): never {
  return refuse('proxy', detail)
}
