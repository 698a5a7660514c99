// Owns a group of threads that serve one port, from their start to their end: the restart of crashed ones included. Must
// not know what they serve.
import { availableParallelism } from 'node:os'
import { resolve as resolvePath } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { type Check, checkOptions, integer, MAX_TIMEOUT_MS } from '../checks.js'
import { CloseCode, encodeClose } from '../core/closing.js'
import { WebSocketError } from '../core/errors.js'
import { type DrainOptions, type DrainResult, resolveDrainOptions } from './drain-options.js'
import type { CloseOrder, DrainOrder, DrainReport, ListeningReport, WorkerTask } from './worker-task.js'

/** Delay before a crashed worker is started again: it doubles with each crash, up to the second value. */
const MIN_RESTART_MS = 100
const MAX_RESTART_MS = 10_000
/** A worker that has listened for so long begins with the short delay again. */
const STABLE_MS = 10_000
const STOP_TIMEOUT_MS = 5000

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
  /**
   * Joins the servers of the threads: a `MemoryHub` of `hotsocket/memory`. Each module's function gets a port to it as `hub`, for
   * `memoryBackplane`. Default: none, each server knows its own clients only.
   */
  hub?: { connect(): MessagePort }
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
  hub: (value) =>
    typeof (value as ServeWorkersOptions['hub'] | null)?.connect === 'function' ? null : 'a MemoryHub',
  onlisten: isFunction,
  onexit: isFunction
}

/**
 * Starts threads that serve one port together, each with a server of its own; the kernel spreads the connections among them
 * (see the option `reusePort`, whose needs apply). `url`: a module that exports, as `server` or as default, an AsyncServer
 * that does not listen yet, or a function that makes one, or a promise of one, from `{ index, count, hub }`; a file URL, or a path.
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

/** One thread, from its start to its end. */
interface Thread {
  readonly worker: Worker
  readonly control: MessagePort
  /** Resolves when it has ended. */
  readonly ended: Promise<void>
  /** Resolves with its port when it listens; rejects if it does not. */
  readonly listening: Promise<number>
  /** Since when it listens; null while it does not. */
  listensSinceMs: number | null
  drained: DrainResult | null
}

/** The place of one worker, which several threads may take one after the other. */
interface Seat {
  readonly index: number
  thread: Thread | null
  restart: NodeJS.Timeout | null
  restartInMs: number
}

/** What the restart of a group came to: the sum of what its workers' `drain` did. */
export interface RestartResult extends DrainResult {
  /** Workers that crashed meanwhile, or were terminated because they did not stop in time: what their clients had queued is lost. */
  readonly failedWorkers: number
}

/** Threads that serve one port; `serveWorkers` makes it. */
export class WorkerGroup {
  readonly #module: string
  readonly #options: ServeWorkersOptions
  readonly #seats: readonly Seat[]
  /** All that have not ended: also those that lost their seat to a younger one, or will get one. */
  readonly #threads = new Set<Thread>()
  #port: number | null
  #restarted: Promise<RestartResult> | null = null
  #closed: Promise<void> | null = null

  /** @internal */
  constructor(module: string, options: ServeWorkersOptions) {
    this.#module = module
    this.#options = options
    this.#port = options.port ?? null
    this.#seats = Array.from({ length: options.workers ?? availableParallelism() }, (_, index) => ({
      index,
      thread: null,
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
    return this.#seats.filter(({ thread }) => thread !== null && thread.listensSinceMs !== null).length
  }

  /** @internal */
  async start(): Promise<void> {
    const [first, ...others] = this.#seats
    // Which port it is may be known only now.
    this.#port = await this.#fill(first!)
    await Promise.all(others.map((seat) => this.#fill(seat)))
  }

  /**
   * Replaces all workers, one after the other: a new thread loads the module anew and listens, then the old one is told to
   * `drain` with these options, sends what it has queued, and ends; at `deadlineMs` and stopTimeoutMs more it is terminated. Connections
   * that the kernel has given to the old one and that it has not accepted are reset. If it has begun before, that one goes on.
   * Rejects with WebSocketError 'listen-failed' if a new worker does not listen, or the group is closed; then the workers that
   * were not replaced go on. Rejects with 'invalid-option', 'invalid-argument'.
   */
  async restart(options: DrainOptions = {}): Promise<RestartResult> {
    const resolved = resolveDrainOptions(options)
    this.#restarted ??= this.#restart(resolved).finally(() => {
      this.#restarted = null
    })
    return this.#restarted
  }

  /**
   * Stops: has each worker close its server, as `AsyncServer.close` does, and resolves when all threads have ended. A worker
   * ends by itself when its server is closed and nothing else keeps it alive; after stopTimeoutMs it is terminated. Rejects
   * with WebSocketError 'invalid-argument' for a code or reason that must not be sent.
   */
  async close(code: number = CloseCode.GOING_AWAY, reason = ''): Promise<void> {
    encodeClose(code, reason)
    this.#closed ??= this.#close({ code, reason })
    await this.#closed
  }

