// Owns the way from the TLS options of `serve` to a key pair that is known to work. Must not listen.
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { CommandError, ExitCode } from './command.js'
import type { KeyPair } from './self-signed.js'
import type { ServeOptions } from './serve-options.js'

/**
 * Reads the key pair, or makes one. Null: no TLS. Throws CommandError with ExitCode.FAILURE for a file that cannot be
 * read, and for a pair that TLS cannot use.
 */
export async function loadKeyPair({ tls, host }: ServeOptions): Promise<KeyPair | null> {
  if (tls === null) return null
  if (tls === 'self-signed') return (await import('./self-signed.js')).makeSelfSigned(host)
  const pair = { key: await read('--key', tls.keyPath), cert: await read('--cert', tls.certPath) }
  try {
    createSecureContext(pair)
  } catch (cause) {
    const detail = `serve: --key ${tls.keyPath} and --cert ${tls.certPath} are no pair that TLS can use`
    const advice = 'both must be PEM files, without a passphrase, and belong together'
    throw new CommandError(ExitCode.FAILURE, `${detail} (${(cause as Error).message}); ${advice}`, cause)
  }
  return pair
}

async function read(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : message
    throw new CommandError(ExitCode.FAILURE, `serve: ${option} ${path} cannot be read: ${why}`, cause)
  }
}
