// Owns what `hotsocket connect` shows, and how: lines of a conversation in a terminal, or bare messages for other programs.
// Must not know connections.
import type { CommandOutput, CommandStreams } from './command.js'

/** How it is shown. */
export interface ViewOptions {
  /** A person reads and types. */
  readonly isInteractive: boolean
  readonly hasColors: boolean
  /** Bytes go out as they are, unless a person reads. */
  readonly isBinary: boolean
}

/** Bytes of a binary message that a person is shown. */
const SHOWN_BYTES = 64
const COLORS = { received: 36, told: 90, failed: 31 } as const

/** What is shown of one conversation. */
export class ConsoleView {
  readonly #stdout: CommandOutput
  readonly #stderr: CommandOutput
  readonly #options: ViewOptions
  /** Called around each line that is shown between those that are typed. */
  redraw: (show: () => void) => void = (show) => show()

  constructor({ stdout, stderr }: Pick<CommandStreams, 'stdout' | 'stderr'>, options: ViewOptions) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.#options = options
  }

  /** Shows a message. Returns whether there is room for more; if not, `ondrain` is called when there is. */
  showMessage(payload: string | Uint8Array, ondrain: () => void): boolean {
    if (this.#options.isInteractive) {
      this.#line('received', `< ${typeof payload === 'string' ? harmless(payload) : summarize(payload)}`)
      return true
    }
    const hasRoom = this.#stdout.write(this.#bare(payload)) !== false
    if (!hasRoom && this.#stdout.once !== undefined) this.#stdout.once('drain', ondrain)
    return hasRoom || this.#stdout.once === undefined
  }

  /** Tells a person what happened; others are not bothered. */
  tell(text: string): void {
    if (this.#options.isInteractive) this.#line('told', harmless(text))
  }

  /** Tells what happened, also to those who read the messages elsewhere. */
  report(text: string): void {
    if (this.#options.isInteractive) this.tell(text)
    else this.#stderr.write(`hotsocket: connect: ${harmless(text)}\n`)
  }

  /** Tells of a failure. */
  fail(text: string): void {
    if (this.#options.isInteractive) this.#line('failed', harmless(text))
    else this.report(text)
  }

  #bare(payload: string | Uint8Array): string | Uint8Array {
    if (typeof payload === 'string') return this.#options.isBinary ? payload : `${payload}\n`
    return this.#options.isBinary ? payload : `${Buffer.from(payload).toString('hex')}\n`
  }

  #line(kind: keyof typeof COLORS, text: string): void {
    const shown = this.#options.hasColors ? `\x1b[${COLORS[kind]}m${text}\x1b[0m` : text
    this.redraw(() => this.#stdout.write(`${shown}\n`))
  }
}

/** A terminal would obey control characters, which come from the server. */
function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function summarize(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES))
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')
  const rest = bytes.length > SHOWN_BYTES ? ' ...' : ''
  return `(${bytes.length} bytes) ${shown}${rest}`.trimEnd()
}
