// Owns what is known of streams whose proxy speaks for another, while an HTTP server has them. Must not know how it was told.
import type { Duplex } from 'node:stream'
import type { Source } from './forwarded.js'

const sources = new WeakMap<Duplex, Source>()

/** Remembers who is behind a stream, and has the stream say so: HTTP frameworks ask it for the address of their client. */
export function rememberSource(stream: Duplex, source: Source): void {
  sources.set(stream, source)
  Object.defineProperties(stream, {
    remoteAddress: { value: source.address ?? undefined, configurable: true },
    remotePort: { value: source.port ?? undefined, configurable: true }
  })
}

/** Who is behind a stream that an HTTP server has had; null: its peer, of which the stream speaks again from here on. */
export function takeSource(stream: Duplex): Source | null {
  const source = sources.get(stream)
  if (source === undefined) return null
  sources.delete(stream)
  Reflect.deleteProperty(stream, 'remoteAddress')
  Reflect.deleteProperty(stream, 'remotePort')
  return source
}
