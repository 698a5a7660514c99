// Owns random numbers that are the same in every run.

/** Random integers below a bound, the same for each seed (xorshift). */
export function random(seed) {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
