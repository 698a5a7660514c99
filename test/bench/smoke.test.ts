// Owns that `npm run bench` works: each case once, quickly. Says nothing about figures.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../run-node.js'
import { hasBroker } from '../support/broker-process.js'

/** On CI all brokers must be there; elsewhere what is missing is left out. */
const BROKERS = (['redis', 'nats'] as const).filter((name) => process.env.CI !== undefined || hasBroker(name))
const RELAY = [...BROKERS, 'memory']

/** Which variants each case has; all cases there are. */
const CASES = {
  'text-64': ['payload'],
  'text-64-pipelined': ['payload', 'received'],
  'binary-64-pipelined': ['payload'],
  'text-1k': ['payload'],
  'binary-16k': ['payload', 'received'],
  'binary-1m': ['payload', 'received'],
  'utf8-64k': ['payload', 'received'],
  onsent: ['payload', 'reported'],
  idle: ['payload'],
  'idle-topics': ['subscribed'],
  'idle-tls': ['tls'],
  reopen: ['payload'],
  handshakes: ['payload'],
  'handshakes-attached': ['attached'],
  mute: ['payload'],
  fairness: ['payload'],
  'client-64': ['payload'],
  'client-64-pipelined': ['payload'],
  'client-1m': ['payload'],
  'client-handshakes': ['payload'],
  'deflate-1k': ['deflate', 'deflate-1', 'deflate-6'],
  'deflate-64k': ['deflate', 'deflate-1', 'deflate-6'],
  'deflate-idle': ['deflate'],
  'deflate-idle-takeover': ['deflate-takeover'],
  'deflate-stall': ['counted'],
  'fanout-1': ['all'],
  'fanout-16': ['all'],
  'fanout-deflate': ['all-deflate'],
  'fanout-topics': ['topics'],
  'relay-1-64': RELAY,
  'relay-100-1': RELAY,
  'relay-1000-1': RELAY,
  'relay-1000-16': RELAY
}

/** How many bars the chart has for one contender. */
const ECHO_COUNT = 16
const ECHO = ['messagesPerSecond', 'cpuSecondsPerMillion', 'p50Us', 'p99Us']
const FIGURES = {
  echo: ECHO,
  deflate: [...ECHO, 'replyBytes'],
  idle: ['connections', 'startBytes', 'idleBytes', 'usedBytes', 'openUs'],
  reopen: ['connections', 'startBytes', 'firstWaveBytes', 'lastWaveBytes'],
  handshakes: ['connectionsPerSecond', 'cpuUs', 'p50Us', 'p99Us'],
  mute: [
    ...['offeredBytes', 'acceptedBytes', 'probes', 'p50Us', 'p99Us', 'maxUs'],
    ...['startBytes', 'growthBytes']
  ],
  fairness: [
    ...['idleP50Us', 'idleP99Us', 'floodedP50Us', 'floodedP99Us', 'floodedMaxUs', 'floodPerSecond'],
    ...['timerP99Ms', 'timerMaxMs']
  ],
  fanout: ['deliveriesPerSecond', 'cpuSecondsPerMillion', 'p50Us', 'p99Us', 'replyBytes'],
  relay: [
    ...['publicationsPerSecond', 'deliveriesPerSecond', 'cpuUs', 'publisherUs', 'brokerUs'],
    ...['p50Us', 'p99Us']
  ],
  stall: ['idleP50Us', 'idleP99Us', 'busyP50Us', 'busyP99Us', 'busyMaxUs', 'messageMs']
}

/** What --json writes, as far as it is looked at here. */
interface Report {
  readonly contenders: readonly {
    readonly name: string
    readonly label: string
    readonly description: string
  }[]
  readonly leftOut: readonly unknown[]
  readonly cases: readonly {
    readonly name: string
    readonly measure: keyof typeof FIGURES
    readonly entries: readonly {
      readonly contender: string
      readonly variant: string
      readonly medians: Readonly<Record<string, number>>
      readonly rounds: readonly unknown[]
      readonly failures: readonly string[]
    }[]
  }[]
}

const hasCompiler = ['g++', 'make'].every((tool) => spawnSync(tool, ['--version']).status === 0)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotsocket-bench-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const bench = (...parameters: string[]) => run('bench/run.mjs', ...parameters)

async function run(...parameters: string[]) {
  const child = spawn(process.execPath, parameters, { cwd: root })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await once(child, 'close')
  return { status: child.exitCode, stdout, stderr }
}

describe.skipIf(process.platform !== 'linux' || !hasCompiler)(
  'npm run bench (needs Linux, g++, make)',
  () => {
    it.each(['js', 'ws'])(
      'runs all cases on %s, prints a table of each, writes JSON and SVG',
      {
        timeout: 240_000
      },
      async (contender) => {
        const [json, svg] = [join(folder, `${contender}.json`), join(folder, `${contender}.svg`)]
        const { status, stdout, stderr } = await bench(
          '--quick',
          '--json',
          json,
          '--svg',
          svg,
          '--only',
          contender
        )
        expect(status, stderr + stdout).toBe(0)

        const { contenders, leftOut, cases } = JSON.parse(readFileSync(json, 'utf8')) as Report
        expect({ names: contenders.map(({ name }) => name), leftOut: leftOut.length }).toEqual({
          names: [contender],
          leftOut: 2 - BROKERS.length
        })
        const entries = cases.flatMap((one) => one.entries.map((entry) => ({ ...entry, ...one })))
        const expected = Object.entries<readonly string[]>(CASES).flatMap(([name, variants]) =>
          variants.map((variant) => [name, variant, 1, []])
        )
        expect(
          entries.map(({ name, variant, rounds, failures }) => [name, variant, rounds.length, failures])
        ).toEqual(expected)
        for (const { measure, medians } of entries) {
          expect(Object.keys(medians).sort()).toEqual([...FIGURES[measure]].sort())
          expect(Object.values(medians).every(Number.isFinite)).toBe(true)
        }
        const label = contenders[0]?.label ?? ''
        expect(stdout.split('\n').filter((line) => line.startsWith(label))).toHaveLength(entries.length)
        expect(readFileSync(svg, 'utf8').split(`<rect class="bar ${contender}"`)).toHaveLength(ECHO_COUNT + 1)
      }
    )

    it.skipIf(process.getuid?.() !== 0)('tells what the kernel keeps (needs root)', async () => {
      const { status, stdout, stderr } = await run(
        'bench/kernel-memory.mjs',
        '--quick',
        '--connections',
        '300'
      )
      expect(status, stderr).toBe(0)
      const [, bytes] = /^ {2}TCP +(\d+) B$/m.exec(stdout) ?? []
      // Two sockets, of which none is below a KiB.
      expect(Number(bytes)).toBeGreaterThan(2048)
      expect(stdout).toMatch(/^64 clients that send and never read: at most \d+ KiB of queues each/m)
    })

    it('has a test of each case above', async () => {
      const { stdout } = await bench('--help')
      const [, names] = /^Cases: +(.*)$/m.exec(stdout) ?? []
      expect(names?.split(', ')).toEqual(Object.keys(CASES))
    })

    it.each([
      [['--only', 'nothing'], 'there is no case or contender nothing'],
      [['--rounds', '0'], '--rounds takes a positive number, not 0']
    ])('refuses %j', async (parameters, reason) => {
      const { status, stdout, stderr } = await bench(...parameters)
      expect([status, stdout, stderr.split('\n')[0]]).toEqual([2, '', `bench: ${reason}`])
    })
  }
)
