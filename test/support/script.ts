// Owns the examples in TypeScript as processes of their own: what they print, and their end with the test.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { root } from '../run-node.js'
import { cleanUp, until } from './harness.js'

/** A script that runs. */
export interface Script {
  readonly child: ChildProcess
  /** What it has printed. */
  readonly lines: string[]
  /** Resolves with its exit code, when all is read. */
  readonly ended: Promise<number | null>
  /** Resolves with the URL that it listens at, when it has printed that. */
  listening(): Promise<string>
}

/** Starts a script of docs/examples; `env`: what it finds in its environment, PORT 0 if that does not say otherwise. */
export async function startScript(name: string, env: Record<string, string> = {}): Promise<Script> {
  const source = await readFile(join(root, 'docs', 'examples', `${name}.ts`), 'utf8')
  const { code } = await transform(source, { loader: 'ts', format: 'esm', target: 'es2022' })
  const child = spawn(process.execPath, ['--input-type=module'], {
    cwd: root,
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['pipe', 'pipe', 'pipe']
  })
  const lines: string[] = []
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      lines.splice(0, lines.length, ...text.trimEnd().split('\n'))
    })
  }
  const ended = once(child, 'close').then(([status]) => status as number | null)
  cleanUp(async () => {
    child.kill('SIGKILL')
    await ended
  })
  child.stdin.end(code)
  const url = () => lines.map((line) => /^listening at (\S+)$/.exec(line)?.[1]).find(Boolean)
  const listening = async () => {
    await until(() => url() !== undefined || child.exitCode !== null, `${name} listens`)
    const found = url()
    if (found === undefined) throw new Error(`${name} ended: ${text}`)
    return found
  }
  return { child, lines, ended, listening }
}
