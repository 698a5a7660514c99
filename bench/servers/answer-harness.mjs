// Owns what every server under test tells the harness: who it is, its timers' lateness; and that it ends with it.
import { setTimeout as delay } from 'node:timers/promises'

const TIMER_MS = 5

/** Answers questions that come over the IPC channel; `describe` and what is in `more` give plain objects. Needs node --expose-gc. */
export function answerHarness(describe, more = {}) {
  let lateness = null
  const answers = {
    describe,
    collect: collectGarbage,
    /** Lateness of a repeated timer since the last such question; the first one starts it. */
    lateness: () => {
      lateness ??= watchTimers()
      return lateness.take()
    },
    ...more
  }
  process.on('disconnect', () => process.exit())
  process.on('message', async (question) => process.send(await answers[question]()))
}

/** Twice, with time for finalizers and for what hangs on closed sockets in between. */
async function collectGarbage() {
  for (let i = 0; i < 2; i++) {
    await delay(100)
    globalThis.gc()
  }
  return {}
}

function watchTimers() {
  let samples = []
  let due = performance.now() + TIMER_MS
  const tick = () => {
    const now = performance.now()
    samples.push(now - due)
    due = now + TIMER_MS
    setTimeout(tick, TIMER_MS)
  }
  setTimeout(tick, TIMER_MS)
  return {
    take: () => {
      // A timer that never fires is late, too.
      const late = [...samples, performance.now() - due].sort((a, b) => a - b)
      samples = []
      return { p99Ms: late[Math.floor(late.length * 0.99)], maxMs: late.at(-1) }
    }
  }
}
