// Owns what every command of the command line shares: where it writes, how it ends. Must not know any command.

/** Exit codes of the process. */
export const ExitCode = { OK: 0, FAILURE: 1, USAGE: 2 } as const

/** Where a command writes; `isTTY`: to a terminal. */
export interface CommandOutput {
  write(text: string | Uint8Array): unknown
  readonly isTTY?: boolean
  /** Of streams: 'drain' tells when there is room again after `write` returned false. */
  once?(event: 'drain', listener: () => void): unknown
}

/** What a command reads and writes: `process`, or something else in tests. */
export interface CommandStreams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stdout: CommandOutput
  readonly stderr: CommandOutput
}

/** Runs one command with the arguments behind its name; resolves with the exit code when it is over. */
export type Command = (args: readonly string[], streams: CommandStreams) => Promise<number>

/** Ends a command with one line on the standard error stream. `message`: what happened, with which value, what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** One of `ExitCode`. */
  readonly exitCode: number

  constructor(exitCode: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.exitCode = exitCode
  }
}
