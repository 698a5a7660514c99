// Owns time limits: many items, each of which may wait for the same span. Must not know what the items are.

/**
 * Time limits of one duration. Starting and stopping cost a map entry and no timer of their own: since all wait equally
 * long, the items end in the order in which they began. The timer never keeps the process alive.
 */
export class Timeouts<Item> {
  readonly #durationMs: number
  readonly #onexpire: (item: Item) => void
  /** Whole milliseconds, rounded down: they stand in the map itself, where each fraction would be an object. */
  readonly #deadlines = new Map<Item, number>()
  #timer: NodeJS.Timeout | null = null

  /** `durationMs`: 0 disables; then nothing ever expires. `onexpire` is called once for each item not stopped in time. */
  constructor(durationMs: number, onexpire: (item: Item) => void) {
    this.#durationMs = durationMs
    this.#onexpire = onexpire
  }

  /** Begins to wait for an item, or begins anew. */
  start(item: Item): void {
    if (this.#durationMs === 0) return
    this.#deadlines.delete(item)
    this.#deadlines.set(item, Math.floor(performance.now()) + this.#durationMs)
    this.#timer ??= this.#arm(this.#durationMs)
  }

  /** Waits for an item no longer. */
  stop(item: Item): void {
    this.#deadlines.delete(item)
  }

  /** Waits for nothing any more. */
  clear(): void {
    this.#deadlines.clear()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #arm(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#expire(), Math.ceil(delayMs)).unref()
  }

  #expire(): void {
    const now = performance.now()
    try {
      for (const [item, deadline] of this.#deadlines) {
        if (deadline > now) break
        this.#deadlines.delete(item)
        this.#onexpire(item)
      }
    } finally {
      // Also if `onexpire` throws: the others must not wait for ever.
      this.#armAnew(now)
    }
  }

  #armAnew(now: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    const [next] = this.#deadlines.values()
    this.#timer = next === undefined ? null : this.#arm(Math.max(next - now, 0))
  }
}
