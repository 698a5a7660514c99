// Owns the count of messages per second. Must not know a clock: times are arguments.

/** Counts events, and those of the last full second. Costs a few words, however many there are. */
export class MessageRate {
  #total = 0
  /** The second that is being counted, and how many fell into it. */
  #second = 0
  #count = 0
  /** How many fell into the second before it. */
  #previous = 0

  /** How many there were, ever. */
  get total(): number {
    return this.#total
  }

  /** Counts one. `nowMs`: a time that never goes back. */
  add(nowMs: number): void {
    this.#advance(nowMs)
    this.#total++
    this.#count++
  }

  /** How many fell into the last full second before `nowMs`. */
  perSecond(nowMs: number): number {
    this.#advance(nowMs)
    return this.#previous
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (second === this.#second) return
    this.#previous = second === this.#second + 1 ? this.#count : 0
    this.#second = second
    this.#count = 0
  }
}
