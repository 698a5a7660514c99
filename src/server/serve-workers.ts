// Owns a group of threads that serve one port, from their start to their end: the restart of crashed ones included. Must
// not know what they serve.
import { availableParallelism } from 'node:os'
import { resolve as resolvePath } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { type Check, checkOptions, integer, MAX_TIMEOUT_MS } from '../checks.js'
import { CloseCode, encodeClose } from '../core/closing.js'
import { WebSocketError } from '../core/errors.js'
import type { CloseOrder, ListeningReport, WorkerTask } from './worker-task.js'

/** Delay before a crashed worker is started again: it doubles with each crash, up to the second value. */
const MIN_RESTART_MS = 100
const MAX_RESTART_MS = 10_000
/** A worker that has listened for so long begins with the short delay again. */
const STABLE_MS = 10_000

/** A worker that has ended although nobody asked it to. */
export interface WorkerExit {
  /** Which one, from 0. */
  readonly index: number
  /** What it threw, or that it did not listen in time, or null. */
  readonly error: Error | null
  readonly exitCode: number
  /** When it is started again, in ms from now. */
  readonly restartInMs: number
}

/** Options of `serveWorkers`. */
export interface ServeWorkersOptions {
  /** Threads. Default: one for each core, `os.availableParallelism()`. */
  workers?: number
  /** Port of all servers. Default: what the module's server has as its option; if that is 0, the first one's for all. */
  port?: number
  /**
   * How long in ms a worker may take until it listens; 0 waits for ever. Default 30 000. One that takes longer is terminated:
   * at the start `serveWorkers` rejects then, after a restart it is started again as if it had crashed.
   */
  startTimeoutMs?: number
  /**
   * How long in ms a worker may take to stop before it is terminated; 0 waits for ever. Default 5 000. It should be longer than
   * the servers' closeTimeoutMs.
   */
  stopTimeoutMs?: number
  /** A worker listens: at the start, and after each restart. */
  onlisten?(index: number): unknown
  /** A worker has ended by itself, and will be started again. */
  onexit?(exit: WorkerExit): unknown
}

const CHECKS: { readonly [Name in keyof Required<ServeWorkersOptions>]: Check } = {
  workers: integer(1, 4096),
  port: integer(0, 65_535),
  startTimeoutMs: integer(0, MAX_TIMEOUT_MS),
  stopTimeoutMs: integer(0, MAX_TIMEOUT_MS),
  onlisten: isFunction,
  onexit: isFunction
}

/**
 * Starts threads that serve one port together, each with a server of its own; the kernel spreads the connections among them
 * (see the option `reusePort`, whose needs apply). `url`: a module that exports, as `server` or as default, an AsyncServer
 * that does not listen yet, or a function that makes one, or a promise of one, from `{ index, count }`; a file URL, or a path.
 * Resolves when all listen. Rejects with WebSocketError 'invalid-option', or with 'listen-failed' if one cannot be started, or
 * not in time, after which none is left.
 */
export async function serveWorkers(
  url: string | URL,
  options: ServeWorkersOptions = {}
): Promise<WorkerGroup> {
  checkOptions(options, CHECKS)
  const group = new WorkerGroup(toModuleUrl(url), options)
  try {
    await group.start()
  } catch (error) {
    await group.close()
    throw error
  }
  return group
}

function toModuleUrl(url: string | URL): string {
  if (typeof url === 'string' && !/^(file|data|node):/.test(url)) return pathToFileURL(resolvePath(url)).href
  return String(url)
}

function isFunction(value: unknown): string | null {
  return typeof value === 'function' ? null : 'a function'
}

/** The place of one worker, which several threads may take one after the other. */
interface Seat {
  readonly index: number
  thread: { readonly worker: Worker; readonly control: MessagePort; readonly ended: Promise<unknown> } | null
  /** Since when it listens; null while it does not. */
  listensSinceMs: number | null
  restart: NodeJS.Timeout | null
  restartInMs: number
}

/** Threads that serve one port; `serveWorkers` makes it. */
export class WorkerGroup {
  readonly #module: string
  readonly #options: ServeWorkersOptions
  readonly #seats: readonly Seat[]
  #port: number | null
  #closed: Promise<void> | null = null

