// Owns the moment at which what was collected is sent: the end of a turn of the event loop. Must not know what is sent.

/** Rounds of microtasks that one turn of the event loop may have. */
const MAX_ROUNDS = 16

let roundCount = 0

function resetRounds(): void {
  roundCount = 0
}

/**
 * Calls `flush` at the end of this turn, as a microtask. A flush whose bytes the kernel takes at once may cause the next one
 * (`onsent`, `drained`), and a peer that reads fast would keep timers and all other clients waiting for as long as it does:
 * after 16 rounds in one turn the flush comes in the next turn.
 */
export function atEndOfTurn(flush: () => void): void {
  if (roundCount === MAX_ROUNDS) {
    setImmediate(flush)
    return
  }
  roundCount++
  // Half way, so that a turn with few rounds, as most are, costs no call into the event loop.
  if (roundCount === MAX_ROUNDS / 2) setImmediate(resetRounds)
  queueMicrotask(flush)
}
