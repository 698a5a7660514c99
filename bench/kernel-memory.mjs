// Shows what the kernel keeps for connections, by its own figures: node bench/kernel-memory.mjs [--connections N] [--quick]
// Both ends are on this machine, so half of it is the server's. Needs root, as /proc/slabinfo does; other programs' sockets count, too.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CONTENDERS, LOAD } from './harness/contenders.mjs'
import { generate, openFilesLimit, Server } from './harness/process.mjs'

const SPARE_FILES = 500
const PAGE_BYTES = 4096
const PATIENCE_MS = 120_000
const KIB = 1024
/** How often the memory of clients that do not read is looked at. */
const SAMPLE_MS = 20
/** What belongs to sockets; the rest are other programs' files. */
const OF_SOCKETS = /^(TCP|sock_inode_cache|dentry|filp|eventpoll_|ep_head|lsm_|skbuff_)/
/** Of less than that per connection nothing is told. */
const LEAST_BYTES = 8

/** What clients send that never read, all together. */
const TOTAL_BYTES = 1_500_000_000
const QUICK_TOTAL_BYTES = 24_000_000
const MUTE = { clients: 64, bytes: 65_536, 'quiet-ms': 1000, 'limit-ms': 30_000 }

if (spawnSync('make', ['-C', fileURLToPath(new URL('native', import.meta.url))]).status !== 0)
  throw new Error('the load generator needs make and g++')
const { values } = parseArgs({
  options: { connections: { type: 'string', default: '19000' }, quick: { type: 'boolean', default: false } }
})
const connections = Math.min(Number(values.connections), openFilesLimit() - SPARE_FILES)
const server = await Server.start(CONTENDERS.find(({ name }) => name === 'engine').server, 'payload')
try {
  await showIdle()
  await showMute()
} finally {
  await server.end()
}

async function showIdle() {
  const names = { port: server.port, connections, kind: 'text', bytes: 64 }
  await hold({ ...names, connections: 100 }, () => {})
  const before = readFigures()
  await hold(names, () => {
    const after = readFigures()
    const caches = Object.keys(after.caches)
      .map((name) => ({ name, bytes: (after.caches[name] - (before.caches[name] ?? 0)) / connections }))
      .filter(({ bytes }) => bytes >= LEAST_BYTES)
      .sort((a, b) => b.bytes - a.bytes)
    const total = caches.reduce((sum, { bytes }) => sum + bytes, 0)
    console.log(`${connections} idle connections; for each, both ends together:`)
    for (const { name, bytes } of caches) console.log(`  ${name.padEnd(24)}${bytes.toFixed(0).padStart(8)} B`)
    console.log(
      `  ${'all, slab'.padEnd(24)}${total.toFixed(0).padStart(8)} B, so ${(total / 2).toFixed(0)} B an end`
    )
    console.log(
      `  queues (/proc/net/sockstat)  ${after.queueBytes - before.queueBytes} B for all connections`
    )
  })
}

/** Clients that send and never read: what their queues grow to, both ends together. */
async function showMute() {
  const before = readFigures().queueBytes
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, readFigures().queueBytes - before)
  }, SAMPLE_MS)
  await generate(
    LOAD,
    'mute',
    { port: server.port, ...MUTE, 'total-bytes': values.quick ? QUICK_TOTAL_BYTES : TOTAL_BYTES },
    PATIENCE_MS
  )
  clearInterval(timer)
  const each = (peak / MUTE.clients / KIB).toFixed(0)
  console.log(
    `${MUTE.clients} clients that send and never read: at most ${each} KiB of queues each, both ends together`
  )
}

function hold(names, open) {
  const nothing = () => {}
  return generate(LOAD, 'hold', names, PATIENCE_MS, { open, used: nothing, closed: nothing })
}

/** Bytes of each slab cache's objects in use, and of what waits in the queues of TCP. */
function readFigures() {
  const lines = readFileSync('/proc/slabinfo', 'utf8').split('\n').slice(2)
  const caches = lines.map((line) => line.split(/\s+/)).filter(([name]) => OF_SOCKETS.test(name))
  const [, pages] = /^TCP: .* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))
  return {
    caches: Object.fromEntries(caches.map(([name, active, , size]) => [name, Number(active) * Number(size)])),
    queueBytes: Number(pages) * PAGE_BYTES
  }
}
