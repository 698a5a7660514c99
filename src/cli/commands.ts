// Owns the choice of the command and the way every failure is told. Must not know what a command does.
import { type Command, CommandError, type CommandStreams, ExitCode } from './command.js'
import { readVersion } from './version.js'

const HELP = `Usage: hotsocket COMMAND [OPTIONS]

Commands:
  serve          run the broadcast server, with a page to watch and use it
  connect URL    talk to a server: by hand, or from and to other programs
  proxy          carry bytes between WebSocket and TCP, as websockify does

Options:
  -h, --help     show this help, or with a command that command's
  -v, --version  show the version

hotsocket serve --help tells the options of serve, and so for the others.
`

/** Commands are loaded when they are run: help and version need no server. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['serve', async () => (await import('./serve.js')).serve],
  ['connect', async () => (await import('./connect.js')).connect],
  ['proxy', async () => (await import('./proxy.js')).proxy]
])

/** Runs the command that the arguments name. Resolves with the exit code; never rejects. */
export async function runCommand(args: readonly string[], streams: CommandStreams): Promise<number> {
  const [name, ...rest] = args
  try {
    switch (name) {
      case '-h':
      case '--help':
        streams.stdout.write(HELP)
        return ExitCode.OK
      case '-v':
      case '--version':
        streams.stdout.write(`${await readVersion()}\n`)
        return ExitCode.OK
    }
    const command = await findCommand(name)
    return await command(rest, streams)
  } catch (error) {
    streams.stderr.write(`hotsocket: ${explain(error)}\n`)
    return error instanceof CommandError ? error.exitCode : ExitCode.FAILURE
  }
}

async function findCommand(name: string | undefined): Promise<Command> {
  if (name === undefined) {
    throw new CommandError(ExitCode.USAGE, 'no command was given; hotsocket --help tells which there are')
  }
  const load = COMMANDS.get(name)
  if (load === undefined) {
    const detail = `there is no command "${name}"; hotsocket --help tells which there are`
    throw new CommandError(ExitCode.USAGE, detail)
  }
  return load()
}

/** One line for what was foreseen (our own errors), the stack for what was not: that is a bug to be reported. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isForeseen = error instanceof CommandError || error.name === 'WebSocketError'
  return isForeseen ? error.message : (error.stack ?? error.message)
}
