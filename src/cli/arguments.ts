// Owns the reading of a command's arguments, and the words in which a wrong one is told. Must not know any command's options.
import { parseArgs } from 'node:util'
import { CommandError, ExitCode } from './command.js'

/** The options of a command, as `parseArgs` wants them. */
export type OptionTable = Readonly<
  Record<
    string,
    { readonly type: 'string' | 'boolean'; readonly short?: string; readonly multiple?: boolean }
  >
>

/** What `parseArguments` leaves of a table of options. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]?: Table[Name] extends { multiple: true }
    ? readonly string[]
    : Table[Name]['type'] extends 'boolean'
      ? boolean
      : string
}

/** Arguments, read. */
export interface Arguments<Values> {
  /** Options by name; each is of the kind that the table says. */
  readonly values: Values
  /** What is no option, at most as many as the command takes. */
  readonly positionals: readonly string[]
}

/** Ends a command that was called in a wrong way. `detail`: what is wrong, with its value. */
export function refuse(command: string, detail: string): never {
  throw new CommandError(
    ExitCode.USAGE,
    `${command}: ${detail}; hotsocket ${command} --help tells the options`
  )
}

/**
 * Reads arguments. Each is checked by itself: the texts of Node's own check name no values. Throws CommandError with
 * ExitCode.USAGE.
 */
export function parseArguments<Values>(
  command: string,
  args: readonly string[],
  options: OptionTable,
  positionalCount = 0
): Arguments<Values> {
  const parsed = parseArgs({
    args: [...args],
    options: options as Record<string, { type: 'string' | 'boolean' }>,
    strict: false,
    tokens: true
  })
  for (const token of parsed.tokens) if (token.kind === 'option') checkOption(command, options, token)
  const unused = parsed.positionals[positionalCount]
  if (unused !== undefined) refuse(command, `there is no use for the argument "${unused}"`)
  return { values: parsed.values as Values, positionals: parsed.positionals }
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function checkOption(command: string, options: OptionTable, token: OptionToken): void {
  const { name, rawName, value, inlineValue } = token
  if (!Object.hasOwn(options, name)) refuse(command, `there is no option ${rawName}`)
  if (options[name]!.type === 'boolean') {
    if (value !== undefined) refuse(command, `${rawName} takes no value, not even "${value}"`)
  } else if (value === undefined) {
    refuse(command, `${rawName} needs a value`)
  } else if (!inlineValue && value.startsWith('-') && value !== '-') {
    refuse(command, `${rawName} needs a value, and "${value}" looks like an option`)
  }
}
