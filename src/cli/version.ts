// Owns the question which version of the package this is.
import { readFile } from 'node:fs/promises'

/** Reads the version of this package. */
export async function readVersion(): Promise<string> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
