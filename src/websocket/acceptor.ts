// Owns the server's side of a `WebSocket`: connections that opened and wait for `accept`. Must not know frames.
import type { Duplex } from 'node:stream'
import { WebSocketError } from '../core/errors.js'
import { AsyncServer } from '../server/async-server.js'
import type { ServerOptions } from '../server/options.js'
import { FrameLink, LINK_HANDLERS } from './frame-link.js'
import type { WebSocketOptions } from './options.js'

interface Taker {
  readonly resolve: (link: FrameLink) => void
  readonly reject: (error: WebSocketError) => void
}

/** Opens connections as a server does. */
export class Acceptor {
  readonly #server: AsyncServer<FrameLink | undefined>
  /** How many may wait; 0: those that open are taken elsewhere. */
  readonly #backlog: number
  readonly #waiting = new Set<FrameLink>()
  readonly #takers: Taker[] = []
  #isClosed = false

  /** Throws WebSocketError 'invalid-option'. */
  constructor(options: ServerOptions, onhandshake: WebSocketOptions['onhandshake'], backlog: number) {
    this.#backlog = backlog
    this.#server = new AsyncServer<FrameLink | undefined>({
      ...options,
      ...LINK_HANDLERS,
      onhandshake: async (request) => {
        // Who does not accept has no use for more.
        if (backlog > 0 && this.#waiting.size >= backlog) return { status: 503 }
        const decision = await onhandshake?.(request)
        return decision === undefined || 'status' in decision ? decision : { ...decision, data: undefined }
      },
      onopen: (connection) => this.#open(new FrameLink(connection)),
      onclose: ({ data }) => void (data !== undefined && this.#waiting.delete(data))
    })
  }

  get port(): number | null {
    return this.#server.port
  }

  get url(): string | null {
    return this.#server.url
  }

  /** Rejects with WebSocketError 'listen-failed'. */
  async listen(): Promise<void> {
    await this.#server.listen()
  }

  /** Resolves with the next connection that opened. Rejects with WebSocketError 'not-open' when no more will. */
  accept(): Promise<FrameLink> {
    const [link] = this.#waiting
    if (link !== undefined) {
      this.#waiting.delete(link)
      return Promise.resolve(link)
    }
    if (this.#isClosed) return Promise.reject(closedError())
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }))
  }

  /** Does a handshake over a stream. Rejects as `AsyncServer.accept`. */
  async acceptStream(stream: Duplex): Promise<FrameLink> {
    const connection = await this.#server.accept(stream)
    return connection.data!
  }

  /** As `AsyncServer.close`. */
  async close(code: number | undefined, reason: string): Promise<void> {
    const closed = this.#server.close(code, reason)
    this.#isClosed = true
    this.#waiting.clear()
    for (const { reject } of this.#takers.splice(0)) reject(closedError())
    await closed
  }

  /** Drops all connections, and closes. */
  terminate(): void {
    for (const client of this.#server.clients) client.terminate()
    void this.close(undefined, '')
  }

  #open(link: FrameLink): void {
    if (this.#backlog === 0) return
    const taker = this.#takers.shift()
    if (taker === undefined) this.#waiting.add(link)
    else taker.resolve(link)
  }
}

function closedError(): WebSocketError {
  return new WebSocketError('not-open', { detail: 'the WebSocket that listened was closed' })
}
