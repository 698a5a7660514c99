// Owns the servers of docs/examples as processes of their own, as users start them; each ends with its test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../run-node.js'
import { cleanUp } from './harness.js'
import { within } from './raw-client.js'

/** The servers with a page, without https.mjs, which needs a certificate. */
export const PLAIN_EXAMPLES = ['http', 'express', 'fastify', 'koa', 'hono'] as const

/** An example that runs. */
export interface Example {
  /** What it prints first: the URL of its page, if it has one. */
  readonly line: string
  /** Ends it as a service manager does; resolves with its exit code when it is gone. */
  stop(): Promise<number | null>
}

/** Starts an example at a free port; resolves with the URL of its page, which is the only thing it prints. */
export async function startExample(name: string, parameters: readonly string[] = []): Promise<string> {
  return (await runExample(name, parameters)).line
}

/** Starts an example; `env`: what it finds in its environment, PORT 0 if that does not say otherwise. */
export async function runExample(
  name: string,
  parameters: readonly string[] = [],
  env: Record<string, string> = {}
): Promise<Example> {
  const path = join(root, 'docs', 'examples', `${name}.mjs`)
  const child = spawn(process.execPath, [path, ...parameters], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const closed = once(child, 'close')
  const stop = async () => {
    child.kill()
    const [code] = await within(closed, `the end of ${path}`)
    return code as number | null
  }
  cleanUp(async () => {
    // Who has not ended by itself is not asked once more.
    child.kill('SIGKILL')
    await closed
  })
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => {
    stderr += text.toString()
  })
  const failed = closed.then(() => {
    throw new Error(`${path} ended: ${stderr}`)
  })
  failed.catch(() => {})
  const [line] = await within(Promise.race([once(createInterface(child.stdout), 'line'), failed]), path)
  return { line: line as string, stop }
}
