// Twelve sensors that report 200 times a second each, to a dashboard. Run: node docs/examples/dashboard/sensors.mjs [URL [times]]
import { connectPersistently } from 'hotsocket'

const [url = 'http://127.0.0.1:8000/', timesPerSecond = '200'] = process.argv.slice(2)
const NAMES = ['north', 'east', 'south', 'west']
/** By kind: a usual value, and how far a sensor strays from it. */
const KINDS = { temperature: [20, 5], pressure: [1013, 20], load: [50, 40] }
const TICK_MS = 10
const MAX_GAP_MS = 50
/** What waits for a server that does not take it is soon of no use any more. */
const MAX_QUEUED_BYTES = 4096

const sensors = Object.entries(KINDS).flatMap(([kind, [usual, range]]) =>
  NAMES.map((name) => {
    const target = new URL(`/sensors?sensor=${kind}/${name}`, url.replace(/^http/, 'ws'))
    const connection = connectPersistently(target, { outbox: 'drop' })
    let drift = 0
    return () => {
      drift = 0.995 * drift + 0.1 * (Math.random() - 0.5)
      if (connection.bufferedAmount < MAX_QUEUED_BYTES) connection.send((usual + range * drift).toFixed(3))
    }
  })
)

let thenMs = performance.now()
let due = 0
setInterval(() => {
  const nowMs = performance.now()
  // What a busy machine has missed is not made up for.
  due += (Math.min(nowMs - thenMs, MAX_GAP_MS) / 1000) * Number(timesPerSecond)
  thenMs = nowMs
  for (; due >= 1; due--) for (const report of sensors) report()
}, TICK_MS)

console.log(`${sensors.length} sensors report to ${url}`)
