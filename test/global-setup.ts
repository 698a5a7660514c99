// Owns what has to be there before any test: dist/, as new as the sources, for the tests that run the package as
// users do. Must not build the addon: tests that need it say so where they skip.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Compiles the sources if one of them is newer than dist/index.js. Errors of types are told. */
export function setup(): void {
  const compiled = statSync(join(root, 'dist', 'index.js'), { throwIfNoEntry: false })
  if (compiled !== undefined && compiled.mtimeMs > newestSourceMs()) return
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'compile'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32'
  })
  if (status !== 0)
    console.error(`npm run compile failed; tests of the package may run on old files\n${stdout}`)
}

function newestSourceMs(): number {
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  return Math.max(...files.map((file) => statSync(join(file.parentPath, file.name)).mtimeMs))
}
