// Owns what both directions of the proxy share: their life, and what they log of each pair of connections.
// Must not know which side is which.
import { isIP } from 'node:net'
import type { BridgeEnd } from '../adapters/streams.js'
import { type Logger, WebSocketError } from '../index.js'
import { CommandError, ExitCode } from './command.js'
import type { HostPort } from './proxy-options.js'

/** One direction of the proxy. */
export interface Gateway {
  /** Begins to listen. Rejects with CommandError. */
  listen(): Promise<void>
  /** Where it listens; the target. */
  readonly address: string
  readonly target: string
  readonly connectionCount: number
  /** Closes all connections with 1001; resolves when they are over. */
  close(): Promise<void>
}

/** How long each side may take to end when the other has, in ms. */
export const CLOSE_TIMEOUT_MS = 5_000
/** Longest message taken. Those of websockify are 64 KiB, but browsers send what pages give them at once. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/** Writes an address as in URLs. */
export function showAddress({ host, port }: HostPort): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** Logs how a pair of connections ended: what did not end in order, and a target that was not there, as 'warn'. */
export function logEnd(
  log: Logger,
  who: string,
  { receivedBytes, sentBytes, details, cause }: BridgeEnd
): void {
  const { code, reason, initiator } = details
  const said = `${code}${reason === '' ? '' : ` ${JSON.stringify(reason)}`}`
  const carried = `${receivedBytes} bytes from WebSocket, ${sentBytes} to it`
  log.info(`${who}: closed by ${initiator === 'local' ? 'us' : 'the peer'} with ${said}; ${carried}`)
  if (cause !== null) log.warn(`${who}: ${explain(cause)}`)
}

/** What failed; of several addresses that were tried, the first. */
function explain(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [error]
  return first?.message ?? error.message
}

/** Makes the error of a command that cannot listen. */
export function toListenError(error: unknown, address: string): unknown {
  const cause = error instanceof WebSocketError && error.code === 'listen-failed' ? error.cause : error
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === undefined) return error
  const advice = code === 'EADDRINUSE' ? '; choose another with --listen (port 0 takes any free one)' : ''
  const text = `proxy: the server cannot listen at ${address}: ${message}${advice}`
  return new CommandError(ExitCode.FAILURE, text, error)
}
