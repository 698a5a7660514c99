// Owns how tests run the built package in a process of its own.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** The package's folder. */
export const root = join(import.meta.dirname, '..')

/** Runs a module given as source text, in `folder`. HOTSOCKET_* of this process are not handed on. */
export function runModule(
  source: string,
  { folder = root, env = {} }: { folder?: string; env?: Record<string, string> } = {}
): { status: number | null; stdout: string; stderr: string } {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HOTSOCKET_|NODE_OPTIONS)/.test(name))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...Object.fromEntries(inherited), ...env }
  })
  return { status, stdout, stderr }
}
