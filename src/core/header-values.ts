// Owns the grammar of header values: tokens, lists, authorities and Sec-WebSocket-Extensions.
// Must not know which header or which role a value belongs to. Every function takes linear time on any input.
import type { ExtensionOffer, ExtensionParameter } from './extension.js'

/** Elements that one Sec-WebSocket-Extensions may have. Real clients send one to three. */
export const MAX_EXTENSION_OFFERS = 32
/** Parameters that one extension may have. permessage-deflate knows four. */
export const MAX_EXTENSION_PARAMETERS = 32

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[\w\-.~%!$&'()*+,;=]+)(?::\d{0,5})?$/

/** Tells whether the text is a token: a header name, a method, a subprotocol. Source: RFC 9110 §5.6.2. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Tells whether the text may stand in a header: no control character but the tab, nothing above U+00FF. */
export function isFieldValue(text: string): boolean {
  return !NOT_IN_VALUE.test(text)
}

/** Tells whether the text is a host with an optional port, as in Host. Source: RFC 9110 §7.2. */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text)
}

/** Removes spaces and tabs at both ends, and nothing else that `String.trim` would take. Source: RFC 9110 §5.6.3. */
export function trimSpace(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

/** Splits a comma-separated list and drops empty elements. Not for lists with quoted strings. Source: RFC 9110 §5.6.1. */
export function splitList(value: string): string[] {
  return value
    .split(',')
    .map(trimSpace)
    .filter((element) => element !== '')
}

/** Tells whether a list holds a token, in any case; `token` in lower case. A missing header (null) holds none. */
export function hasToken(value: string | null, token: string): boolean {
  return value !== null && splitList(value).some((element) => element.toLowerCase() === token)
}

/** Parses a list of tokens that all differ, as of Sec-WebSocket-Protocol. Returns null if it is anything else, or empty. */
export function parseUniqueTokens(value: string): string[] | null {
  const tokens = splitList(value)
  const isSound = tokens.length > 0 && tokens.every(isToken) && new Set(tokens).size === tokens.length
  return isSound ? tokens : null
}

/**
 * Parses a Sec-WebSocket-Extensions value, with optional space around its separators. Returns null if it is
 * malformed, empty or longer than `MAX_EXTENSION_OFFERS` and `MAX_EXTENSION_PARAMETERS` allow. Source: RFC 6455 §9.1.
 */
export function parseExtensions(value: string): ExtensionOffer[] | null {
  const reader = new ValueReader(value)
  const offers: ExtensionOffer[] = []
  do {
    if (reader.isAt(',') || reader.isAtEnd()) continue
    const offer = parseExtension(reader)
    if (offer === null || offers.push(offer) > MAX_EXTENSION_OFFERS) return null
  } while (reader.take(','))
  return reader.isAtEnd() && offers.length > 0 ? offers : null
}

/** Formats a Sec-WebSocket-Extensions value. Returns null if a name or a value is no token. Source: RFC 6455 §9.1. */
export function formatExtensions(extensions: readonly ExtensionOffer[]): string | null {
  const parts = extensions.flatMap(({ name, parameters }) => [
    name,
    ...parameters.flatMap((parameter) => [parameter.name, parameter.value ?? parameter.name])
  ])
  return parts.every(isToken) ? extensions.map(formatExtension).join(', ') : null
}

function parseExtension(reader: ValueReader): ExtensionOffer | null {
  const name = reader.takeToken()
  if (name === null) return null
  const parameters: ExtensionParameter[] = []
  while (reader.take(';')) {
    const parameter = parseParameter(reader)
    if (parameter === null || parameters.push(parameter) > MAX_EXTENSION_PARAMETERS) return null
  }
  return { name, parameters }
}

function parseParameter(reader: ValueReader): ExtensionParameter | null {
  const name = reader.takeToken()
  if (name === null) return null
  if (!reader.take('=')) return { name, value: null }
  const value = reader.isAt('"') ? reader.takeQuoted() : reader.takeToken()
  return value !== null && isToken(value) ? { name, value } : null
}

function formatExtension({ name, parameters }: ExtensionOffer): string {
  const pairs = parameters.map((parameter) =>
    parameter.value === null ? parameter.name : `${parameter.name}=${parameter.value}`
  )
  return [name, ...pairs].join('; ')
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Steps through a value once, skipping space before whatever it is asked for. */
export class ValueReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  isAt(character: string): boolean {
    this.#skipSpace()
    return this.#text[this.#at] === character
  }

  isAtEnd(): boolean {
    this.#skipSpace()
    return this.#at === this.#text.length
  }

  take(character: string): boolean {
    const isThere = this.isAt(character)
    if (isThere) this.#at++
    return isThere
  }

  takeToken(): string | null {
    this.#skipSpace()
    return this.#match(/[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y)
  }

  /** Takes what some schemes of authentication have instead of parameters, if a comma or the end follows. Source: RFC 9110 §11.2. */
  takeToken68(): string | null {
    this.#skipSpace()
    return this.#match(/[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y)
  }

  /** Takes a quoted string; returns what it stands for, without quotes and backslashes. */
  takeQuoted(): string | null {
    const quoted = this.#match(/"(?:[^"\\]|\\.)*"/y)
    return quoted === null ? null : quoted.slice(1, -1).replace(/\\(.)/g, '$1')
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return null
    this.#at = pattern.lastIndex
    return match[0]
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++
  }
}
