// Owns the way to WebSocket libraries of Python: one process per library, which is told what to do in lines of JSON (see
// python/peer.py). Must not know hotsocket, nor what is tested.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'vitest'
import { within } from '../support/raw-client.js'

const PYTHON = process.env.PYTHON_PATH ?? '/usr/bin/python3'

/** A library, and what it can do. */
export interface PythonLibrary {
  readonly name: string
  /** The Debian packages that it needs. */
  readonly packages: string
  /** Modules of which the lack of one means that it is not there. */
  readonly modules: readonly string[]
  /** The script of python/ and its parameters. */
  readonly script: readonly [string, ...string[]]
  /** It speaks permessage-deflate. */
  readonly compresses: boolean
  /** It knows a largest message. */
  readonly limits: boolean
  /** Close codes that its API sends; null stands for a close frame without one. */
  readonly closeCodes: readonly (number | null)[]
  /** The code with which it answers a close frame: 1005 stands for none. */
  readonly answerTo: (code: number) => number
}

const AUTOBAHN = {
  compresses: true,
  limits: true,
  closeCodes: [1000, 3000, 4999, null],
  answerTo: () => 1000
} as const

export const PYTHON_LIBRARIES: readonly PythonLibrary[] = [
  {
    name: 'websockets',
    packages: 'python3-websockets',
    modules: ['websockets'],
    script: ['websockets_peer.py'],
    compresses: true,
    limits: true,
    closeCodes: [1000, 1001, 3000, 4999],
    answerTo: (code) => code
  },
  {
    ...AUTOBAHN,
    name: 'autobahn (asyncio)',
    packages: 'python3-autobahn',
    modules: ['autobahn.asyncio.websocket'],
    script: ['autobahn_peer.py', 'asyncio']
  },
  {
    ...AUTOBAHN,
    name: 'autobahn (twisted)',
    packages: 'python3-autobahn python3-twisted',
    modules: ['autobahn.twisted.websocket'],
    script: ['autobahn_peer.py', 'twisted']
  },
  {
    name: 'ws4py',
    packages: 'python3-ws4py',
    modules: ['ws4py'],
    script: ['ws4py_peer.py'],
    compresses: false,
    limits: false,
    closeCodes: [1000, 1001, 3000, 4999],
    answerTo: (code) => code
  }
]

/** Whether a library is there. */
export function isInstalled({ modules }: PythonLibrary): boolean {
  return spawnSync(PYTHON, ['-c', `import ${modules.join(', ')}`]).status === 0
}

/** Skips a test where a library is missing, saying why; on CI it fails. */
export function needLibrary({ skip }: TestContext, isThere: boolean, { packages }: PythonLibrary): void {
  if (isThere) return
  const reason = `${PYTHON} lacks a module: apt-get install ${packages}, or set PYTHON_PATH`
  if (process.env.CI === 'true') throw new Error(reason)
  skip(reason)
}

/** How a connection begins. */
export interface PeerOptions {
  readonly protocols?: readonly string[]
  /** Speaks permessage-deflate. Default false. */
  readonly compress?: boolean
  /** Longest message. Default: the library's own. */
  readonly maxBytes?: number
  /** Servers: paths of a key and a certificate. Default: no TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

export type PeerMessage = string | Uint8Array
type Encoded = { readonly text: string } | { readonly base64: string }

interface Report {
  readonly number: number
  readonly event: string
  readonly [detail: string]: unknown
}

/** A Python process with one library. */
export class PythonPeer {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ends = new Map<number, PythonEnd>()
  #stderr = ''

