// Owns the helpers of `ws` for the values of two headers. Must not know what they are for.
import { formatExtensions, parseExtensions, parseUniqueTokens } from '../core/header-values.js'

/** The parameters of each offer of one extension: values by name, true where there is none. */
export type ExtensionOffers = Record<string, Record<string, (string | true)[]>[]>

/** Sec-WebSocket-Extensions. */
export const extension = {
  /** Parses it. Throws SyntaxError. Source: RFC 6455 §9.1. */
  parse(header: string): ExtensionOffers {
    const offers = parseExtensions(header)
    if (offers === null) throw new SyntaxError('Invalid Sec-WebSocket-Extensions header')
    const parsed: ExtensionOffers = Object.create(null)
    for (const { name, parameters } of offers) {
      const values: Record<string, (string | true)[]> = Object.create(null)
      for (const parameter of parameters) {
        values[parameter.name] ??= []
        values[parameter.name]!.push(parameter.value ?? true)
      }
      parsed[name] ??= []
      parsed[name].push(values)
    }
    return parsed
  },

  /** Formats what `parse` returns; single offers and values need no list. */
  format(extensions: Record<string, FormattedOffer | FormattedOffer[]>): string {
    const offers = Object.entries(extensions).flatMap(([name, list]) =>
      [list].flat().map((values) => ({
        name,
        parameters: Object.entries(values).flatMap(([parameter, value]) =>
          [value].flat().map((one) => ({ name: parameter, value: one === true ? null : String(one) }))
        )
      }))
    )
    return formatExtensions(offers) ?? ''
  }
}

/** The parameters of an offer. */
export type FormattedOffer = Record<string, string | number | true | (string | number | true)[]>

/** Sec-WebSocket-Protocol. */
export const subprotocol = {
  /** Parses it. Throws SyntaxError. Source: RFC 6455 §11.3.4. */
  parse(header: string): Set<string> {
    const tokens = parseUniqueTokens(header)
    if (tokens === null) throw new SyntaxError('Invalid Sec-WebSocket-Protocol header')
    return new Set(tokens)
  }
}
