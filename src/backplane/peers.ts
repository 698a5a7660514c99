// Owns what a server knows of the others: who is there, how many clients each has, and what it sent last. Must not know how it
// is told.

interface Peer {
  lastSequence: number
  clientCount: number
  heardMs: number
}

/** More servers than that are not remembered at a time: whoever invents names must not fill the memory. */
const MAX_PEERS = 10_000

/** The other servers. Times are of a clock that never goes back. */
export class Peers {
  readonly #peers = new Map<string, Peer>()
  readonly #silenceMs: number

  /** `silenceMs`: one that was not heard for so long is gone. */
  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs
  }

  get size(): number {
    return this.#peers.size
  }

  /** Of all of them. */
  get clientCount(): number {
    let sum = 0
    for (const { clientCount } of this.#peers.values()) sum += clientCount
    return sum
  }

  /** Something came from a server. Returns whether it is newer than all that came from it before. */
  hear(origin: string, sequence: number, nowMs: number): boolean {
    const peer = this.#peers.get(origin)
    if (peer === undefined) {
      if (this.#peers.size >= MAX_PEERS) this.#forgetOldest()
      this.#peers.set(origin, { lastSequence: sequence, clientCount: 0, heardMs: nowMs })
      return true
    }
    if (sequence <= peer.lastSequence) return false
    peer.lastSequence = sequence
    peer.heardMs = nowMs
    return true
  }

  /** A server that was heard tells how many clients it has. */
  setClientCount(origin: string, clientCount: number): void {
    const peer = this.#peers.get(origin)
    if (peer !== undefined) peer.clientCount = clientCount
  }

  /** A server has left. */
  delete(origin: string): void {
    this.#peers.delete(origin)
  }

  /** Forgets those that were silent for too long. */
  expire(nowMs: number): void {
    for (const [origin, { heardMs }] of this.#peers)
      if (nowMs - heardMs > this.#silenceMs) this.#peers.delete(origin)
  }

  #forgetOldest(): void {
    let oldest = ''
    let oldestMs = Number.POSITIVE_INFINITY
    for (const [origin, { heardMs }] of this.#peers) {
      if (heardMs >= oldestMs) continue
      oldest = origin
      oldestMs = heardMs
    }
    this.#peers.delete(oldest)
  }
}
