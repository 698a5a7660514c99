// Owns random numbers that are the same in every run.

/** What `random` gives: an integer from 0 up to a bound, exclusive. */
export type Random = (below: number) => number

/** A source of random integers (xorshift), which depend on the seed only. */
export function random(seed: number): Random {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
