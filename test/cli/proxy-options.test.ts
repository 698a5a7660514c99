import { describe, expect, test } from 'vitest'
import { CommandError, ExitCode } from '../../src/cli/command.js'
import { parseProxyOptions } from '../../src/cli/proxy-options.js'

const SHARED = {
  listen: { host: '127.0.0.1', port: 6080 },
  protocol: null,
  maxConnections: Number.POSITIVE_INFINITY,
  timeoutMs: 10_000,
  idleTimeoutMs: 0,
  pingIntervalMs: 30_000,
  logLevel: 'warn'
}
const INWARD = {
  ...SHARED,
  direction: 'inward',
  target: { host: 'localhost', port: 5900 },
  paths: [],
  origins: [],
  tls: null
}
const OUTWARD = {
  ...SHARED,
  direction: 'outward',
  target: 'ws://host/path',
  origin: null,
  isInsecure: false,
  caPath: null
}

const split = (line: string) => line.split(' ').filter((word) => word !== '')

describe('parseProxyOptions accepts', () => {
  test.each<[string, object]>([
    ['', {}],
    ['--listen 0', { listen: { host: '127.0.0.1', port: 0 } }],
    ['-l 0.0.0.0:80', { listen: { host: '0.0.0.0', port: 80 } }],
    ['-l [::]:80', { listen: { host: '::', port: 80 } }],
    ['-l localhost:65535', { listen: { host: 'localhost', port: 65_535 } }],
    ['-t [::1]:22', { target: { host: '::1', port: 22 } }],
    ['--protocol base64', { protocol: 'base64' }],
    ['--path /a --path /b', { paths: ['/a', '/b'] }],
    ['-o https://a.example --origin *', { origins: ['https://a.example', '*'] }],
    ['--tls', { tls: 'self-signed' }],
    ['--cert c.pem --key k.pem', { tls: { keyPath: 'k.pem', certPath: 'c.pem' } }],
    [
      '--max-connections 5 --timeout 0 --idle-timeout 1.5 --ping 0',
      { maxConnections: 5, timeoutMs: 0, idleTimeoutMs: 1500, pingIntervalMs: 0 }
    ],
    ['--log-level debug', { logLevel: 'debug' }]
  ])('%j', (line, expected) => {
    const options = parseProxyOptions(['--listen', '6080', '--target', 'localhost:5900', ...split(line)])
    expect(options).toEqual({ ...INWARD, ...expected })
  })

  test.each<[string, object]>([
    ['', {}],
    ['-t wss://user:secret@host', { target: 'wss://user:secret@host' }],
    ['-t ws+unix:///run/socket:/', { target: 'ws+unix:///run/socket:/' }],
    [
      '-k --ca ca.pem -o https://a.example',
      { isInsecure: true, caPath: 'ca.pem', origin: 'https://a.example' }
    ],
    ['--protocol binary', { protocol: 'binary' }]
  ])('a URL with %j', (line, expected) => {
    const options = parseProxyOptions(['--listen', '6080', '--target', 'ws://host/path', ...split(line)])
    expect(options).toEqual({ ...OUTWARD, ...expected })
  })

  test.each([
    ['--help', 'help'],
    ['-h --listen 1', 'help'],
    ['-v', 'version']
  ])('%j as a question', (line, expected) => {
    expect(parseProxyOptions(split(line))).toBe(expected)
  })
})

describe('parseProxyOptions refuses', () => {
  const listenMust = (text: string) =>
    `--listen must be a port from 0 to 65535, or HOST:PORT, such as 6080, 0.0.0.0:6080 or [::]:6080, not "${text}"`
  const targetMust = (text: string) =>
    `--target must be HOST:PORT, or a URL that begins with ws: or wss:, not "${text}"`

  test.each([
    ['-t a:1', 'it needs a port to listen at: add --listen [HOST:]PORT'],
    ['-l 1', 'it needs a target: add --target HOST:PORT or --target ws://HOST:PORT/PATH'],
    ...['65536', ':80', 'host', 'a:b', '::1:80', '-5'].map((text) => [
      `--listen=${text} -t a:1`,
      listenMust(text)
    ]),
    ...['host', '5900', 'host:0', 'host:65536', 'http://host', 'ws://', 'ftp://host:1'].map((text) => [
      `-l 1 -t ${text}`,
      targetMust(text)
    ]),
    ['-l 1 -t a:1 --protocol text', '--protocol must be binary or base64, not "text"'],
    ['-l 1 -t a:1 --path a', '--path must begin with "/", not be "a"'],
    ['-l 1 -t a:1 --cert c', '--cert c needs its private key: add --key FILE'],
    ['-l 1 -t a:1 --tls --key k', '--key k needs its certificate: add --cert FILE'],
    ['-l 1 -t a:1 --insecure', '--insecure is for a target that is a URL'],
    ['-l 1 -t a:1 --ca c', '--ca is for a target that is a URL'],
    ['-l 1 -t ws://a --tls', '--tls is for a proxy that serves WebSocket: the target is a URL'],
    ['-l 1 -t ws://a --path /', '--path is for a proxy that serves WebSocket: the target is a URL'],
    ['-l 1 -t ws://a -o a -o b', '--origin is sent to a target that is a URL: give one only'],
    ['-l 1 -t a:1 --max-connections 0', '--max-connections must be a number above 0, not "0"'],
    ['-l 1 -t a:1 --timeout x', '--timeout must be seconds from 0 to 999999, not "x"'],
    ['-l 1 -t a:1 --idle-timeout=-1', '--idle-timeout must be seconds from 0 to 999999, not "-1"'],
    [
      '-l 1 -t a:1 --log-level loud',
      '--log-level must be one of silent, error, warn, info, debug, not "loud"'
    ],
    ['-l 1 -t a:1 --web dir', 'there is no option --web'],
    ['6080 localhost:5900', 'there is no use for the argument "6080"']
  ])('%j', (line, detail) => {
    const wrong = new CommandError(
      ExitCode.USAGE,
      `proxy: ${detail}; hotsocket proxy --help tells the options`
    )
    expect(() => parseProxyOptions(split(line!))).toThrow(wrong)
  })
})
