// Owns processes of Debian's redis-server and nats-server, and a proxy that parts them from their clients. Must not know hotsocket.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import type { TestContext } from 'vitest'
import { cleanUp } from './harness.js'
import { within } from './raw-client.js'
import { closedPort } from './tcp.js'

interface Program {
  readonly command: string
  /** Options for a port of 127.0.0.1. */
  readonly options: (port: number) => string[]
  /** Which stream says when it is ready, and what. */
  readonly stream: 'stdout' | 'stderr'
  readonly ready: string
}

const PROGRAMS = {
  redis: {
    command: 'redis-server',
    options: (port) => {
      const settings = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: tmpdir() }
      return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    },
    stream: 'stdout',
    ready: 'Ready to accept'
  },
  nats: {
    command: 'nats-server',
    options: (port) => ['-a', '127.0.0.1', '-p', String(port)],
    stream: 'stderr',
    ready: 'Server is ready'
  }
} as const satisfies Record<string, Program>

/** Debian has servers where not everybody looks. */
const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }

/** A broker that tests can start. */
export type BrokerName = keyof typeof PROGRAMS

/** Whether this machine has the broker. */
export function hasBroker(name: BrokerName): boolean {
  return spawnSync(PROGRAMS[name].command, ['--version'], { env: ENVIRONMENT }).status === 0
}

/** Skips a test where a broker is missing, saying why; on CI it fails. */
export function needBroker({ skip }: TestContext, name: BrokerName): void {
  if (hasBroker(name)) return
  const { command } = PROGRAMS[name]
  const reason = `${command} is not there: apt-get install ${command}`
  if (process.env.CI) throw new Error(reason)
  skip(reason)
}

/** A broker's process at a port of 127.0.0.1, which ends with its test. */
export class BrokerProcess {
  readonly #program: Program
  readonly port: number
  #child: ChildProcess | null = null

  private constructor(program: Program, port: number) {
    this.#program = program
    this.port = port
    cleanUp(() => this.kill())
  }

  static async start(name: BrokerName): Promise<BrokerProcess> {
    for (let attempt = 0; ; attempt++) {
      const broker = new BrokerProcess(PROGRAMS[name], await closedPort())
      if (await broker.start()) return broker
      // Somebody else may have taken the port meanwhile.
      if (attempt === 3) throw new Error(`${name} does not start`)
    }
  }

  /** Starts it, once more; returns whether it works. */
  async start(): Promise<boolean> {
    const { command, options, stream, ready } = this.#program
    const child = spawn(command, options(this.port), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: ENVIRONMENT
    })
    this.#child = child
    child[stream === 'stdout' ? 'stderr' : 'stdout'].resume()
    const lines = createInterface(child[stream])
    const isReady = new Promise<boolean>((resolve) => {
      lines.on('line', (line) => line.includes(ready) && resolve(true)).on('close', () => resolve(false))
    })
    return within(isReady, command)
  }

  /** Ends it without a word to anybody. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Has it stand still, with all connections open. */
  stop(): void {
    this.#child!.kill('SIGSTOP')
  }

  continue(): void {
    this.#child!.kill('SIGCONT')
  }
}

/** A TCP proxy that can stop forwarding. */
export class Gate {
  readonly port: number
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #isOpen = true
  /** Connections that it has accepted. */
  acceptedCount = 0

  private constructor(port: number) {
    this.port = port
  }

  /** Listens in front of a port. */
  static async before(targetPort: number): Promise<Gate> {
    const server = createServer((inner) => gate.#join(inner, connect(targetPort, '127.0.0.1')))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const gate = new Gate((server.address() as AddressInfo).port)
    cleanUp(() => {
      gate.cut()
      server.close()
    })
    return gate
  }

  /** Forwards nothing any more; connections stay open, and new ones are accepted. */
  shut(): void {
    this.#isOpen = false
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  /** Forwards again; `old`: what was there when it was shut, too. */
  open({ old = true } = {}): void {
    this.#isOpen = true
    if (old) for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  /** Breaks all connections. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
  }

  #join(inner: Socket, outer: Socket): void {
    this.acceptedCount++
    const pair = [inner, outer] as const
    this.#pairs.add(pair)
    for (const [one, other] of [pair, [outer, inner] as const]) {
      one.on('data', (bytes) => other.write(bytes)).on('error', () => {})
      one.on('close', () => {
        other.destroy()
        this.#pairs.delete(pair)
      })
      if (!this.#isOpen) one.pause()
    }
  }
}
