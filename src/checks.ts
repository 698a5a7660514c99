// Owns the checks of options that servers and clients share: each names the wrong option, its value and what it must be.
// Must not know which options there are.
import { WebSocketError } from './core/errors.js'
import { isToken } from './core/header-values.js'
import { describe } from './core/message.js'

/** Longest delay that timers of Node.js can wait, about 24 days. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** Returns what a value must be, or null if it is that. */
export type Check = (value: unknown) => string | null

/** Checks options one by one. Throws WebSocketError 'invalid-option', naming the first wrong one. */
export function checkOptions(options: object, checks: Readonly<Record<string, Check>>): void {
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (check === undefined)
      refuseOption(`there is no option "${name}"; there are ${Object.keys(checks).join(', ')}`)
    const expected = value === undefined ? null : check(value)
    if (expected !== null) refuseOption(`${name} must be ${expected}, not ${describe(value)}`)
  }
}

/** Throws WebSocketError 'invalid-option'. */
export function refuseOption(detail: string): never {
  throw new WebSocketError('invalid-option', { detail })
}

/** Checks for an integer within limits, which are included. */
export function integer(lowest: number, highest: number): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= lowest && (value as number) <= highest
      ? null
      : `an integer from ${lowest} to ${highest}`
}

/** Checks for one of several words. */
export function oneOf(...values: readonly string[]): Check {
  return (value) =>
    values.includes(value as string) ? null : `one of ${values.map((one) => `'${one}'`).join(', ')}`
}

/** Checks for a list of which each item passes, and tells the first that does not. `what`: what the items are. */
export function listOf(
  isItem: (value: unknown, index: number, list: readonly unknown[]) => boolean,
  what: string
): Check {
  return (value) => {
    if (!Array.isArray(value)) return `a list of ${what}`
    const at = value.findIndex((item, index) => !isItem(item, index, value))
    return at < 0 ? null : `a list of ${what}, which item ${at} (${describe(value[at])}) is not`
  }
}

/** Checks an item of a list of subprotocols: a token that is listed once. Source: RFC 6455 §4.1. */
export function isProtocol(value: unknown, index: number, list: readonly unknown[]): boolean {
  return typeof value === 'string' && isToken(value) && list.indexOf(value) === index
}

/** Checks for a string that is not empty. */
export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? null : 'a string that is not empty'
}

/** Checks for true or false. */
export function boolean(value: unknown): string | null {
  return typeof value === 'boolean' ? null : 'true or false'
}

/** Checks for an object. */
export function object(value: unknown): string | null {
  return typeof value === 'object' && value !== null ? null : 'an object'
}

/** Checks for a function. */
export function callable(value: unknown): string | null {
  return typeof value === 'function' ? null : 'a function'
}

/** Refuses what has no options, such as the port or the URL alone. Throws WebSocketError 'invalid-option'. */
export function checkObject(options: unknown): void {
  const isObject = typeof options === 'object' && options !== null && !Array.isArray(options)
  if (!isObject) refuseOption(`options are an object, not ${describe(options)}`)
}

/**
 * Tells handlers from the other options. Those that are undefined are left out. Throws WebSocketError 'invalid-option',
 * for what is no object, and naming a handler that is no function.
 */
export function splitHandlers<Options extends object, Name extends keyof Options & string>(
  options: Options,
  names: readonly Name[]
): [Partial<Pick<Options, Name>>, Omit<Options, Name>] {
  checkObject(options)
  const handlers: Partial<Pick<Options, Name>> = {}
  const rest: Partial<Options> = { ...options }
  for (const name of names) {
    const handler = options[name]
    delete rest[name]
    if (handler === undefined) continue
    if (typeof handler !== 'function') refuseOption(`${name} must be a function, not ${describe(handler)}`)
    handlers[name] = handler
  }
  return [handlers, rest as Omit<Options, Name>]
}
