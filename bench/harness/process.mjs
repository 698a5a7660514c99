// Owns the child processes: what is measured on one core, its other side on another. They end with this process, whatever
// ends it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

const WANTED_FILES = 65_536
const ANSWER_MS = 15_000
/** Of /proc, on every Linux (USER_HZ). */
const TICKS_PER_SECOND = 100

/** Raises the limit of open files as far as is allowed, then becomes the program that follows. */
const RAISE_FILES = `ulimit -n ${WANTED_FILES} 2>/dev/null || ulimit -n "$(ulimit -Hn)"`

const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
process.on('SIGINT', () => process.exit(130)).on('SIGTERM', () => process.exit(143))

/** Of what is measured, and of its other side. Undefined if there are none to choose from. */
export const [MEASURED_CORE, OTHER_CORE] = allowedCores()

/** Whether both get a core each. */
export const isPinned = OTHER_CORE !== undefined && spawnSync('taskset', ['--version']).status === 0

/** Files that a child may open. */
export function openFilesLimit() {
  const limit = spawnSync('sh', ['-c', `${RAISE_FILES}; ulimit -n`], { encoding: 'utf8' }).stdout.trim()
  return limit === 'unlimited' ? WANTED_FILES : Number(limit)
}

/** A child whose standard output is read line by line. */
export class Child {
  #child
  #closed
  #lines
  #words = ''

  constructor(core, command, { env = process.env, ipc = false } = {}) {
    const pinned = isPinned ? ['taskset', '-c', String(core), ...command] : command
    this.#child = spawn('sh', ['-c', `${RAISE_FILES}; exec "$@"`, 'sh', ...pinned], {
      env,
      stdio: ['pipe', 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])]
    })
    running.add(this.#child)
    this.#closed = new Promise((resolve) => {
      this.#child.on('close', resolve).on('error', resolve)
    }).then(() => running.delete(this.#child))
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#words += text
    })
    // Writing to a child that has ended shows in the line that does not come.
    this.#child.stdin.on('error', () => {})
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
  }

  get pid() {
    return this.#child.pid
  }

  /** The next line, as JSON. Rejects with what the child wrote to its standard error stream if none comes in time. */
  async line(timeoutMs) {
    return JSON.parse(await this.#text(timeoutMs))
  }

  /** Reads lines until one has those words in it. */
  async textWith(words, timeoutMs) {
    while (!(await this.#text(timeoutMs)).includes(words));
  }

  async #text(timeoutMs) {
    const line = await within(timeoutMs, this.#lines.next())
    if (line === null) throw new Error(`no answer within ${timeoutMs / 1000} s ${this.#words}`)
    if (line.done) {
      await this.#closed
      throw new Error(this.#words.trim() || `ended with ${this.#child.exitCode ?? this.#child.signalCode}`)
    }
    return line.value
  }

  say(text) {
    this.#child.stdin.write(`${text}\n`)
  }

  async ask(question) {
    const answer = once(this.#child, 'message')
    this.#child.send(question)
    const message = await within(ANSWER_MS, answer)
    if (message === null) throw new Error(`no answer to ${question} ${this.#words}`)
    return message[0]
  }

  async end() {
    this.#child.kill('SIGKILL')
    await this.#closed
  }
}

/** A server that listens: one that is measured, or the one that clients talk to. */
export class Server {
  #child
  port = 0
  variant

  constructor({ command, env = {}, answers = true, core = MEASURED_CORE }, variant) {
    this.variant = variant
    this.#child = new Child(core, [...command, variant], {
      env: { ...environment(), ...env },
      ipc: answers
    })
  }

  /** `program`: how it is started, see contenders.mjs. `answers`: whether it answers questions. */
  static async start(program, variant) {
    const server = new Server(program, variant)
    try {
      server.port = await server.#child.line(ANSWER_MS)
    } catch (error) {
      await server.end()
      throw error
    }
    return server
  }

  get pid() {
    return this.#child.pid
  }

  ask(question) {
    return this.#child.ask(question)
  }

  /** User and system time, of all threads. */
  cpuSeconds() {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
    // Behind the program's name, which may have blanks in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  }

  /** Resident bytes, after a collection of garbage. */
  async settledBytes() {
    await this.ask('collect')
    return this.#statusBytes('VmRSS')
  }

  /** The most that was resident since `forgetPeak`. */
  peakBytes() {
    return this.#statusBytes('VmHWM')
  }

  forgetPeak() {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5')
  }

  end() {
    return this.#child.end()
  }

  #statusBytes(name) {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)[1]) * 1024
  }
}

/**
 * Runs a load generator, or a client that is measured, and gives what it printed last. `program`: see contenders.mjs. `stages`:
 * what to do when it reports a stage of that name, before it goes on. `names`: see bench/native/load. Rejects if it fails or
 * takes longer than `timeoutMs`.
 */
export async function generate({ command, env = {}, core }, mode, names, timeoutMs, stages = {}) {
  const pairs = Object.entries(names).map(([name, value]) => `${name}=${value}`)
  const child = new Child(core, [...command, mode, ...pairs], { env: { ...environment(), ...env } })
  try {
    const results = {}
    let rest = Object.keys(stages).length
    do {
      const { stage, ...figures } = await child.line(timeoutMs)
      Object.assign(results, stage === undefined ? figures : { [stage]: figures })
      await stages[stage]?.(figures)
      child.say('')
      rest -= 1
    } while (rest > 0)
    return results
  } finally {
    await child.end()
  }
}

/** Numbers of the cores that this process may use; none where there is no /proc, and no load generator either. */
function allowedCores() {
  if (process.platform !== 'linux') return []
  const [, list] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** Without what would change what is measured: each contender says itself what it needs. */
function environment() {
  const foreign = /^(HOTSOCKET_|WS_NO_|NODE_OPTIONS|NODE_V8_COVERAGE)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}

/** What the promise gives, or null if it takes too long. */
async function within(timeoutMs, promise) {
  const timer = new AbortController()
  const late = delay(timeoutMs, null, { signal: timer.signal }).catch(() => null)
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}
