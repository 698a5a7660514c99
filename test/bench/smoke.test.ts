// Owns that `npm run bench` works: each kind of case once, quickly. Says nothing about figures.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../run-node.js'

const CASES = ['text-64-pipelined', 'onsent', 'idle', 'handshakes', 'mute', 'fairness']
const FIGURES = {
  echo: ['messagesPerSecond', 'cpuSecondsPerMillion', 'p50Us', 'p99Us'],
  idle: ['connections', 'startBytes', 'idleBytes', 'usedBytes'],
  handshakes: ['connectionsPerSecond', 'cpuUs', 'p50Us', 'p99Us'],
  mute: [
    ...['offeredBytes', 'acceptedBytes', 'probes', 'p50Us', 'p99Us', 'maxUs'],
    ...['startBytes', 'growthBytes']
  ],
  fairness: [
    ...['idleP50Us', 'idleP99Us', 'floodedP50Us', 'floodedP99Us', 'floodedMaxUs', 'floodPerSecond'],
    ...['timerP99Ms', 'timerMaxMs']
  ]
}

/** What --json writes, as far as it is looked at here. */
interface Report {
  readonly contenders: readonly { readonly name: string; readonly description: string }[]
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

async function bench(...parameters: string[]) {
  const child = spawn(process.execPath, ['bench/run.mjs', ...parameters], { cwd: root })
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
    it('measures each kind of case, prints a table of each, writes JSON and SVG', {
      timeout: 120_000
    }, async () => {
      const [json, svg] = [join(folder, 'report.json'), join(folder, 'chart.svg')]
      const only = [...CASES, 'js'].flatMap((name) => ['--only', name])
      const { status, stdout, stderr } = await bench('--quick', '--json', json, '--svg', svg, ...only)
      expect(status, stderr + stdout).toBe(0)

      const { contenders, leftOut, cases } = JSON.parse(readFileSync(json, 'utf8')) as Report
      expect({ names: contenders.map(({ name }) => name), leftOut }).toEqual({ names: ['js'], leftOut: [] })
      const entries = cases.flatMap((one) => one.entries.map((entry) => ({ ...entry, ...one })))
      expect(
        entries.map(({ name, variant, rounds, failures }) => [name, variant, rounds.length, failures])
      ).toEqual([
        ['text-64-pipelined', 'payload', 1, []],
        ['text-64-pipelined', 'received', 1, []],
        ['onsent', 'payload', 1, []],
        ['onsent', 'reported', 1, []],
        ['idle', 'payload', 1, []],
        ['handshakes', 'payload', 1, []],
        ['mute', 'payload', 1, []],
        ['fairness', 'payload', 1, []]
      ])
      for (const { measure, medians } of entries) {
        expect(Object.keys(medians).sort()).toEqual([...FIGURES[measure]].sort())
        expect(Object.values(medians).every(Number.isFinite)).toBe(true)
      }
      expect(stdout.match(/^hotsocket js.*$/gm)).toHaveLength(entries.length)
      expect(readFileSync(svg, 'utf8').match(/<rect class="bar js"/g)).toHaveLength(4)
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
