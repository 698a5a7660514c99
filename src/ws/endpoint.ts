// Owns the endpoints behind servers and clients of `ws`: what their connections share, and the way of events to sessions. Must not
// know handshakes.
import type { Connection } from '../connection.js'
import { DefaultHandlers } from '../connection-handlers.js'
import { ConnectionTimers } from '../connection-timers.js'
import type { CloseDetails } from '../core/closing.js'
import { Counters } from '../core/counters.js'
import type { Environment } from '../core/environment.js'
import type { WebSocketError } from '../core/errors.js'
import type { Message } from '../core/message.js'
import type { Role } from '../core/terms.js'
import { Endpoint } from '../endpoint.js'
import { createBufferPool } from '../kernels/buffer-pool.js'
import { createLogger } from '../log.js'
import { COMMON_DEFAULTS, type CommonOptions, limitsOf } from './options.js'
import type { Session } from './session.js'

/** Passes the events of connections on to their sessions. */
class SessionOwner extends DefaultHandlers<Session> {
  override onopen(connection: Connection<Session>): void {
    connection.data.handleOpen(connection)
  }
  override onmessage(connection: Connection<Session>, message: Message): void {
    connection.data.handleMessage(message)
  }
  override onping(connection: Connection<Session>, payload: Uint8Array): void {
    connection.data.handleControl('ping', payload)
  }
  override onpong(connection: Connection<Session>, payload: Uint8Array): void {
    connection.data.handleControl('pong', payload)
  }
  override onclose(
    connection: Connection<Session>,
    _code: number,
    _reason: string,
    details: CloseDetails
  ): void {
    connection.data.handleClose(details)
  }
  override onerror(connection: Connection<Session>, error: WebSocketError): void {
    connection.data.handleError(error)
  }
}

const owner = new SessionOwner()
const timers = new ConnectionTimers()
const pool = createBufferPool()
const counters = new Counters()
const logger = createLogger('error')

/** Makes the endpoint of a server, or of one client. Throws WebSocketError 'invalid-option'. */
export function createEndpoint(
  role: Role,
  options: CommonOptions,
  environment: Environment
): Endpoint<Session> {
  return new Endpoint<Session>({
    role,
    owner,
    isHandled: (name) => name === 'onmessage',
    logger,
    limits: limitsOf(options),
    environment,
    // 'message' gives text as bytes.
    eagerTextBytes: -1,
    pool,
    answersPings: options.autoPong ?? COMMON_DEFAULTS.autoPong,
    echoesReason: true,
    lowWatermarkBytes: 64 * 1024,
    highWatermarkBytes: 1024 * 1024,
    // Programs look at `bufferedAmount` themselves.
    onslow: 'continue',
    autoFragmentBytes: 0,
    closeTimeoutMs: options.closeTimeout ?? COMMON_DEFAULTS.closeTimeout,
    pingIntervalMs: 0,
    pongTimeoutMs: 0,
    keepRequest: false,
    timers,
    counters
  })
}
