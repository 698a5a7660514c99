// Owns the command `hotsocket connect`: from its arguments to a conversation, and to its end.
// Must not know how a conversation is shown.
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type ConnectOptions as ClientOptions,
  type CloseDetails,
  type Connection,
  connect as connectTo,
  DeflateMessage,
  WebSocketError
} from '../index.js'
import { type Command, CommandError, type CommandStreams, ExitCode } from './command.js'
import { CONNECT_HELP, type ConnectOptions, parseConnectOptions } from './connect-options.js'
import { ConsoleView } from './console-view.js'
import { readVersion } from './version.js'

const HINT = 'Each line is a message. /help tells more, Ctrl-D ends.'
const LINE_HELP = `  TEXT            send it
  //TEXT          send /TEXT
  /ping [TEXT]    send a ping
  /close [CODE [REASON]]
  /help`
/** More than this in the send queue, and input waits. */
const MAX_BUFFERED_BYTES = 1024 * 1024

/** Talks to a server until one side closes. */
export const connect: Command = async (args, streams) => {
  const request = parseConnectOptions(args, process.env)
  if (request === 'help') streams.stdout.write(CONNECT_HELP)
  else if (request === 'version') streams.stdout.write(`${await readVersion()}\n`)
  else return talk(request, streams)
  return ExitCode.OK
}

async function talk(options: ConnectOptions, streams: CommandStreams): Promise<number> {
  const isTerminal = streams.stdout.isTTY === true
  const isInteractive = isTerminal && streams.stdin.isTTY === true && options.messages === null
  const { hasColors, isBinary } = options
  const view = new ConsoleView(streams, { isInteractive, hasColors: hasColors && isTerminal, isBinary })
  const connection = await open(options, view)
  const leave = () => void connection.close(options.closeCode, options.closeReason)
  // The second Ctrl-C finds no listener, and ends at once.
  process.once('SIGINT', leave).once('SIGTERM', leave)
  const over = connection.closed()
  let finish = () => {}
  if (isInteractive) finish = converse(connection, options, streams, view)
  else void feed(connection, options, streams, view).then(leave)
  const details = await over
  finish()
  process.off('SIGINT', leave).off('SIGTERM', leave)
  return conclude(details, view)
}

async function open(options: ConnectOptions, view: ConsoleView): Promise<Connection> {
  try {
    const client = await clientOptions(options, view)
    const connection = await connectTo(options.url, client)
    const protocol = connection.protocol === null ? '' : `, subprotocol ${connection.protocol}`
    view.tell(`Connected to ${options.url.replace(/\/\/[^/@]*@/, '//')}${protocol}. ${HINT}`)
    return connection
  } catch (error) {
    if (!(error instanceof WebSocketError)) throw error
    throw new CommandError(ExitCode.FAILURE, `connect: ${error.message}${bodyOf(error)}`, error)
  }
}

/** What a server says to a refusal, on a line of its own. */
function bodyOf({ response }: WebSocketError): string {
  const text = response === null ? '' : Buffer.from(response.body).toString('utf8').trim()
  return text === '' ? '' : `\n${text.replace(/[^\P{Cc}\n\t]/gu, '?')}`
}

async function clientOptions(options: ConnectOptions, view: ConsoleView): Promise<ClientOptions> {
  const { headers, auth, protocols, origin, pingIntervalMs, maxRedirects, timeoutMs } = options
  return {
    headers,
    protocols,
    pingIntervalMs,
    maxRedirects,
    handshakeTimeoutMs: timeoutMs,
    logLevel: 'silent',
    tls: {
      rejectUnauthorized: !options.isInsecure,
      ...(await readFiles(options))
    },
    ...(auth !== null && { auth }),
    ...(origin !== null && { origin }),
    ...(options.isCompressed && { extensions: [new DeflateMessage()] }),
    onmessage: (connection, { payload }) => {
      if (!view.showMessage(payload, () => connection.resume())) connection.pause()
    },
    ...(options.showsPings && {
      onping: (_, payload) => view.report(`ping ${Buffer.from(payload).toString('utf8')}`.trimEnd()),
      onpong: (_, payload, roundTripMs) => {
        const time = roundTripMs === null ? 'not asked for' : `${roundTripMs.toFixed(1)} ms`
        view.report(`pong ${Buffer.from(payload).toString('utf8')} (${time})`.replace('  ', ' '))
      }
    }),
    onerror: (_, error) => view.fail(error.message)
  }
}