  /** @internal */
  constructor(module: string, options: ServeWorkersOptions) {
    this.#module = module
    this.#options = options
    this.#port = options.port ?? null
    this.#seats = Array.from({ length: options.workers ?? availableParallelism() }, (_, index) => ({
      index,
      thread: null,
      listensSinceMs: null,
      restart: null,
      restartInMs: 0
    }))
  }

  /** The port that all listen at. */
  get port(): number {
    return this.#port ?? 0
  }

  /** How many workers listen now. */
  get workers(): number {
    return this.#seats.filter(({ listensSinceMs }) => listensSinceMs !== null).length
  }

  /** @internal */
  async start(): Promise<void> {
    const [first, ...others] = this.#seats
    // Which port it is may be known only now.
    this.#port = await this.#startThread(first!)
    await Promise.all(others.map((seat) => this.#startThread(seat)))
  }

  /**
   * Stops: has each worker close its server, as `AsyncServer.close` does, and resolves when all threads have ended. A worker
   * ends by itself when its server is closed and nothing else keeps it alive; after stopTimeoutMs it is terminated. Rejects
   * with WebSocketError 'invalid-argument' for a code or reason that must not be sent.
   */
  async close(code: number = CloseCode.GOING_AWAY, reason = ''): Promise<void> {
    encodeClose(code, reason)
    this.#closed ??= Promise.all(this.#seats.map((seat) => this.#stop(seat, { code, reason }))).then(() => {})
    await this.#closed
  }

  async #stop(seat: Seat, order: CloseOrder): Promise<void> {
    if (seat.restart !== null) clearTimeout(seat.restart)
    const { thread } = seat
    if (thread === null) return
    thread.control.postMessage(order)
    const { stopTimeoutMs = 5000 } = this.#options
    const end = () => void thread.worker.terminate()
    const timer = stopTimeoutMs === 0 ? undefined : setTimeout(end, stopTimeoutMs)
    await thread.ended
    clearTimeout(timer)
  }

  /** Resolves with its port when it listens. */
  #startThread(seat: Seat): Promise<number> {
    const { port1: control, port2 } = new MessageChannel()
    const workerData: WorkerTask = {
      module: this.#module,
      index: seat.index,
      count: this.#seats.length,
      port: this.#port,
      control: port2
    }
    const worker = new Worker(ENTRY, { workerData, transferList: [port2] })
    let error: Error | null = null
    worker.on('error', (cause: unknown) => {
      error = cause instanceof Error ? cause : new Error(String(cause))
    })
    const ended = new Promise<number>((resolve) => worker.on('exit', resolve))
    const { startTimeoutMs = 30_000 } = this.#options
    const giveUp = () => {
      error = new Error(`it does not listen after ${startTimeoutMs} ms`)
      void worker.terminate()
    }
    const timer = startTimeoutMs === 0 ? undefined : setTimeout(giveUp, startTimeoutMs)
    seat.thread = { worker, control, ended }
    return new Promise((resolve, reject) => {
      control.once('message', ({ port }: ListeningReport) => {
        clearTimeout(timer)
        seat.listensSinceMs = performance.now()
        resolve(port ?? 0)
        this.#options.onlisten?.(seat.index)
      })
      worker.on('exit', (exitCode) => {
        clearTimeout(timer)
        const detail = `worker ${seat.index}: ${error?.message ?? `it ended with code ${exitCode}`}`
        reject(new WebSocketError('listen-failed', { detail, cause: error }))
        this.#leave(seat, error, exitCode)
      })
    })
  }

  /** A thread has ended. */
  #leave(seat: Seat, error: Error | null, exitCode: number): void {
    const { listensSinceMs } = seat
    seat.thread = seat.listensSinceMs = null
    // At the start, what never listened is a failure of `serveWorkers`.
    if (this.#closed !== null || (listensSinceMs === null && seat.restartInMs === 0)) return
    const isStable = listensSinceMs !== null && performance.now() - listensSinceMs >= STABLE_MS
    seat.restartInMs = isStable ? MIN_RESTART_MS : nextDelay(seat.restartInMs)
    seat.restart = setTimeout(() => {
      seat.restart = null
      // If it fails it comes here again.
      this.#startThread(seat).catch(() => {})
    }, seat.restartInMs)
    this.#options.onexit?.({ index: seat.index, error, exitCode, restartInMs: seat.restartInMs })
  }
}

function nextDelay(delayMs: number): number {
  return Math.min(Math.max(2 * delayMs, MIN_RESTART_MS), MAX_RESTART_MS)
}

const ENTRY = new URL('./worker-entry.js', import.meta.url)
