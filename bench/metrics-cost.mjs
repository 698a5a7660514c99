// Shows what counting for `server.metrics()` costs: node bench/metrics-cost.mjs [--rounds N] [--seconds N]
// The echo of 64 B, 100 connections x 64 in flight, on the engine: dist/ as it is against a copy of it whose hot paths count
// nothing. Rounds go in turns, and each pair gives a ratio of the servers' CPU time, so that what else a machine does hits both.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CONTENDERS, LOAD } from './harness/contenders.mjs'
import { generate, Server } from './harness/process.mjs'
import { median } from './harness/statistics.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const PATIENCE_MS = 60_000
const TRAFFIC = { kind: 'text', bytes: 64, connections: 100, 'in-flight': 64 }
/** The statements that count while messages come and go, in files as the compiler writes them. */
const COUNTING =
  /^\s*(this\.)?(settings\.)?(counters\.(messages|bytes)(In|Out)( \+= .*|\+\+)|(flush|batch)Sizes\.add\(\w+\));$/gm
/** How many there are: others may have come, or gone. */
const EXPECTED_COUNT = 10

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '30' }, seconds: { type: 'string', default: '0.5' } }
})
const measureMs = Number(values.seconds) * 1000

if (spawnSync('make', ['-C', join(root, 'bench/native')]).status !== 0)
  throw new Error('the load generator needs make and g++')
const folder = mkdtempSync(join(tmpdir(), 'hotsocket-uncounted-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
copyWithoutCounting()

const { server: counting } = CONTENDERS.find(({ name }) => name === 'engine')
const script = join(folder, 'bench/servers/hotsocket.mjs')
const silent = { ...counting, command: [...counting.command.slice(0, -1), script] }
const rounds = []
for (let round = 1; round <= Number(values.rounds); round++) {
  process.stderr.write(`round ${round} of ${values.rounds}\r`)
  // Whoever comes second may find a warmer machine.
  const [first, second] = round % 2 === 0 ? [counting, silent] : [silent, counting]
  const costs = new Map([[first, await measure(first)]])
  costs.set(second, await measure(second))
  rounds.push({ counting: costs.get(counting), silent: costs.get(silent) })
}
const least = (name) => Math.min(...rounds.map((round) => round[name]))
const percent = (ratio) => `${((ratio - 1) * 100).toFixed(1)} %`
console.log(`counting adds to the server's CPU time, of ${rounds.length} pairs of rounds:`)
console.log(
  `  median of the pairs' ratios  ${percent(median(rounds.map((one) => one.counting / one.silent)))}`
)
console.log(
  `  ratio of the medians         ${percent(median(rounds.map((one) => one.counting)) / median(rounds.map((one) => one.silent)))}`
)
console.log(`  ratio of the best rounds     ${percent(least('counting') / least('silent'))}`)

/** CPU microseconds per message. */
async function measure(contender) {
  const server = await Server.start(contender, 'payload')
  try {
    const names = { ...TRAFFIC, port: server.port, pid: server.pid }
    const times = { 'warmup-ms': measureMs, 'measure-ms': measureMs }
    const { cpuSeconds, messages } = await generate(LOAD, 'echo', { ...names, ...times }, PATIENCE_MS)
    return (cpuSeconds / messages) * 1e6
  } finally {
    await server.end()
  }
}

function copyWithoutCounting() {
  for (const name of ['package.json', 'dist', 'bench/servers'])
    cpSync(join(root, name), join(folder, name), { recursive: true })
  for (const name of ['node_modules', 'build']) symlinkSync(join(root, name), join(folder, name))
  let count = 0
  for (const name of readdirSync(join(folder, 'dist'), { recursive: true })) {
    const file = join(folder, 'dist', name)
    if (!/^(link|sending-link|transport\/engine)\.js$/.test(name)) continue
    const text = readFileSync(file, 'utf8')
    count += text.match(COUNTING)?.length ?? 0
    writeFileSync(file, text.replaceAll(COUNTING, ''))
  }
  if (count !== EXPECTED_COUNT)
    throw new Error(
      `dist/ has ${count} places that count, not ${EXPECTED_COUNT}: look at them, and change this program`
    )
}
