// Owns what many outgoing connections share: options as defaults, timers, TLS sessions; and their end all at once.
// Must not know how a handshake goes.
import { Duplex } from 'node:stream'
import { refuseOption, splitHandlers } from '../checks.js'
import { Timeouts } from '../clock.js'
import type { Connection } from '../connection.js'
import { HANDLER_NAMES } from '../connection-settings.js'
import { ConnectionTimers } from '../connection-timers.js'
import { CloseCode, type CloseDetails } from '../core/closing.js'
import { Counters } from '../core/counters.js'
import { describe } from '../core/message.js'
import { Endpoint } from '../endpoint.js'
import { createLogger } from '../log.js'
import { type ClientHandlers, ClientOwner } from './handlers.js'
import { type Cancellable, Opening } from './opening.js'
import { type ClientOptions, resolveClientOptions } from './options.js'
import { TlsSessions } from './tls-sessions.js'

/** Options of `connect`: those of clients, handlers, and what concerns one connection only. */
export type ConnectOptions<T = undefined> = ClientOptions &
  Partial<ClientHandlers<T>> & {
    /** What `connection.data` begins with. Default: undefined. */
    data?: T
    /** Aborts the opening handshake: `connect` rejects with 'aborted', whose cause is the signal's reason. No effect once it is open. */
    signal?: AbortSignal
    /**
     * A connected stream to do the handshake over, such as one that SSH or a proxy has made; with wss: TLS goes over it first, so
     * one that is encrypted already goes with ws:. The URL says only what the request asks for. It belongs to the connection from
     * here on, and is destroyed if the handshake fails; its bytes must not be read by anybody else. One request only: a redirect,
     * or a 401, is 'unexpected-status', unless `auth` is preemptive. Not with `agent`. Default: none, a socket of its own.
     */
    socket?: Duplex
  }

/**
 * What many outgoing connections share. It costs nothing to keep; it has no sockets of its own. Not to be confused with
 * the agents of `node:http`, which are for the option `agent`.
 */
export class Agent {
  /** The open connections, in the order in which they opened. */
  readonly connections: ReadonlySet<Connection<unknown>>
  readonly #connections = new Set<Connection<unknown>>()
  readonly #defaults: ClientOptions
  readonly #timers = new ConnectionTimers()
  readonly #counters = new Counters()
  readonly #sessions = new TlsSessions()
  readonly #timeouts = new Map<number, Timeouts<Cancellable>>()
  readonly #openings = new Set<Cancellable>()

  /** `options`: of all connections, unless `connect` is given others. Throws WebSocketError 'invalid-option'. */
  constructor(options: ClientOptions = {}) {
    // What iterates may do so only once.
    const { headers } = resolveClientOptions(options)
    this.#defaults = { ...options, headers }
    this.connections = this.#connections
  }

  /**
   * Opens a connection. `url`: ws:, wss:, ws+unix: or wss+unix:, see `connect`. Options that are given replace the agent's,
   * one by one; `headers` are replaced as a whole. Rejects as `connect` does.
   */
  async connect<T = undefined>(url: string | URL, options: ConnectOptions<T> = {}): Promise<Connection<T>> {
    const [handlers, { data, signal, socket, ...rest }] = splitHandlers(options, HANDLER_NAMES)
    if (signal !== undefined && !(signal instanceof AbortSignal))
      refuseOption('signal must be an AbortSignal')
    const resolved = resolveClientOptions({ ...this.#defaults, ...withoutUndefined(rest) })
    if (socket !== undefined) checkSocket(socket, resolved.agent)
    const logger = createLogger(resolved.logLevel, resolved.logger)
    const owner = new ClientOwner<T>(handlers as Partial<ClientHandlers<T>>, logger)
    const endpoint = new Endpoint<T>({
      ...resolved,
      role: 'client',
      owner,
      isHandled: (name) => owner.isHandled(name),
      logger,
      limits: resolved,
      keepRequest: false,
      timers: this.#timers,
      counters: this.#counters,
      // Each connection has a type of data of its own; here they are only kept.
      connections: this.#connections as Set<unknown> as Set<Connection<T>>
    })
    const opening = new Opening<T>({
      url,
      options: resolved,
      handlers: owner,
      data: data as T,
      signal: signal ?? null,
      socket: socket ?? null,
      endpoint,
      sessions: this.#sessions,
      timeouts: this.#timeoutsOf(resolved.handshakeTimeoutMs),
      openings: this.#openings
    })
    return opening.run()
  }

  /**
   * Aborts the handshakes under way, closes every connection and resolves when all are over: at the latest when their close
   * timeouts have ended. `code` and `reason`: as of `Connection.close`; by default 1001, "going away".
   */
  closeAll(code: number = CloseCode.GOING_AWAY, reason = ''): Promise<CloseDetails[]> {
    const closed = [...this.#connections].map((connection) => connection.close(code, reason))
    for (const opening of [...this.#openings]) opening.abort(new Error('closeAll was called'))
    return Promise.all(closed)
  }

  #timeoutsOf(durationMs: number): Timeouts<Cancellable> {
    const timeouts = this.#timeouts.get(durationMs) ?? new Timeouts(durationMs, (opening) => opening.expire())
    this.#timeouts.set(durationMs, timeouts)
    return timeouts
  }
}

function checkSocket(socket: unknown, agent: unknown): void {
  if (!(socket instanceof Duplex)) refuseOption(`socket must be a Duplex stream, not ${describe(socket)}`)
  if (agent !== undefined) refuseOption('socket and agent do not go together: an agent makes sockets itself')
}

function withoutUndefined<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options
}
