// Owns the pool of messages that come as Node.js' Buffers. Must not know connections.
import { markAsUntransferable } from 'node:worker_threads'
import { BytePool, type ByteView } from '../core/byte-pool.js'

/** Elsewhere there is a function of that name, which throws. */
const IS_NODE = process.versions.bun === undefined && process.versions.deno === undefined

/**
 * Makes a pool whose bytes are Buffers. Like those of Node.js' own pool they share their `buffer`, which cannot be transferred to
 * another thread: messages of others stand there, too.
 */
export function createBufferPool(): BytePool {
  // The class of Buffers itself: its constructor makes a view, as Uint8Array's does.
  const { [Symbol.species]: View } = Buffer as unknown as { [Symbol.species]: ByteView }
  return new BytePool(View, (byteLength) => {
    const { buffer } = Buffer.allocUnsafeSlow(byteLength)
    if (IS_NODE) markAsUntransferable(buffer)
    return new Uint8Array(buffer)
  })
}