async function readFiles({ caPath, certPath, keyPath }: ConnectOptions) {
  const [ca, cert, key] = [
    await readPem('--ca', caPath),
    await readPem('--cert', certPath),
    await readPem('--key', keyPath)
  ]
  return { ...(ca !== null && { ca }), ...(cert !== null && { cert }), ...(key !== null && { key }) }
}

async function readPem(option: string, path: string | null): Promise<string | null> {
  try {
    return path === null ? null : await readFile(path, 'utf8')
  } catch (cause) {
    const { message } = cause as Error
    throw new CommandError(ExitCode.FAILURE, `connect: ${option} ${path} cannot be read: ${message}`, cause)
  }
}

/** Sends what the options or the standard input have, and waits as long as the options say. */
async function feed(
  connection: Connection,
  { messages, isBinary, waitMs }: ConnectOptions,
  { stdin }: CommandStreams,
  view: ConsoleView
): Promise<void> {
  const control = new AbortController()
  void connection.closed().then(() => {
    control.abort()
    // Otherwise an input that nobody ends would keep the process alive.
    ;(stdin as { destroy?(): void }).destroy?.()
  })
  try {
    for await (const message of messages ?? (isBinary ? stdin : createInterface({ input: stdin }))) {
      if (connection.send(isBinary ? Buffer.from(message as string) : (message as string)) === 'dropped')
        return
      if (connection.bufferedAmount > MAX_BUFFERED_BYTES) await connection.drained()
    }
    await delay(waitMs, undefined, { signal: control.signal })
  } catch (error) {
    // The end of the connection ends the input and the wait, too.
    if (!control.signal.aborted) view.fail(`the input failed: ${String(error)}`)
  }
}

/** Has a person type; returns what ends that. */
function converse(
  connection: Connection,
  options: ConnectOptions,
  { stdin, stdout }: CommandStreams,
  view: ConsoleView
): () => void {
  const lines = createInterface({ input: stdin, output: stdout as NodeJS.WritableStream, prompt: '> ' })
  view.redraw = (show) => {
    stdout.write('\r\x1b[K')
    show()
    lines.prompt(true)
  }
  const leave = () => void connection.close(options.closeCode, options.closeReason)
  let isClosed = false
  lines.on('line', (line) => {
    take(line, connection, options, view)
    // Behind the end of the input there may be lines that had been typed before it.
    if (!isClosed) lines.prompt()
  })
  lines.on('SIGINT', leave).on('close', () => {
    // A prompt would have it read again, and the process would not end.
    isClosed = true
    view.redraw = (show) => show()
    stdout.write('\r\x1b[K')
    leave()
  })
  lines.prompt()
  return () => lines.close()
}

/** Does what a typed line says. */
function take(line: string, connection: Connection, options: ConnectOptions, view: ConsoleView): void {
  if (!line.startsWith('/') || line.startsWith('//')) {
    const text = line.startsWith('//') ? line.slice(1) : line
    connection.send(options.isBinary ? Buffer.from(text) : text)
    return
  }
  const [, name, rest = ''] = /^\/(\S*)\s*(.*)$/.exec(line)!
  try {
    if (name === 'ping') connection.sendPing(rest)
    else if (name === 'close') {
      const [, code = options.closeCode, reason = options.closeReason] = /^(\S+)\s*(.*)$/.exec(rest) ?? []
      void connection.close(Number(code), reason)
    } else if (name === 'help') view.tell(LINE_HELP)
    else view.fail(`there is no /${name}; /help tells which there are, //${name} sends it`)
  } catch (error) {
    if (!(error instanceof WebSocketError)) throw error
    view.fail(error.message)
  }
}

/** Tells how it ended. Returns the exit code. */
function conclude({ code, reason, wasClean, initiator, cause }: CloseDetails, view: ConsoleView): number {
  const said = `${code}${reason === '' ? '' : ` "${reason}"`}`
  if (!wasClean) {
    view.fail(`lost: ${cause?.message ?? said}`)
    return ExitCode.FAILURE
  }
  const who = initiator === 'local' ? 'closed' : 'closed by the server'
  const isFine = initiator === 'local' || code === 1000 || code === 1001 || code === 1005
  if (initiator === 'local') view.tell(`${who}: ${said}`)
  else view.report(`${who}: ${said}`)
  return isFine ? ExitCode.OK : ExitCode.FAILURE
}
