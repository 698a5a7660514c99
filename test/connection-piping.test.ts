// A long message there and back, piped as it comes, between two processes: memory does not grow with it. They run the compiled
// package. HOTSOCKET_PIPED_MIB=1024 makes it longer.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const SCRIPT = fileURLToPath(new URL('support/piped-megabytes.mjs', import.meta.url))
const MEBIBYTES = process.env.HOTSOCKET_PIPED_MIB ?? '192'
const run = promisify(execFile)

it.each(['write', 'frame'])(
  `${MEBIBYTES} MiB flow through a server that pipes them back, sent by %s, with little memory`,
  async (way) => {
    const { stdout } = await run(process.execPath, ['--expose-gc', SCRIPT, MEBIBYTES, way])
    const { faults, ofServer, ofClient } = JSON.parse(stdout)
    expect(faults).toBe(0)
    for (const { live, resident } of [ofServer, ofClient]) {
      expect(live).toBeLessThan(16)
      // V8 collects array buffers when there are some 32 MiB of them.
      expect(resident).toBeLessThan(64)
    }
  },
  60_000
)
