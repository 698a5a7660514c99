// Calculates how many machines clients and their messages need, from measured figures: node bench/scale.mjs --help
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { drawFleets } from './fleet/chart.mjs'
import { COSTS } from './fleet/figures.mjs'
import { calculate, fit, storm } from './fleet/model.mjs'
import { DEFAULTS, LIMITS, MACHINE, SCENARIOS } from './fleet/scenarios.mjs'

const USAGE = `Usage: node bench/scale.mjs [options]
  --clients N                  (default ${DEFAULTS.clients})
  --topics N, --topics-per-client N, --zipf Z
                               how many, how many each client has, and how popularity falls with the rank (0: all alike)
  --publications N             a second, all topics together; --popular: more of them to topics with more subscribers
  --bytes N                    of a publication (default ${DEFAULTS.payloadBytes})
  --tls                        connections are over TLS in the same threads
  --ping S, --heartbeat S      seconds between a client's pings (${DEFAULTS.pingSeconds}), between a server's heartbeats (${DEFAULTS.heartbeatSeconds})
  --machines N                 so many, instead of as few as are needed
  --threads N, --memory GIB, --gbit N
                               of a machine (${MACHINE.threads}, ${MACHINE.bytes / 1024 ** 3}, ${MACHINE.bitsPerSecond / 1e9})
  --svg FILE                   draws what the threads' time is for
  --json                       all figures, in bytes and seconds
Without options: what a million clients need in ${SCENARIOS.length} cases. A machine is full at ${LIMITS.busy * 100} % of its threads' time, ${LIMITS.memory * 100} % of its memory,
${LIMITS.network * 100} % of its network. The costs stand in bench/fleet/figures.mjs.`

const NUMBERS = {
  clients: 'clients',
  topics: 'topics',
  'topics-per-client': 'topicsPerClient',
  zipf: 'zipf',
  publications: 'publicationsPerSecond',
  bytes: 'payloadBytes',
  ping: 'pingSeconds',
  heartbeat: 'heartbeatSeconds'
}
const MACHINE_NUMBERS = ['machines', 'threads', 'memory', 'gbit']

try {
  main()
} catch (error) {
  console.error(`scale: ${error.message}`)
  process.exitCode = 2
}

function main() {
  const { values } = parseArgs({ options: describeOptions() })
  if (values.help) return console.log(USAGE)
  const machine = describeMachine(values)
  const results = chooseLoads(values).map(({ title, load }) => ({ title, ...solve(machine, values, load) }))
  if (values.svg !== undefined) writeFileSync(values.svg, drawFleets(results))
  console.log(
    values.json
      ? JSON.stringify({ costs: COSTS, machine, results }, null, 2)
      : results.map(format).join('\n\n')
  )
}

function describeOptions() {
  const numbers = Object.keys(NUMBERS).map((name) => [name, { type: 'string' }])
  const texts = [...MACHINE_NUMBERS, 'svg'].map((name) => [name, { type: 'string' }])
  const flags = ['popular', 'tls', 'json', 'help'].map((name) => [name, { type: 'boolean', default: false }])
  return Object.fromEntries([...numbers, ...texts, ...flags])
}

function describeMachine({ threads, memory, gbit }) {
  return {
    threads: threads === undefined ? MACHINE.threads : positive('threads', threads),
    bytes: memory === undefined ? MACHINE.bytes : positive('memory', memory) * 1024 ** 3,
    bitsPerSecond: gbit === undefined ? MACHINE.bitsPerSecond : positive('gbit', gbit) * 1e9
  }
}

function chooseLoads(values) {
  const given = Object.keys(NUMBERS).filter((name) => values[name] !== undefined)
  const flags = { isPopular: values.popular, isSecure: values.tls }
  if (given.length === 0 && !values.popular)
    return SCENARIOS.map(({ title, load }) => ({
      title,
      load: { ...DEFAULTS, ...load, isSecure: values.tls }
    }))
  const numbers = given.map((name) => [NUMBERS[name], positive(name, values[name], name === 'zipf')])
  return [{ title: 'as asked for', load: { ...DEFAULTS, ...flags, ...Object.fromEntries(numbers) } }]
}

function solve(machine, values, load) {
  const { threads } = machine
  let result = fit(machine, load, COSTS, LIMITS)
  if (values.machines !== undefined) {
    const machines = positive('machines', values.machines)
    result = { machines, bound: 'the option', ...calculate({ machines, threads }, load, COSTS) }
  }
  if (result === null) return { load, result }
  const openSeconds = load.isSecure ? COSTS.secureOpenSeconds : COSTS.openSeconds
  return { load, result: { ...result, stormSeconds: storm({ ...result, threads }, load, openSeconds) } }
}

function positive(name, text, orZero = false) {
  const number = Number(text)
  if (!(number > 0 || (orZero && number === 0)) || !Number.isFinite(number))
    throw new Error(`--${name} takes a positive number, not ${text}`)
  return number
}

function format({ title, load, result }) {
  if (result === null)
    return `${title}\n  no number of machines is enough: the servers' heartbeats, or one topic, ask for too much`
  const rows = [
    ['machines (why so many)', `${result.machines} (${result.bound})`],
    ['servers, clients of each', `${count(result.servers)}, ${count(result.clientsPerServer)}`],
    [
      'publications, deliveries a second',
      `${count(load.publicationsPerSecond)}, ${count(result.deliveriesPerSecond)}`
    ],
    ['other servers that a publication reaches', result.serversPerPublication.toFixed(1)],
    [
      'broker: messages in, out a second',
      `${count(result.brokerInPerSecond)}, ${count(result.brokerOutPerSecond)}`
    ],
    ['  of these heartbeats', count(result.heartbeatsPerSecond)],
    ['broker: cores, Mbit/s', `${result.brokerBusy.toFixed(2)}, ${count(result.brokerBitsPerSecond / 1e6)}`],
    ['a thread is busy', `${(result.threadBusy * 100).toFixed(0)} %`],
    ['memory of a machine', `${(result.machineBytes / 1024 ** 3).toFixed(1)} GiB`],
    ['network of a machine', `${count(result.machineBitsPerSecond / 1e6)} Mbit/s`],
    ['a machine is lost: the others accept for', describeStorm(result.stormSeconds)]
  ]
  return [title, ...rows.map(([name, value]) => `  ${name.padEnd(44)}${value}`)].join('\n')
}

function describeStorm(seconds) {
  return seconds === null ? '-' : `${seconds.toFixed(1)} s`
}

function count(number) {
  return number.toLocaleString('en', { maximumSignificantDigits: 3 })
}
