// Owns the limit for what all connections of this thread's servers hold together, and who must give way. Must not know what
// they hold.
import { WebSocketError } from './core/errors.js'
import type { Logger } from './log.js'

/** Time between two looks at all connections, in ms. */
const LOOK_MS = 100
/** The next look comes after so many times what the last one took, so that it takes some percent of the time at most; but no later than this. */
const LOOK_FACTOR = 20
const MAX_LOOK_MS = 300
/** Shortest time between two lines in the log, in ms. */
const LOG_MS = 60_000

/** Who holds memory. */
export interface Holder {
  /** All that it holds. */
  readonly heldBytes: number
  /** Of that, what can be dropped while it lives on. */
  readonly waitingBytes: number
  dropWaiting(): void
  /** Ends it; if it was told so before, at once. */
  shed(error: WebSocketError): void
}

/** What some hold who are looked at. */
interface Held {
  readonly holder: Holder
  byteLength: number
}

/** Limits whose holders are looked at. */
const watched = new Set<BufferLimit>()
let timer: NodeJS.Timeout | null = null

/**
 * The limit of one server. It is for the holders of all servers of the thread that have one; of several limits the lowest
 * counts. Looking at them from time to time costs less than counting each message, but between two looks there may be more.
 */
export class BufferLimit {
  readonly maxBytes: number
  readonly holders: ReadonlySet<Holder>
  readonly #logger: Logger
  #loggedAt = Number.NEGATIVE_INFINITY

  /** `holders`: they are looked at from `watch` on, until there are none. */
  constructor(maxBytes: number, holders: ReadonlySet<Holder>, logger: Logger) {
    this.maxBytes = maxBytes
    this.holders = holders
    this.#logger = logger
  }

  /** There are holders. */
  watch(): void {
    watched.add(this)
    if (timer === null) timer = setTimeout(look, LOOK_MS).unref()
  }

  /** Somebody had to give way. */
  log(line: string): void {
    const now = performance.now()
    if (now < this.#loggedAt + LOG_MS) return
    this.#loggedAt = now
    this.#logger.warn(line)
  }
}

function look(): void {
  const begin = performance.now()
  try {
    for (const limit of watched) if (limit.holders.size === 0) watched.delete(limit)
    const maxBytes = Math.min(...[...watched].map((limit) => limit.maxBytes))
    const total = countBytes()
    if (total > maxBytes) relieve(total, maxBytes)
  } finally {
    const delayMs = Math.min(Math.max(LOOK_MS, (performance.now() - begin) * LOOK_FACTOR), MAX_LOOK_MS)
    timer = watched.size > 0 ? setTimeout(look, delayMs).unref() : null
  }
}

function countBytes(): number {
  let total = 0
  for (const { holders } of watched) for (const { heldBytes } of holders) total += heldBytes
  return total
}

/** The worst give way first: what can be dropped is; if that is not enough they end. */
function relieve(total: number, maxBytes: number): void {
  const all = listHeld()
  let left = total
  let droppedCount = 0
  for (const held of worstFirst(all, ({ holder }) => holder.waitingBytes)) {
    if (left <= maxBytes || held.holder.waitingBytes === 0) break
    held.holder.dropWaiting()
    const { heldBytes } = held.holder
    left -= held.byteLength - heldBytes
    held.byteLength = heldBytes
    droppedCount++
  }
  let endedCount = 0
  for (const { holder, byteLength } of worstFirst(all, (held) => held.byteLength)) {
    if (left <= maxBytes || byteLength === 0) break
    const detail = `${byteLength} bytes of ${total}, and maxBufferedBytes is ${maxBytes}`
    holder.shed(new WebSocketError('buffer-limit', { detail }))
    left -= byteLength
    endedCount++
  }
  const line =
    `connections buffered ${total} bytes, more than maxBufferedBytes (${maxBytes}): ` +
    `dropped what waited for ${droppedCount} of them, ended ${endedCount}`
  for (const limit of watched) limit.log(line)
}

function listHeld(): Held[] {
  const all: Held[] = []
  for (const limit of watched) {
    for (const holder of limit.holders) {
      const byteLength = holder.heldBytes
      if (byteLength > 0) all.push({ holder, byteLength })
    }
  }
  return all
}

function worstFirst(all: readonly Held[], byteLength: (held: Held) => number): Held[] {
  return all.toSorted((a, b) => byteLength(b) - byteLength(a))
}