  async #close(order: CloseOrder): Promise<void> {
    for (const { restart } of this.#seats) if (restart !== null) clearTimeout(restart)
    const { stopTimeoutMs = STOP_TIMEOUT_MS } = this.#options
    await Promise.all([...this.#threads].map((thread) => stop(thread, order, stopTimeoutMs)))
  }

  async #restart(options: DrainOptions & { readonly deadlineMs: number }): Promise<RestartResult> {
    const beganAt = performance.now()
    const { stopTimeoutMs = STOP_TIMEOUT_MS } = this.#options
    const limitMs = options.deadlineMs === 0 || stopTimeoutMs === 0 ? 0 : options.deadlineMs + stopTimeoutMs
    const sum = { clients: 0, left: 0, dropped: 0, unsentMessages: 0, failedWorkers: 0 }
    for (const seat of this.#seats) {
      const old = await this.#replace(seat)
      if (old === null) continue
      await stop(old, { drain: options }, Math.min(limitMs, MAX_TIMEOUT_MS))
      if (old.drained === null) sum.failedWorkers++
      sum.clients += old.drained?.clients ?? 0
      sum.left += old.drained?.left ?? 0
      sum.dropped += old.drained?.dropped ?? 0
      sum.unsentMessages += old.drained?.unsentMessages ?? 0
    }
    return { ...sum, durationMs: performance.now() - beganAt }
  }

  /** Has a new thread take a seat as soon as it listens. Returns the one that had it, or null. */
  async #replace(seat: Seat): Promise<Thread | null> {
    if (this.#closed === null) {
      const thread = this.#startThread(seat)
      await thread.listening
      if (seat.restart !== null) clearTimeout(seat.restart)
      const old = seat.thread
      Object.assign(seat, { thread, restart: null, restartInMs: 0 })
      this.#options.onlisten?.(seat.index)
      if (this.#closed === null) return old
    }
    throw new WebSocketError('listen-failed', { detail: 'the group was closed while it was restarted' })
  }

  /** Has a thread take a free seat. Resolves with its port when it listens. */
  async #fill(seat: Seat): Promise<number> {
    seat.thread = this.#startThread(seat)
    const port = await seat.thread.listening
    this.#options.onlisten?.(seat.index)
    return port
  }

  #startThread(seat: Seat): Thread {
    const { port1: control, port2 } = new MessageChannel()
    const hub = this.#options.hub?.connect() ?? null
    const workerData: WorkerTask = {
      module: this.#module,
      index: seat.index,
      count: this.#seats.length,
      port: this.#port,
      control: port2,
      hub
    }
    const transferList = hub === null ? [port2] : [port2, hub]
    const worker = new Worker(ENTRY, { workerData, transferList })
    let error: Error | null = null
    worker.on('error', (cause: unknown) => {
      error = cause instanceof Error ? cause : new Error(String(cause))
    })
    const { startTimeoutMs = 30_000 } = this.#options
    const giveUp = () => {
      error = new Error(`it does not listen after ${startTimeoutMs} ms`)
      void worker.terminate()
    }
    const timer = startTimeoutMs === 0 ? undefined : setTimeout(giveUp, startTimeoutMs)
    const ended = new Promise<void>((resolve) => worker.on('exit', () => resolve()))
    const listening = new Promise<number>((resolve, reject) => {
      control.on('message', (report: ListeningReport | DrainReport) => {
        if ('drained' in report) {
          thread.drained = report.drained
          return
        }
        clearTimeout(timer)
        thread.listensSinceMs = performance.now()
        resolve(report.port ?? 0)
      })
      worker.on('exit', (exitCode) => {
        clearTimeout(timer)
        this.#threads.delete(thread)
        const detail = `worker ${seat.index}: ${error?.message ?? `it ended with code ${exitCode}`}`
        reject(new WebSocketError('listen-failed', { detail, cause: error }))
        if (seat.thread === thread) this.#leave(seat, thread, error, exitCode)
      })
    })
    const thread: Thread = { worker, control, ended, listening, listensSinceMs: null, drained: null }
    this.#threads.add(thread)
    return thread
  }

  /** A thread has ended that has a seat. */
  #leave(seat: Seat, { listensSinceMs }: Thread, error: Error | null, exitCode: number): void {
    seat.thread = null
    // At the start, what never listened is a failure of `serveWorkers`.
    if (this.#closed !== null || (listensSinceMs === null && seat.restartInMs === 0)) return
    const isStable = listensSinceMs !== null && performance.now() - listensSinceMs >= STABLE_MS
    seat.restartInMs = isStable ? MIN_RESTART_MS : nextDelay(seat.restartInMs)
    seat.restart = setTimeout(() => {
      seat.restart = null
      // If it fails it comes here again.
      this.#fill(seat).catch(() => {})
    }, seat.restartInMs)
    this.#options.onexit?.({ index: seat.index, error, exitCode, restartInMs: seat.restartInMs })
  }
}

/** Gives a thread its order and resolves when it has ended, by itself or, after `limitMs` (0: never), terminated. */
async function stop(thread: Thread, order: CloseOrder | DrainOrder, limitMs: number): Promise<void> {
  thread.control.postMessage(order)
  const end = () => void thread.worker.terminate()
  const timer = limitMs === 0 ? undefined : setTimeout(end, limitMs)
  await thread.ended
  clearTimeout(timer)
  // Its last word may still be on its way.
  const last = receiveMessageOnPort(thread.control) as { message: DrainReport } | undefined
  if (last !== undefined) thread.drained = last.message.drained
}

function nextDelay(delayMs: number): number {
  return Math.min(Math.max(2 * delayMs, MIN_RESTART_MS), MAX_RESTART_MS)
}

const ENTRY = new URL('./worker-entry.js', import.meta.url)
