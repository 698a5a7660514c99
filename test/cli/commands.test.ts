import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SERVE_HELP } from '../../src/cli/serve-options.js'
import { runHere } from './output.js'

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

describe('hotsocket', () => {
  test.each([['--version'], ['-v'], ['serve --version'], ['serve -v']])(
    '%s prints the version',
    async (line) => {
      expect(await runHere(...line.split(' '))).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' })
    }
  )

  test.each([['--help'], ['-h']])('%s names the commands and their options', async (line) => {
    const { stdout, ...rest } = await runHere(line)
    expect(rest).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(
      /^Usage: hotsocket COMMAND \[OPTIONS\]\n[\s\S]*\n {2}serve +run the broadcast server/
    )
  })

  test.each([
    ['no command', [], 'no command was given; hotsocket --help tells which there are'],
    ['an unknown command', ['srve'], 'there is no command "srve"; hotsocket --help tells which there are'],
    [
      'a name from Object.prototype',
      ['constructor'],
      'there is no command "constructor"; hotsocket --help tells which there are'
    ]
  ])('refuses %s with exit code 2', async (_what, args, detail) => {
    expect(await runHere(...args)).toEqual({ exitCode: 2, stdout: '', stderr: `hotsocket: ${detail}\n` })
  })
})

describe('hotsocket serve', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotsocket-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('--help shows every option, in lines of at most 100 characters', async () => {
    expect(await runHere('serve', '--help')).toEqual({ exitCode: 0, stdout: SERVE_HELP, stderr: '' })
    expect(SERVE_HELP.match(/--[a-z-]+(?= )/g)).toEqual(
      expect.arrayContaining([
        '--port',
        '--host',
        '--tls',
        '--key',
        '--cert',
        '--echo',
        '--log-level',
        '--help',
        '--version'
      ])
    )
    expect(SERVE_HELP.split('\n').filter((line) => line.length > 100)).toEqual([])
  })

  test('a wrong option ends with one line and exit code 2', async () => {
    const stderr =
      'hotsocket: serve: --port must be a number from 0 to 65535, not "x"; hotsocket serve --help tells the options\n'
    expect(await runHere('serve', '-p', 'x')).toEqual({ exitCode: 2, stdout: '', stderr })
  })

  test('a port in use ends with one line and exit code 1', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    const outcome = await runHere('serve', '--port', String(port))
    other.close()
    const stderr = `hotsocket: serve: the server cannot listen: 127.0.0.1, port ${port}: something else listens there already (EADDRINUSE); choose another with --port (0 takes any free one)\n`
    expect(outcome).toEqual({ exitCode: 1, stdout: '', stderr })
  })

  test('an address of another machine ends with one line and exit code 1', async () => {
    const stderr =
      'hotsocket: serve: the server cannot listen: 192.0.2.1, port 0: this machine has no such address (EADDRNOTAVAIL)\n'
    expect(await runHere('serve', '-p', '0', '--host', '192.0.2.1')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr
    })
  })

  test('a key file that is not there ends with one line and exit code 1', async () => {
    const path = join(folder, 'none.pem')
    const stderr = `hotsocket: serve: --key ${path} cannot be read: there is no such file\n`
    const outcome = await runHere('serve', '--tls', '--key', path, '--cert', path)
    expect(outcome).toEqual({ exitCode: 1, stdout: '', stderr })
  })

  test('files that are no key pair end with one line and exit code 1', async () => {
    const path = join(folder, 'text.pem')
    await writeFile(path, 'this is no key\n')
    const { stderr, ...rest } = await runHere('serve', '--tls', '--key', path, '--cert', path)
    expect(rest).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(
      /^hotsocket: serve: --key \S+ and --cert \S+ are no pair that TLS can use \(.+\); both must be PEM files, without a passphrase, and belong together\n$/
    )
  })
})
