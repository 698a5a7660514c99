// Owns the ways in which the tests cut bytes into chunks, and the replay of a head through a parser.

import { WebSocketError } from '../../src/core/errors.js'
import { type HeadLimits, HeadParser, type LineFormat } from '../../src/core/http-head.js'
import { encodeLatin1 } from '../../src/core/latin1.js'

/** Chunk sizes at which every vector is replayed. */
export const CHUNK_SIZES = [1, 2, 3, 7, 1024, Number.POSITIVE_INFINITY]

/** What became of a head, in a form that compares whole. */
export type HeadOutcome =
  | { head: object; headers: readonly string[]; rest: string }
  | { error: string }
  | null

/** Cuts bytes into chunks of a size, each in memory of its own that the caller may overwrite. */
export function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let from = 0; from < bytes.length; from += size) chunks.push(bytes.slice(from, from + size))
  return chunks
}

/**
 * Pushes chunks until the head is whole or an error comes; overwrites each chunk after its use, as a transport may.
 * The rest is what the last push returned together with the chunks that were never pushed.
 */
export function replay<Line extends object>(
  format: LineFormat<Line>,
  chunks: readonly Uint8Array[],
  limits?: HeadLimits
): HeadOutcome {
  const parser = new HeadParser(format, limits)
  for (const [index, chunk] of chunks.entries()) {
    try {
      const parsed = parser.push(chunk)
      if (parsed !== null) {
        const { headers, ...head } = parsed.head
        const rest = [parsed.rest, ...chunks.slice(index + 1)].map((bytes) =>
          Buffer.from(bytes).toString('latin1')
        )
        return { head, headers: headers.raw, rest: rest.join('') }
      }
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      return { error: error.code }
    }
    chunk.fill(0)
  }
  return null
}

/** Reads a whole head, given as lines without their ends. */
export function readHead<Line extends object>(
  format: LineFormat<Line>,
  lines: readonly string[]
): NonNullable<ReturnType<HeadParser<Line>['push']>>['head'] {
  const parsed = new HeadParser(format).push(encodeLatin1([...lines, '', ''].join('\r\n')))
  if (parsed === null) throw new Error('the head is not whole')
  return parsed.head
}

/** Returns the code of the WebSocketError that a call throws; anything else is thrown on, and so is nothing. */
export function errorCodeOf(call: () => unknown): string {
  return errorOf(call).code
}

/** Returns the WebSocketError that a call throws. */
export function errorOf(call: () => unknown): WebSocketError {
  try {
    call()
  } catch (error) {
    if (error instanceof WebSocketError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** Tells an error in one line: its code and its detail. */
export function describeError(error: WebSocketError): string {
  return `${error.code}: ${error.message.split(': ').slice(1).join(': ')}`
}

/** Runs a call and returns how long it took, in milliseconds. */
export function elapsedMs(call: () => unknown): number {
  const start = performance.now()
  call()
  return performance.now() - start
}
