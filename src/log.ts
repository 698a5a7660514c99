// Owns the log: levels, and the default logger on the standard error stream.
import type { WebSocketError } from './core/errors.js'

/** How much is logged; each level includes those before it. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const

/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Where log lines go. `console`, pino and winston fit. */
export interface Logger {
  error(text: string): void
  warn(text: string): void
  info(text: string): void
  debug(text: string): void
}

type Method = keyof Logger

/**
 * Logs to `target` what `level` lets through; by default to the standard error stream, a line each. What `target` throws is
 * dropped: it must not end what is being logged about.
 */
export function createLogger(level: LogLevel, target: Logger = stderrLogger): Logger {
  const highest = LOG_LEVELS.indexOf(level)
  const log = (method: Method) => (text: string) => {
    if (LOG_LEVELS.indexOf(method) > highest) return
    try {
      target[method](text)
    } catch {
      // A log that fails has nobody left to tell.
    }
  }
  return { error: log('error'), warn: log('warn'), info: log('info'), debug: log('debug') }
}

/** Logs what ended a connection: a handler that failed as 'error' with its stack, the peer's faults as 'info'. `who`: whose. */
export function logConnectionError(logger: Logger, who: string, error: WebSocketError): void {
  if (error.code !== 'handler-failed') return logger.info(`${who}: ${error.message}`)
  logger.error(`${who}: ${error.message}\n${(error.cause as Error | undefined)?.stack ?? error.cause}`)
}

function write(method: Method): (text: string) => void {
  return (text) => {
    process.stderr.write(`hotsocket ${method}: ${text}\n`)
  }
}

const stderrLogger: Logger = {
  error: write('error'),
  warn: write('warn'),
  info: write('info'),
  debug: write('debug')
}
