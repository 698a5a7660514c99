// Owns the log of a command that runs for long: lines on its standard error stream, of the levels that are asked for.
import { LOG_LEVELS, type Logger, type LogLevel } from '../index.js'
import type { CommandOutput } from './command.js'

/** Makes a log that writes what `level` lets through. */
export function createCommandLog(level: LogLevel, stderr: CommandOutput): Logger {
  const log = (method: keyof Logger) => (text: string) => {
    const isWanted = LOG_LEVELS.indexOf(method) <= LOG_LEVELS.indexOf(level)
    if (isWanted) stderr.write(`hotsocket ${method}: ${text}\n`)
  }
  return { error: log('error'), warn: log('warn'), info: log('info'), debug: log('debug') }
}
