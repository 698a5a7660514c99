// Owns the check that docs/api is what `npm run docs` makes of the sources as they are. Run from any folder; ends with 1 and
// names the files that differ if it is not.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const docs = dirname(fileURLToPath(import.meta.url))
const typedoc = join(
  dirname(createRequire(import.meta.url).resolve('typedoc/package.json')),
  'bin',
  'typedoc'
)

const fresh = mkdtempSync(join(tmpdir(), 'hotsocket-docs-'))
try {
  const { status } = spawnSync(process.execPath, [typedoc, '--out', fresh, '--logLevel', 'Warn'], {
    cwd: dirname(docs),
    stdio: 'inherit'
  })
  if (status !== 0) throw new Error(`typedoc ended with ${status}`)
  const stale = findDifferences(join(docs, 'api'), fresh)
  if (stale.length > 0) {
    console.error(`docs/api is stale: ${stale.join(', ')}; run npm run docs`)
    process.exitCode = 1
  }
} finally {
  rmSync(fresh, { recursive: true, force: true })
}

/** Names the files that only one of two folders has, or that differ. */
function findDifferences(one, other) {
  const [left, right] = [readTree(one), readTree(other)]
  const names = new Set([...left.keys(), ...right.keys()])
  return [...names].filter((name) => left.get(name) !== right.get(name)).sort()
}

function readTree(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]))
}
