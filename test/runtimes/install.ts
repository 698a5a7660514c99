// Owns the runtimes that the addon is tried on: their versions, and how their binaries come out of npm's platform packages.
// No install script is run. Must not know what is run on them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../run-node.js'

/** A runtime and where its binary is. */
export interface Runtime {
  readonly name: 'node' | 'bun' | 'deno'
  readonly version: string
  /** Parameters before the path of a module. */
  readonly parameters: readonly string[]
}

const NODE = { name: 'node', parameters: [] } as const

/** One of each line that is in use. The first is that of the oldest `engines.node`. */
export const RUNTIMES: readonly Runtime[] = [
  { ...NODE, version: '20.19.0' },
  { ...NODE, version: '22.23.3' },
  { ...NODE, version: '24.21.0' },
  { ...NODE, version: '26.10.0' },
  { name: 'bun', version: '1.4.5', parameters: [] },
  { name: 'deno', version: '2.9.6', parameters: ['run', '--allow-all', '--no-config'] }
]

/** Where the packages are kept between runs, a folder for each version. */
const CACHE = join(root, 'node_modules', '.cache', 'runtimes')

/** Why no runtime can be had here; null if they can. */
export function whyNoRuntimes(): string | null {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  const isKnown = process.arch === 'x64' || process.arch === 'arm64'
  return process.platform === 'linux' && isKnown && header.glibcVersionRuntime !== undefined
    ? null
    : 'the packages chosen here are for Linux with glibc, x64 and arm64'
}

const installed = new Map<Runtime, Promise<string>>()

/** Returns the path of a runtime's binary, which is fetched unless it is in the cache. Throws what npm says. */
export function install(runtime: Runtime): Promise<string> {
  const path = installed.get(runtime) ?? findOrFetch(runtime)
  installed.set(runtime, path)
  return path
}

async function findOrFetch(runtime: Runtime): Promise<string> {
  const { packageName, binary } = describePackage(runtime)
  const folder = join(CACHE, `${runtime.name}-${runtime.version}`)
  const path = join(folder, 'node_modules', packageName, binary)
  if (!existsSync(path)) await fetchPackage(`${packageName}@${runtime.version}`, folder)
  chmodSync(path, 0o755)
  return path
}

function describePackage({ name }: Runtime): { packageName: string; binary: string } {
  const isArm = process.arch === 'arm64'
  switch (name) {
    case 'node':
      return { packageName: `node-linux-${process.arch}`, binary: 'bin/node' }
    case 'bun':
      return { packageName: `@oven/bun-linux-${isArm ? 'aarch64' : 'x64'}`, binary: 'bin/bun' }
    case 'deno':
      return { packageName: `@deno/linux-${process.arch}-glibc`, binary: 'deno' }
  }
}

/** Installs beside the folder and renames, so that an interrupted installation is not taken for a whole one. */
async function fetchPackage(name: string, folder: string): Promise<void> {
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(CACHE, { recursive: true })
  try {
    await npm('install', '--prefix', unfinished, name)
    rmSync(folder, { recursive: true, force: true })
    renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

async function npm(...parameters: string[]): Promise<void> {
  const quiet = [
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error'
  ]
  const child = spawn('npm', [...parameters, ...quiet], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 120_000
  })
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => {
    stderr += text.toString()
  })
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) throw new Error(`npm ${parameters.join(' ')}: ${stderr || 'killed'}`)
}
