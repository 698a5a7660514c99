// Owns the TLS sessions that a client resumes: the next handshake with the same server is shorter. Must not know requests.
import type { TLSSocket, ConnectionOptions as TlsOptions } from 'node:tls'
import type { Target } from './url.js'

/** Servers whose sessions are kept for the same TLS options; of more, the one that was used longest ago is forgotten. */
const MAX_SERVERS = 100
const NO_OPTIONS: TlsOptions = {}

/**
 * Sessions by server. A resumed one skips the check of the certificate's name, so that it is used only with the very options
 * with which it began.
 */
export class TlsSessions {
  readonly #all = new WeakMap<TlsOptions, Map<string, Buffer>>()

  /** The session to resume with a server; undefined: none. */
  find(target: Target, options: TlsOptions = NO_OPTIONS): Buffer | undefined {
    return this.#all.get(options)?.get(target.origin)
  }

  /** Keeps the sessions that a server gives, of a socket that was verified. */
  keep(socket: TLSSocket, target: Target, options: TlsOptions = NO_OPTIONS): void {
    socket.on('session', (session: Buffer) => {
      if (!socket.authorized) return
      const sessions = this.#all.get(options) ?? new Map<string, Buffer>()
      this.#all.set(options, sessions)
      sessions.delete(target.origin)
      sessions.set(target.origin, session)
      const [oldest] = sessions.keys()
      if (sessions.size > MAX_SERVERS && oldest !== undefined) sessions.delete(oldest)
    })
  }

  /** Forgets a server's session: the handshake with it failed. */
  drop(target: Target, options: TlsOptions = NO_OPTIONS): void {
    this.#all.get(options)?.delete(target.origin)
  }
}
