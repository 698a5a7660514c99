// Owns the counting of measured values by their size. Must not know what is measured.

/** What a histogram has counted. */
export interface HistogramCounts {
  /** How many values were at most `upTo`, those of the buckets before it included. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[]
  /** All values. */
  readonly count: number
  /** Their sum. */
  readonly sum: number
}

/** Counts values by fixed bounds: some numbers, however many values there are. */
export class Histogram {
  readonly #bounds: readonly number[]
  /** One more than there are bounds. */
  readonly #counts: number[]
  #sum = 0

  /** `bounds`: the largest value of each bucket, ascending. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array(bounds.length + 1).fill(0)
  }

  add(value: number): void {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++
    this.#counts[bucket]!++
    this.#sum += value
  }

  /** What was counted so far, as a copy. */
  get counts(): HistogramCounts {
    let count = 0
    const buckets = this.#bounds.map((upTo, bucket) => {
      count += this.#counts[bucket]!
      return { upTo, count }
    })
    return { buckets, count: count + this.#counts.at(-1)!, sum: this.#sum }
  }
}
