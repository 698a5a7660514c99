// Owns the way to a port that several threads and processes listen at, whichever way this runtime has. Must not know what
// is spoken there.
import { lookup } from 'node:dns/promises'
import { isIP, type ListenOptions } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { WebSocketError } from '../core/errors.js'
import { bindSharedPort } from '../kernels/index.js'

/** Where to listen together with others. */
export interface SharedPort {
  /** Default: all addresses of the machine. */
  readonly host?: string | undefined
  readonly port: number
  readonly backlog: number
}

/**
 * Makes the argument of `server.listen` for a shared port: an option of Node.js where it has one (22.12, 23.1), else a
 * descriptor that the addon has bound, which must be listened at or closed. Rejects with WebSocketError 'listen-failed' where
 * there is neither, and with the errors of Node.js for an address that cannot be had.
 */
export async function shareAddress(shared: SharedPort): Promise<ListenOptions & { fd?: number }> {
  const { host, port, backlog } = shared
  if (hasReusePort()) {
    // The types are of a Node.js without it.
    const options = { host, port, backlog, exclusive: true, reusePort: true }
    return options as ListenOptions
  }
  if (bindSharedPort === null) {
    const detail =
      'reusePort needs Node.js 22.12, 23.1 or newer, or on Linux the addon (HOTSOCKET_TIER must not be "js")'
    throw new WebSocketError('listen-failed', { detail })
  }
  // As Node.js does it: both versions of IP where there are both.
  const addresses = host === undefined ? ['::', '0.0.0.0'] : [await resolve(host)]
  let result = 0
  for (const address of addresses) {
    result = bindSharedPort(address, port)
    if (result >= 0) return { fd: result, backlog, exclusive: true }
  }
  const code = getSystemErrorName(result)
  throw Object.assign(new Error(code), { code })
}

/** Node.js does not tell otherwise: it ignores options that it does not know. */
function hasReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

async function resolve(host: string): Promise<string> {
  return isIP(host) === 0 ? (await lookup(host)).address : host
}
