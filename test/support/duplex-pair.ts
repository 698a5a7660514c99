// Owns two streams in memory, each of which reads what the other one writes.
import { Duplex } from 'node:stream'

class End extends Duplex {
  other: End | null = null
  #resume: (() => void) | null = null

  override _read(): void {
    const resume = this.#resume
    this.#resume = null
    resume?.()
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    // The reader unmasks in place, so that it must get memory of its own.
    if (this.other!.push(Buffer.from(chunk))) queueMicrotask(callback)
    else this.other!.#resume = callback
  }

  override _final(callback: () => void): void {
    this.other!.push(null)
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.other!.destroyed && !this.other!.readableEnded) this.other!.push(null)
    callback(error)
  }
}

/** Makes a pair. */
export function duplexPair(): [Duplex, Duplex] {
  const [left, right] = [new End(), new End()]
  left.other = right
  right.other = left
  return [left, right]
}
