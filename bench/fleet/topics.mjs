// Owns how subscriptions spread over topics, and topics over servers: expected values, by formulas. Must not know costs.

/** Topics of the highest ranks are looked at one by one; of the others so many together, as a part of the rank. */
const SINGLE_RANKS = 1000
const CLASS_PART = 0.01

/**
 * Classes of topics with the same popularity, `{ count, subscribers }`: the topic of rank r has subscribers in proportion to
 * r ** -`zipf`, all together `subscriptions`, none more than `clients`. `zipf` 0: all alike; 1: as words in a text.
 */
export function topicClasses({ topics, subscriptions, clients, zipf }) {
  if (subscriptions > topics * clients)
    throw new RangeError('there are more subscriptions than clients and topics allow')
  const classes = zipf === 0 ? [{ count: topics, weight: 1 }] : weigh(topics, zipf)
  const total = (scale) =>
    classes.reduce((sum, { count, weight }) => sum + count * Math.min(clients, scale * weight), 0)
  // The sum grows with the scale; popular topics stop at all clients.
  let low = 0
  let high = 1
  while (total(high) < subscriptions * (1 - Number.EPSILON * 64) && high < 1e300) high *= 2
  for (let step = 0; step < 200; step++) {
    const middle = (low + high) / 2
    if (total(middle) < subscriptions) low = middle
    else high = middle
  }
  return classes.map(({ count, weight }) => ({ count, subscribers: Math.min(clients, high * weight) }))
}

function weigh(topics, zipf) {
  const classes = []
  for (let rank = 1; rank <= topics; ) {
    const size = rank < SINGLE_RANKS ? 1 : Math.ceil(rank * CLASS_PART)
    const count = Math.min(size, topics - rank + 1)
    classes.push({ count, weight: (rank + (count - 1) / 2) ** -zipf })
    rank += count
  }
  return classes
}

/**
 * Of the servers that did not publish, how many have at least one of so many subscribers, if each subscriber is at any server with equal
 * probability: (n - 1) (1 - (1 - 1/n) ** k).
 */
export function otherServersReached(servers, subscribers) {
  if (servers === 1) return 0
  return -(servers - 1) * Math.expm1(subscribers * Math.log1p(-1 / servers))
}
