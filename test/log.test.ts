import { describe, expect, it, vi } from 'vitest'
import { createLogger, LOG_LEVELS, type Logger } from '../src/log.js'

function record(): { lines: string[]; target: Logger } {
  const lines: string[] = []
  const log = (level: string) => (text: string) => void lines.push(`${level} ${text}`)
  return {
    lines,
    target: { error: log('error'), warn: log('warn'), info: log('info'), debug: log('debug') }
  }
}

describe('createLogger', () => {
  it.each(LOG_LEVELS.map((level, index) => [level, index] as const))(
    '%s lets through the %i levels up to it',
    (level, count) => {
      const { lines, target } = record()
      const logger = createLogger(level, target)
      for (const method of ['error', 'warn', 'info', 'debug'] as const) logger[method]('x')
      expect(lines).toEqual(['error x', 'warn x', 'info x', 'debug x'].slice(0, count))
    }
  )

  it('drops what its target throws', () => {
    const fail = () => {
      throw new Error('disk is full')
    }
    const logger = createLogger('debug', { error: fail, warn: fail, info: fail, debug: fail })
    for (const method of ['error', 'warn', 'info', 'debug'] as const) {
      expect(() => logger[method]('x')).not.toThrow()
    }
  })

  it('by default writes a line each to the standard error stream', () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    createLogger('warn').warn('disk is full')
    const written = write.mock.calls
    write.mockRestore()
    expect(written).toEqual([['hotsocket warn: disk is full\n']])
  })
})
