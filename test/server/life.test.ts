// Begins and ends of servers and threads under load, in processes of their own: nothing crashes, nothing stays open.
// They run the compiled package. For longer: node test/support/life-loop.mjs 200, and under ASan: native/test/addon-under-asan.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../support/life-loop.mjs', import.meta.url))
const run = promisify(execFile)

async function loop(...args: readonly string[]): Promise<Record<string, number>> {
  const { stdout, stderr } = await run(process.execPath, ['--expose-gc', SCRIPT, ...args])
  expect(stderr.replaceAll(/^hotsocket: .*\n/gm, '')).toBe('')
  return JSON.parse(stdout)
}

it.runIf(process.platform === 'linux')(
  'threads that exit, throw, close and are terminated under load, and servers that close in any order, leave nothing',
  async () => {
    expect(await loop('40')).toEqual({ ended: 40, filesLeft: 0 })
  },
  60_000
)

it.runIf(process.platform === 'linux')(
  '4 000 connections that opened, sent and closed leave no descriptor and no memory',
  async () => {
    const { opened, filesLeft, heapGrowth } = await loop('--connections', '4000')
    expect([opened, filesLeft]).toEqual([4000, 0])
    // 100 bytes of each would be 300 KB; compiled code and its feedback grow meanwhile.
    expect(heapGrowth).toBeLessThan(1_500_000)
  },
  60_000
)
