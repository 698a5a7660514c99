// Owns the header fields of a message once they are read: a case-insensitive, read-only lookup.
// Must not know how they were parsed, nor what any value means.

/** Header fields of a request or a response, read only. Iterates over [lower-case name, joined value]. */
export class HeaderFields implements Iterable<[string, string]> {
  /** Names and values in turn, in the order and spelling received: the shape of Node's `rawHeaders`. */
  readonly raw: readonly string[]
  /** A Map, so that names such as `__proto__` and `constructor` are names like any other. */
  readonly #values = new Map<string, string[]>()

  /** `raw`: names and values in turn, already checked; kept, not copied. */
  constructor(raw: readonly string[]) {
    this.raw = raw
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i]!.toLowerCase()
      const values = this.#values.get(name)
      if (values === undefined) this.#values.set(name, [raw[i + 1]!])
      else values.push(raw[i + 1]!)
    }
  }

  /**
   * Finds a field by its name in any case. Repeated fields are joined by ', ' as one list (Cookie by '; '); where
   * joining would lie, as with Set-Cookie, use `getAll`. Returns null if there is none. Source: RFC 9110 §5.3.
   */
  get(name: string): string | null {
    const key = name.toLowerCase()
    return this.#values.get(key)?.join(separatorOf(key)) ?? null
  }

  /** Finds every value of a field, in the order received; empty if there is none. */
  getAll(name: string): readonly string[] {
    return this.#values.get(name.toLowerCase()) ?? []
  }

  /** Tells whether there is a field of that name. */
  has(name: string): boolean {
    return this.#values.has(name.toLowerCase())
  }

  *[Symbol.iterator](): Generator<[string, string]> {
    for (const [name, values] of this.#values) yield [name, values.join(separatorOf(name))]
  }
}

function separatorOf(name: string): string {
  return name === 'cookie' ? '; ' : ', '
}
