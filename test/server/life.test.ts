// Begins and ends of servers and threads under load, in processes of their own: nothing crashes, nothing stays open.
// They run the compiled package. For longer: node test/support/life-loop.mjs 200, and under ASan: native/test/addon-under-asan.
import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { encodeFrame, RawClient } from '../support/raw-client.js'

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

it('what a nextTick or a microtask of a handler throws reaches uncaughtException, and no message is lost by it', async () => {
  const script = fileURLToPath(new URL('../support/throwing-server.mjs', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const port = Number((await lines.next()).value)
    const peer = await RawClient.open(port)
    const count = 20_000
    peer.write(Buffer.concat(Array.from({ length: count }, (_, i) => encodeFrame(1, Buffer.from(`${i}`)))))
    for (let i = 0; i < count; i++) expect(await peer.readText()).toBe(`${i}`)
    expect([(await lines.next()).value, (await lines.next()).value].toSorted()).toEqual([
      'microtask',
      'nextTick'
    ])
    peer.destroy()
  } finally {
    child.kill('SIGKILL')
  }
})
