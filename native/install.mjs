// Owns the package's install script: a prebuilt addon if one loads here, else a build, else a clear word and the
// JavaScript tier. It fails an installation only if HOTSOCKET_REQUIRE_NATIVE=1. Must not know what the addon does.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)
const buildFolder = join(root, 'build')

/** A clone has the sources in TypeScript, too; its C++ may have changed since the last build. */
const isClone = existsSync(join(root, 'src'))
const mustBuild = isClone || process.env.npm_config_build_from_source === 'true'

if (mustBuild || tryLoad() !== null) {
  const failure = build() ?? tryLoad()
  if (failure !== null) report(failure)
}

/** Loads the addon that the package would load. Returns why that failed, or null. */
function tryLoad() {
  try {
    require(require('node-gyp-build').resolve(root))
    return null
  } catch (error) {
    return String(error)
  }
}

/** Builds the addon. Returns the build's output if it failed, or null. */
function build() {
  const env = { ...process.env, npm_config_build_from_source: 'true' }
  const options = { cwd: root, env, encoding: 'utf8', maxBuffer: 2 ** 26 }
  const result = spawnSync(process.execPath, [require.resolve('node-gyp-build/bin.js')], options)
  if (result.status === 0) return null
  return `${result.stdout}${result.stderr}${result.error ?? ''}`
}

function report(failure) {
  const isRequired = process.env.HOTSOCKET_REQUIRE_NATIVE === '1'
  if (isRequired) console.error(failure)
  const log = writeLog(failure)
  console.error(
    [
      'hotsocket: the native addon could not be built.',
      isRequired
        ? '  HOTSOCKET_REQUIRE_NATIVE=1 asks for it, so the installation fails.'
        : '  The JavaScript tier will be used: it behaves the same and is slower.',
      `  To get the addon: install a C++20 compiler, make and Python 3, then: ${isClone ? 'npm run install' : 'npm rebuild hotsocket'}`,
      log === null ? '  The log could not be written.' : `  Log: ${log}`
    ].join('\n')
  )
  if (isRequired) process.exitCode = 1
}

/** Writes the log into the package, or into the temporary folder where the package is read-only. */
function writeLog(text) {
  const makeFolders = [
    () => {
      mkdirSync(buildFolder, { recursive: true })
      return buildFolder
    },
    () => mkdtempSync(join(tmpdir(), 'hotsocket-'))
  ]
  for (const makeFolder of makeFolders) {
    try {
      const path = join(makeFolder(), 'install.log')
      writeFileSync(path, text)
      return path
    } catch {
      // the next folder
    }
  }
  return null
}
