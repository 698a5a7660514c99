// Owns a pair of streams that remember what a command wrote.
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
  const written = { stdout: '', stderr: '' }
  const remember = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text
    }
  })
  const streams: CommandStreams = { stdout: remember('stdout'), stderr: remember('stderr') }
  const exitCode = await runCommand(args, streams)
  return { exitCode, ...written }
}
