// Compares hotsocket's tiers with ws and with C++ that checks nothing, as servers and as clients: npm run bench -- --help
// What is measured and its other side have a core each; every sample has fresh processes; contenders take turns, so that a slow moment of
// the machine hits all of them; medians of the rounds are printed, and ratios only within one run.
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, freemem, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { BROKERS, missing } from './harness/brokers.mjs'
import { CASES } from './harness/cases.mjs'
import { drawChart } from './harness/chart.mjs'
import { CONTENDERS, OTHER_SERVER } from './harness/contenders.mjs'
import { MEASURES, WARM_CONNECTIONS } from './harness/measures.mjs'
import { parseOptions, USAGE } from './harness/options.mjs'
import { isPinned, openFilesLimit, Server } from './harness/process.mjs'
import { Relay } from './harness/relay.mjs'
import { formatCase } from './harness/report.mjs'
import { medians } from './harness/statistics.mjs'

/** What processes need besides a file for each connection. */
const SPARE_FILES = 200

/** What runs beside the load, by the role of the program that is measured. */
const START = {
  server: ({ server }, variant) => Server.start(server, variant),
  client: (_, variant) => Server.start(OTHER_SERVER, variant),
  relay: ({ relay }, variant) => Relay.start(relay, variant)
}

const options = parseOptions(process.argv.slice(2))
if (options.help) console.log(USAGE)
else await main()

async function main() {
  prepare()
  const cases = CASES.filter(({ name }) => options.cases.includes(name))
  const { present, leftOut } = await findContenders()
  const absent = findAbsentBrokers(cases)
  leftOut.push(...absent)
  const machine = describeMachine()
  print(describeRun(machine, present, leftOut))
  if (present.length === 0) exit('no contender is left')
  const plans = cases.map((one) => plan(withoutVariants(one, absent), present))
  const total = plans.reduce((sum, { rounds, entries }) => sum + rounds * entries.length, 0)
  const results = []
  let done = 0
  for (const planned of plans) {
    const result = await measureCase(planned, (what) => progress(`[${++done} of ${total}] ${what}`))
    print(`\n${formatCase(result)}`)
    results.push(result)
  }
  const { rounds, warmupMs, measureMs } = options
  const report = {
    machine,
    rounds,
    warmupMs,
    measureMs,
    contenders: present.map(describeContender),
    leftOut,
    cases: results
  }
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  if (options.svg !== null) writeFileSync(options.svg, drawChart(report))
  if (results.some(({ entries }) => entries.some(({ failures }) => failures.length > 0))) process.exitCode = 1
}

function prepare() {
  if (process.platform !== 'linux') exit('the load generator needs Linux (epoll)')
  if (!existsSync(new URL('../dist/index.js', import.meta.url))) exit('dist/ is not built: npm run compile')
  progress('compiling the load generator')
  const make = spawnSync('make', ['-C', fileURLToPath(new URL('native', import.meta.url))], {
    encoding: 'utf8'
  })
  if (make.status !== 0) exit(`the load generator needs make and g++\n${make.stderr ?? make.error}`)
}

function exit(reason) {
  console.error(`bench: ${reason}`)
  process.exit(1)
}

/** Starts each contender once: those that do not start, or not on the tier they should, are left out. */
async function findContenders() {
  const present = []
  const leftOut = []
  for (const contender of CONTENDERS.filter(({ name }) => options.contenders.includes(name))) {
    try {
      present.push({ ...contender, description: await introduce(contender) })
    } catch (error) {
      leftOut.push({ name: contender.name, reason: reasonOf(error) })
    }
  }
  return { present, leftOut }
}

/** Those that a case needs and this machine does not have. */
function findAbsentBrokers(cases) {
  const needed = Object.keys(BROKERS).filter((name) => cases.some(({ variants }) => variants.includes(name)))
  return needed.map((name) => ({ name, reason: missing(name) })).filter(({ reason }) => reason !== null)
}

function withoutVariants(one, absent) {
  return { ...one, variants: one.variants.filter((variant) => !absent.some(({ name }) => name === variant)) }
}

async function introduce(contender) {
  const server = await Server.start(contender.server, 'payload')
  try {
    if (contender.answers === false) return contender.label
    const { description, tier } = await server.ask('describe')
    if (tier !== contender.tier) throw new Error(`it runs on the tier ${tier}`)
    return description
  } finally {
    await server.end()
  }
}

/** A case with what is to be measured of it: each contender's variants, in each round. */
function plan(one, contenders) {
  const { variants, withCeiling, minRounds, maxRounds } = one
  const entries = variants.flatMap((variant) =>
    contenders
      .filter(({ answers = true }) => answers || (withCeiling && variant === 'payload'))
      .map((contender) => ({ contender, variant, rounds: [], failures: [] }))
  )
  const least = options.quick ? 1 : minRounds
  return {
    ...one,
    entries,
    rounds: Math.min(Math.max(options.rounds, least), maxRounds),
    names: namesOf(one)
  }
}

async function measureCase({ name, title, role, measure, entries, rounds, names }, announce) {
  for (let round = 1; round <= rounds; round++) {
    for (const entry of entries) {
      announce(`${name}, round ${round} of ${rounds}: ${entry.contender.label}, ${entry.variant}`)
      await measureRound(entry, role, MEASURES[measure].run, names)
    }
  }
  return { name, title, measure, names, entries: entries.map(summarize) }
}

async function measureRound({ contender, variant, rounds, failures }, role, run, names) {
  let server = null
  try {
    server = await START[role](contender, variant)
    rounds.push(await run(server, names, options, role === 'client' ? contender.client : undefined))
  } catch (error) {
    // One contender's failure is a result; the others go on.
    failures.push(reasonOf(error))
  } finally {
    await server?.end()
  }
}

function namesOf({ names, quickNames, bytesEach }) {
  const chosen = options.quick ? { ...names, ...quickNames } : names
  const most = Math.min(
    openFilesLimit() - WARM_CONNECTIONS - SPARE_FILES,
    Math.floor(freemem() / 2 / bytesEach)
  )
  return chosen.connections > most ? { ...chosen, connections: most } : chosen
}

function summarize({ contender, variant, rounds, failures }) {
  const { name, label } = contender
  return { contender: name, label, variant, medians: medians(rounds), rounds, failures }
}

function describeContender({ name, label, description }) {
  return { name, label, description }
}

/** Of an uncaught error's words, its own; otherwise the first line. */
function reasonOf(error) {
  const lines = error.message.split('\n')
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0]
}

function describeMachine() {
  return {
    cpu: cpus()[0].model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    isPinned
  }
}

function describeRun({ cpu, cores, kernel, node }, present, leftOut) {
  const { rounds, warmupMs, measureMs } = options
  return [
    `Node.js ${node}, ${kernel}, ${cores} cores of ${cpu}${isPinned ? ', one for what is measured, one for its other side' : ''}`,
    `rounds: ${rounds}, each of ${measureMs / 1000} s after ${warmupMs / 1000} s; medians; CPU: user and system time of what is measured`,
    ...present.map(({ name, description }) => `  ${name.padEnd(8)} ${description}`),
    ...leftOut.map(({ name, reason }) => `  ${name.padEnd(8)} left out: ${reason}`)
  ].join('\n')
}

/** On the standard error stream: on a terminal one line that changes. */
function progress(text) {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`)
}

function print(text) {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  console.log(text)
}
