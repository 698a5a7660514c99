// Loads a server for a long time with everything at once, and looks whether anything is lost or left over:
//   npm run soak -- --minutes 10 [--clients 40] [--seed 1]          HOTSOCKET_TIER=engine|native|js chooses the tier
// The time has rounds. In each, clients send text, binary, fragments and pings, read slowly, vanish, reset and send
// nonsense; at its end all leave, and the server's memory and open files are measured. It fails on any echo that differs
// from what was sent, on files left open, and on memory that grows from round to round.
import { randomFillSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import WebSocket from 'ws'
import { Server } from './harness/process.mjs'
import { random } from './harness/random.mjs'

const ROUNDS = 10
/** The first rounds fill caches, pools and the heap's young generation. */
const WARM_UP_ROUNDS = 3
const MIB = 1024 * 1024
const MAX_HEAP_GROWTH_BYTES = 2 * MIB
const MAX_RSS_GROWTH_BYTES = 24 * MIB
const MAX_IN_FLIGHT_BYTES = 4 * MIB
const LEAVE_MS = 10_000
const NOISE = randomFillSync(Buffer.alloc(MIB))

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    clients: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' }
  }
})
const roundMs = (Number(values.minutes) * 60_000) / ROUNDS
if (!(roundMs > 0) || !(Number(values.clients) > 0))
  throw new Error('--minutes and --clients must be above 0')
if (!existsSync(new URL('../dist/index.js', import.meta.url)))
  throw new Error('dist/ is not built: npm run compile')

const mismatches = []
const figures = { echoes: 0, bytes: 0, opened: 0, closed: 0, killed: 0, reset: 0, hostile: 0 }

await main()

async function main() {
  const script = fileURLToPath(new URL('servers/soak.mjs', import.meta.url))
  const { HOTSOCKET_TIER: tier } = process.env
  const env = tier === undefined ? {} : { HOTSOCKET_TIER: tier }
  const server = await Server.start({ command: [process.execPath, '--expose-gc', script], env }, '')
  // The first connection opens what all share.
  await leave(await connect(server.port), [], () => 2)
  const before = await measure(server)
  console.log(`tier ${before.tier}, ${values.clients} clients, ${ROUNDS} rounds of ${roundMs / 1000} s`)
  const rounds = []
  for (let round = 1; round <= ROUNDS && mismatches.length === 0; round++) {
    await load(server.port, round)
    rounds.push(await settle(server, before))
    console.log(describeRound(round, rounds.at(-1)))
  }
  const faults = [...mismatches.slice(0, 5), ...findGrowth(before, rounds)]
  await server.end()
  for (const fault of faults) console.error(`FAULT: ${fault}`)
  console.log(faults.length === 0 ? 'flat memory, no mismatch' : `${faults.length} faults`)
  process.exit(faults.length === 0 ? 0 : 1)
}

async function measure(server) {
  const rssBytes = await server.settledBytes()
  return { ...(await server.ask('describe')), rssBytes }
}

/** Waits until the server has noticed that all are gone. */
async function settle(server, before) {
  const end = performance.now() + LEAVE_MS
  for (;;) {
    const now = await measure(server)
    const isQuiet = now.clientCount === 0 && now.openFileCount <= before.openFileCount
    if (isQuiet || performance.now() > end) return now
    await delay(100)
  }
}

function findGrowth(before, rounds) {
  const faults = []
  const last = rounds.at(-1)
  if (last.clientCount !== 0) faults.push(`${last.clientCount} connections never ended`)
  if (last.openFileCount > before.openFileCount) {
    faults.push(`${last.openFileCount - before.openFileCount} open files are left`)
  }
  if (rounds.length < ROUNDS) return faults
  // The least of some rounds on either side: what is left over grows even that.
  const least = (name, from, to) => Math.min(...rounds.slice(from, to).map((round) => round[name]))
  for (const [name, limit] of [
    ['heapBytes', MAX_HEAP_GROWTH_BYTES],
    ['rssBytes', MAX_RSS_GROWTH_BYTES]
  ]) {
    const growth = least(name, -2) - least(name, WARM_UP_ROUNDS - 1, WARM_UP_ROUNDS + 1)
    if (growth > limit) faults.push(`${name} grew by ${mib(growth)} MiB`)
  }
  return faults
}

