// Owns a pair of streams that remember what a command wrote.
import { Readable } from 'node:stream'
import type { CommandStreams } from '../../src/cli/command.js'
import { runCommand } from '../../src/cli/commands.js'

/** What a command that has ended left behind. */
export interface CommandOutcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command in this process. */
export async function runHere(...args: string[]): Promise<CommandOutcome> {
  return runWith('', ...args)
}

/** The same, with a standard input. */
export async function runWith(stdin: string | Readable, ...args: string[]): Promise<CommandOutcome> {
  const written = { stdout: '', stderr: '' }
  const remember = (name: keyof typeof written) => ({
    write: (text: string | Uint8Array) => {
      written[name] += typeof text === 'string' ? text : Buffer.from(text).toString('latin1')
    }
  })
  const input = typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin
  const streams: CommandStreams = { stdin: input, stdout: remember('stdout'), stderr: remember('stderr') }
  const exitCode = await runCommand(args, streams)
  return { exitCode, ...written }
}
