// Owns the way from the TLS options of a command to a key pair that is known to work. Must not listen.
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { CommandError, ExitCode } from './command.js'
import type { KeyPair } from './self-signed.js'

/** What a command that serves is told about TLS. */
export interface KeyPairOptions {
  /** Null: no TLS. 'self-signed': a pair made on the fly. Otherwise the paths of a pair in PEM. */
  readonly tls: null | 'self-signed' | { readonly keyPath: string; readonly certPath: string }
  /** A name for a pair made on the fly, too. */
  readonly host: string
}

/**
 * Reads the key pair, or makes one. Null: no TLS. Throws CommandError with ExitCode.FAILURE for a file that cannot be
 * read, and for a pair that TLS cannot use.
 */
export async function loadKeyPair(command: string, { tls, host }: KeyPairOptions): Promise<KeyPair | null> {
  if (tls === null) return null
  if (tls === 'self-signed') return (await import('./self-signed.js')).makeSelfSigned(host)
  const pair = {
    key: await readPem(command, '--key', tls.keyPath),
    cert: await readPem(command, '--cert', tls.certPath)
  }
  try {
    createSecureContext(pair)
  } catch (cause) {
    const detail = `${command}: --key ${tls.keyPath} and --cert ${tls.certPath} are no pair that TLS can use`
    const advice = 'both must be PEM files, without a passphrase, and belong together'
    throw new CommandError(ExitCode.FAILURE, `${detail} (${(cause as Error).message}); ${advice}`, cause)
  }
  return pair
}

/** Reads a file that an option names. Throws CommandError with ExitCode.FAILURE. */
export async function readPem(command: string, option: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : message
    throw new CommandError(ExitCode.FAILURE, `${command}: ${option} ${path} cannot be read: ${why}`, cause)
  }
}
