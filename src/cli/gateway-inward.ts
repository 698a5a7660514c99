// Owns the direction from WebSocket to TCP of `hotsocket proxy`. Must not know how bytes are carried.
import { connect } from 'node:net'
import { bridge } from '../adapters/streams.js'
import { AsyncServer, type Connection, type HandshakeRequest, type Logger } from '../index.js'
import {
  CLOSE_TIMEOUT_MS,
  type Gateway,
  logEnd,
  MAX_MESSAGE_BYTES,
  showAddress,
  toListenError
} from './gateway.js'
import { createHostCheck } from './host-check.js'
import type { InwardOptions } from './proxy-options.js'
import type { KeyPair } from './self-signed.js'

/** A WebSocket server that connects each client to a TCP server. */
export class InwardGateway implements Gateway {
  readonly #options: InwardOptions
  readonly #log: Logger
  readonly #server: AsyncServer
  readonly #scheme: string
  readonly #isOwnHost: (host: string | undefined) => boolean
  readonly #bridges = new Set<Promise<void>>()

  /** Throws WebSocketError 'invalid-option', naming what is wrong. */
  constructor(options: InwardOptions, tls: KeyPair | null, log: Logger) {
    const { listen, protocol, paths, origins, maxConnections, pingIntervalMs, logLevel } = options
    this.#options = options
    this.#log = log
    this.#scheme = tls === null ? 'ws' : 'wss'
    this.#isOwnHost = createHostCheck(listen.host)
    this.#server = new AsyncServer({
      ...listen,
      protocols: protocol === null ? ['binary', 'base64'] : [protocol],
      maxConnections,
      pingIntervalMs,
      logLevel,
      logger: log,
      // What is sent is bounded by the bridge; a client that does not read may still send.
      onslow: 'continue',
      maxMessageBytes: MAX_MESSAGE_BYTES,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      ...(tls !== null && { tls }),
      ...(paths.length > 0 && { locations: paths }),
      ...(origins.length > 0 && { trustedOrigins: origins.includes('*') ? '*' : origins }),
      onhandshake: (request) => this.#judge(request),
      onopen: (client) => this.#open(client)
    })
  }

  get address(): string {
    const { host } = this.#options.listen
    return `${this.#scheme}://${showAddress({ host, port: this.#server.port ?? 0 })}`
  }

  get target(): string {
    return showAddress(this.#options.target)
  }

  get connectionCount(): number {
    return this.#server.clients.size
  }

  async listen(): Promise<void> {
    try {
      await this.#server.listen()
    } catch (error) {
      throw toListenError(error, showAddress(this.#options.listen))
    }
  }

  async close(): Promise<void> {
    await this.#server.close()
    await Promise.all(this.#bridges)
  }

  /** A page whose own name was made to point to this machine is no page of ours. */
  #judge({ host }: HandshakeRequest): { status: number; body: string } | undefined {
    if (this.#isOwnHost(host ?? undefined)) return undefined
    this.#log.info(`refused a request for the host ${JSON.stringify(host)}`)
    return { status: 403, body: 'This proxy is for this machine only.\n' }
  }

  #open(client: Connection): void {
    const { target, protocol, timeoutMs: connectTimeoutMs, idleTimeoutMs } = this.#options
    const who = `client ${client.remoteAddress} port ${client.remotePort}`
    this.#log.info(`${who}: connected`)
    const bridging = bridge(client, connect({ ...target, noDelay: true }), {
      connectTimeoutMs,
      idleTimeoutMs,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      ...(protocol !== null && { encoding: protocol })
    })
    const done = bridging.then((end) => logEnd(this.#log, who, end)).finally(() => this.#bridges.delete(done))
    this.#bridges.add(done)
  }
}
