// Owns the options of `hotsocket connect`: their names, defaults, help, and the check of each. Must not open anything.
import { type ClientAuth, CloseCode } from '../index.js'
import { parseArguments, refuse, type ValuesOf } from './arguments.js'

/** Options of `hotsocket connect`, checked as far as the client itself does not. */
export interface ConnectOptions {
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly auth: ClientAuth | null
  readonly protocols: readonly string[]
  readonly origin: string | null
  /** Whether what is sent goes as binary, and bytes that come are written as they are. */
  readonly isBinary: boolean
  readonly isCompressed: boolean
  readonly pingIntervalMs: number
  readonly showsPings: boolean
  readonly isInsecure: boolean
  readonly caPath: string | null
  readonly certPath: string | null
  readonly keyPath: string | null
  readonly maxRedirects: number
  readonly timeoutMs: number
  /** Messages to send instead of what stands on the standard input; null: that. */
  readonly messages: readonly string[] | null
  readonly waitMs: number
  readonly closeCode: number
  readonly closeReason: string
  readonly hasColors: boolean
}

/** What the arguments ask for. */
export type ConnectRequest = 'help' | 'version' | ConnectOptions

/** What `hotsocket connect --help` shows. */
export const CONNECT_HELP = `Usage: hotsocket connect URL [OPTIONS]

Connects to a WebSocket server. URL: ws://host:port/path, wss:, or ws+unix:///path/of/socket:/path;
host:port alone means ws:. In a terminal each line that you type is a message. Otherwise each line
of the standard input is one, and each text that comes is a line of the standard output.

Options:
  -H, --header 'NAME: VALUE'  another header of the request; several times for several
      --auth USER:PASSWORD    who you are, if the server asks (Basic or Digest)
  -s, --protocol NAME         offer a subprotocol; several times for several, the best first
  -o, --origin ORIGIN         the page that the request comes from
  -b, --binary                send binary messages; in a pipe: bytes go in and out as they are
      --compress              offer permessage-deflate
      --ping SECONDS          time between pings; 0 sends none (default 30)
  -P, --show-pings            tell of pings and pongs
  -k, --insecure              do not verify the server's certificate
      --ca FILE               trust the certificates in this file only, in PEM
      --cert FILE             show this certificate, in PEM
      --key FILE              its private key, in PEM
      --max-redirects COUNT   follow that many redirects (default 0)
      --timeout SECONDS       most time for the opening handshake (default 10)
  -x, --execute TEXT          send this instead of reading input, then close; several times for several
  -w, --wait SECONDS          after the end of the input, wait for so long before closing (default 0)
      --close-code CODE       code to close with, 1000 or 3000-4999 (default 1000)
      --close-reason TEXT     reason to close with
      --no-color              no colours, as with NO_COLOR; there are none outside terminals
  -h, --help                  show this help
  -v, --version               show the version

Ends with 0 when the connection was closed in order, with 1 when it could not be opened, was lost, or
was closed by the server with a code other than 1000 and 1001.
`

const OPTIONS = {
  header: { type: 'string', short: 'H', multiple: true },
  auth: { type: 'string' },
  protocol: { type: 'string', short: 's', multiple: true },
  origin: { type: 'string', short: 'o' },
  binary: { type: 'boolean', short: 'b' },
  compress: { type: 'boolean' },
  ping: { type: 'string' },
  'show-pings': { type: 'boolean', short: 'P' },
  insecure: { type: 'boolean', short: 'k' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  'max-redirects': { type: 'string' },
  timeout: { type: 'string' },
  execute: { type: 'string', short: 'x', multiple: true },
  wait: { type: 'string', short: 'w' },
  'close-code': { type: 'string' },
  'close-reason': { type: 'string' },
  'no-color': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' }
} as const

/** What `parseArguments` leaves. */
type Values = ValuesOf<typeof OPTIONS>

/** Reads the arguments behind `connect`. Throws CommandError with ExitCode.USAGE, naming the value that is wrong. */
export function parseConnectOptions(args: readonly string[], env: NodeJS.ProcessEnv): ConnectRequest {
  const { values, positionals } = parseArguments<Values>('connect', args, OPTIONS, 1)
  if (values.help) return 'help'
  if (values.version) return 'version'
  const [url] = positionals
  if (url === undefined) return fail('it needs a URL')
  if ((values.cert === undefined) !== (values.key === undefined)) fail('--cert and --key go together')
  return {
    url: completeUrl(url),
    headers: (values.header ?? []).map(readHeader),
    auth: values.auth === undefined ? null : readAuth(values.auth),
    protocols: values.protocol ?? [],
    origin: values.origin ?? null,
    isBinary: values.binary ?? false,
    isCompressed: values.compress ?? false,
    pingIntervalMs: readSeconds('--ping', values.ping ?? '30'),
    showsPings: values['show-pings'] ?? false,
    isInsecure: values.insecure ?? false,
    caPath: values.ca ?? null,
    certPath: values.cert ?? null,
    keyPath: values.key ?? null,
    maxRedirects: readCount('--max-redirects', values['max-redirects'] ?? '0', 100),
    timeoutMs: readSeconds('--timeout', values.timeout ?? '10'),
    messages: values.execute ?? null,
    waitMs: readSeconds('--wait', values.wait ?? '0'),
    closeCode: readCloseCode(values['close-code'] ?? String(CloseCode.NORMAL)),
    closeReason: readReason(values['close-reason'] ?? ''),
    hasColors: !values['no-color'] && (env.NO_COLOR ?? '') === ''
  }
}

/** 'localhost:9999' would be a URL of the scheme 'localhost'. */
function completeUrl(text: string): string {
  return /^(?:[a-z][a-z\d+.-]*:\/\/|wss?\+unix:)/i.test(text) ? text : `ws://${text}`
}

function readHeader(text: string): [string, string] {
  const colon = text.indexOf(':')
  if (colon < 1) return fail(`--header must be 'NAME: VALUE', not "${text}"`)
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()]
}

/** A password is not shown. */
function readAuth(text: string): ClientAuth {
  const colon = text.indexOf(':')
  if (colon === -1) return fail('--auth must be USER:PASSWORD')
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

function readSeconds(name: string, text: string): number {
  const isTime = /^\d{1,6}(?:\.\d{1,3})?$/.test(text)
  return isTime
    ? Math.round(Number(text) * 1000)
    : fail(`${name} must be seconds from 0 to 999999, not "${text}"`)
}

function readCount(name: string, text: string, most: number): number {
  const isCount = /^\d{1,6}$/.test(text) && Number(text) <= most
  return isCount ? Number(text) : fail(`${name} must be a number from 0 to ${most}, not "${text}"`)
}

function readCloseCode(text: string): number {
  const isCode = /^(?:1000|[34]\d{3})$/.test(text)
  return isCode ? Number(text) : fail(`--close-code must be 1000 or 3000-4999, not "${text}"`)
}

function readReason(text: string): string {
  const byteLength = Buffer.byteLength(text)
  return byteLength <= 123 ? text : fail(`--close-reason has at most 123 bytes, not ${byteLength}`)
}

function fail(detail: string): never {
  return refuse('connect', detail)
}
