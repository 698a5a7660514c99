// Owns what clients do under measurement, the same for all, and what they print: as bench/native/load does, of which they take
// the modes echo and churn with the same names. Must not know libraries.
// A wrong echo or a connection that ends by itself ends the process with status 1 and a word on the standard error stream.
import { setTimeout as delay } from 'node:timers/promises'

/** Of so many echoes of a connection one is compared byte by byte, the first among them; the others by their length. */
const SAMPLE = 64
/** More latencies than that are not kept. */
const MAX_LATENCIES = 1 << 20

/**
 * Runs the mode that the command line asks for. `open(url, onmessage, onclose)` opens a connection and resolves to it when it is
 * open: `send(payload)` with a string or bytes, `close()`. `onmessage` is to be given each message's payload, a string if it is
 * text, `onclose` called when the connection is over.
 */
export async function runClient(open) {
  const [mode, ...pairs] = process.argv.slice(2)
  const names = Object.fromEntries(pairs.map((pair) => pair.split('=')))
  const url = `ws://127.0.0.1:${names.port}/`
  const figures = await { echo: runEcho, churn: runChurn }[mode](open, url, numbers(names))
  // One write, so that it is out before the end.
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit())
}

function numbers(names) {
  return { ...names, connections: Number(names.connections), inFlight: Number(names['in-flight']) }
}

async function runEcho(open, url, names) {
  const { connections, inFlight, bytes, kind } = names
  const payload = makePayload(kind, Number(bytes))
  const traffic = { payload, messages: 0, latencies: new Latencies() }
  const opened = []
  for (let i = 0; i < connections; i++) opened.push(await openEcho(open, url, traffic, inFlight))
  for (const connection of opened) for (let i = 0; i < inFlight; i++) connection.send(payload)
  return measure(
    names,
    () => {
      traffic.messages = 0
      traffic.latencies.count = 0
    },
    () => ({ messages: traffic.messages, ...traffic.latencies.quantiles() })
  )
}

/** A connection that sends the payload again for each echo. Of `inFlight` messages in a row it times one. */
async function openEcho(open, url, traffic, inFlight) {
  const { payload, latencies } = traffic
  const { length } = payload
  let echoes = 0
  let timed = inFlight
  let sentAt = 0
  const connection = await open(
    url,
    (echo) => {
      if (echo.length !== length) fail(`an echo has the length ${echo.length}, not ${length}`)
      if (echoes % SAMPLE === 0 && !isEqual(echo, payload)) fail('an echo differs from what was sent')
      traffic.messages += 1
      echoes += 1
      if (echoes === timed) {
        const now = performance.now()
        if (sentAt > 0) latencies.add(now - sentAt)
        // Those in flight come first: what is sent now is echoed behind them.
        sentAt = now
        timed += inFlight
      }
      connection.send(payload)
    },
    () => fail('the server closed a connection')
  )
  return connection
}

async function runChurn(open, url, names) {
  const latencies = new Latencies()
  const visit = async () => {
    const startedAt = performance.now()
    await new Promise((resolve, reject) => {
      open(url, () => fail('an echo of nothing'), resolve).then((connection) => connection.close(), reject)
    })
    latencies.add(performance.now() - startedAt)
  }
  const visitForEver = async () => {
    for (;;) await visit()
  }
  for (let i = 0; i < names.connections; i++) visitForEver().catch((error) => fail(error.message))
  return measure(
    names,
    () => {
      latencies.count = 0
    },
    () => ({ connections: latencies.count, ...latencies.quantiles() })
  )
}

/** Warms up, then measures. CPU: user and system time of all threads. */
async function measure(names, reset, read) {
  await delay(Number(names['warmup-ms']))
  reset()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await delay(Number(names['measure-ms']))
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cpuSeconds: (user + system) / 1e6, ...read() }
}

class Latencies {
  #milliseconds = new Float64Array(MAX_LATENCIES)
  count = 0

  add(milliseconds) {
    this.#milliseconds[this.count % MAX_LATENCIES] = milliseconds
    this.count += 1
  }

  quantiles() {
    const sorted = this.#milliseconds.subarray(0, Math.min(this.count, MAX_LATENCIES)).sort()
    const at = (part) => (sorted[Math.floor(sorted.length * part)] ?? 0) * 1000
    return { p50Us: at(0.5), p99Us: at(0.99) }
  }
}

/** As in bench/native/load/frames.cc. */
function makePayload(kind, byteLength) {
  const bytes = Buffer.alloc(byteLength)
  if (kind === 'binary') return bytes.map((_, index) => index * 131 + 7)
  return bytes.map((_, index) => 97 + (index % 26)).toString('latin1')
}

function isEqual(echo, payload) {
  if (typeof payload === 'string' || typeof echo === 'string') return echo === payload
  return Buffer.compare(echo, payload) === 0
}

function fail(what) {
  process.stderr.write(`client: ${what}\n`, () => process.exit(1))
  // Nothing more of what was under way.
  throw new Error(what)
}
