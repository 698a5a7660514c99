// Owns who subscribes to what, and the search for those whom a topic concerns. Must not know what subscribers are.
import { hasWildcard } from './topic-name.js'

/** A level of the filters with wildcards. */
interface Node<Subscriber> {
  readonly children: Map<string, Node<Subscriber>>
  /** Of filters that end here. */
  readonly here: Set<Subscriber>
  /** Of filters that end with '#' behind here. */
  readonly below: Set<Subscriber>
}

const NOBODY: ReadonlySet<never> = new Set()

/** Filters, and who subscribes to each; they are checked by the caller. */
export class TopicTree<Subscriber> {
  /** Filters without wildcards: the most, found at once. */
  readonly #exact = new Map<string, Set<Subscriber>>()
  readonly #root: Node<Subscriber> = makeNode()
  /** Filters with wildcards that somebody subscribes to, with their subscribers. */
  readonly #wild = new Map<string, Set<Subscriber>>()

  /** Filters that somebody subscribes to. */
  get size(): number {
    return this.#exact.size + this.#wild.size
  }

  /** Levels of filters with wildcards that are kept. */
  get nodeCount(): number {
    return countChildren(this.#root)
  }

  /** Each filter that somebody subscribes to, and by how many. */
  *counts(): Generator<[string, number]> {
    for (const filters of [this.#exact, this.#wild])
      for (const [filter, subscribers] of filters) yield [filter, subscribers.size]
  }

  /** How many subscribe to that very filter. */
  count(filter: string): number {
    return (hasWildcard(filter) ? this.#wild : this.#exact).get(filter)?.size ?? 0
  }

  /** Returns whether it is new. */
  add(filter: string, subscriber: Subscriber): boolean {
    const isWild = hasWildcard(filter)
    const filters = isWild ? this.#wild : this.#exact
    let subscribers = filters.get(filter)
    if (subscribers === undefined) {
      subscribers = isWild ? this.#openSet(filter) : new Set()
      filters.set(filter, subscribers)
    }
    const { size } = subscribers
    return subscribers.add(subscriber).size > size
  }

  /** Returns whether it was there. */
  delete(filter: string, subscriber: Subscriber): boolean {
    const isWild = hasWildcard(filter)
    const filters = isWild ? this.#wild : this.#exact
    const subscribers = filters.get(filter)
    if (subscribers === undefined || !subscribers.delete(subscriber)) return false
    if (subscribers.size > 0) return true
    filters.delete(filter)
    if (isWild) prune(this.#root, filter.split('/'), 0)
    return true
  }

  /** Those whom a topic concerns, each once. Not to be kept: it may be the set itself. */
  match(topic: string): ReadonlySet<Subscriber> {
    const exact = this.#exact.get(topic) ?? NOBODY
    if (this.#wild.size === 0) return exact
    const found: ReadonlySet<Subscriber>[] = exact.size > 0 ? [exact] : []
    const levels = topic.split('/')
    collect(this.#root, levels, 0, found)
    if (found.length < 2) return found[0] ?? NOBODY
    const all = new Set<Subscriber>()
    for (const subscribers of found) for (const subscriber of subscribers) all.add(subscriber)
    return all
  }

  /** The set of a filter with wildcards, in the tree. */
  #openSet(filter: string): Set<Subscriber> {
    const levels = filter.split('/')
    const isOpenEnded = levels.at(-1) === '#'
    if (isOpenEnded) levels.pop()
    let node = this.#root
    for (const level of levels) {
      const child = node.children.get(level) ?? makeNode()
      node.children.set(level, child)
      node = child
    }
    return isOpenEnded ? node.below : node.here
  }
}

function makeNode<Subscriber>(): Node<Subscriber> {
  return { children: new Map(), here: new Set(), below: new Set() }
}

/** Source: MQTT 5.0 §4.7.1, and §4.7.2: what begins with '$' is not matched by a wildcard at the beginning. */
function collect<Subscriber>(
  node: Node<Subscriber>,
  levels: readonly string[],
  index: number,
  found: ReadonlySet<Subscriber>[]
): void {
  const mayBeWild = index > 0 || !levels[0]!.startsWith('$')
  if (mayBeWild && node.below.size > 0) found.push(node.below)
  if (index === levels.length) {
    if (node.here.size > 0) found.push(node.here)
    return
  }
  const child = node.children.get(levels[index]!)
  if (child !== undefined) collect(child, levels, index + 1, found)
  const any = mayBeWild ? node.children.get('+') : undefined
  if (any !== undefined) collect(any, levels, index + 1, found)
}

/** Removes the nodes of a filter that nobody needs any more. */
function prune<Subscriber>(node: Node<Subscriber>, levels: readonly string[], index: number): void {
  const level = levels[index]
  if (level === undefined || level === '#') return
  const child = node.children.get(level)
  if (child === undefined) return
  prune(child, levels, index + 1)
  if (child.children.size + child.here.size + child.below.size === 0) node.children.delete(level)
}

function countChildren<Subscriber>({ children }: Node<Subscriber>): number {
  let count = children.size
  for (const child of children.values()) count += countChildren(child)
  return count
}