function describeRound(round, { rssBytes, heapBytes, openFileCount, messageCount, sentCount }) {
  const { echoes, bytes, opened, killed, reset, hostile } = figures
  return [
    `round ${round}: RSS ${mib(rssBytes)} MiB, heap and buffers ${mib(heapBytes)} MiB, ${openFileCount} files`,
    `${messageCount} received, ${sentCount} sent, ${echoes} echoes compared (${mib(bytes)} MiB)`,
    `${opened} connections: ${killed} killed, ${reset} reset, ${hostile} hostile`
  ].join('; ')
}

function mib(bytes) {
  return (bytes / MIB).toFixed(1)
}

async function load(port, round) {
  const end = performance.now() + roundMs
  const clients = Array.from({ length: Number(values.clients) }, async (_, index) => {
    const next = random(Number(values.seed) * 1_000_003 + round * 1009 + index * 7919)
    while (performance.now() < end && mismatches.length === 0) {
      if (next(12) === 0) await attack(port, next)
      else await visit(port, next, end)
    }
  })
  await Promise.all(clients)
}

/** One connection from its opening to one of its ends. */
async function visit(port, next, end) {
  const socket = await connect(port)
  const expected = []
  let inFlight = 0
  socket.ws.on('message', (data, isBinary) => {
    const wanted = expected.shift()
    inFlight -= data.length
    figures.echoes++
    figures.bytes += data.length
    if (wanted?.isBinary !== isBinary || !data.equals(wanted.bytes)) {
      mismatches.push(`${data.length} bytes came instead of ${wanted?.bytes.length}`)
    }
  })
  const isSlow = next(5) === 0
  for (let count = 1 + next(400); count > 0 && performance.now() < end && socket.isOpen; count--) {
    const message = makeMessage(next)
    expected.push(message)
    inFlight += message.bytes.length
    send(socket.ws, message, next)
    if (next(8) === 0) socket.ws.ping('are you there?')
    if (isSlow && next(10) === 0) {
      socket.ws.pause()
      await delay(next(100))
      socket.ws.resume()
    }
    while (inFlight > MAX_IN_FLIGHT_BYTES && socket.isOpen) await delay(1)
    if (next(3) === 0) await new Promise(setImmediate)
  }
  await leave(socket, expected, next)
}

async function leave(socket, expected, next) {
  const way = next(6)
  if (way === 0) {
    figures.killed++
    socket.ws.terminate()
  } else if (way === 1) {
    figures.reset++
    socket.tcp.resetAndDestroy()
  } else {
    const end = performance.now() + LEAVE_MS
    while (expected.length > 0 && performance.now() < end && socket.isOpen) await delay(1)
    if (expected.length > 0) mismatches.push(`${expected.length} echoes never came`)
    socket.ws.close(1000, 'enough')
  }
  await socket.closed
  figures.closed++
}

/** A handshake, and then bytes that are no frames, or half of one, and no goodbye. */
async function attack(port, next) {
  const socket = await connect(port)
  const start = next(MIB - 5000)
  socket.tcp.write(NOISE.subarray(start, start + 1 + next(5000)))
  figures.hostile++
  await Promise.race([socket.closed, delay(next(300))])
  socket.ws.terminate()
  await socket.closed
}

function connect(port) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false, skipUTF8Validation: true })
    const socket = { ws, tcp: null, isOpen: false, closed: null }
    socket.closed = new Promise((gone) => {
      ws.on('close', () => {
        socket.isOpen = false
        gone()
      })
    })
    ws.on('upgrade', (response) => {
      socket.tcp = response.socket
    })
    ws.on('open', () => {
      figures.opened++
      socket.isOpen = true
      resolve(socket)
    })
    // Attackers and those who reset provoke errors; before the opening nobody may.
    ws.on('error', reject)
  })
}

/** Small ones often, large ones seldom; text of all widths. */
function makeMessage(next) {
  const byteLength = next(200) === 0 ? next(900_000) : next(10) === 0 ? next(70_000) : next(300)
  if (next(2) === 0) {
    const start = next(MIB - byteLength)
    return { isBinary: true, bytes: NOISE.subarray(start, start + byteLength) }
  }
  const unit = ['plain ', 'Grüße ', '漢字', '😀x'][next(4)]
  return { isBinary: false, bytes: Buffer.from(unit.repeat(Math.ceil(byteLength / 6))) }
}

function send(ws, { isBinary, bytes }, next) {
  if (next(4) > 0) return ws.send(bytes, { binary: isBinary })
  for (let at = 0; ; ) {
    const end = Math.min(bytes.length, at + 1 + next(bytes.length + 1))
    const fin = end === bytes.length
    ws.send(bytes.subarray(at, end), { binary: isBinary, fin })
    if (fin) return
    at = end
    if (next(4) === 0) ws.ping('between')
  }
}
