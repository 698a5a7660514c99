// Owns how rounds become one figure.

/** The middle one, or the mean of the middle two. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Median of each figure over rounds of the same shape; what is no number is left out. Null if there is no round. */
export function medians(rounds) {
  if (rounds.length === 0) return null
  const names = Object.keys(rounds[0]).filter((name) => typeof rounds[0][name] === 'number')
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name]))]))
}
