// Owns what threads of `serveWorkers` and the one that starts them tell each other.
import type { MessagePort } from 'node:worker_threads'
import type { DrainOptions, DrainResult } from './drain-options.js'

/** What a thread is given when it starts. */
export interface WorkerTask {
  /** URL of the module with the server. */
  readonly module: string
  /** Which thread of how many. */
  readonly index: number
  readonly count: number
  /** Where to listen; null: where the server's options say. */
  readonly port: number | null
  /** The way for the messages below; the thread's `parentPort` is the application's. */
  readonly control: MessagePort
  /** The way to the other servers, or null. */
  readonly hub: MessagePort | null
}

/** From the thread, once: it listens. */
export interface ListeningReport {
  readonly port: number | null
}

/** To the thread, at most once: arguments of the server's `drain`. A `CloseOrder` may follow. */
export interface DrainOrder {
  readonly drain: DrainOptions
}

/** From the thread, after a `DrainOrder`: what came of it. */
export interface DrainReport {
  readonly drained: DrainResult
}

/** To the thread, at most once: arguments of the server's `close`. */
export interface CloseOrder {
  readonly code: number
  readonly reason: string
}
