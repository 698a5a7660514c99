// Owns the helpers of `ws` for the values of two headers. Must not know what they are for.
import type { ExtensionOffer } from '../core/extension.js'
import { formatExtensions, parseExtensions, parseUniqueTokens } from '../core/header-values.js'

/** The parameters of one offer: values by name, true where there is none. */
export type Configuration = Record<string, (string | true)[]>

/** The offers of each extension. */
export type ExtensionOffers = Record<string, Configuration[]>

/** What an offer says, by names. */
export function toConfiguration({ parameters }: ExtensionOffer): Configuration {
  const values: Configuration = Object.create(null)
  for (const { name, value } of parameters) {
    values[name] ??= []
    values[name].push(value ?? true)
  }
  return values
}

/** The offer of an extension that says that. */
export function toOffer(name: string, configuration: FormattedOffer): ExtensionOffer {
  const parameters = Object.entries(configuration).flatMap(([parameter, value]) =>
    [value].flat().map((one) => ({ name: parameter, value: one === true ? null : String(one) }))
  )
  return { name, parameters }
}

/** Sec-WebSocket-Extensions. */
export const extension = {
  /** Parses it. Throws SyntaxError. Source: RFC 6455 §9.1. */
  parse(header: string): ExtensionOffers {
    const offers = parseExtensions(header)
    if (offers === null) throw new SyntaxError('Invalid Sec-WebSocket-Extensions header')
    const parsed: ExtensionOffers = Object.create(null)
    for (const offer of offers) {
      parsed[offer.name] ??= []
      parsed[offer.name]!.push(toConfiguration(offer))
    }
    return parsed
  },

  /** Formats what `parse` returns; single offers and values need no list. */
  format(extensions: Record<string, FormattedOffer | FormattedOffer[]>): string {
    const offers = Object.entries(extensions).flatMap(([name, list]) =>
      [list].flat().map((configuration) => toOffer(name, configuration))
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
