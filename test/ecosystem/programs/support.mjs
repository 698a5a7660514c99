// Owns what the programs share: a free port, what arrives in order, whose class a package gets for `ws`, and the report.
import { once } from 'node:events'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** Listens at a free port of 127.0.0.1; resolves with the port. */
export async function listen(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

/** Says which class each package gets that asks for `ws`: 'hotsocket', or 'ws' for its own. */
export function whose(...packages) {
  const { WebSocket, WebSocketServer } = process.env.ECOSYSTEM_WS === 'ws' ? {} : require('hotsocket/ws')
  const owners = packages.map((name) => {
    const asked = createRequire(new URL(`../node_modules/${name}/package.json`, import.meta.url))('ws')
    return asked === WebSocket && asked.Server === WebSocketServer ? 'hotsocket' : 'ws'
  })
  return [...new Set(owners)].join()
}

/** A list that can be waited for: what is pushed comes out of next() in order. */
export function inbox() {
  const values = []
  const waiting = []
  return {
    push(value) {
      const resolve = waiting.shift()
      if (resolve) resolve(value)
      else values.push(value)
    },
    next: () =>
      values.length > 0 ? Promise.resolve(values.shift()) : new Promise((resolve) => waiting.push(resolve))
  }
}

/** Prints what happened. The program is to end by itself after it. */
export function report(result) {
  console.log(JSON.stringify(result))
}

/** Bytes that show when one of them is missing or out of place. */
export function pattern(byteLength) {
  return Buffer.from(Uint8Array.from({ length: byteLength }, (_, i) => (i * 7 + (i >> 8)) % 256))
}
