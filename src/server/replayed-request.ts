// Owns the bytes of a request that an HTTP server has read already and is to read again. Must not know what becomes of it.
import type { IncomingMessage } from 'node:http'

/**
 * Encodes a request that an HTTP server has read, and what came behind its head, for that server to read again: without
 * Upgrade, which a server may ignore. Source: RFC 9110 §7.8.
 */
export function encodeWithoutUpgrade(message: IncomingMessage, rest: Uint8Array): Uint8Array {
  const { method, url, httpVersion, rawHeaders } = message
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() !== 'upgrade') head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  }
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), rest])
}
