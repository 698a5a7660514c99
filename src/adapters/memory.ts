// Owns the entry point `hotsocket/memory`: a broker in this process, for servers in threads and in processes of one machine. Must not
// know what servers tell each other.

/**
 * `hotsocket/memory`: publications between servers of one machine, in threads or processes of `node:cluster`, without a broker.
 *
 * @module
 */

import { type BackplaneOptions, BrokerBackplane } from '../index.js'
import { MemoryBroker } from './memory-broker.js'
import { MemoryHub } from './memory-hub.js'
import { type HubPort, wirePort } from './memory-wire.js'

export { type HubOptions, MemoryHub } from './memory-hub.js'
export type { HubPort, HubProcess } from './memory-wire.js'

/**
 * Makes a backplane on a `MemoryHub`. `hub`: the hub itself, in its own thread; in another one a port of it, `hub.connect()`, which
 * it was sent; in a process of `node:cluster` that the hub was told of by `hub.join`, `process`. Throws WebSocketError
 * 'invalid-option'.
 *
 * @example
 * const hub = new MemoryHub() // in the main thread
 * await serveWorkers(new URL('./server.mjs', import.meta.url), { hub })
 *
 * // server.mjs
 * export function server({ hub }) {
 *   return new AsyncServer({ port: 8000 }).use(memoryBackplane(hub))
 * }
 */
export function memoryBackplane(hub: MemoryHub | HubPort, options: BackplaneOptions = {}): BrokerBackplane {
  const port = hub instanceof MemoryHub ? hub.connect() : hub
  return new BrokerBackplane(new MemoryBroker(wirePort(port), options.prefix ?? 'hotsocket'), options)
}
