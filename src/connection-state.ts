// Owns what a connection remembers of itself, in few bytes: most connections idle, and there are many of them.
import { randomUUID } from 'node:crypto'
import type { CloseDetails } from './core/closing.js'
import type { Intake } from './intake.js'
import type { PieceKeeper } from './pieces.js'
import { PingWaiters } from './ping-waiters.js'
import type { Overflow } from './topics/overflow.js'

/** What is so at the moment; bits of one field. */
export const Flag = {
  /** Why reading is stopped. */
  PAUSED_BY_USER: 1,
  PAUSED_BY_PRESSURE: 2,
  /** A ping has asked for a sign of life, and only what the peer sends is one. */
  ASKED: 4,
  /** That ping waits behind a write under way: that the kernel gets rid of it is a sign, too. */
  ASKED_BEHIND: 8,
  /** The peer has ended its side. */
  ENDED: 16,
  /** Why reading is stopped, too: an extension works on a long message. */
  BUSY: 32,
  /** The promise of a sequential handler is pending. */
  PAUSED_BY_HANDLER: 64,
  /** Messages wait for an application that takes them itself. */
  PAUSED_BY_INTAKE: 128,
  /** Pieces of messages wait for those who read them. */
  PAUSED_BY_READER: 256,
  /** What it published waits for slow subscribers. */
  PAUSED_BY_SUBSCRIBERS: 1024,
  /** A sequential handler is at work; reading goes on only if it waits for that. */
  HANDLING: 512
} as const

/** Reading is stopped by what the application does, or does not do. */
export const APPLICATION_PAUSED =
  Flag.PAUSED_BY_USER |
  Flag.PAUSED_BY_HANDLER |
  Flag.PAUSED_BY_INTAKE |
  Flag.PAUSED_BY_READER |
  Flag.PAUSED_BY_SUBSCRIBERS
/** Reading is stopped. */
export const PAUSED = APPLICATION_PAUSED | Flag.PAUSED_BY_PRESSURE | Flag.BUSY
/** A sign of life is asked for. */
export const WAITS_FOR_LIFE = Flag.ASKED | Flag.ASKED_BEHIND

/** What most connections have no use for until they end; made when it is first needed. */
export class Extras {
  #id: string | null = null
  /** How the connection ended; null until it has. */
  details: CloseDetails | null = null
  /** Messages that the application takes itself; null: it does not. */
  intake: Intake | null = null
  /** Messages that come in pieces; null: they come whole. */
  pieces: PieceKeeper | null = null
  /** What becomes of publications when this client does not keep up; null: what the publisher or the server says. */
  overflow: Overflow | null = null
  /** What is to be done when no sequential handler is at work any more. */
  #onidle: (() => void) | null = null
  #waiters: Waiters | null = null
  #pings: PingWaiters | null = null

  /** A UUID (version 4), made when it is first read. */
  get id(): string {
    this.#id ??= randomUUID()
    return this.#id
  }

  /** Whether that is its id, which then was read. */
  isCalled(id: string): boolean {
    return this.#id === id
  }

  /** Has something done as soon as no sequential handler is at work. */
  whenIdle(task: () => void): void {
    this.#onidle = task
  }

  /** None is, or it waits for a message. */
  becomeIdle(): void {
    const task = this.#onidle
    this.#onidle = null
    task?.()
  }

  /** Who waits for something. */
  get waiters(): Waiters {
    this.#waiters ??= { room: [], drained: [], closed: [] }
    return this.#waiters
  }

  /** Who waits for pongs. */
  get pings(): PingWaiters {
    this.#pings ??= new PingWaiters()
    return this.#pings
  }

  /** A ping was sent for whose pong nobody waits. */
  notePing(payload: Uint8Array): void {
    this.#pings?.note(payload)
  }

  /** A pong came. */
  answerPings(payload: Uint8Array): void {
    this.#pings?.answer(payload)
  }

  /** The connection is over: nothing more arrives. */
  end(details: CloseDetails): void {
    this.details = details
    this.pieces?.end(details)
    this.intake?.end(details.cause)
  }

  /** Calls those who wait for room in the send queue; and, if `isDrained`, those who wait for all that was to be sent. */
  wakeSenders(isDrained: boolean): void {
    if (this.#waiters === null) return
    const { room, drained } = this.#waiters
    for (const resolve of room.splice(0)) resolve()
    if (isDrained) for (const resolve of drained.splice(0)) resolve()
  }

  /** Calls all who wait for anything. */
  wakeClosed(details: CloseDetails): void {
    this.wakeSenders(true)
    this.#pings?.end(details)
    if (this.#waiters !== null) for (const resolve of this.#waiters.closed.splice(0)) resolve(details)
  }
}

interface Waiters {
  readonly room: (() => void)[]
  readonly drained: (() => void)[]
  readonly closed: ((details: CloseDetails) => void)[]
}
