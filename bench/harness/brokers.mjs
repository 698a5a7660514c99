// Owns the brokers that servers are compared with: where Debian has them, and how each is started. Must not know servers.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { Child, OTHER_CORE } from './process.mjs'

/** Others may take a port between its choice and the broker's start. */
const ATTEMPTS = 3
const START_MS = 15_000

/** `command`: for a port of 127.0.0.1; `ready`: begins the line that says that it can be used, on either stream. */
export const BROKERS = {
  redis: {
    program: 'redis-server',
    options: (port) => [
      '--port',
      port,
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      tmpdir()
    ],
    ready: 'Ready to accept'
  },
  nats: {
    program: 'nats-server',
    options: (port) => ['-a', '127.0.0.1', '-p', port],
    ready: 'Server is ready'
  }
}

/** Why the broker of that name cannot be used, or null. */
export function missing(name) {
  const { program } = BROKERS[name]
  const { status } = spawnSync('sh', ['-c', `${WITH_SBIN}; "$0" --version`, program])
  return status === 0 ? null : `${program} is not there: apt-get install ${program}`
}

/** Debian has servers where not everybody looks. */
const WITH_SBIN = 'PATH="$PATH:/usr/sbin"'

/** Starts a broker at a free port of 127.0.0.1, beside the load. */
export async function startBroker(name) {
  const { program, options, ready } = BROKERS[name]
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const words = ['sh', '-c', `${WITH_SBIN}; exec "$0" "$@" 2>&1`, program, ...options(String(port))]
    const child = new Child(OTHER_CORE, words)
    try {
      await child.textWith(ready, START_MS)
      return { port, pid: child.pid, end: () => child.end() }
    } catch (error) {
      await child.end()
      if (attempt === ATTEMPTS) throw error
    }
  }
}

async function freePort() {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  await once(server.close(), 'close')
  return port
}
