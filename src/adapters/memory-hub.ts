// Owns the hub through which servers of one machine publish to each other: who wants what, and what is on its way to whom. Must not
// know what is published.
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { TopicTree, WebSocketError } from '../index.js'
import { type HubMessage, type HubProcess, type Wire, wirePort } from './memory-wire.js'

/** Options of `MemoryHub`. */
export interface HubOptions {
  /** What is on its way to one member that does not take it, in bytes; publications beyond that are dropped for it. Default 16 MiB. */
  maxPendingBytes?: number
}

interface Member {
  readonly wire: Wire
  readonly filters: Set<string>
  /** Collected in this turn of the event loop. */
  items: Uint8Array[]
  pendingBytes: number
}

/** What a publication costs besides its bytes. */
const ITEM_BYTES = 64

/** Joins servers in threads of this process, and in child processes: see `memoryBackplane`. */
export class MemoryHub {
  readonly #maxPendingBytes: number
  readonly #tree = new TopicTree<Member>()
  readonly #members = new Set<Member>()
  #droppedCount = 0

  /** Throws WebSocketError 'invalid-option'. */
  constructor({ maxPendingBytes = 16 * 1024 * 1024 }: HubOptions = {}) {
    if (!Number.isSafeInteger(maxPendingBytes) || maxPendingBytes < 1) {
      const detail = `maxPendingBytes must be a positive integer, not ${String(maxPendingBytes)}`
      throw new WebSocketError('invalid-option', { detail })
    }
    this.#maxPendingBytes = maxPendingBytes
  }

  /** Members that are there. */
  get memberCount(): number {
    return this.#members.size
  }

  /** Publications that were dropped for members that do not take them, each counted for each member. */
  get droppedCount(): number {
    return this.#droppedCount
  }

  /** Makes a port for `memoryBackplane`, to be used here or sent to another thread, by `transferList`. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel()
    this.#add(wirePort(port1))
    return port2
  }

  /** Lets a child process with a channel in, e.g. a worker of `node:cluster`, in which `memoryBackplane(process)` is used. */
  join(worker: HubProcess): void {
    this.#add(wirePort(worker))
  }

  /** Lets all members go; to them the broker is lost. */
  close(): void {
    for (const member of this.#members) {
      this.#remove(member)
      member.wire.close()
    }
  }

  #add(wire: Wire): void {
    const member: Member = { wire, filters: new Set(), items: [], pendingBytes: 0 }
    this.#members.add(member)
    wire.start(
      (message) => this.#handle(member, message),
      () => this.#remove(member)
    )
  }

  #remove(member: Member): void {
    this.#members.delete(member)
    for (const filter of member.filters) this.#tree.delete(filter, member)
    member.filters.clear()
  }

  #handle(member: Member, message: HubMessage): void {
    switch (message.type) {
      case 'publish':
        for (const { channel, bytes } of message.items) this.#publish(channel, bytes)
        break
      case 'subscribe':
        for (const filter of message.filters) this.#tree.add(filter, member)
        for (const filter of message.filters) member.filters.add(filter)
        break
      case 'unsubscribe':
        for (const filter of message.filters) this.#tree.delete(filter, member)
        for (const filter of message.filters) member.filters.delete(filter)
        break
      case 'taken':
        member.pendingBytes -= message.byteLength
        break
      case 'flush':
        this.#deliver(member)
        member.wire.send({ type: 'flushed', number: message.number })
        break
    }
  }

  #publish(channel: string, bytes: Uint8Array): void {
    for (const member of this.#tree.match(channel)) {
      const byteLength = bytes.length + ITEM_BYTES
      if (member.pendingBytes > 0 && member.pendingBytes + byteLength > this.#maxPendingBytes) {
        this.#droppedCount++
        continue
      }
      member.pendingBytes += byteLength
      if (member.items.push(bytes) === 1) setImmediate(() => this.#deliver(member))
    }
  }

  #deliver(member: Member): void {
    const { items } = member
    if (items.length === 0) return
    member.items = []
    if (this.#members.has(member)) member.wire.send({ type: 'deliver', items })
  }
}

/** What a member has taken, with the cost of each item. */
export function takenBytes(items: readonly Uint8Array[]): number {
  return items.reduce((sum, { length }) => sum + length + ITEM_BYTES, 0)
}
