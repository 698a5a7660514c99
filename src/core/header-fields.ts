// Owns the header fields of a message once they are read: a case-insensitive, read-only lookup.
// Must not know how they were parsed, nor what any value means.

/** Header fields of a request or a response, read only. Iterates over [lower-case name, joined value]. */
export class HeaderFields implements Iterable<[string, string]> {
  /** Names and values in turn, in the order and spelling received: the shape of Node's `rawHeaders`. */
  readonly raw: readonly string[]
  /** A Map, so that names such as `__proto__` and `constructor` are names like any other. */
  readonly #values = new Map<string, string | string[]>()

  /** `raw`: names and values in turn, already checked; kept, not copied. */
  constructor(raw: readonly string[]) {
    this.raw = raw
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i]!.toLowerCase()
      const value = raw[i + 1]!
      const before = this.#values.get(name)
      if (before === undefined) this.#values.set(name, value)
      else if (typeof before === 'string') this.#values.set(name, [before, value])
      else before.push(value)
    }
  }

  /**
   * Finds a field by its name in any case. Repeated fields are joined by ', ' as one list (Cookie by '; '); where
   * joining would lie, as with Set-Cookie, use `getAll`. Returns null if there is none. Source: RFC 9110 §5.3.
   */
  get(name: string): string | null {
    const key = name.toLowerCase()
    const value = this.#values.get(key)
    if (value === undefined) return null
    return typeof value === 'string' ? value : value.join(separatorOf(key))
  }

  /** Finds every value of a field, in the order received; empty if there is none. */
  getAll(name: string): readonly string[] {
    const value = this.#values.get(name.toLowerCase())
    if (value === undefined) return []
    return typeof value === 'string' ? [value] : value
  }

  /** Counts the fields of a name. */
  count(name: string): number {
    const value = this.#values.get(name.toLowerCase())
    return value === undefined ? 0 : typeof value === 'string' ? 1 : value.length
  }

  /** Tells whether there is a field of that name. */
  has(name: string): boolean {
    return this.#values.has(name.toLowerCase())
  }

  /** Makes the same without the fields of a name. */
  without(name: string): HeaderFields {
    const key = name.toLowerCase()
    return new HeaderFields(this.raw.filter((_, i) => this.raw[i - (i % 2)]!.toLowerCase() !== key))
  }

  *[Symbol.iterator](): Generator<[string, string]> {
    for (const [name, value] of this.#values) {
      yield [name, typeof value === 'string' ? value : value.join(separatorOf(name))]
    }
  }
}

function separatorOf(name: string): string {
  return name === 'cookie' ? '; ' : ', '
}
