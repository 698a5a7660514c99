// Owns the command line as a process of its own, as users start it: from dist/, which `npm ci` or `npm run compile` makes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** A running command. */
export class CliProcess {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    if (!existsSync(MAIN)) throw new Error('dist/ is not built: run npm run compile')
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
  }

  /** Resolves with the exit code, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close')
    return this.child.exitCode ?? this.child.signalCode!
  }

  /** Sends a signal and resolves as `ended` does. */
  stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | NodeJS.Signals> {
    this.child.kill(signal)
    return this.ended()
  }
}

/** A running `hotsocket serve`. */
export interface Served {
  readonly cli: CliProcess
  /** URL of the page, with a slash at its end. */
  readonly pageUrl: string
  readonly socketUrl: string
}

/** Starts `hotsocket serve` at a free port and resolves when it listens. */
export async function startServe(...args: string[]): Promise<Served> {
  const cli = new CliProcess(['serve', '--port', '0', ...args])
  for await (const line of createInterface(cli.child.stdout!)) {
    if (line === 'Ctrl-C stops it.') break
  }
  const pageUrl = /page +(\S+)/.exec(cli.stdout)?.[1]
  const socketUrl = /WebSocket +(\S+)/.exec(cli.stdout)?.[1]
  if (pageUrl === undefined || socketUrl === undefined) {
    throw new Error(`serve did not start: ${cli.stdout}${cli.stderr}`)
  }
  return { cli, pageUrl, socketUrl }
}

/** Starts `hotsocket proxy` at a free port and resolves when it listens, with where. */
export async function startProxy(
  ...args: string[]
): Promise<{ cli: CliProcess; address: string; port: number }> {
  const cli = new CliProcess(['proxy', '--listen', '0', ...args])
  for await (const line of createInterface(cli.child.stdout!)) {
    if (line === 'Ctrl-C stops it.') break
  }
  const address = /listening +(\S+)/.exec(cli.stdout)?.[1]
  if (address === undefined) throw new Error(`proxy did not start: ${cli.stdout}${cli.stderr}`)
  return { cli, address, port: Number(/\d+$/.exec(address)![0]) }
}
