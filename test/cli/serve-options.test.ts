import { describe, expect, test } from 'vitest'
import { CommandError, ExitCode } from '../../src/cli/command.js'
import { parseServeOptions } from '../../src/cli/serve-options.js'

const DEFAULTS = { host: '127.0.0.1', port: 9999, tls: null, isEcho: false, logLevel: 'warn' }

describe('parseServeOptions accepts', () => {
  test.each<[string, object]>([
    ['', {}],
    ['-p 80', { port: 80 }],
    ['-p0', { port: 0 }],
    ['--port=65535', { port: 65_535 }],
    ['--port 1 --port 2', { port: 2 }],
    ['--host ::', { host: '::' }],
    ['--tls', { tls: 'self-signed' }],
    ['--tls --key k.pem --cert c.pem', { tls: { keyPath: 'k.pem', certPath: 'c.pem' } }],
    ['--tls --key=-k.pem --cert=-c.pem', { tls: { keyPath: '-k.pem', certPath: '-c.pem' } }],
    ['--echo --log-level debug', { isEcho: true, logLevel: 'debug' }],
    ['--', {}]
  ])('%j', (line, expected) => {
    expect(parseServeOptions(split(line))).toEqual({ ...DEFAULTS, ...expected })
  })

  test.each([
    ['--help', 'help'],
    ['-h --port 1', 'help'],
    ['-v', 'version'],
    ['--version', 'version']
  ])('%j as a question', (line, expected) => {
    expect(parseServeOptions(split(line))).toBe(expected)
  })
})

describe('parseServeOptions refuses', () => {
  test.each([
    ['--port x', '--port must be a number from 0 to 65535, not "x"'],
    ['--port 65536', '--port must be a number from 0 to 65535, not "65536"'],
    ['--port 1e3', '--port must be a number from 0 to 65535, not "1e3"'],
    ['--port=-1', '--port must be a number from 0 to 65535, not "-1"'],
    ['--port=', '--port must be a number from 0 to 65535, not ""'],
    ['--port -1', '--port needs a value, and "-1" looks like an option'],
    ['--host --tls', '--host needs a value, and "--tls" looks like an option'],
    ['-p', '-p needs a value'],
    ['--host=', '--host needs an address or a name, not an empty text'],
    ['--tls=yes', '--tls takes no value, not even "yes"'],
    ['--tls --key k', '--key k needs its certificate: add --cert FILE'],
    ['--tls --cert c', '--cert c needs its private key: add --key FILE'],
    ['--key k --cert c', '--key and --cert are for TLS: add --tls'],
    ['--log-level loud', '--log-level must be one of silent, error, warn, info, debug, not "loud"'],
    ['--prot 1', 'there is no option --prot'],
    ['-x', 'there is no option -x'],
    ['--no-tls', 'there is no option --no-tls'],
    ['--constructor', 'there is no option --constructor'],
    ['--__proto__=1', 'there is no option --__proto__'],
    ['9999', 'there is no use for the argument "9999"'],
    ['-- x', 'there is no use for the argument "x"']
  ])('%j', (line, detail) => {
    const message = `serve: ${detail}; hotsocket serve --help tells the options`
    expect(() => parseServeOptions(split(line))).toThrow(new CommandError(ExitCode.USAGE, message))
  })
})

function split(line: string): string[] {
  return line === '' ? [] : line.split(' ')
}