  constructor({ script: [file, ...parameters] }: PythonLibrary) {
    const path = join(import.meta.dirname, 'python', file)
    this.#child = spawn(PYTHON, ['-B', path, ...parameters], { env: { ...process.env, PYTHONUTF8: '1' } })
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#stderr += text.toString()
    })
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const report = JSON.parse(line) as Report
      this.#ends.get(report.number)!.handleReport(report)
    })
  }

  /** What the process complained about. */
  get stderr(): string {
    return this.#stderr
  }

  /** Begins a connection as the client. Resolves when it is open. Certificates are not verified. */
  async connect(url: string, options: PeerOptions = {}): Promise<PythonEnd> {
    const end = this.#begin()
    end.tell('connect', { url, options: fill(options) })
    await end.readOpen()
    return end
  }

  /** Listens for one connection; await `end.readOpen()` for it. */
  async serve(options: PeerOptions = {}): Promise<{ end: PythonEnd; url: string }> {
    const end = this.#begin()
    end.tell('serve', { options: fill(options) })
    const { port } = await end.read('listening')
    return { end, url: `${options.tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/` }
  }

  /** Ends the process and waits for that. */
  async stop(): Promise<void> {
    const closed = once(this.#child, 'close')
    this.#child.stdin.end()
    await within(closed, 'the end of Python').catch(() => this.#child.kill('SIGKILL'))
  }

  #begin(): PythonEnd {
    const number = this.#ends.size
    const end = new PythonEnd(this, (verb, details) =>
      this.#child.stdin.write(`${JSON.stringify({ do: verb, number, ...details })}\n`)
    )
    this.#ends.set(number, end)
    return end
  }
}

function fill({ protocols = [], compress = false, maxBytes, tls }: PeerOptions) {
  return { protocols, compress, maxBytes: maxBytes ?? null, tls: tls ?? null }
}

/** Python's end of one connection. */
export class PythonEnd {
  /** The subprotocol agreed on, or null. */
  protocol: string | null = null
  /** Names of the extensions agreed on. */
  extensions: readonly string[] = []
  readonly tell: (verb: string, details: object) => void
  readonly #peer: PythonPeer
  readonly #reports: Report[] = []
  #wake: () => void = () => {}

  constructor(peer: PythonPeer, tell: (verb: string, details: object) => void) {
    this.#peer = peer
    this.tell = tell
  }

  handleReport(report: Report): void {
    this.#reports.push(report)
    this.#wake()
  }

  /** Sends a message, in so many fragments. */
  send(message: PeerMessage, parts = 1): void {
    const payload: Encoded =
      typeof message === 'string' ? { text: message } : { base64: Buffer.from(message).toString('base64') }
    this.tell('send', { payload, parts })
  }

  ping(data: string): void {
    this.tell('ping', { data })
  }

  close(code: number | null, reason: string): void {
    this.tell('close', { code, reason })
  }

  /** Writes bytes past the library. */
  write(bytes: Buffer): void {
    this.tell('write', { hex: bytes.toString('hex') })
  }

  /** Waits for the next report, which must be of this kind. */
  async read(event: string): Promise<Report> {
    if (this.#reports.length === 0) {
      const arrival = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await within(arrival, event).catch((error: Error) => {
        throw new Error(`${error.message}; Python says: ${this.#peer.stderr}`)
      })
    }
    const report = this.#reports.shift()!
    if (report.event !== event) throw new Error(`${JSON.stringify(report).slice(0, 500)} instead of ${event}`)
    return report
  }

  /** Waits until the connection is open, and keeps what was agreed on. */
  async readOpen(): Promise<void> {
    const { protocol, extensions } = await this.read('open')
    this.protocol = protocol as string | null
    this.extensions = extensions as string[]
  }

  /** Waits for the next message. */
  async readMessage(): Promise<PeerMessage> {
    const { payload } = (await this.read('message')) as Report & { payload: Encoded }
    return 'text' in payload ? payload.text : Buffer.from(payload.base64, 'base64')
  }

  /** Waits for the end. */
  async readClose(): Promise<{ code: number; reason: string }> {
    const { code, reason } = await this.read('close')
    return { code: code as number, reason: reason as string }
  }
}
