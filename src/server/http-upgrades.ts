// Owns the upgrade requests of one HTTP server of the application: who gets which, and that none is answered out of turn or
// left hanging. Must not know what becomes of them.
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { asksForWebSocket, pathOf } from '../core/handshake-server.js'
import { PendingResponses } from './pending-responses.js'

/** Somebody who takes handshakes. */
export interface Claim {
  /** Whether it takes handshakes at a path; null: of a malformed target. */
  wants(path: string | null): boolean
  /** Takes one over. `head`: bytes that came behind the request. */
  take(message: IncomingMessage, stream: Duplex, head: Buffer): void
  /** Answers an upgrade request that nobody wants. */
  refuse(message: IncomingMessage, stream: Duplex, head: Buffer): void
}

const all = new WeakMap<HttpServer, HttpUpgrades>()

/** The upgrade requests of one HTTP server, to which it listens while somebody claims any. */
export class HttpUpgrades {
  readonly #http: HttpServer
  readonly #pending: PendingResponses
  readonly #claims: Claim[] = []

  private constructor(http: HttpServer) {
    this.#http = http
    this.#pending = new PendingResponses(http)
  }

  /** Those of an HTTP server: always the same object, so that several servers share it. */
  static of(http: HttpServer): HttpUpgrades {
    const upgrades = all.get(http) ?? new HttpUpgrades(http)
    all.set(http, upgrades)
    return upgrades
  }

  /** Adds a claim, behind those that are there. Returns what removes it. */
  add(claim: Claim): () => void {
    if (this.#claims.push(claim) === 1) this.#http.on('upgrade', this.#onupgrade)
    return () => this.#remove(claim)
  }

  #remove(claim: Claim): void {
    const index = this.#claims.indexOf(claim)
    if (index === -1) return
    this.#claims.splice(index, 1)
    if (this.#claims.length === 0) this.#http.off('upgrade', this.#onupgrade)
  }

  #onupgrade = (message: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const { method = '', url = '', httpVersion, headers } = message
    const isWebSocket = asksForWebSocket(method, httpVersion, headers.upgrade ?? null)
    const path = pathOf(url)
    const claim = isWebSocket ? this.#claims.find((one) => one.wants(path)) : undefined
    // It may be meant for other listeners, who must find it untouched.
    if (claim === undefined && this.#http.listenerCount('upgrade') > 1) return
    // What is still to be written into it would stand between our frames.
    if (this.#pending.has(stream)) stream.destroy()
    else if (claim !== undefined) claim.take(message, stream, head)
    else this.#claims[0]?.refuse(message, stream, head)
  }
}
