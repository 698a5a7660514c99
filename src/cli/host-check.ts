// Owns the defence of a server for this machine only against DNS rebinding: a page whose own name was made to point to
// this machine passes every check of origins, since its origin and its Host agree; its Host is not ours. Must not know requests.
import { isIP } from 'node:net'

/** Whether what listens at `host` can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * Makes the check of the Host header for a server that listens at `listenHost`. Where that is for this machine only, it passes
 * names of this machine and `listenHost` itself, with any port; elsewhere it passes all, for nobody knows all names of a machine.
 */
export function createHostCheck(listenHost: string): (host: string | undefined) => boolean {
  if (!isLoopback(listenHost)) return () => true
  const own = isIP(listenHost) === 6 ? `[${listenHost}]` : listenHost.toLowerCase()
  const names = new Set(['localhost', '127.0.0.1', '[::1]', own])
  return (host = '') => names.has(host.replace(/:\d*$/, '').toLowerCase())
}
