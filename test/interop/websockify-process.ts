// Owns processes of Debian's websockify, of a client in Python, and of redis-server, for tests of bridges and proxies.
// Must not know hotsocket.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'vitest'
import { cleanUp } from '../support/harness.js'
import { within } from '../support/raw-client.js'
import { closedPort } from '../support/tcp.js'

const PYTHON = process.env.PYTHON_PATH ?? '/usr/bin/python3'
const WEBSOCKIFY = '/usr/bin/websockify'
const CLIENT = join(import.meta.dirname, 'websockify-client.py')

/** Listens at a free port, tells which, and becomes websockify, which would not tell. */
const LISTEN = `import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
os.dup2(listener.fileno(), 0)
os.execv(sys.argv[1], [*sys.argv[1:2], "--inetd", *sys.argv[2:]])`

const lacks = {
  websockify:
    !existsSync(WEBSOCKIFY) || spawnSync(PYTHON, ['-c', 'import websockify, websockets']).status !== 0,
  redis: spawnSync('redis-server', ['--version']).status !== 0
}

/** Skips a test where a package is missing, saying why; on CI it fails. */
export function need({ skip }: TestContext, name: keyof typeof lacks): void {
  if (!lacks[name]) return
  const packages = { websockify: 'websockify python3-websockets', redis: 'redis-server' }
  const reason = `${name} is not there: apt-get install ${packages[name]}`
  if (process.env.CI) throw new Error(reason)
  skip(reason)
}

function endWithTest(child: ChildProcess): void {
  cleanUp(async () => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'close') : null
    child.kill()
    await ended
  })
}

/** Starts websockify in front of a port of 127.0.0.1; resolves with its URL. */
export async function startWebsockify(targetPort: number): Promise<string> {
  const child = spawn(PYTHON, ['-c', LISTEN, WEBSOCKIFY, `127.0.0.1:${targetPort}`], {
    stdio: ['ignore', 'pipe', 'ignore']
  })
  endWithTest(child)
  const [port] = (await within(once(createInterface(child.stdout!), 'line'), 'websockify')) as [string]
  return `ws://127.0.0.1:${port}/`
}

/** Runs the client; resolves with what it says. */
export async function runClient(
  library: 'websockify' | 'websockets',
  url: string,
  protocols: readonly string[],
  data: Uint8Array
): Promise<unknown> {
  const child = spawn(PYTHON, ['-B', CLIENT, library, url, ...protocols])
  endWithTest(child)
  const written = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => {
    written.stdout += text
  })
  child.stderr.on('data', (text) => {
    written.stderr += text
  })
  child.stdin.end(data)
  await within(once(child, 'close'), 'the end of the client')
  if (written.stdout === '') throw new Error(written.stderr)
  return JSON.parse(written.stdout)
}

/** Starts redis-server; resolves with its port. */
export async function startRedis(): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const port = await closedPort()
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const child = spawn('redis-server', [...settings, '--dir', tmpdir()], {
      stdio: ['ignore', 'pipe', 'ignore']
    })
    endWithTest(child)
    for await (const line of createInterface(child.stdout!)) if (line.includes('Ready to accept')) return port
    // Somebody else may have taken the port meanwhile.
    if (attempt === 3) throw new Error('redis-server does not start')
  }
}
