// Owns how long a client waits before it tries again. Must not know what is tried; randomness is an argument.

/** How delays grow. */
export interface BackoffOptions {
  /** Most delay in ms before the first new attempt; each that fails doubles it. */
  readonly minDelayMs: number
  /** Most delay in ms before any attempt. */
  readonly maxDelayMs: number
}

/**
 * Delays that double with each failure, each drawn from 0 to its most ("full jitter"): when a server comes back, its clients
 * do not all come at once.
 */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #random: () => number
  #failures = 0

  /** `random`: at least 0 and less than 1. */
  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options
    this.#random = random
  }

  /** Failures since the beginning, or the last `reset`. */
  get failures(): number {
    return this.#failures
  }

  /** Counts a failure, and returns how many ms to wait. */
  fail(): number {
    const { minDelayMs, maxDelayMs } = this.#options
    const most = Math.min(maxDelayMs, minDelayMs * 2 ** this.#failures++)
    return Math.floor(this.#random() * most)
  }

  /** Begins anew. */
  reset(): void {
    this.#failures = 0
  }
}
