// Owns the moment at which what was collected is sent: the end of a turn of the event loop. Must not know what is sent.

/** Rounds of microtasks that one turn of the event loop may have. */
const MAX_ROUNDS = 16

let roundCount = 0

/** What was asked for and has not been called. */
const flushes: (() => void)[] = []

function callNext(): void {
  flushes.shift()?.()
}

/** A program may send and exit at once: the kernel is given what it takes. */
process.on('exit', () => {
  for (const flush of flushes.splice(0)) flush()
})

function resetRounds(): void {
  roundCount = 0
}

/**
 * Calls `flush` at the end of this turn, as a microtask. A flush whose bytes the kernel takes at once may cause the next one
 * (`onsent`, `drained`), and a peer that reads fast would keep timers and all other clients waiting for as long as it does:
 * after 16 rounds in one turn the flush comes in the next turn. It comes in any case before the process exits.
 */
export function atEndOfTurn(flush: () => void): void {
  flushes.push(flush)
  if (roundCount === MAX_ROUNDS) {
    setImmediate(callNext)
    return
  }
  roundCount++
  // Half way, so that a turn with few rounds, as most are, costs no call into the event loop.
  if (roundCount === MAX_ROUNDS / 2) setImmediate(resetRounds)
  queueMicrotask(callNext)
}
