import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { loadNativeKernels } from '../src/kernels/native.js'
import { root } from './run-node.js'
import { install, RUNTIMES, type Runtime, whyNoRuntimes } from './runtimes/install.js'
import { certificate } from './support/certificate.js'

/** Fetching a runtime takes seconds, once. */
const TIMEOUT_MS = 150_000

/** What runtimes/echo.mjs prints, whole. */
const ECHOED = {
  status: 'HTTP/1.1 101 Switching Protocols',
  isText: true,
  isSplitText: true,
  isBinary: true,
  burst: 1000,
  close: [0x88, 0x03, 0xe8],
  violation: [0x88, 1002],
  late: { hadToWait: true, byteLength: 16 * 1024 * 1024 },
  isAtRest: true,
  farewell: 1001,
  isInflated: true,
  sentCount: 2 + 1 + 1000 + 256,
  closes: [1000, 1006, 1006, 1001],
  errors: ['unmasked-frame']
}

const EXCHANGED = {
  isRight: true,
  protocol: 'echo',
  answered: 'ping',
  sentCount: 5,
  code: 4000,
  wasClean: true,
  initiator: 'local'
}
/** What runtimes/client.mjs prints, whole. */
const CONNECTED = {
  plain: EXCHANGED,
  deflated: EXCHANGED,
  secure: EXCHANGED,
  unix: EXCHANGED,
  redirected: EXCHANGED,
  known: EXCHANGED,
  bye: { code: 4001, reason: 'bye', wasClean: true, initiator: 'remote' },
  denied: { code: 'unexpected-status', status: 401, why: 'token', body: 'no' },
  unverified: 'connect-failed',
  silent: 'handshake-timeout',
  gone: 'connect-failed'
}

const addon = loadNativeKernels()

/** A folder with a key and a certificate for localhost. */
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hotsocket-'))
  const { key, cert } = await certificate()
  await Promise.all([writeFile(join(folder, 'key.pem'), key), writeFile(join(folder, 'cert.pem'), cert)])
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs runtimes/echo.mjs on a runtime. */
function echo(context: TestContext, runtime: Runtime, env: Record<string, string> = {}) {
  return run(context, runtime, ['test/runtimes/echo.mjs'], env)
}

/** Runs a module on a runtime and waits for its end. HOTSOCKET_* of this process are not handed on. */
async function run(
  context: TestContext,
  runtime: Runtime,
  parameters: readonly string[],
  env: Record<string, string> = {}
) {
  const binary = await installOrSkip(context, runtime)
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HOTSOCKET_|NODE_OPTIONS)/.test(name))
  const child = spawn(binary, [...runtime.parameters, ...parameters], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env },
    timeout: 60_000
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => {
    output.stdout += text.toString()
  })
  child.stderr.on('data', (text: Buffer) => {
    output.stderr += text.toString()
  })
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { status, signal, ...output }
}

async function installOrSkip(context: TestContext, runtime: Runtime): Promise<string> {
  const reason = whyNoRuntimes()
  if (reason !== null) return context.skip(reason)
  return install(runtime).catch((error: Error) => {
    if (process.env.CI) throw error
    return context.skip(error.message)
  })
}

for (const runtime of RUNTIMES) {
  describe.concurrent(`${runtime.name} ${runtime.version}`, { timeout: TIMEOUT_MS }, () => {
    it('serves with the same addon, and ends by itself', async (context) => {
      const { status, signal, stdout, stderr } = await echo(context, runtime)
      expect({ status, signal }, stderr).toEqual({ status: 0, signal: null })
      expect(JSON.parse(stdout)).toEqual({ tier: addon.status === 'loaded' ? 'engine' : 'js', ...ECHOED })
    })

    it.for(['native', 'js'])('serves over streams, tier %s, and ends by itself', async (tier, context) => {
      if (tier === 'native' && addon.status !== 'loaded') context.skip(addon.reason)
      const { status, signal, stdout, stderr } = await echo(context, runtime, { HOTSOCKET_TIER: tier })
      expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
      expect(JSON.parse(stdout)).toEqual({ tier, ...ECHOED })
    })

    it.for(['engine', 'native', 'js'])('connects, tier %s, and ends by itself', async (tier, context) => {
      if (tier !== 'js' && addon.status !== 'loaded') context.skip(addon.reason)
      const parameters = ['test/runtimes/client.mjs', join(folder, 'key.pem'), join(folder, 'cert.pem')]
      const { status, signal, stdout, stderr } = await run(context, runtime, parameters, {
        HOTSOCKET_TIER: tier
      })
      expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
      expect(JSON.parse(stdout)).toEqual({ tier, ...CONNECTED })
    })

    it('begins and ends servers and threads under load', async (context) => {
      const { signal, stdout } = await run(context, runtime, ['test/support/life-loop.mjs', '10'])
      expect(signal).toBe(null)
      // A thread of Deno leaves descriptors of its own behind once it has loaded any addon.
      const filesLeft = runtime.name === 'deno' ? expect.any(Number) : 0
      expect(JSON.parse(stdout)).toEqual({ ended: 10, filesLeft })
    })
  })
}
