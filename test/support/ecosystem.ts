// Owns the project test/ecosystem, which is like that of a user who has overridden ws: it is installed once, from packed
// packages, and gets this clone's build. Must not know what is run in it.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../run-node.js'

const project = join(root, 'test', 'ecosystem')
const modules = join(project, 'node_modules')

/** ECOSYSTEM_WS=ws has the programs run on the package ws, to see that it passes what is asked of hotsocket. */
export const expectedWs = process.env.ECOSYSTEM_WS === 'ws' ? 'ws' : 'hotsocket'

/** What became of a program. */
export interface Ended {
  readonly status: number | null
  readonly signal: string | null
  readonly stderr: string
  /** The last line that it printed, parsed; null if that is no JSON. */
  readonly report: unknown
}

/** Installs the project unless that has been done, and puts this clone's packages there. Throws what npm says. */
export async function installEcosystem(): Promise<void> {
  const stamp = join(modules, '.installed')
  const wanted = createHash('sha256')
  for (const name of ['package.json', 'package-lock.json']) wanted.update(readFileSync(join(project, name)))
  const digest = wanted.digest('hex')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
    pack(root, 'hotsocket')
    pack(join(root, 'packages', 'hotsocket-ws'), 'hotsocket-ws')
    await npmCi()
    writeFileSync(stamp, digest)
  }
  // From here on the sources count, not what was packed.
  replace(join(modules, 'hotsocket'), linkBuild)
  const source =
    expectedWs === 'ws' ? join(root, 'node_modules', 'ws') : join(root, 'packages', 'hotsocket-ws')
  replace(join(modules, 'ws'), (path) => cpSync(source, path, { recursive: true }))
}

function replace(path: string, make: (path: string) => void): void {
  rmSync(path, { recursive: true, force: true })
  make(path)
}

/** Lays out the package hotsocket of links to this clone's build; one link to all of it would have the clone in itself. */
export function linkBuild(path: string): void {
  mkdirSync(path)
  cpSync(join(root, 'package.json'), join(path, 'package.json'))
  for (const name of ['dist', 'build', 'prebuilds'])
    if (existsSync(join(root, name))) symlinkSync(join(root, name), join(path, name), 'junction')
}

function pack(folder: string, name: string): void {
  const options = { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' } as const
  const parameters = ['pack', '--json', '--ignore-scripts', '--pack-destination', project]
  const { status, stdout, stderr } = spawnSync('npm', parameters, options)
  if (status !== 0) throw new Error(`npm pack in ${folder} failed: ${stderr}`)
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  renameSync(join(project, filename), join(project, `${name}.tgz`))
}

async function npmCi(): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const child = spawn('npm', ['ci', '--ignore-scripts', '--omit=peer', ...quiet], {
    cwd: project,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 280_000,
    shell: process.platform === 'win32'
  })
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => {
    stderr += text.toString()
  })
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) throw new Error(`npm ci in test/ecosystem failed: ${stderr || 'it took too long'}`)
}

/**
 * Makes the project without an override: a folder of links to its packages, but with the package ws itself. Programs there find
 * them with Node.js' --preserve-symlinks. `end` removes it.
 */
export function mirrorWithoutOverride(): { folder: string; end: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'hotsocket-ecosystem-'))
  cpSync(join(project, 'programs'), join(folder, 'programs'), { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  for (const name of readdirSync(modules)) {
    if (name.startsWith('.')) continue
    const target = name === 'ws' ? join(root, 'node_modules', 'ws') : join(modules, name)
    symlinkSync(target, join(folder, 'node_modules', name), 'junction')
  }
  return { folder, end: () => rmSync(folder, { recursive: true }) }
}

/** Runs a program of the project and waits for its end, which it has to find by itself. HOTSOCKET_* of this process are not handed on. */
export async function runProgram(
  [name, ...parameters]: readonly [string, ...string[]],
  options: { env?: Record<string, string>; folder?: string; nodeParameters?: readonly string[] } = {}
): Promise<Ended> {
  const { env = {}, folder = project, nodeParameters = [] } = options
  const inherited = Object.entries(process.env).filter(([key]) => !/^(HOTSOCKET_|NODE_OPTIONS)/.test(key))
  const child = spawn(
    process.execPath,
    [...nodeParameters, join(folder, 'programs', `${name}.mjs`), ...parameters],
    {
      cwd: folder,
      env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env },
      // Before the test gives up: no program is left behind.
      timeout: 50_000,
      killSignal: 'SIGKILL'
    }
  )
  const output = { stdout: '', stderr: '' }
  for (const which of ['stdout', 'stderr'] as const)
    child[which].on('data', (text: Buffer) => {
      output[which] += text.toString()
    })
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { status, signal, stderr: output.stderr, report: parse(output.stdout.trimEnd().split('\n').at(-1)!) }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
