// Owns the time limits of open connections: one `Timeouts` for each duration that is in use, whoever shares it.
// Must not know connections: they come as an interface.
import { Timeouts } from './clock.js'

/** What time limits tell a connection. */
export interface TimedConnection {
  /** The closing handshake took too long. */
  expireClose(): void
  /** A ping is due. */
  expirePing(): void
  /** No pong came. */
  expirePong(): void
}

/** The time limits of connections; those of one duration share a timer. */
export class ConnectionTimers {
  readonly #closing = new Map<number, Timeouts<TimedConnection>>()
  readonly #ping = new Map<number, Timeouts<TimedConnection>>()
  readonly #pong = new Map<number, Timeouts<TimedConnection>>()

  /** Waits for the peer's close frame and for the end of the transport; 0 ms: for ever, as for the others. */
  closing(durationMs: number): Timeouts<TimedConnection> {
    return limitsOf(this.#closing, durationMs, (connection) => connection.expireClose())
  }

  /** Waits until the next ping of our own is due. */
  ping(durationMs: number): Timeouts<TimedConnection> {
    return limitsOf(this.#ping, durationMs, (connection) => connection.expirePing())
  }

  /** Waits for a sign of life after a ping. */
  pong(durationMs: number): Timeouts<TimedConnection> {
    return limitsOf(this.#pong, durationMs, (connection) => connection.expirePong())
  }
}

function limitsOf(
  all: Map<number, Timeouts<TimedConnection>>,
  durationMs: number,
  onexpire: (connection: TimedConnection) => void
): Timeouts<TimedConnection> {
  const limits = all.get(durationMs) ?? new Timeouts(durationMs, onexpire)
  all.set(durationMs, limits)
  return limits
}
