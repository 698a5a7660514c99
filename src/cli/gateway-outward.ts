// Owns the direction from TCP to WebSocket of `hotsocket proxy`. Must not know how bytes are carried.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { bridge } from '../adapters/streams.js'
import { Agent, type Logger, WebSocketError } from '../index.js'
import {
  CLOSE_TIMEOUT_MS,
  type Gateway,
  logEnd,
  MAX_MESSAGE_BYTES,
  showAddress,
  toListenError
} from './gateway.js'
import type { OutwardOptions } from './proxy-options.js'

/** A TCP server that connects each client to a WebSocket server. */
export class OutwardGateway implements Gateway {
  readonly #options: OutwardOptions
  readonly #log: Logger
  readonly #server: Server
  readonly #agent: Agent
  readonly #bridges = new Set<Promise<void>>()

  /** Throws WebSocketError 'invalid-option', naming what is wrong. */
  constructor(options: OutwardOptions, ca: string | null, log: Logger) {
    const { protocol, origin, isInsecure, maxConnections, timeoutMs, pingIntervalMs, logLevel } = options
    this.#options = options
    this.#log = log
    this.#agent = new Agent({
      protocols: [protocol ?? 'binary'],
      handshakeTimeoutMs: timeoutMs,
      pingIntervalMs,
      logLevel,
      logger: log,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      tls: { rejectUnauthorized: !isInsecure, ...(ca !== null && { ca }) },
      ...(origin !== null && { origin })
    })
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) =>
      this.#open(socket)
    )
    if (Number.isFinite(maxConnections)) this.#server.maxConnections = maxConnections
    this.#server.on('drop', () => log.warn(`a connection was refused: there are --max-connections already`))
  }

  get address(): string {
    const { host } = this.#options.listen
    const { port } = this.#server.address() as AddressInfo
    return showAddress({ host, port })
  }

  get target(): string {
    return this.#options.target.replace(/\/\/[^/@]*@/, '//')
  }

  get connectionCount(): number {
    return this.#bridges.size
  }

  async listen(): Promise<void> {
    try {
      await once(this.#server.listen(this.#options.listen), 'listening')
    } catch (error) {
      throw toListenError(error, showAddress(this.#options.listen))
    }
  }

  async close(): Promise<void> {
    this.#server.close()
    await this.#agent.closeAll()
    await Promise.all(this.#bridges)
  }

  #open(socket: Socket): void {
    const who = `client ${socket.remoteAddress} port ${socket.remotePort}`
    this.#log.info(`${who}: connected`)
    const done = this.#carry(socket, who).finally(() => this.#bridges.delete(done))
    this.#bridges.add(done)
  }

  async #carry(socket: Socket, who: string): Promise<void> {
    const { target, protocol, idleTimeoutMs } = this.#options
    // Until the bridge listens; it is told when it writes.
    socket.on('error', () => {})
    try {
      const connection = await this.#agent.connect(target)
      const end = await bridge(connection, socket, {
        idleTimeoutMs,
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
        ...(protocol !== null && { encoding: protocol })
      })
      logEnd(this.#log, who, end)
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      const why = error.cause instanceof Error ? ` (${error.cause.message})` : ''
      this.#log.warn(`${who}: ${error.message}${why}`)
      socket.resetAndDestroy()
    }
  }
}
